"""Fetch a model file from the official hub or a mirror, resuming with HTTP Range."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from inference.bundled.catalogue import BundledModel

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_ATTEMPTS = 5


class UrlSourceError(Exception):
    """This source cannot deliver the file; the next one may."""


def model_url(*, template: str, model: BundledModel) -> str:
    """``template`` may hold ``{repository}`` and ``{file}``; without ``{file}`` it is a folder."""
    if "{file}" in template:
        return template.replace("{repository}", model.repository).replace("{file}", model.file)
    return f"{template.replace('{repository}', model.repository).rstrip('/')}/{model.file}"


def download(
    *, url: str, target: Path, size: int, on_bytes: Callable[[int], None], pause_seconds: float = 1.0
) -> None:
    """Bring ``target`` to ``size`` bytes, keeping what an earlier, interrupted run left there.

    Broken connections are retried with growing pauses; an answer that says the file is not there is not.
    """
    failures = 0
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as http:
        while _length(target) != size:
            before = _length(target)
            try:
                _download_once(http=http, url=url, target=target, size=size, on_bytes=on_bytes)
            except httpx.TransportError as error:
                failures = 0 if _length(target) > before else failures + 1
                if failures >= _ATTEMPTS:
                    raise UrlSourceError(f"{url}: {type(error).__name__} {error}") from error
                time.sleep(pause_seconds * 2**failures)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _download_once(
    *, http: httpx.Client, url: str, target: Path, size: int, on_bytes: Callable[[int], None]
) -> None:
    start = _length(target)
    if start > size:
        target.unlink()
        start = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with http.stream("GET", url, headers=headers) as response:
        if response.status_code not in (200, 206):
            raise UrlSourceError(f"{url}: HTTP {response.status_code}")
        resumed = response.status_code == 206 and _starts_at(response, start)
        done = start if resumed else 0
        with target.open("ab" if resumed else "wb") as out:
            for block in response.iter_bytes():
                out.write(block)
                done += len(block)
                if done > size:
                    raise UrlSourceError(f"{url}: more than the {size} bytes of the published file")
                on_bytes(done)
    if done < size:
        raise httpx.ReadError(f"ended after {done} of {size} bytes")


def _starts_at(response: httpx.Response, start: int) -> bool:
    match = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
    return match is not None and int(match[1]) == start
