"""What the simulator writes is what SigmaSight writes: over whole lives, and story by story."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from itertools import islice

import pytest

from exporters.sigmasight.simulate import IN_KOLKATA, IN_NEW_YORK, Habits, Sigma
from exporters.sigmasight.simulate_batch import nightly, orchestrator, twins, v2
from exporters.sigmasight.simulate_chat import ask
from exporters.sigmasight.simulate_events import import_portfolio, register
from exporters.sigmasight.simulate_life import stories
from exporters.sigmasight.simulate_tuning import rate, remember, seed_documents
from tests.sigmasight.databases import NOW, Databases
from tests.sigmasight.shapes import WRONG, WRONG_IN_AI

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def sigma(databases: Databases) -> Sigma:
    made = databases.sigma(seed=3)
    made.found(4)
    return made


def wrong(databases: Databases) -> list[str]:
    """Every statement about shapes that some row breaks."""
    found = [why for why, where in WRONG.items() if databases.number(f"SELECT count(*) FROM {where}")]
    return found + [
        why for why, where in WRONG_IN_AI.items() if databases.number(f"SELECT count(*) FROM {where}", half="ai")
    ]


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "clerk"])
def test_a_life_has_the_shapes_of_the_real_one(databases: Databases, *, legacy: bool) -> None:
    sigma = databases.sigma(seed=11, legacy=legacy)
    sigma.found()
    produced = sigma.backfill(12, stories_per_day=40)
    assert wrong(databases) == []
    assert min(produced[table] for table in ("ai_request_metrics", "user_activity_events", "agent_messages")) > 100
    assert min(produced[table] for table in ("batch_run_history", "ai_feedback", "ai_memories")) > 10
    started = databases.number("SELECT count(*) FROM user_activity_events WHERE event_type LIKE 'onboarding.register%'")
    assert (started > 0) is legacy
    assert databases.number("SELECT count(*) FROM users WHERE clerk_user_id IS NOT NULL") > 0
    assert databases.number("SELECT count(*) FROM daily_metrics") == 0, "nothing aggregates by itself"


def test_everything_happens_in_a_life(databases: Databases) -> None:
    sigma = databases.sigma(seed=5)
    sigma.found()
    for number, story in enumerate(islice(stories(sigma.company), 380)):
        sigma.tell(story, NOW - timedelta(days=9) + number * timedelta(minutes=20))
    assert len(databases.rows("SELECT DISTINCT error_type FROM ai_request_metrics")) == 10, "nine types and none"
    untyped = "SELECT count(*) FROM ai_request_metrics WHERE error_type IS NULL AND error_message IS NOT NULL"
    assert databases.number(untyped) > 0
    kinds = dict(databases.rows("SELECT status, count(*) FROM batch_run_history GROUP BY 1"))
    assert kinds.keys() == {"running", "completed", "failed", "partial"}
    assert len(databases.rows("SELECT DISTINCT event_type FROM user_activity_events")) == 11
    lost = "SELECT count(*) FROM agent_messages AS m WHERE latency_ms IS NOT NULL AND NOT EXISTS"
    assert databases.number(f"{lost} (SELECT FROM ai_request_metrics AS r WHERE r.message_id = m.id)") > 0
    assert databases.number("SELECT count(*) FROM agent_messages WHERE role = 'assistant' AND latency_ms IS NULL") > 0
    orphans = "SELECT count(*) FROM ai_request_metrics AS r WHERE NOT EXISTS"
    assert databases.number(f"{orphans} (SELECT FROM agent_messages AS m WHERE m.id = r.message_id)") > 0
    assert databases.number("SELECT count(*) FROM ai_feedback WHERE edited_text = ''", half="ai") > 0


def test_same_seed_same_rows(databases: Databases, one_database: Databases) -> None:
    for target in (databases, one_database):
        sigma = target.sigma(seed=21)
        sigma.found()
        sigma.backfill(2, stories_per_day=40, aggregated=1)
        sigma.edges(NOW)
        sigma.burst(5)
    separate = {key.partition(".")[2]: rows for key, rows in databases.everything().items()}
    together = {key.partition(".")[2]: rows for key, rows in one_database.everything().items()}
    separate.pop("alembic_version")
    together.pop("alembic_version")
    assert separate == together
    assert sum(map(len, separate.values())) > 500


def test_another_seed_other_rows(databases: Databases, one_database: Databases) -> None:
    for seed, target in ((1, databases), (2, one_database)):
        target.sigma(seed=seed).found(2)
    asked = "SELECT id FROM users ORDER BY id"
    assert databases.rows(asked) != one_database.rows(asked)


def test_produced_counts_every_row(databases: Databases) -> None:
    sigma = databases.sigma(seed=4)
    sigma.found()
    sigma.backfill(1, stories_per_day=30)
    # Tables from which nothing is deleted.
    for table in ("users", "portfolios", "user_activity_events", "ai_request_metrics", "batch_run_history"):
        assert databases.number(f"SELECT count(*) FROM {table}") == sigma.produced[table]


def test_a_request_leaves_its_rows_in_order(sigma: Sigma, databases: Databases) -> None:
    person = sigma.company.people.users[0]
    told = sigma.tell(ask(sigma.pen, person, Habits()), NOW)
    assert told == {"agent_conversations": 1, "user_activity_events": 1, "agent_messages": 2, "ai_request_metrics": 1}
    ((began, ended, latency),) = databases.rows(
        "SELECT m.created_at, r.created_at, r.total_latency_ms FROM ai_request_metrics AS r"
        " JOIN agent_messages AS m ON m.id = r.message_id"
    )
    assert ended - began == timedelta(milliseconds=latency)


@pytest.mark.parametrize(
    ("ending", "rows", "finished"),
    [("died", 0, 0), ("disconnected", 0, 1), ("untyped_error", 1, 1), ("no_text", 1, 1), ("answered", 1, 1)],
)
def test_endings(sigma: Sigma, databases: Databases, ending: str, rows: int, finished: int) -> None:
    sigma.tell(ask(sigma.pen, sigma.company.people.users[0], Habits(), ending), NOW)  # type: ignore[arg-type]
    assert databases.number("SELECT count(*) FROM ai_request_metrics") == rows
    assert databases.number("SELECT count(*) FROM agent_messages WHERE latency_ms IS NOT NULL") == finished
    if rows and ending != "answered":
        ((error, message, first),) = databases.rows(
            "SELECT error_type, error_message IS NOT NULL, first_token_ms FROM ai_request_metrics"
        )
        assert (error, message, first) == (None, ending == "untyped_error", None)


def test_messages_are_counted_by_month(sigma: Sigma, databases: Databases) -> None:
    person = sigma.company.people.users[0]
    for back in (40, 39, 38, 1):
        sigma.tell(ask(sigma.pen, person, Habits()), NOW - back * 24 * HOUR)
    asked = "SELECT ai_messages_used FROM users WHERE id = %(id)s"
    assert databases.number(asked, {"id": person.key}) == 4
    sigma.tell(ask(sigma.pen, person, Habits()), NOW + 30 * 24 * HOUR)
    assert databases.number(asked, {"id": person.key}) == 1


def test_tokens_only_where_somebody_asked_for_them(sigma: Sigma, databases: Databases) -> None:
    habits = Habits(tokens=1.0, models=("a-model", "b-model"))
    for person in sigma.company.people.users:
        sigma.tell(ask(sigma.pen, person, habits), NOW)
    sigma.tell(ask(sigma.pen, person, habits, error="api_failure"), NOW)
    found = databases.rows(
        "SELECT error_type IS NULL, input_tokens + output_tokens = total_tokens FROM ai_request_metrics"
    )
    assert Counter(found) == {(True, True): 4, (False, None): 1}


def test_an_orchestrator_updates_its_row_once(sigma: Sigma, databases: Databases) -> None:
    story = orchestrator(sigma.pen, "manual", "partial")
    next(story)
    before = databases.rows("SELECT id, status, completed_jobs, failed_jobs, error_summary FROM batch_run_history")
    assert before[0][1:] == ("running", 0, 0, None)
    sigma.tell(story, NOW + HOUR)
    ((key, status, summary),) = databases.rows("SELECT id, status, error_summary FROM batch_run_history")
    assert (key, status) == (before[0][0], "partial")
    assert summary.keys() == {"count", "types", "details"}


@pytest.mark.parametrize(
    ("breakage", "status", "keys"),
    [
        (None, "completed", None),
        ("skipped", "completed", None),
        ("failed", "failed", {"count", "types", "details"}),
        ("crashed", "failed", {"exception", "type", "crashed_after_dates"}),
        ("single_date", "failed", {"errors"}),
        ("single_date_tolerated", "completed", {"errors"}),
    ],
)
def test_ends_of_the_orchestrator(
    sigma: Sigma, databases: Databases, breakage: str | None, status: str, keys: set[str] | None
) -> None:
    sigma.tell(orchestrator(sigma.pen, "cron", breakage), NOW)  # type: ignore[arg-type]
    ((found, kind, summary, phases),) = databases.rows(
        "SELECT status, jsonb_typeof(error_summary), error_summary, phase_durations FROM batch_run_history"
    )
    assert found == status
    assert (summary.keys() if keys else kind) == (keys or "null")
    assert isinstance(phases["total_duration"], int)
    if breakage in {"crashed", "single_date", "single_date_tolerated"}:
        assert phases.keys() == {"total_duration"}


def test_a_stuck_run_stays_and_twins_end_together(sigma: Sigma, databases: Databases) -> None:
    sigma.tell(orchestrator(sigma.pen, "cron", "stuck"), NOW - HOUR)
    sigma.tell(twins(sigma.pen), NOW)
    found = databases.rows("SELECT batch_run_id, count(*), min(status) FROM batch_run_history GROUP BY 1 ORDER BY 2")
    assert [(count, status) for _, count, status in found] == [(1, "running"), (2, "completed")]


def test_phantoms_stand_beside_an_administrators_run_and_alone_for_a_user(sigma: Sigma, databases: Databases) -> None:
    from exporters.sigmasight.simulate_batch import admin_run, user_run

    sigma.tell(admin_run(sigma.pen, sigma.company.people), NOW)
    assert sorted(databases.rows("SELECT status, triggered_by LIKE '%@%' FROM batch_run_history")) == [
        ("completed", False),
        ("running", True),
    ]
    sigma.tell(user_run(sigma.pen, sigma.company.people), NOW)
    phantoms = databases.rows("SELECT portfolio_id IS NOT NULL FROM batch_run_history WHERE triggered_by LIKE '%@%'")
    assert sorted(phantoms) == [(False,), (True,)]


def test_nightly_rows_arrive_finished(sigma: Sigma, databases: Databases) -> None:
    sigma.tell(nightly(sigma.pen), NOW)
    sigma.tell(v2(sigma.pen, "symbol_batch", failed=True), NOW + HOUR)
    rows = databases.dicts("SELECT * FROM batch_run_history ORDER BY created_at")
    assert [row["triggered_by"] for row in rows] == ["v2_cron", "v2_cron_portfolio", "v2_cron"]
    assert all(row["started_at"] < row["created_at"] == row["completed_at"] for row in rows)
    assert rows[2]["status"] == "failed"
    assert "phase_3_factors" not in rows[2]["phase_durations"]
    assert rows[0]["error_summary"]["calc_date"] == "2026-01-14"


def test_history_has_its_nights(databases: Databases) -> None:
    sigma = databases.sigma(seed=9)
    sigma.found()
    sigma.backfill(14, stories_per_day=2)
    nights = databases.rows(
        "SELECT started_at AT TIME ZONE 'UTC' FROM batch_run_history WHERE triggered_by = 'v2_cron'"
    )
    assert len(nights) == 10
    assert all(at.weekday() < 5 and (at.hour, at.minute) == (23, 30) for (at,) in nights)


@pytest.mark.parametrize("seed", [51, 52])
def test_history_is_over_before_life_begins(databases: Databases, seed: int) -> None:
    sigma = databases.sigma(seed=seed)
    sigma.found(days_ago=3)
    sigma.backfill(3, stories_per_day=400)
    for table, column in (
        ("batch_run_history", "coalesce(completed_at, started_at)"),
        ("ai_request_metrics", "created_at"),
        ("user_activity_events", "created_at"),
        ("agent_conversations", "updated_at"),
    ):
        first, last = databases.rows(f"SELECT min({column}), max({column}) FROM {table}")[0]
        tail = timedelta(minutes=2)
        assert NOW - tail - timedelta(days=3) <= first < last <= NOW - tail
        assert table == "batch_run_history" or last > NOW - HOUR
    early = "SELECT count(*) FROM user_activity_events AS e JOIN users AS u ON u.id = e.user_id"
    assert databases.number(f"{early} WHERE e.created_at < u.created_at") == 0, "nobody acts before signing up"


def test_a_second_rating_overwrites_the_first(sigma: Sigma, databases: Databases) -> None:
    person, message = sigma.company.people.users[0], sigma.pen.new_id()
    rate(sigma.pen, person, message, "up", edited="", comment=None)
    first = databases.rows("SELECT id, created_at FROM ai_feedback", half="ai")
    rate(sigma.pen, person, message, "down", edited=None, comment="no")
    ((key, at, rating, edited, comment),) = databases.rows(
        "SELECT id, created_at, rating, edited_text, comment FROM ai_feedback", half="ai"
    )
    assert [(key, at)] == first
    assert (rating, edited, comment) == ("down", None, "no")
    assert databases.number("SELECT count(*) FROM user_activity_events WHERE event_type = 'chat.feedback_given'") == 2


def test_the_oldest_memory_makes_room(sigma: Sigma, databases: Databases) -> None:
    person = sigma.company.people.users[0]
    for _ in range(80):
        remember(sigma.pen, person)
    own = databases.number("SELECT count(*) FROM ai_memories WHERE user_id IS NOT NULL", half="ai")
    assert own == 50
    assert (
        databases.number("SELECT count(*) FROM ai_memories WHERE scope = 'global' AND user_id IS NOT NULL", half="ai")
        == 0
    )


def test_knowledge_is_seeded_again_only_when_there_is_too_little(sigma: Sigma, databases: Databases) -> None:
    assert seed_documents(sigma.pen) == 0
    databases.ai.execute("DELETE FROM ai_kb_documents WHERE title = 'Topic 1'")
    assert seed_documents(sigma.pen) == 36
    assert databases.number("SELECT count(*) FROM ai_kb_documents", half="ai") == 71


def test_an_end_can_be_stamped_before_its_start(sigma: Sigma, databases: Databases) -> None:
    for _ in range(60):
        sigma.tell(register(sigma.pen, sigma.company.people, error="InviteCodeError"), NOW)
    early = databases.number(
        "SELECT count(*) FROM user_activity_events WHERE event_type = %(type)s AND created_at = %(now)s",
        {"now": NOW, "type": "onboarding.register_error"},
    )
    assert 0 < early < 60


def test_an_import_is_two_events_and_a_portfolio(sigma: Sigma, databases: Databases) -> None:
    person = sigma.company.people.users[1]
    assert sigma.tell(import_portfolio(sigma.pen, person), NOW) == {"user_activity_events": 2, "portfolios": 1}
    told = sigma.tell(import_portfolio(sigma.pen, person, error="CSVValidationError"), NOW)
    assert told == {"user_activity_events": 2}


@pytest.mark.parametrize("skew", [IN_NEW_YORK, IN_KOLKATA, timedelta(minutes=-3)], ids=["ahead", "behind", "slow"])
def test_a_wrong_clock_stamps_what_the_back_end_stamps(sigma: Sigma, databases: Databases, skew: timedelta) -> None:
    person = sigma.company.people.users[0]
    with sigma.skewed(skew):
        sigma.burst(1)
        rate(sigma.pen, person, sigma.pen.new_id(), "up", edited=None, comment=None)
    assert databases.number("SELECT created_at FROM ai_request_metrics") == NOW + skew
    assert databases.number("SELECT created_at FROM user_activity_events") == NOW + skew
    sigma.pen.move_to(NOW)
    remember(sigma.pen, person)
    assert databases.number("SELECT created_at FROM ai_memories", half="ai") == NOW, "the database's own clock"


def test_a_held_row_becomes_visible_after_later_ones(sigma: Sigma, databases: Databases) -> None:
    with sigma.held_request(model="late") as row:
        sigma.burst(1)
        assert databases.rows("SELECT DISTINCT model FROM ai_request_metrics") == [("gpt-5-mini",)]
    late = databases.rows("SELECT id, created_at FROM ai_request_metrics WHERE model = 'late'")
    assert late == [(row["id"], NOW)]


def test_nobody_can_hold_a_row_without_another_connection(databases: Databases) -> None:
    sigma = Sigma(databases.core, seed=1, clock=lambda: NOW)
    sigma.pen.rng = random.Random(1)
    with pytest.raises(ValueError, match="another connection"), sigma.pen.held():
        pass
