"""Pictures of pages: drawn in a child process, a few at a time, and kept for a while in this process's memory.

Not in the document store, where they would outlive the document they show, and not in Valkey, which writes what it holds to
disk and must never drop a message of the queue to make room. Drawing takes about 0.1 s, so that a second web process may well
draw a page again. Nothing here decides who may see a page: callers have asked the database first, at every request.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Unavailable
from controlplane.documents.failures import storage_unavailable
from controlplane.documents.selectors import PageSource, page_not_rendered
from controlplane.documents.storage import BlobMissingError, StoreUnavailableError, opened
from rag.parsing import ParseError, ParseLimits, draw_page_in_child

WIDTHS = (800, 1200, 1600)
DEFAULT_WIDTH = 1200
KEPT_SECONDS = 600.0
# What could not be drawn is tried again sooner: the machine may have been busy.
FAILURE_KEPT_SECONDS = 60.0
WAIT_SECONDS = 15.0
MOST_WAITING = 64
# Change it whenever the same page would be drawn differently.
_DRAWING = 1

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """PNG, or without bytes the code of why there is none."""

    png: bytes = b""
    failure: str = ""


@dataclass(slots=True)
class _Kept:
    picture: Picture
    until: float


@dataclass(slots=True)
class PictureStore:
    """Draws each page once however many ask for it, `slots` of them at a time; forgets what was asked for longest ago."""

    most_bytes: int
    slots: threading.BoundedSemaphore
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: "OrderedDict[Key, _Kept]" = field(default_factory=OrderedDict)
    _bytes: int = 0
    _under_way: "dict[Key, Future[Picture]]" = field(default_factory=dict)
    _waiting: int = 0

    def get(self, key: Key, draw: Callable[[], Picture]) -> Picture:
        """Raises Unavailable when too many pages are being drawn, and what `draw` raises."""
        with self._lock:
            known = self._known(key)
            if known is not None:
                return known
            future = self._under_way.get(key)
            is_first = future is None
            if future is None:
                future = self._under_way[key] = Future()
        if not is_first:
            try:
                return future.result(timeout=WAIT_SECONDS + settings.ENV.page_seconds)
            except TimeoutError as error:
                raise _busy() from error
        return self._drawn(key, draw, future)

    def _known(self, key: Key) -> Picture | None:
        kept = self._kept.get(key)
        if kept is None or kept.until < time.monotonic():
            return None
        self._kept.move_to_end(key)
        return kept.picture

    def _drawn(self, key: Key, draw: Callable[[], Picture], future: "Future[Picture]") -> Picture:
        try:
            picture = self._in_slot(draw)
        except BaseException as error:
            with self._lock:
                del self._under_way[key]
            future.set_exception(error)
            raise
        with self._lock:
            del self._under_way[key]
            self._keep(key, picture)
        future.set_result(picture)
        return picture

    def _in_slot(self, draw: Callable[[], Picture]) -> Picture:
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise _busy()
            self._waiting += 1
        try:
            is_free = self.slots.acquire(timeout=WAIT_SECONDS)
        finally:
            with self._lock:
                self._waiting -= 1
        if not is_free:
            raise _busy()
        try:
            return draw()
        finally:
            self.slots.release()

    def _keep(self, key: Key, picture: Picture) -> None:
        seconds = FAILURE_KEPT_SECONDS if picture.failure else KEPT_SECONDS
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= len(old.picture.png)
        self._kept[key] = _Kept(picture, time.monotonic() + seconds)
        self._bytes += len(picture.png)
        while self._kept and (self._bytes > self.most_bytes or self._is_over(next(iter(self._kept)))):
            _key, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.picture.png)

    def _is_over(self, key: Key) -> bool:
        return self._kept[key].until < time.monotonic()


@cache
def pictures() -> PictureStore:
    """This process's."""
    env = settings.ENV
    return PictureStore(most_bytes=env.page_cache_bytes, slots=threading.BoundedSemaphore(env.page_renders))


def picture_key(*, source: PageSource, width: int) -> Key:
    """Of a picture that never changes: a version's file doesn't, nor does a passage's text."""
    place = (source.tenant_id, source.version_id, source.number, width, source.passage_id, _DRAWING)
    return tuple(map(str, place))


def page_picture(*, source: PageSource, width: int) -> bytes:
    """PNG. Blocks while the page is drawn; hold no connection of the database meanwhile.

    Raises NotFound (`page_not_rendered`) for a page that cannot be drawn, Unavailable.
    """
    key = picture_key(source=source, width=width)
    picture = pictures().get(key, lambda: _draw(source, width))
    if picture.failure:
        raise page_not_rendered(reason=picture.failure)
    return picture.png


def _draw(source: PageSource, width: int) -> Picture:
    env = settings.ENV
    limits = ParseLimits(
        seconds=env.page_seconds,
        cpu_seconds=max(1, int(env.page_seconds)),
        memory_bytes=env.parse_memory_bytes,
        max_file_bytes=max(settings.MAX_UPLOAD_BYTES, ParseLimits().max_file_bytes),
    )
    try:
        with opened(path=source.path, sha256=source.sha256) as path:
            png = draw_page_in_child(
                path=path,
                filename=source.filename,
                limits=limits,
                number=source.number,
                width=width,
                highlight=source.highlight,
            )
    except ParseError as error:
        return Picture(failure=error.code)
    except (BlobMissingError, FileNotFoundError):
        return Picture(failure="file_missing")
    except StoreUnavailableError as error:
        raise storage_unavailable() from error
    return Picture(png=png)


def _busy() -> Unavailable:
    return Unavailable(
        code="rendering_busy",
        detail=_("Too many pages are being drawn at the moment."),
        remedy=_("Try again in a moment."),
        retry_after=3,
    )
