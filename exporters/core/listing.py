"""Rows of a watched system that `observatory export` lists as JSON lines, read where they are when somebody asks.

A listing may hold words: it is read with an account of its own, never by the running exporter, and nothing of it is
stored here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exporters.core.errors import DeclarationError
from exporters.core.label import NAME

Told = Callable[[str], None]
"""Takes what a person should hear beside the lines."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows. start: the first moment (aware); stop: the first one after them, None for none.

    only: column -> the values that are asked for; a column that is not named is not looked at.
    """

    start: datetime
    stop: datetime | None = None
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """One listing of one system.

    since: how far back it goes unless somebody says, as `--from` is written. choices: column -> the values that can be
    asked for. lines: one deployment's settings, the selection -> lines of JSON without their ends, oldest row first.
    The call itself raises ConfigError where the deployment has no account for them, and reads nothing yet.
    """

    system: str
    name: str
    help: str
    since: str
    choices: Mapping[str, tuple[str, ...]]
    lines: Callable[[Any, Selection, Told], Iterator[str]]

    def __post_init__(self) -> None:
        problems = []
        if not NAME.match(self.name) or not self.name.startswith(self.system + "_"):
            problems.append(f"a name is snake_case and starts with {self.system}_")
        if not self.help.endswith("."):
            problems.append("help is a sentence with a full stop")
        for problem in problems:
            msg = f"{self.name}: {problem}"
            raise DeclarationError(msg)
