"""Flux made from declared measurements: what is refused at import, and what a real InfluxDB answers to the rest."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporters.core.errors import DeclarationError
from exporters.core.flux import Flux, events
from exporters.core.influx_setup import FOREVER, WantedBucket
from exporters.core.label import closed, opened
from exporters.core.line_protocol import encode
from exporters.core.measurement import Field, FieldValue, Measurement
from exporters.core.metric import Var
from exporters.demo import programs
from exporters.demo.influxdb import ORGANISATION, InfluxDB
from exporters.demo.loopback import request
from exporters.demo.ports import free_port
from tests.servers.fixtures import skip_without

LEVEL = closed("level", "How bad.", "info", "error")
WHO = opened("who", "Who said it.", 100)
STRANGER = closed("stranger", "Belongs to another measurement.", "a")
SAID = Measurement(
    "tiny",
    "tiny_said",
    "Something said.",
    (LEVEL, WHO),
    (
        Field("seconds", "float", "How long it took.", "seconds"),
        Field("words", "int", "How many words."),
        Field("spoken_text", "str", "The words."),
        Field("answer_text", "str", "The answer."),
    ),
    "text",
)

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a field it lacks": (lambda: events(SAID, "wrds"), "no field 'wrds'"),
    "a column it lacks": (lambda: events(SAID).table(["wrds"]), "no column 'wrds'"),
    "a tag it lacks": (lambda: events(SAID, "words").count(by=(STRANGER,)), "no tag 'stranger'"),
    "a condition on a tag it lacks": (lambda: events(SAID).where({STRANGER: "a"}), "no tag 'stranger'"),
    "a value outside the closed set": (lambda: events(SAID).where({LEVEL: "eror"}), r"no value 'eror' \(it has: info"),
    "a number made of two fields": (lambda: events(SAID, "words", "seconds").total("sum"), "exactly one field"),
    "a number made of all fields": (lambda: events(SAID).count(), "exactly one field"),
    "the mean of text": (lambda: events(SAID, "spoken_text").window("mean"), "is no number"),
    "the quantile of text": (lambda: events(SAID, "spoken_text").quantile(0.5), "is no number"),
    "a quantile that is none": (lambda: events(SAID, "words").quantile(50), "between 0 and 1"),
    "an aggregate nobody knows": (lambda: events(SAID, "words").window("avg"), "unknown aggregate 'avg'"),
    "a search in numbers": (lambda: events(SAID).contains("search", "words"), "no text to search in"),
    "the frequency of numbers": (lambda: events(SAID).frequent("words"), "no text"),
    "a pattern with a slash": (lambda: events(SAID).frequent("spoken_text", "a/b"), "slash"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(DeclarationError, match=message):
        make()


def test_the_bucket_is_the_measurements_own() -> None:
    made = events(SAID, "words").count()
    assert made.measurement is SAID
    assert made.text.startswith('from(bucket: "tiny_text")')


# What InfluxDB says to it. An event every two minutes, for ten minutes that begin at a full hour: windows begin there.

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
STOP = START + timedelta(minutes=10)
EVENTS = [
    ("info", "anna", 1.0, 3, "Good morning", "Hello, Anna"),
    ("error", "bert", 2.0, 1, "It [broke", ""),
    ("info", "anna", 3.0, 4, r"C:\temp is $full", "50 % {of it}"),
    ("info", "", 4.0, 2, 'say "cheese"', "a/b or c|d?"),
    ("error", "carl", 5.0, 5, "Good night", "(bye)"),
]
"""level, who (the fourth has no such tag), seconds, words, text, answer (the second has none)."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """A real InfluxDB that holds EVENTS."""
    skip_without("influxd")
    folder = tmp_path_factory.mktemp("influxdb")
    program = programs.need("influxd", package="none")
    with InfluxDB(program, folder / "server", free_port(), token_file=folder / "token") as server:
        server.make([WantedBucket(SAID.bucket, FOREVER)])
        lines = []
        for number, (level, who, seconds, words, text, answer) in enumerate(EVENTS):
            tags = {"deployment": "home", "level": level, **({"who": who} if who else {})}
            fields: dict[str, FieldValue] = {"seconds": seconds, "words": words, "spoken_text": text}
            if answer:
                fields["answer_text"] = answer
            at = START + timedelta(minutes=2 * number)
            lines.append(encode(SAID.name, tags, fields, round(at.timestamp() * 1e9)))
        answer_ = request(
            server.port,
            "/api/v2/write",
            method="POST",
            query={"org": ORGANISATION, "bucket": SAID.bucket},
            headers={"Authorization": f"Token {token(server)}"},
            body="\n".join(lines).encode(),
        )
        assert answer_.status == 204, answer_.text
        yield server


def token(server: InfluxDB) -> str:
    return Path(server.token_file).read_text().strip()


def as_grafana_escapes(typed: str) -> str:
    """Grafana's variable format `:regex` for one typed value."""
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", typed)


