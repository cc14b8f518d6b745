"""The environment of each child: what it needs, and no secret that it does not."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.commands import ENGINE_CONTEXT_TOKENS, ENGINE_NAMES
from deploy.embedded.errors import SettingError
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.roles import Urls
from deploy.embedded.settings import Settings
from deploy.embedded.state import Secrets
from inference.secret_files import SUFFIX, SecretFileError, read_secret

# Never handed down as they are: each child gets its own, or none.
WITHHELD = frozenset(
    {"KAREZ_DATABASE_URL", "KAREZ_OWNER_DATABASE_URL", "KAREZ_BROKER_URL", "KAREZ_CACHE_URL"}
)
# With it the interpreter would compile the platform anew at every start.
DROPPED = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"})
# Of the caller's environment: whatever else is in it may be a secret.
CHAT_KEEPS = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH"),
    *("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONUTF8", "OMP_WAIT_POLICY"),
)
OUR_SECRETS = frozenset({"KAREZ_SECRET_KEY", "KAREZ_EMBEDDING_API_KEY", "KAREZ_ENGINE_API_KEY"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services of this start listen; secrets are inside, so never print one."""

    database_url: str
    owner_database_url: str
    broker_url: str
    cache_url: str
    embedding_url: str
    engine_url: str  # empty: no engine of ours


def addresses(
    *, settings: Settings, secrets: Secrets, urls: Urls, ports: Mapping[str, int], has_engine: bool
) -> Addresses:
    """The operator's own servers, and ours at `ports` for the rest. `has_engine`: one of ours runs."""
    valkey = f"redis://:{secrets.valkey}@{LOOPBACK}:{ports['valkey']}"
    return Addresses(
        database_url=urls.app,
        owner_database_url=urls.owner,
        broker_url=settings.broker_url or f"{valkey}/0",
        cache_url=settings.cache_url or f"{valkey}/1",
        embedding_url=settings.embedding_url or f"http://{LOOPBACK}:{ports['embedding']}/v1",
        engine_url=f"http://{LOOPBACK}:{ports['engine']}/v1" if has_engine else "",
    )


def with_secret_files(inherited: Mapping[str, str]) -> dict[str, str]:
    """The same environment with the content of KAREZ_…_FILE in place of the name of the file.

    Raises SettingError, which names the variable and the file.
    """
    names = {*WITHHELD, *OUR_SECRETS, "KAREZ_ENGINES"}
    kept = {name: value for name, value in inherited.items() if name.removesuffix(SUFFIX) not in names}
    try:
        found = {name: read_secret(name=name, environment=inherited) for name in names}
    except SecretFileError as error:
        raise SettingError(str(error)) from None
    return kept | {name: value for name, value in found.items() if value is not None}


def common(*, settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """For every Python child: the caller's environment without secrets, and the import path."""
    withheld = WITHHELD | DROPPED | OUR_SECRETS
    kept = {name: value for name, value in inherited.items() if name not in withheld}
    root = str(settings.root)
    # A colon cannot be written in PYTHONPATH; children start in the repository, where relative works too.
    path = "platform:." if os.pathsep in root else f"{root}/platform{os.pathsep}{root}"
    return {
        **kept,
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "OMP_WAIT_POLICY": "passive",
        "LANGSMITH_TRACING": "false",
    }


def offline(environment: Mapping[str, str]) -> dict[str, str]:
    return {**environment, "HF_HUB_OFFLINE": "1"}


def platform(
    *, settings: Settings, secrets: Secrets, addresses: Addresses, inherited: Mapping[str, str]
) -> dict[str, str]:
    """For web, workers, beat and management commands: the application role, never the owner's."""
    return {
        **offline(common(settings=settings, inherited=inherited)),
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "KAREZ_DATABASE_URL": addresses.database_url,
        "KAREZ_BROKER_URL": addresses.broker_url,
        "KAREZ_CACHE_URL": addresses.cache_url,
        "KAREZ_SECRET_KEY": inherited.get("KAREZ_SECRET_KEY") or secrets.secret_key,
        "KAREZ_STATE_DIR": str(settings.state_dir),
        "KAREZ_PORT": str(settings.port),
        "KAREZ_URL_PREFIX": settings.url_prefix,
        "KAREZ_BASE_URL": settings.base_url,
        # Ours, beside the operator's.
        "KAREZ_TRUSTED_PROXIES": " ".join((LOOPBACK, *settings.trusted_proxies)),
        "KAREZ_ENGINES": _engines(settings=settings, secrets=secrets, url=addresses.engine_url),
        **_given(inherited, "KAREZ_ENGINE_API_KEY"),
        **_probes(settings=settings, inherited=inherited),
        "KAREZ_EMBEDDING_URL": addresses.embedding_url,
        "KAREZ_EMBEDDING_API_KEY": _embedding_key(settings, secrets, inherited),
        "KAREZ_EMBEDDING_MODEL": settings.embedding_model,
    }


def chat(*, settings: Settings, control_url: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """For the chat processes, which speak HTTP to the platform as their users do: no address of a database, no secret."""
    given = common(settings=settings, inherited=inherited)
    return {
        **{name: given[name] for name in CHAT_KEEPS if name in given},
        "HF_HUB_OFFLINE": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "KAREZ_CONTROL_URL": control_url,
        "KAREZ_URL_PREFIX": settings.url_prefix,
        "KAREZ_STATE_DIR": str(settings.state_dir),
    }


def migration(*, platform_environment: Mapping[str, str], addresses: Addresses) -> dict[str, str]:
    """For `migrate` alone: the role that owns the tables."""
    return {**platform_environment, "KAREZ_DATABASE_URL": addresses.owner_database_url}


def _given(inherited: Mapping[str, str], name: str) -> dict[str, str]:
    return {name: inherited[name]} if name in inherited else {}


def _embedding_key(settings: Settings, secrets: Secrets, inherited: Mapping[str, str]) -> str:
    if settings.embedding_url:
        return inherited.get("KAREZ_EMBEDDING_API_KEY", "")
    return secrets.embedding_api_key


def _probes(*, settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """Our bundled engine ends with its process, which we see, and each request of one token costs it a prompt that it keeps."""
    own = {} if settings.engines else {"KAREZ_ENGINE_PROBE_SECONDS": "120"}
    return own | _given(inherited, "KAREZ_ENGINE_PROBE_SECONDS")


def _engines(*, settings: Settings, secrets: Secrets, url: str) -> str:
    """KAREZ_ENGINES: the operator's own words, or the description of our bundled engine, or nothing."""
    if settings.engines:
        return settings.engines
    if not url:
        return ""
    name = ENGINE_NAMES[settings.model]
    engine = {
        "name": name,
        "base_url": url,
        "model": name,
        "api_key": secrets.engine_api_key,
        "kind": "chat",
        "routes": ["chat", "auto", "reasoner"],
        "profile": "small",
        "context_tokens": ENGINE_CONTEXT_TOKENS,
    }
    return json.dumps([engine])
