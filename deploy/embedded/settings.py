"""What the operator chose, from the environment, checked before anything is started."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from deploy.embedded.errors import SettingError

MODELS = ("1.5b", "0.5b", "none")
EMBEDDINGS = ("use", "e5")


@dataclass(frozen=True, slots=True)
class Settings:
    """Empty strings: start our own. `root` is the repository."""

    root: Path
    state_dir: Path
    host: str
    port: int
    base_url: str
    model: str
    cache_dir: str
    embedding_model: Literal["use", "e5"]
    database_url: str
    owner_database_url: str
    broker_url: str
    cache_url: str
    engines: str
    embedding_url: str
    postgres_binaries: str
    valkey_binary: str


def read_settings(*, environment: Mapping[str, str], root: Path) -> Settings:
    """Raises SettingError, which names the variable."""

    def value(name: str, default: str = "") -> str:
        return environment.get(f"KAREZ_{name}", "").strip() or default

    port = _port(value("PORT", "8000"))
    host = value("HOST", "0.0.0.0")  # noqa: S104 - the one address that is meant for others
    database, owner = value("DATABASE_URL"), value("OWNER_DATABASE_URL")
    if bool(database) != bool(owner):
        raise SettingError(
            "KAREZ_DATABASE_URL (the role that owns nothing) and "
            "KAREZ_OWNER_DATABASE_URL (the role that migrates) must be given together."
        )
    broker = value("BROKER_URL")
    if value("CACHE_URL") and not broker:
        raise SettingError("KAREZ_CACHE_URL needs KAREZ_BROKER_URL beside it.")
    return Settings(
        root=root,
        state_dir=(root / Path(value("STATE_DIR", "var")).expanduser()).resolve(),
        host=host,
        port=port,
        base_url=value("BASE_URL", f"http://{_bracketed(local_host(host))}:{port}"),
        model=_choice("MODEL", value("MODEL", "1.5b"), MODELS),
        cache_dir=value("CACHE_DIR"),
        embedding_model=cast(
            Literal["use", "e5"], _choice("EMBEDDING_MODEL", value("EMBEDDING_MODEL", "use"), EMBEDDINGS)
        ),
        database_url=database,
        owner_database_url=owner,
        broker_url=broker,
        cache_url=value("CACHE_URL", broker),
        engines=value("ENGINES"),
        embedding_url=value("EMBEDDING_URL"),
        postgres_binaries=value("PG_BIN"),
        valkey_binary=value("VALKEY_BIN"),
    )


def local_host(host: str) -> str:
    """Where a server that binds `host` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - as above


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise SettingError(f"KAREZ_PORT={text} is not a port number (1 to 65535).")
    return int(text)


def _choice(name: str, chosen: str, choices: tuple[str, ...]) -> str:
    if chosen not in choices:
        raise SettingError(f"KAREZ_{name}={chosen} is unknown; choose one of {', '.join(choices)}.")
    return chosen
