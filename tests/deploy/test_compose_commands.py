"""Compose runs what the embedded start runs: the same commands, servers' settings and environment."""

import re
from pathlib import Path
from typing import Any

import pytest

from deploy import commands
from deploy.commands import EMBED_PROCESSES, EMBED_QUEUES, PARSE_PROCESSES, PARSE_QUEUES
from deploy.compose_file import Interpolation, merged, read_compose
from deploy.embedded import environment, postgres, valkey
from deploy.embedded.children import Children
from deploy.embedded.settings import read_settings
from deploy.embedded.state import State, generate_secrets
from tests.conftest import ROOT
from tests.deploy.compose import load

EVERYWHERE = {"host": "0.0.0.0", "port": 8000}
# Where the embedded start says something else on purpose: it listens on this machine alone.
OF_THE_PLACE = {"listen_addresses", "unix_socket_directories", "log_destination", "logging_collector"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = load()["services"]
    return found


def test_commands_are_those_of_the_embedded_start(services: dict[str, Any]) -> None:
    model = "/models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    expected = {
        "web": commands.web(**EVERYWHERE),
        "gateway": commands.gateway(**EVERYWHERE),
        "ledger": commands.ledger(),
        "watch": commands.watch(),
        "chat": commands.chat(**EVERYWHERE),
        "worker-parse": commands.worker(short_name="parse", queues=PARSE_QUEUES, processes=PARSE_PROCESSES),
        "worker-embed": commands.worker(short_name="embed", queues=EMBED_QUEUES, processes=EMBED_PROCESSES),
        "beat": commands.beat(schedule="/tmp/beat-schedule"),
        "migrate": commands.migrate(),
        "embedding": commands.embedding(model="use", **EVERYWHERE),
        "engine-cpu": commands.engine(model=model, alias=commands.ENGINE_NAMES["1.5b"], **EVERYWHERE),
    }
    assert {name: tuple(services[name]["command"]) for name in expected} == expected


def test_the_embedded_start_runs_those_commands(tmp_path: Path) -> None:
    settings = read_settings(environment={"KAREZ_STATE_DIR": str(tmp_path)}, root=ROOT)
    state, secrets = State(tmp_path), generate_secrets()
    state.prepare()
    children = Children(
        settings=settings, state=state, secrets=secrets, inherited={}, platform_environment={}
    )
    schedule = str(state.folder("run") / "beat-schedule")
    here = {"host": "127.0.0.1", "port": 1}
    expected = {
        "web": commands.web(**here),
        "gateway": commands.gateway(**here),
        "ledger": commands.ledger(),
        "watch": commands.watch(),
        "chat": commands.chat(**here),
        "worker-parse": commands.worker(short_name="parse", queues=PARSE_QUEUES, processes=PARSE_PROCESSES),
        "worker-embed": commands.worker(short_name="embed", queues=EMBED_QUEUES, processes=EMBED_PROCESSES),
        "beat": commands.beat(schedule=schedule),
        "migrate": commands.migrate(),
        "embedding": commands.embedding(model="use", **here),
        "engine": commands.engine(model="m", alias=commands.ENGINE_NAMES["1.5b"], **here),
    }
    others = (
        children.migrate(owner_environment={}),
        children.embedding(port=1),
        children.engine(model="m", port=1),
        children.chat(name="chat", port=1, web_port=2),
    )
    started = {
        process.name: process.command[1:]
        for process in (*children.platform(web_port=1, gateway_port=1), *others)
    }
    assert expected.items() <= started.items()


def test_every_platform_process_of_the_embedded_start_is_a_service(services: dict[str, Any]) -> None:
    embedded = {
        *("web", "gateway", "ledger", "watch", "chat", "worker-parse", "worker-embed", "beat", "migrate"),
        *("embedding", "postgres", "valkey", "proxy"),
    }
    assert embedded <= services.keys()
    assert set(services) - embedded == {
        "roles",
        "engine-cpu",
        "engine-gpu",
        "fetch-model",
    }


def test_postgres_has_the_settings_of_the_embedded_one(services: dict[str, Any]) -> None:
    given = dict(argument[2:].split("=", 1) for argument in services["postgres"]["command"][1:])
    lines = re.findall(r"^(\w+) = (.*)$", postgres.CONFIGURATION, re.MULTILINE)
    expected = {name: value.strip("'") for name, value in lines if name not in OF_THE_PLACE}
    assert given == expected


def test_valkey_has_the_settings_of_the_embedded_one(services: dict[str, Any]) -> None:
    def settings(text: str) -> dict[str, str]:
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return dict(line.split(" ", 1) for line in lines)

    expected = settings(valkey.CONFIGURATION)
    given = settings((ROOT / "deploy/images/valkey.conf").read_text())
    assert services["valkey"]["environment"]["MAXMEMORY"] == expected.pop("maxmemory")
    expected.pop("requirepass")
    place = {"bind", "port", "dir"}
    assert {name: value for name, value in given.items() if name not in place} == {
        name: value for name, value in expected.items() if name not in place
    }


