"""The one error of this package.

ParseError
    code         a stable machine code, one of CODES
    params       what a message in the reader's language needs, such as the limit that was passed
"""

from __future__ import annotations

from rag.parsing.cleaning import bounded

CODES = frozenset(
    {
        "unsupported_format",
        "empty_file",
        "encrypted_file",
        "corrupt_file",
        "no_text",
        "file_too_large",
        "too_many_pages",
        "too_much_text",
        "parse_timeout",
        "parse_memory",
        "parse_crashed",
        "parse_cancelled",
    }
)


class ParseError(Exception):
    """A file could not be read; ``code`` says why in a form that never changes."""

    def __init__(self, code: str, params: dict[str, str | int] | None = None) -> None:
        if code not in CODES:
            raise ValueError(f"unknown parse error code: {code}")
        self.code = code
        self.params: dict[str, str | int] = {
            name: bounded(value) if isinstance(value, str) else value
            for name, value in (params or {}).items()
        }
        detail = ", ".join(f"{name}={value}" for name, value in self.params.items())
        super().__init__(f"{code}({detail})" if detail else code)

    def __reduce__(self) -> tuple[type[ParseError], tuple[str, dict[str, str | int]]]:
        """Keep code and params when the error crosses a process boundary."""
        return type(self), (self.code, self.params)
