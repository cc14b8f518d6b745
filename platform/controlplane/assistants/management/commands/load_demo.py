import json
import os
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from controlplane.assistants.demo import (
    ADMIN_EMAIL,
    SLUG,
    Credentials,
    Indexing,
    demo_indexing,
    demo_is_suspended,
    demo_load,
)

POLL_SECONDS = 0.25
# Without any document becoming ready or failing for this long, something is stuck.
PATIENCE_SECONDS = 300.0


class Command(BaseCommand):
    help = "make the demonstration tenant, wait until its documents are indexed, write access.json"

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.ENV.state_dir / "access.json"
        if demo_is_suspended():
            self.stdout.write(f"the organisation “{SLUG}” is suspended: left as it is")
            return
        tenant_id, credentials = demo_load(known=_known(path))
        _write(path, credentials)
        with translation.override("en"):
            failed = self._wait(tenant_id).failed
        if failed:
            told = "; ".join(f"{title}: {failure.message} ({failure.code})" for title, failure in failed)
            raise CommandError(f"not every document could be indexed. {told}")

    def _wait(self, tenant_id: Any) -> Indexing:
        shown, since = "", time.monotonic()
        while True:
            now = demo_indexing(tenant_id=tenant_id)
            line = f"{now.ready}/{now.total} documents indexed"
            if line != shown:
                self.stdout.write(line)
                self.stdout.flush()
                shown, since = line, time.monotonic()
            # One that failed will not become ready by itself, whatever the others do.
            if now.finished or now.failed:
                return now
            if time.monotonic() - since > PATIENCE_SECONDS:
                raise CommandError("no document has been indexed for five minutes: see the workers' logs")
            time.sleep(POLL_SECONDS)


def _known(path: Path) -> Credentials | None:
    try:
        access = json.loads(path.read_text(encoding="utf-8"))
        departments = next(t["departments"] for t in access["tenants"] if t["slug"] == SLUG)
        return Credentials(
            password=access["admin"]["password"], keys={d["slug"]: d["api_key"] for d in departments}
        )
    except (OSError, ValueError, KeyError, StopIteration):
        return None


def _write(path: Path, credentials: Credentials) -> None:
    """Replaced as a whole, and readable by its owner alone from its first byte on."""
    access = {
        "base_url": settings.BASE_URL,
        "admin": {"email": ADMIN_EMAIL, "password": credentials.password},
        "tenants": [
            {
                "slug": SLUG,
                "departments": [
                    {"slug": slug, "assistant": f"assistant:{slug}", "api_key": key}
                    for slug, key in credentials.keys.items()
                ],
            }
        ],
    }
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as opened:
        json.dump(access, opened, ensure_ascii=False, indent=2)
    draft.replace(path)
