from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.core.problems import InvalidInput
from controlplane.serving.models import PriceBook
from controlplane.serving.price_selectors import price_book_list
from controlplane.serving.price_services import EXAMPLE, price_book_import, price_book_import_example


class Command(BaseCommand):
    help = "price_book load FILE, or list: what a million tokens cost, for the ledger"

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="what", required=True)
        load = kinds.add_parser("load", help="import a book as a new version")
        load.add_argument("file", help=f"a TOML file (docs/usage.md), or {EXAMPLE}")
        load.add_argument(
            "--from-now", action="store_true", help="it holds from now on, without an end, whatever it says"
        )
        kinds.add_parser("list", help="every version, the newest first")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "list":
            for row in price_book_list():
                self.stdout.write(_told(row))
            return
        try:
            row, is_new = self._load(options["file"], options["from_now"])
        except InvalidInput as problem:
            raise CommandError("\n".join(problem.extra["problems"])) from problem
        self.stdout.write(_told(row) if is_new else f"{_told(row)} (there already)")

    def _load(self, file: str, from_now: bool) -> tuple[PriceBook, bool]:
        if file == EXAMPLE:
            return price_book_import_example(actor="system")
        try:
            content = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        return price_book_import(actor="system", content=content, from_now=from_now)


def _told(row: PriceBook) -> str:
    ends = row.valid_until.isoformat() if row.valid_until else "…"
    return f"{row} {row.currency} {row.valid_from.isoformat()} – {ends} {row.name}"