def test_the_image_sets_what_the_embedded_start_gives_every_child() -> None:
    dockerfile = (ROOT / "deploy/images/platform/Dockerfile").read_text()
    settings = read_settings(environment={}, root=ROOT)
    given = environment.offline(environment.common(settings=settings, inherited={}))
    given.pop("PYTHONPATH")
    for name, value in given.items():
        assert f"{name}={value}" in dockerfile, name


def test_the_platform_is_given_every_setting_that_the_embedded_start_gives(services: dict[str, Any]) -> None:
    settings = read_settings(environment={}, root=ROOT)
    addresses = environment.Addresses("a", "b", "c", "d", "e", "f")
    given = environment.platform(
        settings=settings, secrets=generate_secrets(), addresses=addresses, inherited={}
    )
    # The port is the container's own; the directory and the settings module are the image's.
    elsewhere = {"KAREZ_PORT", "KAREZ_STATE_DIR"}
    wanted = {name for name in given if name.startswith("KAREZ_")} - elsewhere
    for service in ("web", "gateway", "ledger", "watch", "worker-parse", "worker-embed", "beat", "migrate"):
        names = {name.removesuffix("_FILE") for name in services[service]["environment"]}
        assert wanted <= names, service


def test_each_service_is_given_the_secrets_it_needs_and_no_other(services: dict[str, Any]) -> None:
    platform = {
        "secret_key",
        "database_url",
        "broker_url",
        "cache_url",
        "engine_api_key",
        "embedding_api_key",
    }
    held = {name: set(service.get("secrets", ())) for name, service in services.items()}
    assert held == {
        **dict.fromkeys(
            ("web", "gateway", "ledger", "watch", "worker-parse", "worker-embed", "beat"), platform
        ),
        "migrate": platform - {"database_url"} | {"owner_database_url"},
        "roles": {"superuser_database_url", "owner_database_url", "database_url"},
        "embedding": {"embedding_api_key"},
        "engine-cpu": {"engine_api_key"},
        "engine-gpu": {"engine_api_key"},
        "postgres": {"postgres_password"},
        "valkey": {"valkey_password"},
        **{name: set() for name in ("proxy", "chat", "fetch-model")},
    }


def test_a_store_of_documents_is_known_to_all_who_read_or_write_them() -> None:
    overlay = read_compose(ROOT / "deploy/compose/s3.yml")
    services = merged(load(), Interpolation(variables={"KAREZ_S3_BUCKET": "b"}).tree(overlay))["services"]
    holders = {name for name, service in services.items() if "s3_secret_key" in service.get("secrets", ())}
    assert holders == {"web", "gateway", "worker-parse", "worker-embed"}
    assert {services[name]["environment"]["KAREZ_S3_BUCKET"] for name in holders} == {"b"}
    # Those of the file below are still there.
    assert all("KAREZ_BASE_URL" in services[name]["environment"] for name in holders)


def test_who_can_reach_whom(services: dict[str, Any]) -> None:
    compose = load()
    on = {
        network: {name for name, service in services.items() if network in service["networks"]}
        for network in compose["networks"]
    }
    assert on == {
        "edge": {"proxy", "fetch-model"},
        "front": {"proxy", "web", "gateway", "chat"},
        "data": {"web", "gateway", "ledger", "watch", "worker-parse", "worker-embed", "beat", "migrate"}
        | {"roles", "postgres", "valkey"},
        "models": {"web", "gateway", "watch", "worker-parse", "worker-embed"}
        | {"embedding", "engine-cpu", "engine-gpu"},
    }
    inside = {name for name, network in compose["networks"].items() if network.get("internal")}
    assert inside == {"front", "data", "models"}


def test_who_is_believed_about_a_clients_address() -> None:
    def told(**variables: str) -> tuple[str, list[str], str]:
        compose = load(**variables)
        services = compose["services"]
        [network] = compose["networks"]["front"]["ipam"]["config"]
        believed = services["web"]["environment"]["KAREZ_TRUSTED_PROXIES"].split()
        return network["subnet"], believed, services["proxy"]["environment"]["KAREZ_PROXY_TRUSTED"]

    front = "10.231.231.0/24"
    assert told() == (front, [front], "")
    outer = "10.0.0.9 10.1.0.0/24"
    assert told(KAREZ_TRUSTED_PROXIES=outer) == (
        front,
        [front, *outer.split()],
        f"trusted_proxies static {outer}",
    )
    assert told(KAREZ_FRONT_SUBNET="10.9.9.0/24")[:2] == ("10.9.9.0/24", ["10.9.9.0/24"])


def test_https_with_ones_own_certificate() -> None:
    overlay = Interpolation(variables={"KAREZ_TLS_PORT": "8443"}).tree(
        read_compose(ROOT / "deploy/compose/tls.yml")
    )
    proxy = merged(load(), overlay)["services"]["proxy"]
    assert proxy["ports"] == ["0.0.0.0:8443:8000"]
    assert proxy["environment"]["KAREZ_PROXY_HSTS"] == "31536000"
    assert "KAREZ_PROXY_HSTS" not in load()["services"]["proxy"]["environment"]


def test_the_published_address_is_a_setting() -> None:
    given = load(KAREZ_BIND="127.0.0.1", KAREZ_PORT="80")
    assert given["services"]["proxy"]["ports"] == ["127.0.0.1:80:8000"]
