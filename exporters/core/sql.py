"""SQL over rows of text that stay where they are: a dashboard names declared rows and columns, and cannot misspell one.

    newest(MEMORY_ROWS).chosen(category="category").contains("search", "words").table(["time", "words"], limit=200)
    newest(MEMORY_ROWS).options("category")       what a filter offers

Only a few of the newest rows are looked through, in one statement. What a person types reaches SQL percent-encoded,
that is, in letters, digits and %-_.~ alone, and is decoded there. Grafana's quoting (`sqlstring`) doubles single quotes
as it should, but leaves `$word(…)` to be taken for a macro of Grafana's (10.1 refuses the query), and newer ones put a
backslash before double quotes, which PostgreSQL would look for. Values chosen in a filter are hexadecimal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from exporters.core.errors import DeclarationError
from exporters.core.label import NAME

ColumnType = Literal["time", "text", "number"]

ALL = "''"
"""What a filter says for All: a value that no chosen one can have, quoted as SQL wants it."""

OPTIONS_AT_MOST = 200

_TAKEN = re.compile(r"\$\w+|\$\{|\[\[\w")
"""What Grafana takes for a variable or a macro of its own."""
_EXAMINED = "examined"
_HEAD = f"WITH {_EXAMINED} AS MATERIALIZED (\n"
_TAIL = "\n)"
# Without the collation lower() would know ASCII alone here: what convert_from gives is collated as a name is, by "C".
_DECODED = """\
SELECT coalesce(convert_from(string_agg(
  CASE WHEN part[1] = '%00' THEN '' WHEN left(part[1], 1) = '%' THEN decode(substr(part[1], 2), 'hex')
    ELSE convert_to(part[1], 'UTF8') END,
  '' ORDER BY n), 'UTF8'), '') COLLATE "default" AS words
FROM regexp_matches('${{{variable}:percentencode}}', '%[0-9A-F]{{2}}|[^%]+', 'g')
  WITH ORDINALITY AS parts (part, n)"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of declared rows."""

    name: str
    type: ColumnType
    help: str


@dataclass(frozen=True, slots=True, eq=False)
class TextRows:
    """The newest rows of one table of a watched system, text included: read in place by a data source of their own.

    system, name, help: as a Measurement has them. sql: the SELECT that gives exactly these columns, whatever the
    table's shape. at_most: how many rows it gives. reads: the table's own columns that it may touch, if they are there.
    """

    system: str
    name: str
    help: str
    columns: tuple[Column, ...]
    sql: str
    at_most: int
    reads: tuple[str, ...]

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
        for problem in problems:
            msg = f"{self.name}: {problem}"
            raise DeclarationError(msg)

    def column(self, name: str) -> Column:
        """The column of that name. Raises DeclarationError naming those there are."""
        for column in self.columns:
            if column.name == name:
                return column
        msg = f"{self.name} has no column {name!r} (it has: {', '.join(c.name for c in self.columns)})"
        raise DeclarationError(msg)


@dataclass(frozen=True, slots=True)
class Sql:
    """One statement, the rows it reads, and the columns it answers with."""

    text: str
    rows: TextRows
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest rows that pass the filters. filters: SQL conditions. typed: text variables they use."""

    rows: TextRows
    filters: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()

    def contains(self, variable: str, *columns: str) -> Newest:
        """Only rows in one of whose columns the words stand that a person typed into this text variable.

        Not a pattern: %, _ and \\ stand for themselves. Capitals do not matter. Nothing typed means every row.
        """
        words = f'(SELECT lower("words") FROM "typed_{variable}")'  # noqa: S608 - a variable's name
        found = [f"strpos(lower({self._text(name)}), {words}) > 0" for name in columns]
        return replace(
            self,
            filters=(*self.filters, f"({words} = '' OR {' OR '.join(found)})"),
            typed=(*self.typed, variable),
        )

    def chosen(self, **columns: str) -> Newest:
        """Only rows whose column has one of the values chosen in a variable: column=variable, made by `options`."""
        made = [
            f"({ALL} IN (${{{variable}:sqlstring}}) OR {self._key(name)} IN (${{{variable}:sqlstring}}))"
            for name, variable in columns.items()
        ]
        return replace(self, filters=(*self.filters, *made))

    def table(self, columns: Sequence[str] = (), *, limit: int = 200) -> Sql:
        """The rows, the newest first. columns: which of them; all if none are named."""
        shown = [self.rows.column(name) for name in columns] or self.rows.columns
        when = next(column.name for column in self.rows.columns if column.type == "time")
        listed = ", ".join(f'"{column.name}"' for column in shown)
        select = f'SELECT {listed} FROM "{_EXAMINED}"{self._where}\nORDER BY "{when}" DESC NULLS LAST LIMIT {limit}'  # noqa: S608 - declared names
        return self._statement(select, *(column.name for column in shown))

    def count(self, found: str = "found", examined: str = "examined") -> Sql:
        """How many rows pass, and how many were looked through, in columns of these names."""
        passing = " AND ".join(self.filters) or "true"
        numbers = f'count(*) FILTER (WHERE {passing}) AS "{found}", count(*) AS "{examined}"'
        return self._statement(f'SELECT {numbers} FROM "{_EXAMINED}"', found, examined)  # noqa: S608 - declared names

    def totals(self, column: str, *, name: str = "rows", limit: int = 20) -> Sql:
        """How many rows by value of a column, the most first."""
        by = self.rows.column(column).name
        select = f'SELECT "{by}", count(*) AS "{name}" FROM "{_EXAMINED}"{self._where}'  # noqa: S608 - declared names
        return self._statement(f"{select}\nGROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {limit}", by, name)

    def options(self, column: str) -> Sql:
        """What a filter by this column offers: the values there are, those of most rows first, each with its key."""
        value = self._text(column)
        select = f'SELECT {value} AS "__text", {self._key(column)} AS "__value" FROM "{_EXAMINED}"'  # noqa: S608 - declared names
        most = f"GROUP BY 1, 2 ORDER BY count(*) DESC, 1 LIMIT {OPTIONS_AT_MOST}"
        return self._statement(f"{select}\nWHERE {value} <> '' {most}", "__text", "__value")

    @property
    def _where(self) -> str:
        return "\nWHERE " + "\n  AND ".join(self.filters) if self.filters else ""

    def _text(self, column: str) -> str:
        if self.rows.column(column).type != "text":
            msg = f"{self.rows.name}: column {column} is no text to look in"
            raise DeclarationError(msg)
        return f'"{column}"'

    def _key(self, column: str) -> str:
        """Any text as letters and digits, so that whatever it is it can stand in an address and in a statement."""
        return f"encode(convert_to({self._text(column)}, 'UTF8'), 'hex')"

    def _statement(self, select: str, *columns: str) -> Sql:
        typed = dict.fromkeys(self.typed)
        decoded = "".join(f', "typed_{name}" AS (\n{_DECODED.format(variable=name)}\n)' for name in typed)
        return Sql(f"{_HEAD}{self.rows.sql}{_TAIL}{decoded}\n{select}", self.rows, columns)


def newest(rows: TextRows) -> Newest:
    """The newest of these rows, all of them until filtered."""
    return Newest(rows)
