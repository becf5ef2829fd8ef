"""Memories word for word: one statement for every shape of the table, by an account that may read that and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporters.core.sql import ALL, Newest, Sql, newest
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.her import sql_grants
from exporters.her.simulate_memory import Tables
from exporters.her.sql_texts import LARGEST_READ, LONGEST, MEMORY_ROWS, NEWEST
from tests.her.database import NOW

README = (Path(__file__).parents[2] / "exporters" / "her" / "README.md").read_text()
PASSWORD = "ANOTHER-LONG-PASSWORD"
FOUND = newest(MEMORY_ROWS).chosen(owner="owner", category="category").contains("search", "words")
Row = tuple[Any, ...]


def as_grafana(asked: Sql, search: str = "", **chosen: str) -> str:
    """The statement as Grafana's browser side fills it in. chosen: by variable, the text of a value of its filter."""
    text = asked.text.replace("${search:percentencode}", quote(search, safe=""))
    for variable in ("owner", "category"):
        value = f"'{chosen[variable].encode().hex()}'" if variable in chosen else ALL
        text = text.replace(f"${{{variable}:sqlstring}}", value)
    assert "$" not in text.replace("$'", "")
    return text


class House:
    """HER's side (`tables`, `owner`) and the reader's (`reader`), in a database of their own."""

    def __init__(self, server: Postgres, name: str, account: str = "reader") -> None:
        self.server = server
        self.name = name
        self.account = account
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}".encode())
        self.owner: psycopg.Connection[Any] = psycopg.connect(server.dsn(name), autocommit=True)
        self.tables = Tables(self.owner, seed=5, clock=lambda: NOW)
        self.reader: psycopg.Connection[Any] | None = None

    def admit(self, shape: str) -> None:
        """The reader, as the README has it."""
        self.owner.execute(sql_grants.reader(shape, self.account).encode())

    def ask(self, asked: Sql, search: str = "", **chosen: str) -> list[Row]:
        if self.reader is None:
            words = f"host=127.0.0.1 port={self.server.port} user={self.account} dbname={self.name} password={PASSWORD}"
            self.reader = psycopg.connect(words, autocommit=True)
        return self.reader.execute(as_grafana(asked, search, **chosen).encode()).fetchall()

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
        self.owner.execute(f"DROP OWNED BY {self.account}".encode())
        self.owner.close()
        with psycopg.connect(self.server.dsn(), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {self.name} WITH (FORCE)".encode())
            admin.execute(f"DROP ROLE {self.account}".encode())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("postgres")
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with Postgres(folder / "data", free_port(), password_file=folder / "password", settings=quick) as running:
        yield running


@pytest.fixture
def house(server: Postgres) -> Iterator[House]:
    with closing(House(server, "her")) as made:
        yield made


def fill(house: House, shape: str) -> None:
    """Memories in this shape, and the reader admitted to it."""
    if shape == "legacy":
        house.tables.older_memory(40)
    elif shape != "none":
        house.tables.start_memory()
        house.tables.backfill(20)
        if shape == "hybrid":
            house.tables.hybrid_memory()
    if shape == "none":
        house.owner.execute(sql_grants.reader("mem0").split("GRANT SELECT")[0].encode())
    else:
        house.admit(shape)


PAYLOAD = """payload ->> 'user_id', payload ->> 'category', (payload ->> 'importance')::float8, payload ->> 'data',
             (payload ->> 'created_at')::timestamptz"""
PLAIN = {
    "mem0": f"SELECT {PAYLOAD}, 'payload' FROM memories",  # noqa: S608
    "legacy": """SELECT user_id, coalesce(category, 'uncategorized'), importance_score::numeric::float8, memory_text,
                        created_at, 'columns' FROM memories""",
    "hybrid": f"""SELECT {PAYLOAD}, 'payload' FROM memories WHERE payload IS NOT NULL UNION ALL
                  SELECT user_id, category, importance_score::numeric::float8, memory_text, created_at, 'columns'
                  FROM memories WHERE payload IS NULL""",  # noqa: S608
}


@pytest.mark.parametrize("shape", PLAIN)
def test_every_shape_shows_what_is_in_it(house: House, shape: str) -> None:
    fill(house, shape)
    asked = newest(MEMORY_ROWS).table(["owner", "category", "importance", "words", "time", "kept_as"], limit=NEWEST)
    found = house.ask(asked)
    assert len(found) > 30
    assert sorted(found, key=repr) == sorted(house.owner.execute(PLAIN[shape].encode()).fetchall(), key=repr)
    assert [row[4] for row in found] == sorted((row[4] for row in found), reverse=True), "the newest first"


def test_no_table_is_a_shape_too(house: House) -> None:
    fill(house, "none")
    assert house.ask(FOUND.table()) == []
    assert house.ask(FOUND.count()) == [(0, 0)]
    assert house.ask(FOUND.options("category")) == []


@pytest.mark.parametrize("shape", ["mem0", "hybrid"])
def test_a_malformed_payload_stops_nothing(house: House, shape: str) -> None:
    fill(house, shape)
    ((before, _),) = house.ask(FOUND.count())
    odd = house.tables.malformed()
    house.tables.remember_raw({"data": {"not": "a text"}, "metadata": [1], "created_at": "2026-02-22T01:00:00-99:00"})
    house.tables.remember_raw({"memory": "an older key", "created_at": "2024-02-29T23:59:59.999999999+05:30"})
    house.tables.remember_raw({"text": "an even older key \u0001 <&>\ufffe", "importance": 1.0})
    assert house.ask(FOUND.count()) == [(before + odd + 3, before + odd + 3)]
    rows = house.ask(newest(MEMORY_ROWS).table(limit=NEWEST))
    at = next(row[0] for row in rows if row[4] == "an older key")
    assert at == datetime(2024, 2, 29, 18, 30, tzinfo=UTC)
    assert "an even older key \u0001 <&>\ufffe" in {row[4] for row in rows}
    assert {row[5] for row in rows if row[4] == '{"not": "a text"}'} == {"neither" if shape == "none" else "payload"}
    # None of the malformed has a time that can be read: all stand after those that have one.
    times = [row[0] for row in rows]
    assert times.count(None) == odd + 2
    assert None not in times[: len(times) - odd - 2]
    assert all(row[3] is None or 0 <= row[3] <= 1 for row in rows)
    assert not [at for at in times if at and at.year > datetime.now(UTC).year + 1]


def test_a_table_with_a_payload_of_another_kind_stops_nothing(house: House) -> None:
    house.owner.execute("CREATE TABLE memories (id int, payload json)")
    house.owner.execute(r"""INSERT INTO memories VALUES (1, '{"data": "a \u0000 that no text can hold"}')""")
    house.admit("mem0")
    assert house.ask(newest(MEMORY_ROWS).table(["words", "kept_as"])) == [(None, "neither")]


def test_another_name_of_the_table_belongs_to_the_account(house: House) -> None:
    house.owner.execute('CREATE TABLE "Her\'s Memories" (payload jsonb)')
    house.owner.execute("""INSERT INTO "Her's Memories" VALUES ('{"data": "elsewhere"}')""")
    fill(house, "none")
    house.owner.execute("""GRANT SELECT (payload, ctid) ON "Her's Memories" TO reader""")
    house.owner.execute("""ALTER ROLE reader SET her.memories = '"Her''s Memories"'""")
    assert house.ask(newest(MEMORY_ROWS).table(["words"])) == [("elsewhere",)]


def test_a_long_table_is_read_at_its_end_and_says_how_far(house: House) -> None:
    house.tables.start_memory()
    house.owner.execute(
        """INSERT INTO memories SELECT gen_random_uuid(), NULL, jsonb_build_object('data', n || repeat(' word', 500),
           'created_at', to_char(now() - n * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS+00:00'))
           FROM generate_series(%s, 1, -1) AS numbers (n)""",
        (2 * LARGEST_READ // 2000,),
    )
    # As they are, not squeezed: a table of this size in a moment.
    house.owner.execute("ALTER TABLE memories ALTER payload SET STORAGE EXTERNAL")
    house.admit("mem0")
    assert house.ask(FOUND.count("found", "examined")) == [(NEWEST, NEWEST)]
    rows = house.ask(newest(MEMORY_ROWS).table(["words"], limit=3))
    assert [text.split()[0] for (text,) in rows] == ["1", "2", "3"]
    assert {len(text) for (text,) in rows} == {LONGEST}


# Searching.

ODD = (
    "100% sure", "under_score", "it's", '"quoted"', "back\\slash", "'; DROP TABLE memories; --", "$1(x) $__time(y)",
    "${z} $z", "Große Köchin İda", "a\tb\nc", "%41 + %", "''", "\\' OR 1=1", "日本語 🌱", "-- comment", "/* */",
    "$$;", "?:{}[[x]]",
)  # fmt: skip


def asked_for(house: House, search: str) -> set[str]:
    return {text for (text,) in house.ask(FOUND.table(["words"]), search)}


@pytest.fixture(scope="module")
def odd(server: Postgres) -> Iterator[House]:
    """Memories of every odd sign, and one more."""
    with closing(House(server, "odd", "searcher")) as made:
        made.tables.start_memory()
        for text in (*ODD, "plain"):
            made.tables.remember_raw({"data": text, "user_id": 'it\'s "me" $x(y)', "category": text})
        made.admit("mem0")
        yield made


@pytest.mark.parametrize("text", ODD)
def test_what_is_typed_stands_for_itself(odd: House, text: str) -> None:
    assert text in asked_for(odd, text)
    assert text in asked_for(odd, text[1:].swapcase() if text.isascii() else text[1:])
    assert "plain" not in asked_for(odd, text)


@pytest.mark.parametrize("typed", ["GROßE KÖCHIN", "große köchin", "KÖCH", "öCHIN"])
def test_capitals_do_not_matter_beyond_ascii_either(odd: House, typed: str) -> None:
    assert asked_for(odd, typed) == {"Große Köchin İda"}


@pytest.mark.parametrize(("sign", "expected"), [("%", 2), ("_", 2), ("\\", 2), ("'", 4), ("", len(ODD) + 1)])
def test_no_sign_is_a_pattern(odd: House, sign: str, expected: int) -> None:
    assert len(asked_for(odd, sign)) == len([text for text in (*ODD, "plain") if sign in text])
    assert len(asked_for(odd, sign)) >= expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
@example("'")
@example("''; SELECT pg_sleep(9); --")
@example("%00\x00")
@example("$user('x')")
def test_whatever_is_typed_is_looked_for_and_nothing_else_happens(odd: House, typed: str) -> None:
    found = odd.ask(FOUND.count(), typed)
    assert found == [(len(asked_for(odd, typed)), len(ODD) + 1)]
    (back,) = odd.ask(_typed(), typed)
    # No text of PostgreSQL holds a NUL.
    assert back == (typed.replace("\0", ""),)


def _typed() -> Sql:
    """What the statement understood."""
    counted = FOUND.count()
    head = counted.text.rpartition("\nSELECT")[0]
    return Sql(f'{head}\nSELECT "words" FROM "typed_search"', counted.rows, ("words",))


def test_a_filter_offers_what_there_is_and_takes_it_back(odd: House) -> None:
    offered = odd.ask(FOUND.options("category"))
    assert {text for text, _ in offered} == {*ODD, "plain"}
    for text, value in offered:
        assert value == text.encode().hex()
        assert odd.ask(FOUND.table(["words"]), category=text) == [(text,)]
    ((owner, _),) = odd.ask(FOUND.options("owner"))
    assert len(odd.ask(FOUND.table(["words"]), owner=owner)) == len(ODD) + 1
    assert odd.ask(FOUND.table(["words"]), owner="somebody else") == []


def test_totals_are_of_what_is_found(house: House) -> None:
    fill(house, "hybrid")
    narrowed: Newest = newest(MEMORY_ROWS).contains("search", "words")
    totals: dict[str, int] = dict(house.ask(narrowed.totals("kept_as"), "onions"))
    ((found, examined),) = house.ask(narrowed.count(), "onions")
    assert sum(totals.values()) == found < examined
    assert sum(dict(house.ask(narrowed.totals("category"), "onions")).values()) == found


# Who may.


def test_the_readme_shows_these_very_commands() -> None:
    for line in sql_grants.reader("mem0").splitlines():
        assert line in README
    for columns in sql_grants.MEMORY_TEXTS.values():
        assert sql_grants.grants({"memories": columns}, "reader").strip() in README


@pytest.mark.parametrize("shape", sql_grants.MEMORY_TEXTS)
def test_the_reader_can_read_one_table_and_do_nothing(house: House, shape: str) -> None:
    house.tables.create()
    fill(house, shape)
    house.ask(FOUND.table())
    assert house.reader is not None
    readable = house.owner.execute(
        """SELECT relname, attname FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
           WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND NOT attisdropped
           AND has_column_privilege('reader', c.oid, attnum, 'SELECT')"""
    ).fetchall()
    assert set(readable) == {("memories", name) for name in sql_grants.MEMORY_TEXTS[shape]}
    assert set(sql_grants.MEMORY_TEXTS[shape]) <= set(MEMORY_ROWS.reads)
    for forbidden in ("SELECT * FROM users", "SELECT * FROM memories", "SELECT vector FROM memories"):
        with pytest.raises(psycopg.Error, match=r"permission denied|does not exist"):
            house.reader.execute(forbidden.encode())
    column = sql_grants.MEMORY_TEXTS[shape][0]
    for change in (
        "DELETE FROM memories",
        f"UPDATE memories SET {column} = NULL",  # noqa: S608
        "TRUNCATE memories",
        "CREATE TABLE t ()",
    ):
        for mode in ("on", "off"):
            house.reader.execute(f"SET default_transaction_read_only = {mode}".encode())
            with pytest.raises(psycopg.Error, match=r"permission denied|read-only"):
                house.reader.execute(change.encode())


def test_the_reader_is_bounded(house: House) -> None:
    fill(house, "mem0")
    house.ask(FOUND.count())
    assert house.reader is not None
    for name, value in sql_grants.READER_BOUNDS.items():
        assert house.reader.execute(f"SHOW {name}".encode()).fetchone() == (value,)
    house.reader.execute("SET statement_timeout = '50ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        house.reader.execute("SELECT pg_sleep(5)")
    limit = house.owner.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'reader'").fetchone()
    assert limit == (5,)


@pytest.mark.parametrize("shape", ["mem0", "legacy", "hybrid"])
def test_the_exporters_account_cannot_read_a_text(house: House, shape: str) -> None:
    """With the view, which the README offers for this: the numbers need none of it."""
    house.tables.create()
    fill(house, shape)
    house.owner.execute("CREATE ROLE observer LOGIN PASSWORD 'x'")
    house.owner.execute("GRANT USAGE ON SCHEMA public TO observer")
    house.owner.execute(sql_grants.grants().encode())
    try:
        if shape == "legacy":
            house.owner.execute(sql_grants.grants({"memories": sql_grants.LEGACY_MEMORIES}).encode())
        else:
            house.owner.execute(sql_grants.FACTS_VIEW.encode())
        words = f"host=127.0.0.1 port={house.server.port} user=observer dbname={house.name} password=x"
        with psycopg.connect(words, autocommit=True) as observer:
            for column in ("memory_text", "payload", "metadata", "to_jsonb(memories)"):
                with pytest.raises(psycopg.Error, match=r"permission denied|does not exist"):
                    observer.execute(f"SELECT {column} FROM memories".encode())  # noqa: S608
            if shape != "legacy":
                facts = observer.execute("SELECT * FROM her_memory_facts").fetchall()
                assert facts
                assert "onions" not in repr(facts)
            with pytest.raises(psycopg.Error, match="permission denied"):
                observer.execute(as_grafana(FOUND.table()).encode())
    finally:
        house.owner.execute("DROP OWNED BY observer; DROP ROLE observer")
