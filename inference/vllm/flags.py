"""vLLM's flags as a mapping, and as the arguments of its command."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference.vllm.errors import LaunchError

FlagValue = bool | int | float | str | Sequence[str] | Mapping[str, Any] | None

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# What decides who can reach the server, and as whom, is never a matter of tuning.
RESERVED = {
    "host": "Karez binds engines itself.",
    "port": "Give the port of the launch.",
    "uds": "Karez speaks HTTP to engines.",
    "model": "Give the model of the launch.",
    "served-model-name": "Give the served name of the launch.",
    "api-key": "Everybody on the machine reads a command line: give the key of the launch.",
    "config": "Give the flags themselves: a file could set what is refused here.",
    "enable-ssl-refresh": "Engines stand on a network of their own, behind Karez.",
    "ssl-keyfile": "Engines stand on a network of their own, behind Karez.",
    "ssl-certfile": "Engines stand on a network of their own, behind Karez.",
    "allowed-origins": "Browsers ask Karez, never an engine.",
    "middleware": "It runs code of somebody else before the key is checked.",
}


def normalised(flags: Mapping[str, FlagValue]) -> dict[str, FlagValue]:
    """The same with hyphens for underscores, and without those that are None. Raises LaunchError."""
    found: dict[str, FlagValue] = {}
    for given, value in flags.items():
        name = given.replace("_", "-")
        _check(name, value)
        if name in found:
            raise _wrong(name, "it is there twice, once with underscores.", "Keep one of them.")
        if value is not None:
            found[name] = value
    return found


def arguments(*, flags: Mapping[str, FlagValue]) -> tuple[str, ...]:
    """In the order of ``flags``: ``True`` is the flag alone, ``False`` its ``--no-`` form, ``None`` leaves it to vLLM, a
    mapping is JSON, a list follows its flag as several words. Raises LaunchError."""
    words: list[str] = []
    for name, value in normalised(flags).items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, Mapping):
            words += [f"--{name}", json.dumps(value, ensure_ascii=False, separators=(",", ":"))]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            words += [f"--{name}", *value]
        else:
            words += [f"--{name}", str(value)]
    return tuple(words)


def _check(name: str, value: FlagValue) -> None:
    if not _NAME.fullmatch(name):
        raise _wrong(
            name, "this is no name of a flag.", "Write it as vLLM does, without the dashes before it."
        )
    if reason := RESERVED.get(name) or RESERVED.get(name.removeprefix("no-")):
        raise LaunchError(
            code="flag_reserved",
            field=f"flags.{name}",
            detail="this flag is not yours to set.",
            remedy=reason,
        )
    words = [value] if isinstance(value, str) else value
    if isinstance(words, Sequence) and any(word.startswith("-") or "\0" in word for word in words):
        raise _wrong(
            name, "a value that begins with a dash is another flag.", "Give each flag a name of its own."
        )


def _wrong(name: str, detail: str, remedy: str) -> LaunchError:
    return LaunchError(code="flag_invalid", field=f"flags.{name}", detail=detail, remedy=remedy)
