"""What the operator chose, from the environment, checked before anything is started."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from deploy.embedded.errors import SettingError
from deploy.embedded.proxy import ONE_YEAR, Certificate

MODELS = ("1.5b", "0.5b", "none")
EMBEDDINGS = ("use", "e5")
PREFIX = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")  # as the platform's own settings have it
MOST_CHAT_PROCESSES = 32

Value = Callable[..., str]  # of a variable by its name without KAREZ_, or the default that follows


@dataclass(frozen=True, slots=True)
class Settings:
    """Empty strings: start our own. `root` is the repository."""

    root: Path
    state_dir: Path
    host: str
    port: int
    url_prefix: str
    base_url: str
    certificate: Certificate | None
    hsts_seconds: int
    trusted_proxies: tuple[str, ...]
    chat_processes: int
    demo: bool
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
    caddy_binary: str

    @property
    def local_url(self) -> str:
        """Where this machine reaches the platform, whatever others call it."""
        return _local_url(self.host, self.port, self.url_prefix, self.certificate)


def read_settings(*, environment: Mapping[str, str], root: Path) -> Settings:
    """Raises SettingError, which names the variable."""

    def value(name: str, default: str = "") -> str:
        return environment.get(f"KAREZ_{name}", "").strip() or default

    port = _number("PORT", value("PORT", "8000"), 1, 65535, "a port number")
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
    prefix, certificate = _prefix(value("URL_PREFIX")), _certificate(value)
    base_url = value("BASE_URL", _local_url(host, port, prefix, certificate)).rstrip("/")
    _require_agreement(base_url=base_url, prefix=prefix, certificate=certificate)
    return Settings(
        root=root,
        state_dir=(root / Path(value("STATE_DIR", "var")).expanduser()).resolve(),
        host=host,
        port=port,
        url_prefix=prefix,
        base_url=base_url,
        certificate=certificate,
        hsts_seconds=_number(
            "HSTS_SECONDS", value("HSTS_SECONDS", str(ONE_YEAR)), 0, 10 * ONE_YEAR, "a number of seconds"
        ),
        trusted_proxies=_networks(value("TRUSTED_PROXIES")),
        chat_processes=_number(
            *("CHAT_PROCESSES", value("CHAT_PROCESSES", "1"), 0, MOST_CHAT_PROCESSES),
            "a number of processes",
        ),
        demo=_choice("DEMO", value("DEMO", "1"), ("0", "1")) == "1",
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
        caddy_binary=value("CADDY_BIN"),
    )


def local_host(host: str) -> str:
    """Where a server that binds `host` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - as above


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _local_url(host: str, port: int, prefix: str, certificate: Certificate | None) -> str:
    scheme = "https" if certificate else "http"
    return f"{scheme}://{_bracketed(local_host(host))}:{port}{prefix}"


def _prefix(text: str) -> str:
    if not PREFIX.fullmatch(text):
        raise SettingError(
            f"KAREZ_URL_PREFIX={text} is no path: it begins with a slash and ends without one, as /llm; "
            "between the slashes stand letters, digits and . _ -"
        )
    return text


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(word)) for word in text.replace(",", " ").split())
    except ValueError as error:
        raise SettingError(
            f"KAREZ_TRUSTED_PROXIES={text} must hold addresses and networks, as 10.0.0.9 10.1.0.0/24: {error}."
        ) from None


def _certificate(value: Value) -> Certificate | None:
    chain, key = value("TLS_CERT"), value("TLS_KEY")
    if bool(chain) != bool(key):
        raise SettingError("KAREZ_TLS_CERT and KAREZ_TLS_KEY, two files, must be given together.")
    if not chain:
        return None
    paths = []
    for name, path in (("TLS_CERT", chain), ("TLS_KEY", key)):
        paths.append(Path(path).expanduser().resolve())
        if not os.access(paths[-1], os.R_OK):
            raise SettingError(f"KAREZ_{name}={path} cannot be read.")
    return Certificate(chain=paths[0], key=paths[1])


def _require_agreement(*, base_url: str, prefix: str, certificate: Certificate | None) -> None:
    if urlsplit(base_url).path != prefix:
        raise SettingError(
            f"KAREZ_BASE_URL={base_url} must end with KAREZ_URL_PREFIX ({prefix or 'empty'}): "
            "links are made from the one and answered under the other."
        )
    if certificate and not base_url.startswith("https://"):
        raise SettingError(f"KAREZ_BASE_URL={base_url} must begin with https:// beside KAREZ_TLS_CERT.")


def _number(name: str, text: str, least: int, most: int, what: str) -> int:
    if not text.isdigit() or not least <= int(text) <= most:
        raise SettingError(f"KAREZ_{name}={text} is not {what} ({least} to {most}).")
    return int(text)


def _choice(name: str, chosen: str, choices: tuple[str, ...]) -> str:
    if chosen not in choices:
        raise SettingError(f"KAREZ_{name}={chosen} is unknown; choose one of {', '.join(choices)}.")
    return chosen
