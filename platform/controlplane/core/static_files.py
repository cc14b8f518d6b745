"""Static files: collected under names that carry a hash of their content, and served by the web process itself.

A proxy in front may compress or cache them, but nothing depends on one.
"""

import fcntl
import hashlib
import mimetypes
import os
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.storage import storages
from django.core.management import call_command
from django.utils.module_loading import import_string
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

PATH = "/static/"
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
MARK, MANIFEST = ".collected", "staticfiles.json"
# Some machines know no type for them, and a browser that must not guess would show nothing.
for _type, _suffix in (("image/webp", ".webp"), ("font/woff2", ".woff2"), ("text/javascript", ".js")):
    mimetypes.add_type(_type, _suffix)


def are_collected() -> bool:
    """Else, in tests and with DEBUG, they are served from where they lie in the source."""
    # Of its class alone: a storage reads its manifest when it is made, and that may still be to come.
    backend = import_string(settings.STORAGES["staticfiles"]["BACKEND"])
    return not settings.DEBUG and issubclass(backend, ManifestFilesMixin)


def collect() -> bool:
    """Bring STATIC_ROOT up to date; whether anything had changed. Cheap when nothing has."""
    if not are_collected():
        return False
    root, wanted = Path(settings.STATIC_ROOT), _fingerprint()
    mark = root / MARK
    if _content(mark) == wanted:
        return False
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with root.with_name(f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another web process may be about it
        if _content(mark) == wanted:
            return False
        for stale in (mark, root / MANIFEST):
            stale.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        mark.write_text(wanted)
    return True


def _fingerprint() -> str:
    """Of names and contents: times of modification do not survive packaging."""
    whole = hashlib.sha256()
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            content = Path(storage.path(path)).read_bytes()
            whole.update(f"{path}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def _hashed_names() -> dict[str, str]:
    storage = storages["staticfiles"]
    return dict(storage.hashed_files) if isinstance(storage, ManifestFilesMixin) else {}


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


class StaticFilesApplication(StaticFiles):
    """Only what the manifest names; no directory is listed."""

    def __init__(self) -> None:
        self._collected = are_collected()
        super().__init__(directory=settings.STATIC_ROOT if self._collected else None, check_dir=False)
        names = _hashed_names()
        self._lasting = frozenset(names.values())
        self._known = self._lasting | names.keys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        below = {**scope, "root_path": scope.get("root_path", "") + PATH.rstrip("/")}
        try:
            await super().__call__(below, receive, send)
        except HTTPException as error:
            await Response(status_code=error.status_code, headers=error.headers)(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        if self._collected and path not in self._known:
            raise HTTPException(status_code=404)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOR_GOOD if path in self._lasting else ASK_AGAIN
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        if self._collected:
            return super().lookup_path(path)
        found = finders.find(path)
        return (found, Path(found).stat()) if isinstance(found, str) else ("", None)
