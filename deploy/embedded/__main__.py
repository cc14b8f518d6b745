"""`python -m deploy.embedded up [--detach] | down | manage …`, from the repository: what make's targets of these names run."""

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from deploy.embedded import ports
from deploy.embedded.console import Console
from deploy.embedded.environment import with_secret_files
from deploy.embedded.errors import StartError, StateInUseError
from deploy.embedded.leash import PR_SET_PDEATHSIG, prctl
from deploy.embedded.management import manage
from deploy.embedded.report import show_failure
from deploy.embedded.settings import Settings, read_settings
from deploy.embedded.stack import Stack
from deploy.embedded.state import Lock, State

REST_SECONDS = 30.0  # for what a killed supervisor left to end
STOP_SECONDS = 20.0
POLL_SECONDS = 0.1
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        down_asked = options.command == "down"  # for which no secret is needed
        inherited = os.environ if down_asked else with_secret_files(os.environ)
        settings = read_settings(environment=inherited, root=Path.cwd())
        if down_asked:
            return down(settings=settings, console=console)
        if options.command == "manage":
            run_beside(settings=settings, inherited=inherited, arguments=options.arguments)
        if options.command == "up" and options.detach:
            return up_detached(settings=settings, console=console)
        return up(settings=settings, console=console, inherited=inherited)
    except StartError as error:
        show_failure(console=console, error=error)
        return EXIT_FAILED
    except OSError as error:  # a full disk, a directory that is not ours
        show_failure(console=console, error=StartError(str(error)))
        return EXIT_FAILED
    except KeyboardInterrupt:  # before anything was started
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start everything and stay, until Ctrl-C")
    start.add_argument("--detach", action="store_true", help="return when everything is ready")
    commands.add_parser("down", help="stop a start of the same state")
    run = commands.add_parser("manage", help="run a command of manage.py beside a start of the same state")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="command …")
    return parser


def run_beside(*, settings: Settings, inherited: Mapping[str, str], arguments: list[str]) -> NoReturn:
    try:
        manage(settings=settings, inherited=inherited, arguments=arguments)
    except StartError as error:
        sys.exit(str(error))  # the standard output is the command's


def up(*, settings: Settings, console: Console, inherited: Mapping[str, str]) -> int:
    """Exit status: 0 after a stop that was asked for; StartError and 1 are failures."""
    if os.environ.get("MAKELEVEL"):
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # if make is killed, nobody is left to stop us
    state = State(settings.state_dir)
    state.prepare()
    lock = take_lock(settings=settings, state=state, console=console)
    ports.require_free(port=settings.port, host=settings.host)
    stack = Stack(settings=settings, state=state, console=console, lock=lock.descriptor, inherited=inherited)
    console.event("Karez", f"starting; state in {state.directory}")
    return asyncio.run(_run(stack=stack, console=console))


def take_lock(*, settings: Settings, state: State, console: Console) -> Lock:
    lock = Lock(state=state)
    try:
        lock.take(
            seconds=REST_SECONDS, waiting=lambda: console.event("Karez", "an earlier start is still ending …")
        )
    except StateInUseError as error:
        raise StateInUseError(
            f"{error} Its address: {state.status().get('base_url', settings.base_url)}. "
            "`make down` stops it. For a second one beside it: KAREZ_STATE_DIR=… KAREZ_PORT=… make up"
        ) from error
    return lock


async def _run(*, stack: Stack, console: Console) -> int:
    asked = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        if asked.is_set():
            stack.kill()
            return
        asked.set()
        console.event("Karez", f"stopping ({number.name}); once more to stop at once …")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    start = asyncio.create_task(stack.bring_up())
    stopped = asyncio.create_task(asked.wait())
    status = 0
    try:
        await asyncio.wait((start, stopped), return_when=asyncio.FIRST_COMPLETED)
        if start.done() and not asked.is_set():
            start.result()
            await stopped
    except StartError as error:
        show_failure(console=console, error=error)
        status = EXIT_FAILED
    finally:
        begin = console.seconds
        start.cancel()
        stopping = asyncio.create_task(stack.shut_down())
        await asyncio.gather(start, stopping, return_exceptions=True)
        console.event("Karez", f"stopped in {console.seconds - begin:.1f} s")
    return status


def up_detached(*, settings: Settings, console: Console) -> int:
    """Start a supervisor of its own session, copy what it says until it is ready, and leave it running."""
    state = State(settings.state_dir)
    state.prepare()
    take_lock(settings=settings, state=state, console=console).release()
    log = state.log("supervisor")
    with log.open("ab") as output:
        begin = output.tell()
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "deploy.embedded", "up"],
            env={name: value for name, value in os.environ.items() if name != "MAKELEVEL"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with log.open("rb") as said:
        said.seek(begin)
        while True:
            ended, ready = supervisor.poll() is not None, is_ready(state=state, pid=supervisor.pid)
            if text := said.read().decode(errors="replace"):
                sys.stdout.write(text)
                sys.stdout.flush()
            if ended:
                return supervisor.returncode or EXIT_FAILED
            if ready and not text:
                console.text("It runs in the background; `make down` stops it.")
                return 0
            time.sleep(POLL_SECONDS)


def is_ready(*, state: State, pid: int) -> bool:
    status = state.status()
    return status.get("pid") == pid and status.get("phase") == "ready"


def down(*, settings: Settings, console: Console) -> int:
    """Stop the supervisor of this state, wait until nothing of it is left."""
    state = State(settings.state_dir)
    if not state.folder("run").exists():
        console.text(f"Nothing runs on {state.directory}.")
        return 0
    lock = Lock(state=state)
    if lock.try_take():
        console.text(f"Nothing runs on {state.directory}.")
        return 0
    holder = lock.holder()
    if holder:
        os.kill(holder, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while not lock.try_take():
        if time.monotonic() > end:
            if holder is None:
                console.text("Something of an earlier start still has not ended.")
                return EXIT_FAILED
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder, signal.SIGKILL)  # the leashes end the rest
            holder, end = None, time.monotonic() + STOP_SECONDS
        time.sleep(POLL_SECONDS)
    console.text(f"Stopped in {console.seconds:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
