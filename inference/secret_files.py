"""Secrets from files: ``KAREZ_X_FILE=/run/secrets/x`` in place of ``KAREZ_X``, as containers are given them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SUFFIX = "_FILE"
LARGEST_BYTES = 64 * 1024


class SecretFileError(ValueError):
    """Names the variable and the file; never holds anything of the content."""


def read_secret(*, name: str, environment: Mapping[str, str]) -> str | None:
    """The value of ``name``, or the content of the file that ``name`` + ``_FILE`` names; None: neither is set.

    One line end at the end of the file is an editor's and not the secret's. Raises SecretFileError.
    """
    variable = name + SUFFIX
    path = environment.get(variable, "")
    if not path:
        return environment.get(name)
    if environment.get(name):
        raise SecretFileError(f"{name} and {variable} are both set; keep one of them")
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise SecretFileError(f"{variable}: {path} cannot be read: {error.strerror}") from None
    return _text(variable=variable, path=path, content=content)


def _text(*, variable: str, path: str, content: bytes) -> str:
    if len(content) > LARGEST_BYTES:
        raise SecretFileError(f"{variable}: {path} is longer than any secret ({LARGEST_BYTES} bytes)")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise SecretFileError(f"{variable}: {path} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise SecretFileError(f"{variable}: {path} is empty")
    if "\0" in text:
        raise SecretFileError(f"{variable}: {path} is not text")
    return text
