"""Ratings, annotations and what is learned: the probes show what SQL says, in two databases and in one."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporters.core.contract import Probe, Sample
from exporters.core.errors import SourceDown, StreamError
from exporters.demo.postgres import Postgres
from exporters.readers.postgres_account import log_in
from exporters.readers.postgres_client import close
from exporters.sigmasight import probes_intervals
from exporters.sigmasight import tuning_metrics as m
from exporters.sigmasight.probes_system import ai_probes
from exporters.sigmasight.simulate_tuning import annotate, rate
from exporters.sigmasight.tuning_source import AT_ONCE, look_up, ratings_source
from tests.sigmasight.databases import Databases
from tests.sigmasight.houses import House
from tests.sigmasight.reference import Reference
from tests.sigmasight.watching import Numbers, collected, numbers

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module", params=["two databases", "one database"])
def lived(
    request: pytest.FixtureRequest, sigmasight_postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Some days with every odd row; tests may add to them."""
    with (
        Databases(sigmasight_postgres, single=request.param == "one database") as databases,
        closing(House(databases, tmp_path_factory.mktemp("lived"))) as house,
    ):
        house.sigma.found()
        house.sigma.backfill(4)
        house.sigma.edges(datetime.now(UTC))
        yield house


def of_ai(house: House, name: str, now: datetime | None = None) -> list[Sample]:
    probes: dict[str, Probe[Any]] = {probe.name: probe for probe in ai_probes(probes_intervals.INTERVALS.__getitem__)}
    connection = log_in(house.settings().ai_database)
    try:
        return collected(probes[name], connection, now or datetime.now(UTC))
    finally:
        close(connection)


def of_both(house: House) -> list[Sample]:
    source = ratings_source(house.settings(), probes_intervals.INTERVALS.__getitem__)
    pair = source.connect()
    try:
        return collected(source.probes[0], pair, datetime.now(UTC))
    finally:
        source.close(pair)


def in_ai(house: House, query: str) -> Numbers:
    rows = house.databases.rows(query, half="ai")
    return {tuple(map(str, labels)): float(number) for *labels, number in rows}


def nonzero(found: Numbers) -> Numbers:
    return {labels: number for labels, number in found.items() if number}


RATING = "CASE WHEN rating IN ('up', 'down') THEN rating ELSE 'other' END"


def test_ratings_are_what_the_back_end_counts(lived: House) -> None:
    samples = of_ai(lived, "ratings")
    assert numbers(samples, m.FEEDBACK) == in_ai(lived, f"SELECT {RATING}, count(*) FROM ai_feedback GROUP BY 1")
    reference = Reference(lived.databases.core, lived.databases.ai, datetime.now(UTC))
    ever = reference.one("feedback_all_time")
    null = reference.one("knowledge_feedback", days=10_000)
    assert numbers(samples, m.FEEDBACK_WITH) == {
        ("edit", "not_null"): null["with_edits"],
        ("comment", "not_null"): null["with_comments"],
        ("edit", "not_empty"): ever["with_edits"],
        ("comment", "not_empty"): ever["with_comments"],
    }
    assert null["with_edits"] > ever["with_edits"], "texts of no characters make the difference"


def test_a_changed_rating_is_one_rating(lived: House) -> None:
    person = next(person for person in lived.sigma.company.people.users if person.answers)
    message = person.answers[-1]
    if message in person.rated:
        lived.sigma.pen.delete("ai_feedback", person.rated.pop(message))
    pen = lived.sigma.pen
    before = numbers(of_ai(lived, "ratings"), m.FEEDBACK)
    modes = sum(numbers(of_both(lived), m.BY_MODE).values())
    rate(pen, person, message, "up", edited=None, comment=None)
    rate(pen, person, message, "down", edited=None, comment=None)
    after = numbers(of_ai(lived, "ratings"), m.FEEDBACK)
    assert (after["up",], after["down",]) == (before["up",], before["down",] + 1)
    assert sum(numbers(of_both(lived), m.BY_MODE).values()) == modes + 1


def test_ratings_by_model_and_mode_are_what_a_join_says(lived: House) -> None:
    samples = of_both(lived)
    ratings = lived.databases.rows(f"SELECT message_id, {RATING} FROM ai_feedback", half="ai")
    newest = dict(lived.databases.rows("SELECT message_id, model FROM ai_request_metrics ORDER BY created_at, id DESC"))
    times = dict(
        lived.databases.rows("SELECT message_id, total_latency_ms FROM ai_request_metrics ORDER BY created_at, id DESC")
    )
    modes = dict(
        lived.databases.rows(
            "SELECT m.id, mode FROM agent_messages m JOIN agent_conversations c ON c.id = conversation_id"
        )
    )
    by_model = Counter((rating, newest[message]) for message, rating in ratings if message in newest)
    by_mode = Counter((rating, modes[message]) for message, rating in ratings if message in modes)
    assert numbers(samples, m.BY_MODEL) == by_model
    assert nonzero(numbers(samples, m.BY_MODE)) == by_mode
    assert by_model
    assert by_mode
    orphans = numbers(samples, m.ORPHANS)
    assert orphans["request",] == sum(message not in newest for message, _ in ratings) > 0
    assert orphans["message",] == sum(message not in modes for message, _ in ratings) > 0
    for (rating,), seconds in numbers(samples, m.ANSWER_SECONDS).items():
        took = [times[msg] for msg, given in ratings if given == rating and times.get(msg) is not None]
        assert seconds == pytest.approx(sum(took) / len(took) / 1000)


