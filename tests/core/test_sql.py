"""SQL over declared rows: what is not declared cannot be asked for; what Grafana would replace cannot be declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exporters.core.catalog_sql import sql_problems, unnamed_columns
from exporters.core.errors import DeclarationError
from exporters.core.sql import Column, Newest, Sql, TextRows, newest

COLUMNS = (Column("at", "time", "When."), Column("words", "text", "What."), Column("n", "number", "How many."))


def rows(**changed: Any) -> TextRows:
    given: dict[str, Any] = {"system": "x", "name": "x_rows", "help": "Rows.", "columns": COLUMNS, "sql": "SELECT 1"}
    return TextRows(**{**given, "at_most": 5, "reads": ("words",), **changed})


ROWS = rows()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "y_rows"}, "starts with x_"),
        ({"help": "Rows"}, "full stop"),
        ({"columns": (*COLUMNS, COLUMNS[1])}, "each there once"),
        ({"columns": COLUMNS[1:]}, "one column says when"),
        ({"sql": "SELECT $__time(at)"}, r"Grafana would replace '\$__time'"),
        ({"sql": "SELECT '${x}'"}, "Grafana would replace"),
        ({"sql": "SELECT '[[x]]'"}, "Grafana would replace"),
        ({"ids": ("user",)}, "no <user> in its statement"),
    ],
)
def test_rows_refuse_to_be_wrong(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        rows(**changed)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: newest(ROWS).table(["wrods"]),
        lambda: newest(ROWS).totals("wrods"),
        lambda: newest(ROWS).contains("search", "wrods"),
        lambda: newest(ROWS).chosen(wrods="v"),
        lambda: newest(ROWS).options("wrods"),
    ],
)
def test_a_column_that_is_not_there_cannot_be_asked_for(asked: Callable[[], object]) -> None:
    with pytest.raises(DeclarationError, match="no column 'wrods' \\(it has: at, words, n\\)"):
        asked()


@pytest.mark.parametrize("asked", [lambda: newest(ROWS).contains("s", "n"), lambda: newest(ROWS).options("at")])
def test_only_a_text_is_looked_in(asked: Callable[[], object]) -> None:
    with pytest.raises(DeclarationError, match="is no text"):
        asked()


FOUND: Newest = newest(ROWS).chosen(words="w").contains("search", "words")


@pytest.mark.parametrize(
    "text", [FOUND.table().text, FOUND.count().text, FOUND.totals("words").text, FOUND.options("words").text]
)
def test_what_is_made_is_declared(text: str) -> None:
    assert sql_problems(text, [rows(name="x_other", sql="SELECT 2"), ROWS]) == []


def test_what_is_not_declared_is_found() -> None:
    made = FOUND.table(["words"]).text
    assert sql_problems("SELECT 1", [ROWS]) == ["reads no declared rows"]
    assert sql_problems(made, []) == ["reads no declared rows"]
    assert sql_problems(made.replace('"words" FROM', '"wrods" FROM'), [ROWS]) == [
        "x_rows has no column 'wrods' (it has: at, words, n)"
    ]
    assert sql_problems(made + " UNION SELECT x FROM users", [ROWS]) == ["reads users, beside x_rows"]  # noqa: S608


def test_a_column_nobody_asks_for_is_found() -> None:
    assert unnamed_columns([FOUND.table(["words"]).text], [ROWS]) == ["x_rows: nobody asks for n"]
    assert unnamed_columns([newest(ROWS).table().text], [ROWS]) == []


LISTS = rows(
    name="x_lists",
    columns=(*COLUMNS, Column("tags", "list", "Words."), Column("seen", "moment", "When else.")),
    sql="SELECT 3 WHERE at >= <from> AND at <= <to> AND NOT <user?> OR owner = <user> AND 1 < 2",
    ids=("user",),
)


def test_a_statement_names_the_range_and_an_id_by_placeholders() -> None:
    assert LISTS.timed
    assert not ROWS.timed
    assert ROWS.asked == ROWS.sql
    assert LISTS.asked.startswith(
        "SELECT 3 WHERE at >= $__timeFrom() AND at <= $__timeTo() AND NOT ('${user:percentencode}' !~ '^(?:%20)*$')"
        " OR owner = substring(lower('${user:percentencode}')"
    )
    assert LISTS.asked.endswith("::uuid AND 1 < 2")


EVERYTHING: Newest = newest(LISTS).chosen(tags="t", words="w").contains("search", "words", "tags")


@pytest.mark.parametrize(
    "asked",
    [
        EVERYTHING.table(oldest_first=True, before="words"),
        EVERYTHING.only(words="so it is").count(),
        EVERYTHING.options("tags"),
        EVERYTHING.moments("words", ["chat", "error"]),
    ],
)
def test_lists_and_moments_are_declared_too(asked: Sql) -> None:
    assert sql_problems(asked.text, [ROWS, LISTS]) == []
    assert sql_problems(asked.text.replace('FROM "examined"', "FROM users"), [LISTS]) == ["reads users, beside x_lists"]


def test_an_order_is_what_was_asked_for() -> None:
    assert EVERYTHING.table(limit=7).text.endswith('ORDER BY "at" DESC NULLS LAST LIMIT 7')
    assert EVERYTHING.table(oldest_first=True, before="n").text.endswith('ORDER BY "at" ASC, "n" DESC LIMIT 200')


def test_moments_have_a_column_for_each_value() -> None:
    made = newest(LISTS).moments("words", ["chat", "error"])
    assert made.columns == ("at", "chat", "error")
    assert """CASE WHEN "words" = 'error' THEN 2 END AS "error\"""" in made.text


@pytest.mark.parametrize("value", ["it's", "", 'a"b', "$x", "a;b"])
def test_a_value_that_a_page_names_is_a_plain_word(value: str) -> None:
    for asked in (lambda: newest(LISTS).only(words=value), lambda: newest(LISTS).moments("words", [value])):
        with pytest.raises(DeclarationError, match="consists of letters"):
            asked()
