"""Labels (and InfluxDB tags): a name, and which values it may take."""

from __future__ import annotations

import re
from dataclasses import dataclass

from exporters.core.errors import DeclarationError

OTHER = "other"
"""What an unknown value of a closed set, or a value beyond an open set's bound, becomes."""

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Label:
    """One label.

    values: the closed set; anything else becomes `other` and is counted. None: an open set.
    bound: for an open set, how many values are kept per metric; the rest becomes `other` and is counted.
    """

    name: str
    help: str
    values: tuple[str, ...] | None = None
    bound: int | None = None

    def __post_init__(self) -> None:
        if not NAME.match(self.name) or self.name.startswith("__") or self.name in {"le", "quantile"}:
            msg = f"label {self.name!r}: a name is snake_case and not reserved"
            raise DeclarationError(msg)
        if not self.help.endswith("."):
            msg = f"label {self.name}: help is a sentence with a full stop"
            raise DeclarationError(msg)
        if (self.values is None) == (self.bound is None):
            msg = f"label {self.name}: give the closed set (values) or the bound of an open one"
            raise DeclarationError(msg)
        if self.values is not None:
            if OTHER in self.values:
                msg = f"label {self.name}: {OTHER!r} is implied, not declared"
                raise DeclarationError(msg)
            if len(set(self.values)) != len(self.values) or not self.values:
                msg = f"label {self.name}: values must be distinct and not empty"
                raise DeclarationError(msg)
        if self.bound is not None and not 1 <= self.bound <= 10_000:
            msg = f"label {self.name}: bound must lie in 1..10000"
            raise DeclarationError(msg)

    def clamp(self, value: str) -> str:
        """The value itself if the closed set has it, else `other`. Open sets are clamped by the series store."""
        return value if self.values is None or value in self.values else OTHER

    def allows(self, value: str) -> bool:
        """Whether a query may name this value."""
        return self.values is None or value == OTHER or value in self.values


def closed(name: str, help: str, *values: str) -> Label:  # noqa: A002 - the field's own word
    """A label whose values are known."""
    return Label(name, help, values=values)


def opened(name: str, help: str, bound: int) -> Label:  # noqa: A002 - the field's own word
    """A label whose values come from outside, kept to the first `bound` of them."""
    return Label(name, help, bound=bound)


DEPLOYMENT = opened("deployment", "Which deployment of the system, as the configuration names it.", 1000)
"""Carried by every source-derived series: two installations of one system never merge."""

SYSTEM = opened("system", "Which watched system.", 32)
