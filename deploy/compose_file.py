"""docker-compose.yml as Compose reads it: the merged YAML, with variables put in, and an overlay over it.

Only what our files use: `$$`, `$NAME`, `${NAME}` and `${NAME:-…}` and its five relatives, whose texts may hold such again;
`!override` and `!reset`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_START = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*))")
_OPERATOR = re.compile(r":?[-?+]")


# Of these lists an overlay's takes the place of the one below; all others are added to.
_REPLACED = frozenset({"command", "entrypoint", "test"})


class _Loader(yaml.CSafeLoader):
    """With the two tags by which an overlay replaces what it would otherwise be merged into."""


@dataclass(frozen=True, slots=True)
class Instead:
    """What stands in an overlay behind `!override`, and with nothing behind `!reset`."""

    value: Any


def _override(loader: _Loader, node: yaml.Node) -> Instead:
    if isinstance(node, yaml.SequenceNode):
        return Instead(loader.construct_sequence(node, deep=True))
    if isinstance(node, yaml.MappingNode):
        return Instead(loader.construct_mapping(node, deep=True))
    return Instead(loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None)


def _reset(_loader: _Loader, _node: yaml.Node) -> Instead:
    return Instead(None)


_Loader.add_constructor("!override", _override)
_Loader.add_constructor("!reset", _reset)


class ComposeError(Exception):
    """What is wrong with a file, in words."""


@dataclass
class Interpolation:
    """`used` and `without_default` are filled while texts are put through."""

    variables: Mapping[str, str]
    used: set[str] = field(default_factory=set)
    undefined: set[str] = field(default_factory=set)

    def tree(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {key: self.tree(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self.tree(value) for value in node]
        if isinstance(node, Instead):
            return Instead(self.tree(node.value))
        return self.text(node) if isinstance(node, str) else node

    def text(self, text: str) -> str:
        done, place = [], 0
        while found := _START.search(text, place):
            done.append(text[place : found.start()])
            place = found.end()
            if found["escaped"]:
                done.append("$")
            elif found["plain"]:
                done.append(self._value(found["plain"], "", ""))
            else:
                end = _closing(text, place)
                operator = _OPERATOR.match(text, place, end)
                rest = text[operator.end() if operator else place : end]
                done.append(self._value(found["braced"], operator[0] if operator else "", rest))
                place = end + 1
        return "".join([*done, text[place:]])

    def _value(self, name: str, operator: str, rest: str) -> str:
        self.used.add(name)
        value = self.variables.get(name)
        there = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return self.text(rest) if there else ""
        if there:
            return value or ""
        if operator.endswith("-"):
            return self.text(rest)
        self.undefined.add(name)
        return ""


def _closing(text: str, start: int) -> int:
    depth = 1
    for place in range(start, len(text)):
        if text.startswith("${", place):
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return place
    raise ComposeError(f"a variable is not closed: {text}")


def plain(node: Any) -> Any:
    """Without the marks of an overlay."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return plain(node.value) if isinstance(node, Instead) else node


def merged(below: Any, above: Any, key: str = "") -> Any:
    """Of a file and its overlay, as `docker compose -f … -f …` has it."""
    if isinstance(below, dict) and isinstance(above, dict):
        found = {name: merged(below.get(name), value, name) for name, value in above.items()}
        gone = {name for name, value in above.items() if isinstance(value, Instead) and value.value is None}
        return {name: value for name, value in {**below, **found}.items() if name not in gone}
    if isinstance(below, list) and isinstance(above, list) and key not in _REPLACED:
        return [*below, *(value for value in plain(above) if value not in below)]
    return plain(above)


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines; values may stand in single quotes, as they must where they hold a `$` or a `#`."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.isidentifier():
            raise ComposeError(f"{path.name}, line {number}: neither NAME=value nor a comment")
        if name in found:
            raise ComposeError(f"{path.name}, line {number}: {name} for the second time")
        found[name] = value[1:-1] if value.startswith("'") and value.endswith("'") else value
    return found


def offered(path: Path) -> dict[str, str]:
    """What an env file names, with those that it has commented out; of one that is there twice the first."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.removeprefix("#").partition("=")
        if separator and name.isidentifier():
            found.setdefault(name, value.strip("'"))
    return found


def read_compose(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise ComposeError(f"{path.name} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ComposeError(f"{path.name} is not a mapping")
    return content
