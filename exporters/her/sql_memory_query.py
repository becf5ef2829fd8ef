"""The one query over HER's long-term memories, made for the columns that the table really has.

It converts nothing: a failed cast would abort the query, and with it every number. Each part of a memory is a text,
cut, and the server says how often each text occurs; which of them are numbers, times or names is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Shape = Literal["mem0", "legacy", "hybrid", "none"]

PARTS = ("owner", "category", "importance", "created")
PLACE_OF_VIEW = "place"
"""What a view calls the place of the row that it shows: it has no `ctid` of its own."""

_TEXTS = ("text", "character varying")
_NUMBERS = ("real", "double precision", "numeric")
_TIMES = ("timestamp with time zone",)
_LONGEST = 200
"""Characters of a part: no user, category, number or time is longer."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns can be read, and their types as PostgreSQL names them."""

    types: Mapping[str, str]

    @property
    def payload(self) -> bool:
        """Whether there is a payload to look into. Not of type json: that may hold what no text can."""
        return self.types.get("payload") == "jsonb"

    @property
    def own(self) -> bool:
        """Whether memories have columns of their own, as older builds made them."""
        return any(name in self.types for name in ("memory_text", "user_id", "importance_score"))

    @property
    def shape(self) -> Shape:
        """Which of HER's shapes this is; `none` if neither a payload nor columns of its own can be read."""
        if self.payload:
            return "hybrid" if self.own else "mem0"
        return "legacy" if self.own else "none"

    @property
    def place(self) -> str | None:
        """The column that says where a row lies; None where none may be read."""
        return next((name for name in ("ctid", PLACE_OF_VIEW) if self.types.get(name) == "tid"), None)

    def among(self, name: str, types: tuple[str, ...]) -> list[str]:
        """The column as an expression, if it is there with one of these types."""
        return [f"{name}::text"] if self.types.get(name) in types else []


def memory_query(columns: Columns, table: str, *, after: bool = False, before: bool = False) -> str:
    """One row (part, text or NULL, number of memories) for each text of each of `PARTS`; the table's name is checked.

    after, before: only rows from the place `%(start)s` on, and up to, without it, the place `%(end)s`.

    A column of its own comes before the payload, and that before the payload's metadata.
    """
    parts = [
        columns.among("user_id", _TEXTS),
        columns.among("category", _TEXTS),
        columns.among("importance_score", (*_NUMBERS, *_TEXTS)),
        columns.among("created_at", (*_TIMES, *_TEXTS)),
    ]
    if columns.payload:
        # Of a payload that is no object, or a part that is none, every part is NULL.
        parts[0].append("payload ->> 'user_id'")
        parts[1] += ["payload ->> 'category'", "payload -> 'metadata' ->> 'category'"]
        parts[2] += ["payload ->> 'importance'", "payload -> 'metadata' ->> 'importance'"]
        parts[3].append("payload ->> 'created_at'")
    texts = ", ".join(f"{_first(part)} AS {name}" for name, part in zip(PARTS, parts, strict=True))
    range_ = [f"{columns.place} >= %(start)s::tid"] * after + [f"{columns.place} < %(end)s::tid"] * before
    where = f" WHERE {' AND '.join(range_)}" if range_ else ""
    # Taken out of the payloads once, not once for each of its parts.
    counts = " UNION ALL ".join(f"SELECT '{name}', {name}, count(*) FROM memory GROUP BY {name}" for name in PARTS)  # noqa: S608 - names of ours
    return f"WITH memory AS MATERIALIZED (SELECT {texts} FROM {table}{where}) {counts}"  # noqa: S608 - checked names


def _first(expressions: list[str]) -> str:
    """The first of these that is neither NULL nor empty."""
    if not expressions:
        return "NULL::text"
    given = ", ".join(f"nullif({one}, '')" for one in expressions)
    return f"left(coalesce({given}), {_LONGEST})"
