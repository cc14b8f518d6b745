"""The check of docker-compose.yml: our files pass, and each kind of mistake is named."""

import shutil
from pathlib import Path

import pytest

from controlplane.settings.env import Env
from deploy import check_compose
from deploy.check_compose import check_tree, lint_dockerfiles
from deploy.compose_file import ComposeError, Instead, Interpolation, merged, offered, read_env_file
from tests.conftest import ROOT

FILES = (
    "docker-compose.yml",
    ".env.example",
    check_compose.SETTINGS,
    "deploy/images",
    "deploy/proxy",
    "deploy/compose",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that is checked."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_our_files_are_in_order(tree: Path) -> None:
    assert list(check_tree(tree)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("    stop_signal: SIGINT", "    stop_sginal: SIGINT", "services.postgres: Unevaluated properties"),
        ("  valkey: {}\n  state", "  state", "volumes: valkey is not declared"),
        ("  models: {}\n", "  models: {}\n  spare: {}\n", "volumes: spare is not used"),
        ("secrets: [postgres_password]", "secrets: [postgres]", "secrets: postgres is not declared"),
        ("      postgres: {condition", "      postgress: {condition", "roles depends on postgress"),
        ("proxy/Caddyfile}", "proxy/Gone}", "proxy: there is no deploy/proxy/Gone"),
        ("chat/Dockerfile", "chat/Gone", "chat: there is no deploy/images/chat/Gone"),
        ('user: "999:1000"', 'user: "0:0"', "valkey: wanted: user is a fixed number"),
        ("  read_only: true", "  read_only: false", "proxy: wanted: read_only"),
        ("cap_drop: [ALL]", "cap_drop: [NET_RAW]", "web: wanted: cap_drop: [ALL]"),
        ("no-new-privileges:true", "no-new-privileges:false", "web: wanted: no-new-privileges"),
        ("    mem_limit: ${KAREZ_WEB_MEMORY:-2g}\n", "", "web: wanted: limits of memory"),
        (', max-file: "${KAREZ_LOG_FILES:-5}"', "", "web: wanted: log rotation"),
        ("caddy:2.10.2-alpine", "caddy:latest", "proxy: wanted: an image with a tag"),
        ("    networks: [data]\n", "    network_mode: host\n", "wanted: no way out of its container"),
        (
            "    networks: [models]\n",
            '    networks: [models]\n    ports: ["1:1"]\n',
            "embedding: wanted: no published",
        ),
        ("KAREZ_TRUSTED_PROXIES: ", "KAREZ_TRUSTED_PROXY: ", "nothing reads KAREZ_TRUSTED_PROXY"),
        ("KAREZ_CACHE_URL_FILE: ", "KAREZ_CACHE_URL: ", "KAREZ_CACHE_URL is a secret"),
        (
            "FILE: /run/secrets/cache_url",
            "FILE: /run/secrets/cache",
            "web: it names /run/secrets/cache, which is none",
        ),
        ("${KAREZ_CPU_NAME:-qwen2.5-coder-1.5b}", "${KAREZ_CPU_NAME}", "KAREZ_CPU_NAME has no default"),
        ("${KAREZ_PORT:-8000}", "8000", ".env.example: nothing reads KAREZ_PORT"),
        ("${KAREZ_BIND:-0.0.0.0}", "${KAREZ_BIND:-0.0.0.0", "a variable is not closed"),
        ("services:\n", "services: [\n", "docker-compose.yml is not YAML"),
    ],
)
def test_a_mistake_is_named(tree: Path, old: str, new: str, fault: str) -> None:
    _change(tree / "docker-compose.yml", old, new)
    try:
        found = list(check_tree(tree))
    except ComposeError as error:
        found = [str(error)]
    assert any(fault in one for one in found), found


