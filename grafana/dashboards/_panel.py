"""A panel as data: what it asks, how large it wishes to be, and Grafana's settings for its type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grafana.dashboards._query import Query

Json = dict[str, Any]

COLUMNS = 24
"""Width of Grafana's grid."""
ZERO_IS_NORMAL = "Zero is normal:"
EMPTY_IS_NORMAL = "Nothing to show is normal:"
"""How a panel's description marks it for the dead-panel detector. A description survives every way of saving."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel.

    question: what it answers, a sentence that ends with a question mark or a full stop; shown behind the (i).
    width, height: of 24 columns, and in Grafana's rows of 30 pixels; a row stretches the widths to fill the page.
    may_be_zero: why only zeros are no sign of a dead panel. may_be_empty: why even no sample is none.
    defaults, overrides: Grafana's fieldConfig. nothing: what stands there instead of "No data".
    interval: the shortest step asked for. points: how many steps at most.
    """

    kind: str
    title: str
    question: str
    queries: tuple[Query, ...] = ()
    width: int = 12
    height: int = 8
    defaults: Json = field(default_factory=dict)
    overrides: tuple[Json, ...] = ()
    options: Json = field(default_factory=dict)
    transformations: tuple[Json, ...] = ()
    links: tuple[Json, ...] = ()
    interval: str = ""
    points: int | None = None
    may_be_zero: str = ""
    may_be_empty: str = ""
    nothing: str = ""

    def __post_init__(self) -> None:
        problems = []
        if not self.title or len(self.title) > 40:
            problems.append("a title has 1 to 40 characters, so that it fits a telephone")
        if self.question[-1:] not in {"?", "."}:
            problems.append("a panel says which question it answers, in a sentence")
        if not 1 <= self.width <= COLUMNS:
            problems.append(f"width lies in 1..{COLUMNS}")
        reasons = [reason for reason in (self.may_be_zero, self.may_be_empty) if reason]
        if not all(reason.endswith(".") for reason in reasons):
            problems.append("the reason why zero or nothing is normal is a sentence")
        for problem in problems:
            msg = f"panel {self.title!r}: {problem}"
            raise ValueError(msg)

    @property
    def description(self) -> str:
        """The question, and the marks the dead-panel detector reads."""
        marks = [(ZERO_IS_NORMAL, self.may_be_zero), (EMPTY_IS_NORMAL, self.may_be_empty)]
        return "\n\n".join([self.question, *(f"{mark} {reason}" for mark, reason in marks if reason)])


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


def row(title: str, *panels: Panel) -> Row:
    """A heading and the panels below it, in reading order."""
    return Row(title, panels)
