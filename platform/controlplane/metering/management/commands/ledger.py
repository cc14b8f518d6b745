"""Keeps the ledger: takes what the processes of this machine note of their requests into the database, until it is ended."""

import fcntl
import logging
import os
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, close_old_connections

from controlplane.metering.ledger import ledger_take_all
from controlplane.metering.meter import journal_directory

log = logging.getLogger(__name__)

_EVERY_SECONDS = 0.5
_AFTER_FAILURE_SECONDS = 2.0


class Command(BaseCommand):
    help = "ledger: record the use of the platform that its processes have noted"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="take what there is, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        directory = journal_directory()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(directory / ".ledger", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError(f"another process keeps the ledger of {directory}") from error
        if options["once"]:
            self.stdout.write(f"{ledger_take_all(directory=directory)} entries")
            return
        self._keep(directory)

    def _keep(self, directory: Path) -> None:
        ending = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ending.set())
        while not ending.is_set():
            ending.wait(_EVERY_SECONDS if _take(directory) else _AFTER_FAILURE_SECONDS)
        _take(directory)


def _take(directory: Path) -> bool:
    """Whether the database and the disk allowed it; what they did not is taken later."""
    close_old_connections()
    try:
        ledger_take_all(directory=directory)
    except (DatabaseError, InterfaceError, OSError):
        log.exception("the ledger could not be kept")
        return False
    if heartbeat := settings.ENV.heartbeat_file:
        heartbeat.touch()
    return True
