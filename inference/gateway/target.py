"""Where a request to an engine goes: everything that is the same for all of them, worked out once."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from inference.endpoints import EngineEndpoint

# What Karez asks of engines. Their other addresses (vLLM's `/invocations`, `/tokenize`, `/metrics`) are not reached.
PATHS = ("chat/completions", "completions", "embeddings", "rerank")


@dataclass(frozen=True, slots=True)
class Target:
    """One server. ``heads`` are the request lines and headers by path, up to the length of the body."""

    host: str
    port: int
    tls: bool
    base_url: str
    heads: dict[str, bytes]

    @property
    def address(self) -> tuple[str, int, bool]:
        """What tells connections apart."""
        return self.host, self.port, self.tls


def target_of(*, endpoint: EngineEndpoint) -> Target:
    """The server of an endpoint; the same object for the same address and key."""
    return _target(endpoint.base_url, endpoint.api_key)


@cache
def tls_context() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities (``SSL_CERT_FILE``, ``SSL_CERT_DIR``)."""
    return ssl.create_default_context()


@cache
def _target(base_url: str, api_key: str) -> Target:
    parts = urlsplit(base_url)
    tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    common = [f"Host: {parts.netloc.rpartition('@')[2]}", "Content-Type: application/json"]
    if api_key:
        common.append(f"Authorization: Bearer {api_key}")
    rest = "\r\n".join([*common, "Accept-Encoding: identity", "Content-Length: "])
    heads = {path: f"POST {parts.path.rstrip('/')}/{path} HTTP/1.1\r\n{rest}".encode() for path in PATHS}
    return Target(host=host, port=port, tls=tls, base_url=base_url, heads=heads)
