"""The whole start with PostgreSQL and Valkey real and the rest played by stand-ins, from an awkward path."""

import json
import os
import shutil
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.embedded.leash import parents
from deploy.embedded.ports import find_free
from tests.deploy.processes import wait_for, within
from tests.deploy.project import NOBODY, READY, Project, can_be_ordinary, make_project


@pytest.fixture
def project() -> Iterator[Project]:
    made = make_project()
    yield made
    made.remove()


@pytest.fixture(params=["as we are", "ordinary user"])
def anyones_project(request: pytest.FixtureRequest) -> Iterator[Project]:
    ordinary = request.param == "ordinary user"
    if ordinary and (reason := can_be_ordinary()):
        pytest.skip(reason)
    made = make_project(user=NOBODY if ordinary else None)
    yield made
    made.remove()


def listening(pids: set[int]) -> set[tuple[str, int]]:
    """Address (as in /proc/net/tcp) and port of every listening socket of these processes."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if link.is_symlink() and "socket:[" in (target := str(link.readlink())):
                inodes.add(target[8:-1])
    found = set()
    for row in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:]):
        if row[3] == "0A" and row[9] in inodes:
            address, port = row[1].split(":")
            found.add((address, int(port, 16)))
    return found


def test_first_and_second_start(anyones_project: Project) -> None:
    project = anyones_project
    first = project.up()
    said = first.until(READY)

    answer = "    首付比例为 20% [1]。\n    [1] 信贷管理办法, page 3\n"
    assert answer in said
    assert said.rstrip().endswith(f"{READY}: http://127.0.0.1:{project.port}  (Ctrl-C stops everything)")
    assert "admin@example.com" in said
    ports = project.state("ports.json")
    open_to_all = {port for address, port in listening(set(project.processes())) if address != "0100007F"}
    assert open_to_all == {project.port}
    assert {port for _, port in listening(set(project.processes()))} == {project.port, *ports.values()}

    assert first.interrupt() == 0
    assert project.processes() == {}

    second = project.up()
    said = second.until(READY)
    assert "creating the database" not in said
    assert answer not in said  # asked once per state
    assert project.state("access.json")["starts"] == 2
    assert project.state("ports.json") == ports
    assert second.interrupt(signal.SIGTERM) == 0
    assert project.processes() == {}


def test_every_child_gets_the_secrets_it_needs_and_no_other(project: Project) -> None:
    project.up().until(READY)
    secrets, ports = project.state("secrets.json"), project.state("ports.json")
    web, migrate = project.recorded("web"), project.recorded("migrate")
    address = f"127.0.0.1:{ports['postgres']}/karez"

    assert web["KAREZ_DATABASE_URL"] == f"postgresql://karez_app:{secrets['postgres_app']}@{address}"
    assert migrate["KAREZ_DATABASE_URL"] == f"postgresql://karez_owner:{secrets['postgres_owner']}@{address}"
    assert web["KAREZ_BROKER_URL"] == f"redis://:{secrets['valkey']}@127.0.0.1:{ports['valkey']}/0"
    assert web["KAREZ_EMBEDDING_URL"] == f"http://127.0.0.1:{ports['embedding']}/v1"
    assert f"http://127.0.0.1:{ports['engine']}/v1" in web["KAREZ_ENGINES"]

    def held(name: str) -> set[str]:
        values = " ".join(project.recorded(name).values())
        return {secret for secret, value in secrets.items() if value in values}

    platform = {"secret_key", "postgres_app", "valkey", "embedding_api_key", "engine_api_key"}
    assert held("migrate") == {*platform, "postgres_owner"} - {"postgres_app"}
    for name in ("web", "gateway", "ledger", "watch_engines", "parse", "embed", "beat", "load_demo"):
        assert held(name) == platform
    assert held("chat") == set()
    assert held("embedding") == {"embedding_api_key"}
    assert held("engine") == {"engine_api_key"}
    for private in ("secrets.json", "access.json", "valkey/valkey.conf", "log/postgres.log"):
        assert (project.root / "var" / private).stat().st_mode & 0o077 == 0


def test_a_management_command_runs_in_the_environment_of_the_start(project: Project) -> None:
    project.up("--detach").until("It runs in the background")
    secrets = project.state("secrets.json")
    assert project.manage("audit", "verify") == (0, "")
    web, command = project.recorded("web"), project.recorded("audit")
    assert {name: value for name, value in command.items() if name.startswith("KAREZ_")} == {
        name: value for name, value in web.items() if name.startswith("KAREZ_")
    }
    assert command["DJANGO_SETTINGS_MODULE"] == "controlplane.settings"
    assert json.loads(command["STANDIN_ARGUMENTS"]) == ["manage.py", "audit", "verify"]
    held = " ".join(command.values())
    withheld = ("postgres_superuser", "postgres_owner")
    assert [name for name, value in secrets.items() if value not in held] == list(withheld)
    assert project.manage("fail") == (3, "")


def test_a_management_command_wants_a_running_start_of_the_same_settings(project: Project) -> None:
    nothing = (1, f"Nothing is ready on {project.root}/var. Start it first: make up DETACH=1\n")
    assert project.manage("audit", "verify") == nothing
    assert not (project.root / "var").exists()

    project.up("--detach").until("It runs in the background")
    status, said = project.manage("audit", "verify", KAREZ_BASE_URL="http://karez.example")
    assert status == 1
    assert f"has the address http://127.0.0.1:{project.port}, these settings have" in said
    assert "the same KAREZ_… variables as `make up`" in said

    project.down()
    assert project.manage("audit", "verify") == nothing
    assert not (project.root / "audit.environment.json").exists()


def test_the_chat_process_knows_where_the_platform_is_and_nothing_else(project: Project) -> None:
    secret = {"KAREZ_S3_SECRET_KEY": "s3-secret", "AWS_SECRET_ACCESS_KEY": "aws-secret"}
    project.up(KAREZ_URL_PREFIX="/llm", **secret).until(READY)
    chat, ports = project.recorded("chat"), project.state("ports.json")
    assert {name: value for name, value in chat.items() if name.startswith("KAREZ_")} == {
        "KAREZ_CONTROL_URL": f"http://127.0.0.1:{ports['web']}/llm",
        "KAREZ_URL_PREFIX": "/llm",
        "KAREZ_STATE_DIR": str(project.root / "var"),
    }
    assert not set(secret.values()) & set(chat.values())
    assert (project.root / "var/chat").stat().st_mode & 0o777 == 0o700
    web = project.recorded("web")
    assert web["KAREZ_BASE_URL"] == f"http://127.0.0.1:{project.port}/llm"
    assert (web["KAREZ_URL_PREFIX"], web["KAREZ_TRUSTED_PROXIES"]) == ("/llm", "127.0.0.1")
    with urllib.request.urlopen(f"{web['KAREZ_BASE_URL']}/chat/healthz", timeout=5) as answer:
        assert answer.read().decode() == f"chat-{ports['chat']}/llm/chat/healthz"


def test_several_chat_processes_or_none(project: Project) -> None:
    start = project.up(KAREZ_CHAT_PROCESSES="2")
    start.until(READY)
    assert {"chat-1", "chat-2"} <= project.state("run/status.json")["leashes"].keys()
    assert start.interrupt() == 0
    start = project.up(KAREZ_CHAT_PROCESSES="0")
    said = start.until(READY)
    assert not [name for name in project.state("run/status.json")["leashes"] if name.startswith("chat")]
    assert "/chat" not in said.rpartition("console")[2]


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_works(project: Project) -> None:
    first = project.up()
    first.until(READY)
    first.program.kill()
    second = project.up()  # at once: it waits for what is still ending
    said = second.until(READY)
    wait_for(lambda: first.program.poll() is not None)
    assert project.state("access.json")["starts"] == 2
    assert "damaged" not in said
    second.program.kill()
    wait_for(lambda: not project.processes(), seconds=10, what="no process left")


def test_killed_servers_come_back(project: Project) -> None:
    start = project.up()
    start.until(READY)
    leashes = project.state("run/status.json")["leashes"]
    for name in ("postgres", "valkey", "web", "proxy", "chat"):
        children = [pid for pid, parent in parents().items() if parent == leashes[name]]
        assert len(children) == 1
        os.kill(children[0], signal.SIGKILL)
    for name in ("postgres", "valkey", "web", "proxy", "chat"):
        said = start.until(f"{name:<13} ready again (restart 1)")
        assert f"{name:<13} ended: killed by SIGKILL; starting again in 0.5 s" in said
    with psycopg.connect(project.recorded("web")["KAREZ_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM started").fetchone() == (1,)
    urllib.request.urlopen(f"http://127.0.0.1:{project.port}/health", timeout=5).close()


def test_detached_start_second_start_and_down(project: Project) -> None:
    detached = project.up("--detach")
    assert READY in detached.until("It runs in the background")
    assert detached.program.wait(timeout=5) == 0

    again = project.up()
    assert again.program.wait(timeout=10) == 1
    assert "Karez already runs on this state" in again.said()
    assert f"http://127.0.0.1:{project.port}" in again.said()

    assert project.down().startswith("Stopped in")
    assert project.processes() == {}
    assert project.down() == f"Nothing runs on {project.root}/var.\n"


def test_a_taken_port_is_named_with_its_owner_and_a_free_one(project: Project) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", project.port))
        other.listen()
        start = project.up()
        assert start.program.wait(timeout=10) == 1
    said = start.said()
    assert f"Port {project.port} is already in use by " in said
    assert f"(process {os.getpid()})" in said
    assert "KAREZ_PORT=" in said
    assert not (project.root / "var/postgres").exists()


def test_without_a_model_the_platform_starts_without_an_engine(project: Project) -> None:
    start = project.up(STANDIN_NO_MODEL="1")
    said = start.until(READY)
    assert "model         failed, going on without an engine: exit code 1" in said
    assert "No source has 0.5b" in said
    assert "none: answers quote the best passages instead" in said
    assert project.recorded("web")["KAREZ_ENGINES"] == ""
    assert not (project.root / "engine.environment.json").exists()


def test_engines_of_the_operator_are_handed_on_and_none_is_started(project: Project) -> None:
    start = project.up(KAREZ_ENGINES="http://vllm.example:8000/v1")
    start.until(READY)
    assert project.recorded("web")["KAREZ_ENGINES"] == "http://vllm.example:8000/v1"
    assert not (project.root / "engine.environment.json").exists()


def test_secrets_of_the_operator_may_lie_in_files(project: Project) -> None:
    key = project.root / "key of the engine"
    key.write_text("hush-hush\n")
    project.up(
        KAREZ_ENGINES="http://127.0.0.1:9/v1", KAREZ_ENGINE_API_KEY_FILE=str(key), KAREZ_MODEL="none"
    ).until(READY)
    web = project.recorded("web")
    assert web["KAREZ_ENGINE_API_KEY"] == "hush-hush"
    assert "KAREZ_ENGINE_API_KEY_FILE" not in web


def test_servers_of_the_operator_are_used(project: Project) -> None:
    host = make_project()
    try:
        host.up().until(READY)
        given = {
            "KAREZ_DATABASE_URL": host.recorded("web")["KAREZ_DATABASE_URL"],
            "KAREZ_OWNER_DATABASE_URL": host.recorded("migrate")["KAREZ_DATABASE_URL"],
            "KAREZ_BROKER_URL": host.recorded("web")["KAREZ_BROKER_URL"],
        }
        project.up(**given).until(READY)
        assert project.recorded("web")["KAREZ_DATABASE_URL"] == given["KAREZ_DATABASE_URL"]
        assert project.recorded("migrate")["KAREZ_DATABASE_URL"] == given["KAREZ_OWNER_DATABASE_URL"]
        assert project.recorded("web")["KAREZ_CACHE_URL"] == given["KAREZ_BROKER_URL"]
        assert sorted(project.state("run/status.json")["leashes"]) == [
            *("beat", "chat", "embedding", "engine", "gateway", "ledger", "proxy"),
            *("watch", "web", "worker-embed", "worker-parse"),
        ]
        assert project.state("access.json")["starts"] == 2
    finally:
        host.remove()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"KAREZ_PORT": "eighty"}, "KAREZ_PORT=eighty is not a port number"),
        ({"KAREZ_URL_PREFIX": "llm/"}, "KAREZ_URL_PREFIX=llm/ is no path"),
        ({"KAREZ_URL_PREFIX": "/llm", "KAREZ_BASE_URL": "http://h"}, "must end with KAREZ_URL_PREFIX (/llm)"),
        ({"KAREZ_TLS_CERT": "/c.pem"}, "must be given together"),
        ({"KAREZ_TLS_CERT": "/no/c", "KAREZ_TLS_KEY": "/no/k"}, "KAREZ_TLS_CERT=/no/c cannot be read"),
        ({"KAREZ_CHAT_PROCESSES": "-1"}, "KAREZ_CHAT_PROCESSES=-1 is not a number of processes (0 to 32)"),
        ({"KAREZ_CADDY_BIN": "/no/where"}, "There is no /no/where (KAREZ_CADDY_BIN)"),
        ({"KAREZ_MODEL": "70b"}, "KAREZ_MODEL=70b is unknown; choose one of 1.5b, 0.5b, none"),
        ({"KAREZ_DATABASE_URL": "postgresql://h/d"}, "must be given together"),
        ({"KAREZ_SECRET_KEY_FILE": "/no/where"}, "KAREZ_SECRET_KEY_FILE: /no/where cannot be read"),
        ({"KAREZ_PG_BIN": "/no/where"}, "There is no PostgreSQL in /no/where (KAREZ_PG_BIN)"),
    ],
)
def test_a_contradiction_in_the_settings_is_named(
    project: Project, given: dict[str, str], message: str
) -> None:
    start = project.up(**given)
    assert start.program.wait(timeout=15) == 1
    assert message in start.said()
    assert "Traceback" not in start.said()
    assert project.processes() == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to lend the data to an account")
def test_below_a_private_directory_root_keeps_it_private() -> None:
    project = make_project(parent_mode=0o700)
    try:
        start = project.up()
        said = start.until(READY)
        assert "data in /var/lib/karez/" in said
        assert project.root.parents[1].stat().st_mode & 0o777 == 0o700
        assert not (project.root / "var/postgres").exists()
        assert start.interrupt() == 0
        assert within(Path(said.split("data in ")[1].split("/postgres")[0])) == {}
        second = project.up()
        second.until(READY)
        assert project.state("access.json")["starts"] == 2
        assert second.interrupt() == 0
    finally:
        data = Path(start.said().split("data in ")[1].split("/postgres")[0])
        project.remove()
        assert data.parent == Path("/var/lib/karez")
        wait_for(lambda: not within(data), what="the database's processes ended")
        shutil.rmtree(data)


def test_ports_are_not_ephemeral() -> None:
    assert 20000 <= find_free() < 32768
