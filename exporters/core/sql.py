"""SQL over rows of text that stay where they are: a dashboard names declared rows and columns, and cannot misspell one.

    newest(MEMORY_ROWS).chosen(category="category").contains("search", "words").table(["time", "words"], limit=200)
    newest(MEMORY_ROWS).options("category")       what a filter offers
    newest(STEPS).moments("lane", ["chat"])       one column per value, for a graph over time

Only a few of the newest rows are looked through, in one statement. What a person types reaches SQL percent-encoded,
that is, in letters, digits and %-_.~ alone, and is decoded there. Grafana's quoting (`sqlstring`) doubles single quotes
as it should, but leaves `$word(…)` to be taken for a macro of Grafana's (10.1 refuses the query), and newer ones put a
backslash before double quotes, which PostgreSQL would look for. Values chosen in a filter are hexadecimal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from exporters.core.errors import DeclarationError
from exporters.core.sql_rows import Column, TextRows

__all__ = ["ALL", "OPTIONS_AT_MOST", "Column", "Newest", "Sql", "TextRows", "newest"]

ALL = "''"
"""What a filter says for All: a value that no chosen one can have, quoted as SQL wants it."""

OPTIONS_AT_MOST = 200

_PLAIN = re.compile(r"[A-Za-z0-9_. -]+")
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
            f"({ALL} IN (${{{variable}:sqlstring}}) OR {self._one_of(name, f'${{{variable}:sqlstring}}')})"
            for name, variable in columns.items()
        ]
        return replace(self, filters=(*self.filters, *made))

    def only(self, **columns: str) -> Newest:
        """Only rows whose column has this very value: column=value."""
        made = [f"{self._text(name)} = '{_plain(value)}'" for name, value in columns.items()]
        return replace(self, filters=(*self.filters, *made))

    def table(
        self, columns: Sequence[str] = (), *, limit: int = 200, oldest_first: bool = False, before: str = ""
    ) -> Sql:
        """The rows, the newest first, or the oldest. columns: which of them; all if none are named.

        before: of rows of the same moment, the one with the greater value in this column comes first.
        """
        shown = [self.rows.column(name) for name in columns] or self.rows.columns
        listed = ", ".join(self._shown(column) for column in shown)
        ties = f', "{self.rows.column(before).name}" DESC' if before else ""
        order = f'ORDER BY "{self._when}" {"ASC" if oldest_first else "DESC NULLS LAST"}{ties} LIMIT {limit}'
        select = f'SELECT {listed} FROM "{_EXAMINED}"{self._where}\n{order}'  # noqa: S608 - declared names
        return self._statement(select, *(column.name for column in shown))

    def moments(self, by: str, values: Sequence[str], *, limit: int = 1000) -> Sql:
        """When rows with each of these values happened, the oldest first.

        One column per value: its place in the list, from 1 on, where the row has the value, else NULL.
        """
        named = [_plain(value) for value in values]
        made = [f"CASE WHEN {self._text(by)} = '{n}' THEN {place} END AS \"{n}\"" for place, n in enumerate(named, 1)]
        select = f'SELECT "{self._when}", {", ".join(made)} FROM "{_EXAMINED}"{self._where}'  # noqa: S608 - declared names
        return self._statement(f'{select}\nORDER BY "{self._when}" ASC LIMIT {limit}', self._when, *named)

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
        value, each = self._text(column), ""
        if self.rows.column(column).type == "list":
            value, each = '"one"', f' CROSS JOIN unnest("{column}") AS "each" ("one")'
        select = f'SELECT {value} AS "__text", {_key(value)} AS "__value" FROM "{_EXAMINED}"{each}'  # noqa: S608 - declared names
        most = f"GROUP BY 1, 2 ORDER BY count(*) DESC, 1 LIMIT {OPTIONS_AT_MOST}"
        return self._statement(f"{select}\nWHERE {value} <> '' {most}", "__text", "__value")

    @property
    def _where(self) -> str:
        return "\nWHERE " + "\n  AND ".join(self.filters) if self.filters else ""

    @property
    def _when(self) -> str:
        return next(column.name for column in self.rows.columns if column.type == "time")

    def _shown(self, column: Column) -> str:
        return f'{_joined(column.name)} AS "{column.name}"' if column.type == "list" else f'"{column.name}"'

    def _text(self, column: str) -> str:
        """The column as one text to look in."""
        match self.rows.column(column).type:
            case "text":
                return f'"{column}"'
            case "list":
                return _joined(column)
        msg = f"{self.rows.name}: column {column} is no text to look in"
        raise DeclarationError(msg)

    def _one_of(self, column: str, keys: str) -> str:
        if self.rows.column(column).type != "list":
            return f"{_key(self._text(column))} IN ({keys})"
        one = '"one"'
        return f'EXISTS (SELECT FROM unnest("{column}") AS "each" ({one}) WHERE {_key(one)} IN ({keys}))'

    def _statement(self, select: str, *columns: str) -> Sql:
        typed = dict.fromkeys(self.typed)
        decoded = "".join(f', "typed_{name}" AS (\n{_DECODED.format(variable=name)}\n)' for name in typed)
        return Sql(f"{_HEAD}{self.rows.asked}{_TAIL}{decoded}\n{select}", self.rows, columns)


def _key(text: str) -> str:
    """Any text as letters and digits, so that whatever it is it can stand in an address and in a statement."""
    return f"encode(convert_to({text}, 'UTF8'), 'hex')"


def _joined(column: str) -> str:
    return f"array_to_string(\"{column}\", ', ')"


def _plain(value: str) -> str:
    if not _PLAIN.fullmatch(value):
        msg = f"{value!r}: a value that a page names consists of letters, digits, blanks and _.-"
        raise DeclarationError(msg)
    return value


def newest(rows: TextRows) -> Newest:
    """The newest of these rows, all of them until filtered."""
    return Newest(rows)
