"""A strict reader for small YAML files: one pass, every problem in a list, no value ever in a message.

Scalars stay text until a setting says what it is, as in Go's typed decoding: a user called `123` or `no` is a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import yaml

_YES = frozenset({"true", "yes", "on", "y"})
_NO = frozenset({"false", "no", "off", "n"})


class _TextLoader(yaml.SafeLoader):
    """Every scalar but null is text, and no key may stand twice in a mapping."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, "a key stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_TextLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])


def read_yaml(content: bytes, problems: list[str]) -> object:
    """The document as nested dicts, lists and texts; None, and a problem noted, when it cannot be read."""
    try:
        # The loader is a SafeLoader: it makes no objects but these.
        return yaml.load(content.decode("utf-8"), Loader=_TextLoader)  # noqa: S506
    except UnicodeDecodeError:
        problems.append("not UTF-8 text")
    except yaml.MarkedYAMLError as error:
        # PyYAML's full message quotes the line, which may hold a key or a hash.
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problems.append(f"{where}not valid YAML: {error.problem}")
    except (yaml.YAMLError, RecursionError) as error:
        problems.append(f"not valid YAML ({type(error).__name__})")
    return None


class Section:
    """One mapping of the file. Asking for a setting checks it; what is wrong goes to the shared list of problems."""

    def __init__(self, name: str, content: object, legal: Collection[str], problems: list[str]) -> None:
        self._name = name
        self._problems = problems
        self._content: Mapping[str, object] = {}
        if isinstance(content, dict):
            self._content = content
        elif content is not None:
            self.problem(None, f"must be a mapping of {_listed(legal)}")
        for key in self._content:
            if key not in legal:
                self.problem(key, f"unknown key; legal here: {_listed(legal)}")

    def __contains__(self, key: str) -> bool:
        return self._content.get(key) is not None

    def __bool__(self) -> bool:
        return any(value is not None for value in self._content.values())

    def name_of(self, key: str) -> str:
        """How a message calls a setting: `tls_server_config.cert_file`."""
        return f"{self._name}.{key}" if self._name else key

    def problem(self, key: str | None, text: str) -> None:
        """Note what is wrong with a setting, or with the section itself."""
        where = self.name_of(key) if key is not None else self._name
        self._problems.append(f"{where}: {text}" if where else text)

    def section(self, key: str, legal: Collection[str]) -> Section:
        """A mapping inside this one; an empty one when absent."""
        return Section(self.name_of(key), self._content.get(key), legal, self._problems)

    def text(self, key: str) -> str | None:
        """A text, None when absent or empty."""
        value = self._content.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.problem(key, "must be text")
            return None
        return value

    def choice(self, key: str, legal: Iterable[str], default: str) -> str:
        """One of a closed set."""
        value = self.text(key)
        if value is None:
            return default
        if value not in legal:
            self.problem(key, f"{value!r} is not one of {_listed(legal)}")
            return default
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """true or false, in any of YAML's spellings."""
        value = self.text(key)
        if value is None:
            return default
        if value.lower() not in _YES | _NO:
            self.problem(key, "must be true or false")
        return value.lower() in _YES

    def number(self, key: str) -> int | None:
        """A whole number from 0."""
        value = self.text(key)
        if value is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", value):
            self.problem(key, "must be a whole number from 0")
            return None
        return int(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        value = self._content.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.problem(key, "must be a list of texts")
            return ()
        return tuple(value)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
