"""Rows of text that stay where they are, declared: what they are called, and the one statement that gives them.

A statement names what a page says by placeholders, so that it can be read through an index:

    <from>, <to>     the page's time range, as Grafana puts it there
    <user>           an id that somebody typed into the text variable `$user`; NULL where none stands there
    <user?>          whether anything at all stands there: an empty box leaves the choice to the page, what is no id
                     (a name, half an id) finds nobody

An id is a UUID or nothing: whatever else is typed never becomes a part of the statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from exporters.core.errors import DeclarationError
from exporters.core.label import NAME

ColumnType = Literal["time", "moment", "text", "list", "number"]
"""time: when the row happened. moment: another time. list: several texts, an array of SQL's."""

RANGE = {"<from>": "$__timeFrom()", "<to>": "$__timeTo()"}
"""The only macros of Grafana's that a statement contains: each becomes a time in quotes."""

_PLACEHOLDER = re.compile(r"<[a-z_]+\??>")
_TAKEN = re.compile(r"\$\w+|\$\{|\[\[\w")
"""What Grafana takes for a variable or a macro of its own."""
# Percent-encoded, a UUID is as it was; blanks around it come with copying.
_TYPED_ID = (
    "substring(lower('${{{variable}:percentencode}}') from "
    "'^(?:%20)*([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})(?:%20)*$')::uuid"
)
_ANYTHING_TYPED = "('${{{variable}:percentencode}}' !~ '^(?:%20)*$')"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of declared rows."""

    name: str
    type: ColumnType
    help: str


@dataclass(frozen=True, slots=True, eq=False)
class TextRows:
    """The newest rows of one kind of a watched system, text included: read in place by a data source of their own.

    system, name, help: as a Measurement has them. sql: the SELECT that gives exactly these columns, whatever the
    table's shape. at_most: how many rows it gives. reads: the tables' own columns that it may touch, if they are there.
    ids: text variables whose typed id the statement uses, as `<variable>` and `<variable?>`. database: the variable by
    which a page chooses whose database is read; one per kind, because a menu hands variables on from page to page.
    """

    system: str
    name: str
    help: str
    columns: tuple[Column, ...]
    sql: str
    at_most: int
    reads: tuple[str, ...]
    ids: tuple[str, ...] = ()
    database: str = "database"

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not NAME.match(self.name) or not self.name.startswith(self.system + "_"):
            problems.append(f"a name is snake_case and starts with {self.system}_")
        if not self.help.endswith("."):
            problems.append("help is a sentence with a full stop")
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names) or not all(map(NAME.match, names)):
            problems.append(f"columns are snake_case, each there once: {names}")
        if sum(column.type == "time" for column in self.columns) != 1:
            problems.append("one column says when")
        problems += [f"Grafana would replace {taken!r}" for taken in _TAKEN.findall(self.sql)]
        problems += [f"no <{name}> in its statement" for name in self.ids if f"<{name}>" not in self.sql]
        for problem in problems:
            msg = f"{self.name}: {problem}"
            raise DeclarationError(msg)

    @property
    def timed(self) -> bool:
        """Whether only rows of the page's time range are read."""
        return any(placeholder in self.sql for placeholder in RANGE)

    @property
    def asked(self) -> str:
        """The statement as a page asks it."""
        filled = dict(RANGE)
        for name in self.ids:
            filled[f"<{name}>"] = _TYPED_ID.format(variable=name)
            filled[f"<{name}?>"] = _ANYTHING_TYPED.format(variable=name)
        return _PLACEHOLDER.sub(lambda found: filled.get(found[0], found[0]), self.sql)

    def column(self, name: str) -> Column:
        """The column of that name. Raises DeclarationError naming those there are."""
        for column in self.columns:
            if column.name == name:
                return column
        msg = f"{self.name} has no column {name!r} (it has: {', '.join(c.name for c in self.columns)})"
        raise DeclarationError(msg)
