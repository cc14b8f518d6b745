"""`python -m deploy.health`: whether a process of the platform is healthy, as exit status 0 or 1, for containers.

http URL            the server answers with a status below 300
recent PATH SECONDS a file whose name begins with PATH was written within the last SECONDS
"""

import argparse
import http.client
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

ANSWER_SECONDS = 4.0


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    fault = answers(options.url) if options.kind == "http" else is_recent(options.path, options.seconds)
    if fault:
        sys.stderr.write(f"{fault}\n")
    return 1 if fault else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.health", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("http").add_argument("url")
    recent = kinds.add_parser("recent")
    recent.add_argument("path", type=Path)
    recent.add_argument("seconds", type=float)
    return parser


def answers(url: str) -> str:
    """What is wrong; empty when nothing is."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {error}"
    finally:
        connection.close()
    return "" if status < 300 else f"{url}: status {status}"


def is_recent(path: Path, seconds: float) -> str:
    """What is wrong. By its beginning, because a shelf of Python's adds an ending of its own to the name."""
    try:
        written = max(file.stat().st_mtime for file in path.parent.glob(f"{path.name}*"))
    except (OSError, ValueError):
        return f"there is no {path}"
    age = time.time() - written
    return f"{path} was written {age:.0f} s ago" if age > seconds else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
