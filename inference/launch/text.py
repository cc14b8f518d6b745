"""YAML as it is written here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Several lines of text stay several lines, and what is there twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def documents(*contents: Mapping[str, Any], heading: str) -> str:
    """The documents in their order, below a comment."""
    comment = "".join(f"# {line}".rstrip() + "\n" for line in heading.splitlines())
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": WIDTH}
    return comment + "---\n".join(yaml.dump(dict(each), Dumper=_Dumper, **options) for each in contents)
