"""The end of a start: addresses, where the credentials are, the memory of each process."""

from collections.abc import Mapping

from deploy.embedded.console import Console
from deploy.embedded.errors import ProcessFailedError, StartError
from deploy.embedded.memory import Memory
from deploy.embedded.settings import Settings
from deploy.embedded.state import State, read_json

MIB = 1024 * 1024
READY = "Karez is ready"


def memory_table(memory: Mapping[str, Memory]) -> str:
    """Each process with everything below it, and the sum."""
    rows = [f"{'process':<16}{'PSS MiB':>9}{'RSS MiB':>9}{'processes':>11}"]
    for name, one in memory.items():
        rows.append(f"{name:<16}{one.pss / MIB:>9.0f}{one.rss / MIB:>9.0f}{one.processes:>11}")
    pss, rss = sum(one.pss for one in memory.values()), sum(one.rss for one in memory.values())
    count = sum(one.processes for one in memory.values())
    rows.append(f"{'together':<16}{pss / MIB:>9.0f}{rss / MIB:>9.0f}{count:>11}")
    return "\n".join(rows)


def show_ready(
    *,
    console: Console,
    settings: Settings,
    state: State,
    memory: Mapping[str, Memory],
    engine: str,
    setup: str = "",
    fonts: str = "",
) -> None:
    """Ends with the line that scripts wait for.

    `setup`: what to do on a platform without the demonstration tenant; `fonts`: what is wrong with them.
    """
    console.text("")
    rows = _addresses(settings=settings, state=state, engine=engine, setup=setup)
    for label, text in (*rows, *([("fonts", fonts)] if fonts else [])):
        console.text(f"  {label:<14} {text}")
    console.text("")
    console.text("\n".join(f"  {line}" for line in memory_table(memory).splitlines()))
    console.text(f"\n  {console.seconds:.1f} s from start to ready\n")
    console.text(f"{READY}: {settings.base_url}  (Ctrl-C stops everything)")


def _addresses(*, settings: Settings, state: State, engine: str, setup: str) -> list[tuple[str, str]]:
    return [
        ("console", f"{settings.base_url}/"),
        *([("chat", f"{settings.base_url}/chat")] if settings.chat_processes else []),
        ("platform API", f"{settings.base_url}/api/v1/   (description: openapi.json)"),
        ("OpenAI API", f"{settings.base_url}/v1"),
        ("engine", engine),
        *([("set up", setup)] if setup else []),
        *_credentials(state),
        ("logs", f"{state.directory / 'log'}"),
    ]


def _credentials(state: State) -> list[tuple[str, str]]:
    """Of the demonstration tenant, where there is one."""
    admin = read_json(state.access_file).get("admin")
    if not isinstance(admin, dict):
        return []
    return [
        ("administrator", str(admin.get("email", ""))),
        ("credentials", f"{state.access_file}   passwords and API keys, readable by you alone"),
    ]


def show_failure(*, console: Console, error: StartError) -> None:
    console.text("")
    if isinstance(error, ProcessFailedError):
        console.text(f"Karez could not start: {error}")
        console.text("\n".join(f"  | {line}" for line in error.last_lines.splitlines()))
        return
    console.text(f"Karez could not start: {error}")
