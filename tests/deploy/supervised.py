"""A supervisor of small children, run as a program by the tests: `supervised.py DIRECTORY NAME=CODE …`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from deploy.embedded.console import Console
from deploy.embedded.errors import ProcessFailedError
from deploy.embedded.process import Process
from deploy.embedded.supervisor import Restarting, Supervisor


async def run(directory: Path, codes: dict[str, str]) -> int:
    supervisor = Supervisor(
        console=Console(), restarting=Restarting(first_seconds=0.1, longest_seconds=0.4, attempts=3)
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    status = 0
    try:
        for name, code in codes.items():
            await supervisor.start(process(directory, name, code))
        print("up", flush=True)
        await stop.wait()
    except ProcessFailedError as error:
        print(f"failed: {error}\n{error.last_lines}", flush=True)
        status = 1
    await supervisor.stop([list(codes)])
    return status


def process(directory: Path, name: str, code: str) -> Process:
    mark = directory / f"{name}.ready"

    async def ready() -> bool:
        return mark.exists()

    return Process(
        name=name,
        command=(sys.executable, "-u", "-c", code),
        environment={**os.environ, "READY": str(mark), "DIRECTORY": str(directory)},
        log=directory / f"{name}.log",
        directory=directory,
        ready=ready,
        before_start=lambda: mark.unlink(missing_ok=True),
        stop_seconds=1,
    )


if __name__ == "__main__":
    named = dict(argument.split("=", 1) for argument in sys.argv[2:])
    sys.exit(asyncio.run(run(Path(sys.argv[1]), named)))