@pytest.mark.parametrize(
    ("overlay", "fault"),
    [
        ("services: {proxy: {portz: []}}", "mine.yml: services.proxy"),
        ("services: {proxi: {environment: {KAREZ_PROXY_TLS: x}}}", "mine.yml: proxi: wanted: read_only"),
        ("services: {proxy: {secrets: [tls_key]}}", "mine.yml: secrets: tls_key is not declared"),
        ("secrets: {tls_key: {file: x}}", "mine.yml: secrets: tls_key is not used"),
        (
            "services: {proxy: {environment: {KAREZ_PROXY_TLS: tls /run/secrets/tls_key}}}",
            "mine.yml: proxy: it names /run/secrets/tls_key, which is none",
        ),
        ("services: {proxy: {environment: {KAREZ_PROXY_TSL: x}}}", "proxy: nothing reads KAREZ_PROXY_TSL"),
        ("services: {web: {ports: ['1:1']}}", "mine.yml: web: wanted: no published port"),
        ("services: {web: {user: '0:0'}}", "mine.yml: web: wanted: user is a fixed number"),
        ("services: {web: {mem_limit: !reset null}}", "mine.yml: web: wanted: limits of memory"),
        ("services: {web: {networks: !override []}}", "mine.yml: web: wanted: networks of its own"),
        ("services: {web: {image: '$KAREZ_NO'}}", "mine.yml: KAREZ_NO has no default"),
    ],
)
def test_overlays_are_checked_with_what_they_lie_over(tree: Path, overlay: str, fault: str) -> None:
    (tree / "deploy/compose/mine.yml").write_text(f"{overlay}\n")
    found = list(check_tree(tree))
    assert any(fault in one for one in found), found


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (
            "docker-compose.yml",
            "  KAREZ_PAGE_RENDERS: ${KAREZ_PAGE_RENDERS:-}\n",
            "",
            "docker-compose.yml: KAREZ_PAGE_RENDERS is given to no service",
        ),
        (
            "deploy/compose/s3.yml",
            "    KAREZ_S3_REGION: ${KAREZ_S3_REGION:-}\n",
            "",
            "KAREZ_S3_REGION is given to no",
        ),
        (
            check_compose.SETTINGS,
            "    debug: bool = False\n",
            "    debug: bool = False\n    fresh: int = 1\n",
            "docker-compose.yml: KAREZ_FRESH is given to no service",
        ),
        (check_compose.SETTINGS, "    debug: bool = False\n", "", "KAREZ_DEBUG is not to be in NOT_GIVEN"),
        (".env.example", "#KAREZ_PAGE_RENDERS=2\n", "", ".env.example: KAREZ_PAGE_RENDERS is missing"),
    ],
)
def test_a_setting_that_cannot_be_made_is_named(
    tree: Path, file: str, old: str, new: str, fault: str
) -> None:
    _change(tree / file, old, new)
    found = list(check_tree(tree))
    assert any(fault in one for one in found), found


def test_the_example_shows_the_defaults_of_the_platform() -> None:
    """Where no sentence of it says that something else is meant."""
    shown = offered(ROOT / ".env.example")
    chosen = {
        "KAREZ_BASE_URL",
        "KAREZ_URL_PREFIX",
        "KAREZ_ENGINES",
        "KAREZ_EMBEDDING_URL",
        "KAREZ_TRUSTED_PROXIES",
    }
    defaults = {f"KAREZ_{name.upper()}": field.default for name, field in Env.model_fields.items()}
    compared = {name for name in defaults.keys() & shown.keys() - chosen if not name.startswith("KAREZ_S3_")}
    assert len(compared) >= 15
    assert {name: shown[name] for name in compared} == {name: str(defaults[name]) for name in compared}


def test_a_mistake_below_an_overlay_is_told_once(tree: Path) -> None:
    _change(tree / "docker-compose.yml", "  read_only: true", "  read_only: false")
    found = [fault for fault in check_tree(tree) if "web: wanted: read_only" in fault]
    assert found == ["docker-compose.yml: web: wanted: read_only"]


def test_an_overlay_adds_to_lists_and_replaces_what_it_says_it_replaces() -> None:
    below = {"ports": ["1"], "secrets": ["a"], "command": ["a", "b"], "environment": {"A": 1, "B": 1}, "x": 1}
    above = {
        "ports": Instead(["2"]),
        "secrets": ["a", "b"],
        "command": ["c"],
        "environment": {"B": 2},
        "x": Instead(None),
        "y": [Instead(3)],
    }
    assert merged(below, above) == {
        "ports": ["2"],
        "secrets": ["a", "b"],
        "command": ["c"],
        "environment": {"A": 1, "B": 2},
        "y": [3],
    }


def test_a_mistake_in_a_dockerfile_is_named(tree: Path) -> None:
    assert lint_dockerfiles(tree) == []
    with (tree / "deploy/images/chat/Dockerfile").open("a") as file:
        file.write("RUN cd /tmp && apt-get install curl\n")
    assert any("DL3008" in line for line in lint_dockerfiles(tree))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$$A", "$A"),
        ("$A-${A}", "a-a"),
        ("${B:-b}${B-b}${E:-e}[${E-e}]", "bbe[]"),
        ("${B:-${A}/x}", "a/x"),
        ("${A:+there}${B:+there}", "there"),
        ("${A:?why}", "a"),
        ("a } b", "a } b"),
    ],
)
def test_variables_are_put_in_as_compose_does(text: str, result: str) -> None:
    interpolation = Interpolation(variables={"A": "a", "E": ""})
    assert interpolation.text(text) == result
    assert interpolation.undefined == set()


def test_what_is_required_and_missing_is_remembered() -> None:
    interpolation = Interpolation(variables={"E": ""})
    interpolation.text("$A ${B} ${C:?why} ${E:?why} ${D:-d}")
    assert interpolation.undefined == {"A", "B", "C", "E"}
    assert interpolation.used == {"A", "B", "C", "D", "E"}


@pytest.mark.parametrize("line", ["no value", "A=1\nA=2", "=1"])
def test_a_line_of_the_env_file_that_means_nothing_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    with pytest.raises(ComposeError, match=r"\.env, line"):
        read_env_file(tmp_path / ".env")