def asked(server: InfluxDB, flux: Flux, **variables: str) -> list[dict[str, str]]:
    """The rows of the answer. variables: already in the format the query asks for; `deployment` is All."""
    text = flux.text
    for name, value in {"deployment": ".*", **variables}.items():
        text = text.replace(f"${{{name}:regex}}", value)
    option = (
        f"option v = {{timeRangeStart: {START.isoformat()}, timeRangeStop: {STOP.isoformat()}, windowPeriod: 5m}}\n"
    )
    answer = request(
        server.port,
        "/api/v2/query",
        method="POST",
        query={"org": ORGANISATION},
        headers={"Authorization": f"Token {token(server)}", "Content-Type": "application/json"},
        body=json.dumps({"query": option + text, "type": "flux"}),
    )
    assert answer.status == 200, f"{answer.text}\n{text}"
    rows = []
    for table in answer.body.decode().replace("\r", "").split("\n\n"):
        rows += list(csv.DictReader(io.StringIO(table))) if table.strip() else []
    return rows


TEXT = ("spoken_text", "answer_text")


@pytest.mark.real_influxdb
class TestAnswers:
    """What a real InfluxDB answers."""

    def test_a_table_has_one_row_per_event_the_newest_first(self, stored: InfluxDB) -> None:
        rows = asked(stored, events(SAID).table(["level", "who", "words", "answer_text"]))
        assert [row["words"] for row in rows] == ["5", "2", "4", "1", "3"]
        assert [row["who"] for row in rows] == ["carl", "", "anna", "bert", "anna"]
        assert set(rows[0]) - {"", "result", "table"} == {"_time", "level", "who", "words", "answer_text"}

    def test_an_event_that_lacks_every_shown_field_has_its_row(self, stored: InfluxDB) -> None:
        assert len(asked(stored, events(SAID).table(["level", "answer_text"]))) == len(EVENTS)

    def test_a_table_is_limited_to_the_newest(self, stored: InfluxDB) -> None:
        assert [row["words"] for row in asked(stored, events(SAID).table(["words"], limit=2))] == ["5", "2"]

    def test_tags_choose_events(self, stored: InfluxDB) -> None:
        errors = events(SAID).where({LEVEL: "error"})
        assert [row["who"] for row in asked(stored, errors.table(["who"]))] == ["carl", "bert"]
        both = events(SAID).where({LEVEL: ("error", "info"), WHO: "anna"})
        assert len(asked(stored, both.table(["who"]))) == 2

    @pytest.mark.parametrize(
        ("chosen", "found"),
        [(".*", 5), ("anna", 2), ("(anna|bert)", 3), ("ann", 0), ("carl", 1)],
        ids=["all", "one", "several", "a part of a name", "another"],
    )
    def test_a_variable_chooses_events(self, stored: InfluxDB, chosen: str, found: int) -> None:
        """All keeps the event that has no such tag."""
        flux = events(SAID).where({WHO: Var("who")}).table(["who"])
        assert len(asked(stored, flux, who=chosen)) == found

    def test_events_are_counted_per_window_and_tag(self, stored: InfluxDB) -> None:
        rows = asked(stored, events(SAID, "words").count(by=(LEVEL,)))
        counted = [(row["level"], row["_value"]) for row in rows]
        assert counted == [("error", "1"), ("error", "1"), ("info", "2"), ("info", "1")]
        stamps = sorted({datetime.fromisoformat(row["_time"]) for row in rows})
        assert stamps == [START, START + timedelta(minutes=5)], "a window is stamped with its start"

    def test_a_window_without_an_event_counts_none(self, stored: InfluxDB) -> None:
        rows = asked(stored, events(SAID, "words").count(every="1m"))
        assert [row["_value"] for row in rows] == ["1", "0"] * 5

    def test_numbers_are_aggregated(self, stored: InfluxDB) -> None:
        def total(function: str, *by: object) -> dict[str, float]:
            rows = asked(stored, events(SAID, "seconds").total(function, by=by))  # type: ignore[arg-type]
            return {row.get("level", ""): float(row["_value"]) for row in rows}

        assert total("sum") == {"": 15.0}
        assert total("mean", LEVEL) == {"error": 3.5, "info": pytest.approx(8 / 3)}
        assert total("max", LEVEL) == {"error": 5.0, "info": 4.0}
        assert list(total("count", LEVEL)) == ["info", "error"], "the largest first"

    def test_a_total_can_be_named(self, stored: InfluxDB) -> None:
        rows = asked(stored, events(SAID, "words").total("sum", by=(LEVEL,), name="Words said"))
        assert {row["level"]: row["Words said"] for row in rows} == {"info": "9", "error": "6"}

    def test_windows_take_every_aggregate(self, stored: InfluxDB) -> None:
        for function in ("sum", "mean", "min", "max", "median", "spread", "count", "first", "last"):
            rows = asked(stored, events(SAID, "seconds").window(function, every="1h"))
            assert len(rows) == 1, function

    def test_the_last_is_the_last_of_all_series_together(self, stored: InfluxDB) -> None:
        for function, words in (("last", "5"), ("first", "3")):
            (row,) = asked(stored, events(SAID, "words").window(function, every="1h"))
            assert row["_value"] == words

    def test_the_quantile_is_exact(self, stored: InfluxDB) -> None:
        (row,) = asked(stored, events(SAID, "seconds").quantile(0.5, every="1h"))
        assert float(row["_value"]) == 3.0
        (row,) = asked(stored, events(SAID, "seconds").quantile(0.875, every="1h"))
        assert float(row["_value"]) == 4.5

    def test_frequent_texts_are_counted(self, stored: InfluxDB) -> None:
        rows = asked(stored, events(SAID).frequent("spoken_text"))
        assert [row["_value"] for row in rows] == ["1"] * len(EVENTS)
        rows = asked(stored, events(SAID).frequent("spoken_text", "^good"))
        assert sorted(row["spoken_text"] for row in rows) == ["Good morning", "Good night"]

    @pytest.mark.parametrize(
        "typed",
        [
            *("", "good", "GOOD", "morning", "no such words", "C:\\temp is $full", "\\temp", "{of it}", "a/b", "c|d?"),
            *("${x}", *'[()\\/$^"|*?%.{+'),
        ],
    )
    def test_a_search_finds_the_words_as_they_stand(self, stored: InfluxDB, typed: str) -> None:
        flux = events(SAID).contains("search", *TEXT).table(["spoken_text", "answer_text"])
        found = {row["spoken_text"] for row in asked(stored, flux, search=as_grafana_escapes(typed))}
        assert found == {e[4] for e in EVENTS if typed.lower() in e[4].lower() or typed.lower() in e[5].lower()}

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(typed=st.text(st.characters(blacklist_categories=["Cs", "Cc"], max_codepoint=0x2FFF), max_size=12))
    def test_nothing_a_person_types_breaks_a_search(self, stored: InfluxDB, typed: str) -> None:
        flux = events(SAID).contains("search", *TEXT).table(["spoken_text"])
        asked(stored, flux, search=as_grafana_escapes(typed))

    def test_a_search_can_be_counted(self, stored: InfluxDB) -> None:
        flux = events(SAID, "words").contains("search", *TEXT).count(by=(LEVEL,))
        rows = asked(stored, flux, search="good")
        assert sum(int(row["_value"]) for row in rows) == 2
        total = events(SAID, "words").contains("search", *TEXT).total("sum")
        assert [row["_value"] for row in asked(stored, total, search="good")] == ["8"]

    def test_nothing_is_no_error(self, stored: InfluxDB) -> None:
        nobody = events(SAID).where({WHO: Var("who")})
        for flux in (
            nobody.table(),
            nobody.contains("search", *TEXT).table(),
            nobody.frequent("spoken_text"),
            events(SAID, "words").where({WHO: Var("who")}).total("sum", by=(LEVEL,)),
        ):
            assert asked(stored, flux, who="nobody", search="x") == []
