"""What a statement over declared rows of text names that is not declared: the rows themselves, or a column of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from exporters.core.sql_rows import TextRows

_QUOTED = re.compile(r'"(\w+)"')
_MADE = re.compile(r'\bAS "(\w+)"|"(typed_\w+)" AS \(')
_STRING = re.compile(r"'[^']*'")
_MADE_OF = ("regexp_matches(", "unnest(")
"""Functions that give rows: of what was typed, of a list."""
_AFTER = re.compile(r"\b(?:FROM|JOIN)\s+([^\s(\"]\S*)")


def sql_problems(text: str, declared: Iterable[TextRows]) -> list[str]:
    """Nothing but declared rows is read, and of them nothing but their columns."""
    rows = next((one for one in declared if f"AS MATERIALIZED (\n{one.asked}\n)" in text), None)
    if rows is None:
        return ["reads no declared rows"]
    rest = _STRING.sub("''", text.replace(rows.asked, ""))
    problems = [
        f"reads {table}, beside {rows.name}" for table in _AFTER.findall(rest) if not table.startswith(_MADE_OF)
    ]
    columns = {column.name for column in rows.columns}
    # "examined" are the rows, "words" is what was typed, "default" a collation, "one" an element of a list.
    made = {match[1] or match[2] for match in _MADE.finditer(rest)} | {"examined", "words", "default", "each", "one"}
    has = ", ".join(column.name for column in rows.columns)
    strange = sorted(set(_QUOTED.findall(rest)) - columns - made)
    return problems + [f"{rows.name} has no column {name!r} (it has: {has})" for name in strange]


def unnamed_columns(texts: Iterable[str], declared: Iterable[TextRows]) -> list[str]:
    """Declared columns that no statement asks for."""
    asked = list(texts)
    problems = []
    for rows in declared:
        named = {name for text in asked if rows.asked in text for name in _QUOTED.findall(text.replace(rows.asked, ""))}
        problems += [f"{rows.name}: nobody asks for {c.name}" for c in rows.columns if c.name not in named]
    return problems
