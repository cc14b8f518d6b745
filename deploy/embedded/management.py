"""`make manage ARGS="audit verify"`: a management command in the environment of the start that runs on this state."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from deploy.embedded import environment, postgres, roles
from deploy.embedded.errors import StartError
from deploy.embedded.settings import Settings
from deploy.embedded.state import Lock, State


def manage(*, settings: Settings, inherited: Mapping[str, str], arguments: Sequence[str]) -> NoReturn:
    """Becomes `manage.py`, whose exit status it has; secrets go by its environment alone.

    Raises StartError when nothing runs on the state, or something that was started with other settings.
    """
    state = State(settings.state_dir)
    ports, has_engine = _running(settings=settings, state=state)
    secrets = state.secrets()
    addresses = environment.addresses(
        settings=settings,
        secrets=secrets,
        # Of the role that runs the platform: a command is no migration.
        urls=roles.Urls(owner="", app=settings.database_url or _database_url(secrets.postgres_app, ports)),
        ports=ports,
        has_engine=has_engine,
    )
    given = environment.platform(settings=settings, secrets=secrets, addresses=addresses, inherited=inherited)
    os.chdir(settings.root)
    os.execve(sys.executable, [sys.executable, "manage.py", *arguments], given)  # noqa: S606 - an argument list


def _running(*, settings: Settings, state: State) -> tuple[dict[str, int], bool]:
    """The ports of the start that runs, and whether an engine of ours does."""
    status = state.status() if _is_held(state) else {}
    ports, leashes = status.get("ports"), status.get("leashes")
    if not isinstance(ports, dict) or not isinstance(leashes, dict) or "web" not in leashes:
        raise StartError(f"Nothing is ready on {state.directory}. Start it first: make up DETACH=1")
    if status["base_url"] != settings.base_url:
        raise StartError(
            f"What runs on {state.directory} has the address {status['base_url']}, these settings have "
            f"{settings.base_url}. Give this command the same KAREZ_… variables as `make up`."
        )
    return ports, "engine" in leashes


def _is_held(state: State) -> bool:
    if not state.folder("run").exists():
        return False
    lock = Lock(state=state)
    try:
        return not lock.try_take()
    finally:
        lock.release()


def _database_url(password: str, ports: Mapping[str, int]) -> str:
    return postgres.local_url(
        user=roles.APP, password=password, port=ports["postgres"], database=roles.DATABASE
    )