def test_more_messages_than_one_statement_asks_for(lived: House) -> None:
    known = [str(key) for (key,) in lived.databases.rows("SELECT message_id FROM ai_request_metrics LIMIT 5")]
    invented = [f"00000000-0000-0000-0000-{number:012d}" for number in range(2 * AT_ONCE)]
    connection = log_in(lived.settings().core)
    try:
        found = look_up(connection, [*known, *invented])
    finally:
        close(connection)
    assert {message for message, answer in found.items() if answer.model} == set(known)
    assert len(found) == len(set(known)) + len(invented)


def test_a_database_that_is_away_leaves_no_connection_behind(lived: House) -> None:
    settings = lived.settings(ai=lived.address("ai", dbname="nowhere"))
    with pytest.raises(SourceDown):
        ratings_source(settings, probes_intervals.INTERVALS.__getitem__).connect()
    open_ones = lived.databases.number(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'observer'"
        " AND state <> 'idle'"
    )
    assert open_ones == 0


def test_annotations_are_what_sql_counts(lived: House) -> None:
    now = datetime.now(UTC)
    samples = of_ai(lived, "annotations", now)
    status = "CASE WHEN status IN ('pending', 'reviewed', 'applied') THEN status ELSE 'other' END"
    kind = (
        "CASE WHEN annotation_type IN ('correction', 'improvement', 'flag', 'approved')"
        " THEN annotation_type ELSE 'other' END"
    )
    severity = (
        "CASE WHEN severity IS NULL THEN 'none' WHEN severity IN ('minor', 'moderate', 'critical')"
        " THEN severity ELSE 'other' END"
    )
    suggestion = "CASE WHEN suggested_response IS NULL THEN 'no' ELSE 'yes' END"
    for metric, column in ((m.ANNOTATIONS, kind), (m.BY_SEVERITY, severity), (m.BY_SUGGESTION, suggestion)):
        expected = in_ai(lived, f"SELECT {column}, {status}, count(*) FROM ai_admin_annotations GROUP BY 1, 2")
        assert nonzero(numbers(samples, metric)) == expected
        assert len(expected) > 1
    assert ("other", "pending") in numbers(samples, m.BY_SEVERITY), "no characters is not NULL"
    tags = in_ai(
        lived,
        """SELECT tag, count(DISTINCT a.id) FROM ai_admin_annotations AS a CROSS JOIN LATERAL jsonb_array_elements_text(
           CASE WHEN jsonb_typeof(tags) = 'array' THEN tags ELSE '[]' END) AS tag GROUP BY 1""",
    )
    assert numbers(samples, m.BY_TAG) == tags
    assert sum(numbers(samples, m.QUEUE).values()) == sum(
        number for (_, shown), number in numbers(samples, m.ANNOTATIONS).items() if shown == "pending"
    )
    over = "SELECT count(*) FROM ai_admin_annotations WHERE status = 'pending' AND created_at <= %(edge)s"
    edge = {"edge": now - timedelta(days=30)}
    assert numbers(samples, m.QUEUE)["over-30d",] == lived.databases.number(over, edge, half="ai") > 0
    assert numbers(samples, m.OLDEST_PENDING)[()] == float(
        lived.databases.number(
            "SELECT extract(epoch FROM min(created_at)) FROM ai_admin_annotations WHERE status = 'pending'", half="ai"
        )
    )


def test_tags_that_are_sentences_or_too_many_are_other(house: House) -> None:
    house.sigma.found()
    pen, people = house.sigma.pen, house.sigma.company.people
    words = ["call me at home, please", "x" * 90, *(f"tag-{chr(97 + n)}" for n in range(26))]
    for word in words:
        key = annotate(pen, people, pen.new_id())
        house.databases.ai.execute(
            "UPDATE ai_admin_annotations SET tags = jsonb_build_array(%s::text) WHERE id = %s", [word, key]
        )
    tags = numbers(of_ai(house, "annotations"), m.BY_TAG)
    assert len(tags) <= 21
    assert tags["other",] >= 2
    assert not [tag for (tag,) in tags if " " in tag or len(tag) > 64]


def test_what_is_learned(lived: House) -> None:
    now = datetime.now(UTC)
    samples = of_ai(lived, "learning", now)
    reference = Reference(lived.databases.core, lived.databases.ai, now)
    assert numbers(samples, m.MEMORY_USERS)[()] == reference.one("memories")["users"] > 0
    made = in_ai(
        lived,
        """SELECT CASE WHEN scope IN ('global', 'feedback:positive_example') THEN scope ELSE 'other' END, '7d', count(*)
           FROM ai_kb_documents WHERE created_at >= now() - interval '7 days' GROUP BY 1""",
    )
    assert {labels: n for labels, n in numbers(samples, m.DOCUMENTS_MADE).items() if n and labels[1] == "7d"} == made


@pytest.mark.parametrize("view", ["feedback", "annotations", "memories"])
def test_a_view_that_is_missing_fails_one_probe(house: House, view: str) -> None:
    house.databases.ai.execute(f"DROP VIEW observatory.{view}".encode())
    failing = {"feedback": "ratings", "annotations": "annotations", "memories": "learning"}[view]
    for name in ("ratings", "annotations", "learning"):
        if name == failing:
            with pytest.raises(StreamError, match="missing"):
                of_ai(house, name)
        else:
            assert of_ai(house, name)


def test_no_text_gets_through(lived: House) -> None:
    planted = [token for column, token in lived.canaries.items() if column.startswith("ai_")]
    assert len(planted) > 6
    shown = repr([sample for name in ("ratings", "annotations", "learning") for sample in of_ai(lived, name)])
    shown += repr(of_both(lived))
    assert not [token for token in lived.canaries.values() if token in shown]
