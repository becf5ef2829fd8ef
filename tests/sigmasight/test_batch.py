"""SigmaSight's batch runs on a real PostgreSQL, by an account that can read neither addresses nor exception texts."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporters.core.contract import Probe
from exporters.core.errors import Rejected, StreamError
from exporters.readers.postgres_account import log_in
from exporters.readers.postgres_client import close
from exporters.sigmasight import batch_metrics as m
from exporters.sigmasight import batch_now, probes_intervals
from exporters.sigmasight.batch_calendar import holidays, is_trading_day, nights_missed
from exporters.sigmasight.batch_events import parse_batch_run
from exporters.sigmasight.batch_fold import fold_batch_run, initial
from exporters.sigmasight.batch_stream import batch_runs
from exporters.sigmasight.batch_view import batch_view
from exporters.sigmasight.simulate_batch import Outcome, finish, insert_running, nightly, orchestrator, twins, v2
from exporters.sigmasight.simulate_pen import JSON_NULL
from tests.sigmasight.houses import HASH_KEY, House
from tests.sigmasight.watching import Numbers, Watch, collected, numbers, watching

pytestmark = pytest.mark.servers

TRIGGER = """
    CASE WHEN triggered_by IN ('v2_cron', 'v2_cron_portfolio', 'cron', 'manual', 'admin', 'onboarding', 'settings',
                               'system', 'unknown') THEN triggered_by
         WHEN strpos(triggered_by, '@') > 0 THEN 'user' ELSE 'other' END
"""
STATUS = "CASE WHEN status IN ('completed', 'failed', 'partial') THEN status ELSE 'other' END"
ENDED = "status <> 'running'"
NOW_PROBE: Probe[Any] = Probe(
    name="batch_now", interval=60, collect=batch_now.collect, feeds=(m.UNFINISHED_RUNS, m.OLDEST_RUNNING, m.ODD_ROWS)
)


@contextmanager
def core(house: House) -> Iterator[Any]:
    connection = log_in(house.settings().core)
    try:
        yield connection
    finally:
        close(connection)


@contextmanager
def batch(house: House, file: Path, now: datetime | None = None) -> Iterator[Watch]:
    with core(house) as connection:
        stream = batch_runs(probes_intervals.CORE.__getitem__, HASH_KEY)
        with watching(file, stream, connection, now) as made:
            yield made


def by_sql(house: House, query: str) -> Numbers:
    """The last column is the number, the others are the labels; zeros are left out, as `shown` leaves them."""
    rows = house.databases.rows(query)
    return {tuple(map(str, labels)): float(number) for *labels, number in rows if number}


def lived(house: House) -> datetime:
    house.sigma.found()
    house.sigma.backfill(6)
    now = datetime.now(UTC)
    house.sigma.edges(now)
    return now


def test_every_run_that_has_ended_counts_once(house: House, tmp_path: Path) -> None:
    lived(house)
    house.sigma.tell(v2(house.sigma.pen, "symbol_batch", errors=3))  # few nights have any, and some pasts none
    with batch(house, tmp_path / "state") as runs:
        runs.read().read()
        for metric, query in (
            (m.RUNS, f"SELECT {TRIGGER}, {STATUS}, count(*) FROM batch_run_history WHERE {ENDED} GROUP BY 1, 2"),
            (
                m.WITH_ERRORS,
                f"""SELECT {TRIGGER}, {STATUS}, count(*) FROM batch_run_history
                WHERE {ENDED} AND jsonb_typeof(error_summary) = 'object'
                AND (error_summary ? 'errors' OR error_summary ? 'count' OR error_summary ? 'exception')
                GROUP BY 1, 2""",
            ),
            (
                m.CRASHES,
                f"""SELECT {TRIGGER}, count(*) FROM batch_run_history
                WHERE {ENDED} AND jsonb_typeof(error_summary) = 'object' AND error_summary ? 'exception' GROUP BY 1""",
            ),
            (
                m.DURATION,
                f"""SELECT {TRIGGER}, count(*) FROM batch_run_history
                WHERE {ENDED} AND completed_at >= started_at GROUP BY 1""",
            ),
            (
                m.PHASE_DURATION,
                f"""SELECT CASE WHEN key LIKE 'phase_9%' THEN 'other' ELSE key END, count(*)
                FROM batch_run_history CROSS JOIN LATERAL jsonb_each(
                    CASE WHEN jsonb_typeof(phase_durations) = 'object' THEN phase_durations ELSE '{{}}' END)
                WHERE {ENDED} AND key <> 'total_duration' AND jsonb_typeof(value) = 'number' GROUP BY 1""",
            ),
            (
                m.SYMBOLS,
                """SELECT 'planned', sum(total_jobs) FROM batch_run_history WHERE triggered_by = 'v2_cron'
                UNION ALL SELECT 'done', sum(completed_jobs) FROM batch_run_history WHERE triggered_by = 'v2_cron'""",
            ),
            (
                m.PORTFOLIOS,
                """SELECT 'planned', sum(total_jobs) FROM batch_run_history WHERE triggered_by = 'v2_cron_portfolio'
                UNION ALL
                SELECT 'done', sum(completed_jobs) FROM batch_run_history WHERE triggered_by = 'v2_cron_portfolio'""",
            ),
            (
                m.DATES,
                f"""SELECT triggered_by, 'done', sum(completed_jobs) FROM batch_run_history WHERE {ENDED}
                AND triggered_by IN ('cron', 'manual', 'admin', 'onboarding', 'settings') GROUP BY 1
                UNION ALL SELECT triggered_by, 'failed', sum(failed_jobs) FROM batch_run_history WHERE {ENDED}
                AND triggered_by IN ('cron', 'manual', 'admin', 'onboarding', 'settings') GROUP BY 1""",
            ),
            (
                m.ERROR_MESSAGES,
                """SELECT triggered_by, sum(failed_jobs) FROM batch_run_history
                WHERE triggered_by LIKE 'v2_cron%' GROUP BY 1""",
            ),
        ):
            assert runs.shown(metric) == by_sql(house, query), metric
            assert runs.shown(metric), metric
        # Ended before it began; a duration that is text; durations that are a list.
        assert runs.shown(m.ODD_VALUES) == {("completed_at",): 1, ("phase_durations",): 2}


def test_a_nightly_summary_alone_is_no_error(house: House, tmp_path: Path) -> None:
    with batch(house, tmp_path / "state") as runs:
        house.sigma.tell(v2(house.sigma.pen, "symbol_batch"))
        house.sigma.tell(v2(house.sigma.pen, "portfolio_refresh", errors=2))
        runs.read()
        assert runs.shown(m.RUNS) == {("v2_cron", "completed"): 1, ("v2_cron_portfolio", "completed"): 1}
        assert runs.shown(m.WITH_ERRORS) == {("v2_cron_portfolio", "completed"): 1}


def test_a_run_counts_when_it_ends_and_not_before(house: House, tmp_path: Path) -> None:
    pen = house.sigma.pen
    with batch(house, tmp_path / "state") as runs:
        runs.read()
        insert_running(pen, "batch_one", "admin", total=3)
        assert runs.live().shown(m.RUNS) == {}
        assert finish(pen, "batch_one", Outcome("partial", 2, 1, JSON_NULL), 4.0) == 1
        for _ in range(3):
            assert runs.live().shown(m.RUNS) == {("admin", "partial"): 1}
        pen.run("batch_run_history", psycopg.sql.SQL("UPDATE batch_run_history SET activity_log = '[]'"), {})
        assert runs.live().shown(m.RUNS) == {("admin", "partial"): 1}, "written once more: the same run"
        house.databases.core.execute("VACUUM FULL batch_run_history")
        assert runs.live().shown(m.RUNS) == {("admin", "partial"): 1}, "a rewritten table: the same rows"


def test_twins_are_two_runs(house: House, tmp_path: Path) -> None:
    with batch(house, tmp_path / "state") as runs:
        runs.read()
        house.sigma.tell(twins(house.sigma.pen))
        runs.live()
        assert runs.shown(m.RUNS) == {("manual", "completed"): 2}
        points = [line for line in runs.lines() if line.startswith("sigmasight_batch_run,")]
        assert len({line.rsplit(" ", 1)[1] for line in points}) == 2, "two points, as InfluxDB sees them"


def test_restarts_count_nothing_twice_and_lose_nothing(house: House, tmp_path: Path) -> None:
    pen, file = house.sigma.pen, tmp_path / "state"
    house.sigma.tell(nightly(pen))
    with batch(house, file) as runs:
        runs.read()
        insert_running(pen, "batch_open", "manual", total=2)
        runs.live()
        before = runs.shown(m.RUNS)
    finish(pen, "batch_open", Outcome("failed", 0, 2, JSON_NULL), 4.0)
    house.sigma.tell(orchestrator(pen, "cron"))
    expected = {**before, ("manual", "failed"): 1.0, ("cron", "completed"): 1.0}
    for _ in range(3):
        with batch(house, file) as runs:
            assert runs.live().shown(m.RUNS) == expected


def test_a_read_that_could_not_be_stored_is_read_again(house: House, tmp_path: Path) -> None:
    file = tmp_path / "state"
    with batch(house, file) as runs:
        runs.read()
        house.sigma.tell(nightly(house.sigma.pen))
        runs.checkpoint.close()
        with pytest.raises(Exception, match="closed"):
            runs.live()
        assert runs.shown(m.RUNS) == {}, "nothing shows before it is on disk"
    with batch(house, file) as runs:
        assert sum(runs.live().shown(m.RUNS).values()) == 2


def test_runs_that_begin_and_end_in_any_order_while_the_exporter_dies(house: House, tmp_path: Path) -> None:
    """Starts and ends commit late and crosswise, and each reader lives for a read or two."""
    rng = random.Random(5)
    pen, file = house.sigma.pen, tmp_path / "state"
    house.sigma.tell(nightly(pen))
    opened: list[str] = []
    held: list[Any] = []
    for cycle in range(25):
        with batch(house, file) as runs:
            for _ in range(rng.randrange(3)):
                runs.live()
            if cycle % 5 == 4:
                runs.read()
            for _ in range(rng.randrange(4)):
                deed = rng.random()
                if deed < 0.4:
                    opened.append(f"batch_{cycle}_{rng.random()}")
                    insert_running(pen, opened[-1], "manual", total=2)
                elif deed < 0.6 and opened:
                    finish(pen, opened.pop(rng.randrange(len(opened))), Outcome("completed", 2, 0, JSON_NULL), 1.0)
                elif deed < 0.8 and opened:
                    late = house.beside()
                    late.autocommit = False
                    late.execute(
                        "UPDATE batch_run_history SET status = 'failed', completed_at = now() WHERE batch_run_id = %s",
                        [opened.pop()],
                    )
                    held.append(late)
                elif held:
                    held.pop(rng.randrange(len(held))).commit()
                else:
                    house.sigma.tell(nightly(pen))
    for late in held:
        late.commit()
    with batch(house, file) as runs:
        runs.read()
        expected = by_sql(
            house, f"SELECT {TRIGGER}, {STATUS}, count(*) FROM batch_run_history WHERE {ENDED} GROUP BY 1, 2"
        )
        assert runs.shown(m.RUNS) == expected
        assert {("manual", "completed"), ("manual", "failed")} < set(expected)


def test_a_run_whose_end_commits_late_is_found(house: House, tmp_path: Path) -> None:
    pen = house.sigma.pen
    with batch(house, tmp_path / "state") as runs:
        insert_running(pen, "batch_late", "admin", total=1)
        runs.read()
        beside = house.beside()
        beside.autocommit = False
        beside.execute("UPDATE batch_run_history SET status = 'completed', completed_at = now()")
        house.sigma.tell(nightly(pen))
        runs.live()
        assert ("admin", "completed") not in runs.shown(m.RUNS)
        beside.commit()
        assert runs.live().shown(m.RUNS)["admin", "completed"] == 1


def test_a_clean_up_takes_nothing_back(house: House, tmp_path: Path) -> None:
    lived(house)
    with batch(house, tmp_path / "state") as runs:
        before = runs.read().shown(m.RUNS)
        assert house.sigma.clean_up()["batch_run_history"] > 0
        assert runs.read().shown(m.RUNS) == before


def test_the_last_end_of_each_kind_outlives_the_exporter(house: House, tmp_path: Path) -> None:
    pen, file = house.sigma.pen, tmp_path / "state"
    house.sigma.tell(v2(pen, "symbol_batch"))
    house.sigma.tell(v2(pen, "symbol_batch", failed=True))
    far = {"started_at": datetime(2093, 1, 1, tzinfo=UTC), "completed_at": datetime(2093, 1, 2, tzinfo=UTC)}
    pen.insert(
        "batch_run_history",
        {"batch_run_id": "x", "triggered_by": "v2_cron", "status": "completed", "created_at": pen.now(), **far},
    )
    ends = by_sql(
        house,
        "SELECT triggered_by, status, extract(epoch FROM max(completed_at)) FROM batch_run_history"
        " WHERE completed_at < now() + interval '1 hour' GROUP BY 1, 2",
    )
    now = datetime.now(UTC) + timedelta(hours=1)
    with batch(house, file, now) as runs:
        runs.read()
        assert runs.shown(m.LAST_END) == pytest.approx(ends)
        phases = {phase for _, phase in runs.shown(m.LAST_PHASE)}
        assert "phase_1_market_data" in phases
        assert "total_duration" not in phases
    with batch(house, file, now) as runs:
        assert runs.shown(m.LAST_END) == pytest.approx(ends), "before the first read"


def test_what_says_running_is_shown_as_what_it_is(house: House) -> None:
    now = lived(house)
    house.sigma.tell(orchestrator(house.sigma.pen, "admin", "stuck"))
    with core(house) as connection:
        samples = collected(NOW_PROBE, connection, now)
    unfinished = {key: number for key, number in numbers(samples, m.UNFINISHED_RUNS).items() if number}
    state = """CASE WHEN batch_run_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' THEN 'phantom'
                    WHEN started_at < %s THEN 'stuck' ELSE 'running' END"""
    expected = house.databases.core.execute(
        f"SELECT {TRIGGER}, {state}, count(*) FROM batch_run_history WHERE status = 'running' GROUP BY 1, 2".encode(),
        [now - batch_now.STUCK_AFTER],
    ).fetchall()
    assert unfinished == {(trigger, kind): count for trigger, kind, count in expected}
    assert {kind for _, kind in unfinished} == {"running", "stuck", "phantom"}
    assert unfinished["user", "phantom"] >= 1
    odd = numbers(samples, m.ODD_ROWS)
    assert odd["future",] == house.databases.number(
        "SELECT count(*) FROM batch_run_history WHERE started_at > %(now)s", {"now": now + timedelta(minutes=1)}
    )
    assert odd["without_created_at",] == 2
    assert odd["duplicate_run_id",] >= 2
    oldest = numbers(samples, m.OLDEST_RUNNING)
    assert oldest["stuck",] == pytest.approx((now - timedelta(days=40)).timestamp())


@pytest.mark.parametrize(("hours", "state"), [(5.6, "running"), (6.9, "running"), (7.1, "stuck")])
def test_a_run_is_stuck_after_longer_than_any_clock_in_kolkata_says(house: House, hours: float, state: str) -> None:
    now = datetime.now(UTC)
    house.databases.core.execute(
        "INSERT INTO batch_run_history (id, batch_run_id, triggered_by, started_at, status)"
        " VALUES (gen_random_uuid(), 'batch_20260114_090000', 'admin', %s, 'running')",
        [now - timedelta(hours=hours)],
    )
    with core(house) as connection:
        samples = collected(NOW_PROBE, connection, now)
    assert numbers(samples, m.UNFINISHED_RUNS)["admin", state] == 1


def test_without_the_view_this_stream_fails_alone(house: House, tmp_path: Path) -> None:
    house.databases.core.execute("DROP VIEW observatory.batch_runs")
    with batch(house, tmp_path / "state") as runs, pytest.raises(StreamError, match="missing"):
        runs.live()


def test_no_text_gets_through(house: House, tmp_path: Path) -> None:
    lived(house)
    planted = {name: token for name, token in house.canaries.items() if name.startswith("batch_run_history")}
    assert len(planted) >= 2
    with batch(house, tmp_path / "state") as runs:
        runs.read()
        everything = "\n".join([runs.text(), *runs.lines(), runs.state()])
        assert "sigmasight_batch_run," in everything
    everything += (tmp_path / "state").read_bytes().decode("latin-1")
    for token in house.canaries.values():
        assert token not in everything


@pytest.mark.parametrize(
    "broken", [(), ("6f1c", "x", False), ("6f1c", None, False, "completed", 1.0, 1, 1, 0, "{}", "{}")]
)
def test_what_is_no_row_is_rejected(broken: tuple[Any, ...]) -> None:
    with pytest.raises(Rejected):
        parse_batch_run(broken)


def test_a_row_as_the_contract_has_it() -> None:
    row: dict[str, Any] = {
        "id": "6f1c",
        "at": datetime(2026, 1, 12, 23, 30, 4, 100_000, tzinfo=UTC),
        "late": False,
        "status": "completed",
        "seconds": 212.4,
        "total": 402,
        "completed": 401,
        "failed": 2,
        "phases": '{"phase_0_daily_valuations": 21.2, "phase_2_fundamentals": 0, "total_duration": 212}',
        "facts": '{"trigger": "v2_cron", "calc_date": "2026-01-12", "with_errors": true, "crashed": false}',
    }
    run = parse_batch_run(tuple(row.values()))
    assert run.phases == {"phase_0_daily_valuations": 21.2, "phase_2_fundamentals": 0.0}
    assert (run.trigger, run.status, run.market_date) == ("v2_cron", "completed", date(2026, 1, 12))
    assert run.end == datetime(2026, 1, 12, 23, 33, 36, 500_000, tzinfo=UTC)
    for changes in ({"seconds": "long"}, {"total": None}, {"status": 3}, {"facts": "[]"}, {"phases": None}):
        with pytest.raises(Rejected):
            parse_batch_run(tuple({**row, **changes}.values()))
    odd = parse_batch_run(tuple({**row, "seconds": -1, "failed": -2, "phases": "", "total": 0}.values()))
    assert odd.odd == ("completed_at", "phase_durations", "failed_jobs")
    assert (odd.seconds, odd.failed) == (None, 0)


def remembered(*runs: tuple[str, str, str]) -> dict[str, Any]:
    """The state after runs of (trigger, status, end), each of a minute."""
    state = initial()
    for trigger, status, end in runs:
        row = {
            "id": "6f1c",
            "at": at(end) - timedelta(minutes=1),
            "late": False,
            "status": status,
            "seconds": 60,
            "total": 1,
            "completed": 1,
            "failed": 0,
            "phases": '{"phase_3_factors": 30}',
            "facts": json.dumps({"trigger": trigger, "calc_date": end[:10]}),
        }
        state, _ = fold_batch_run(state, parse_batch_run(tuple(row.values())))
    return json.loads(json.dumps(state))  # type: ignore[no-any-return]


def test_what_is_remembered_says_now() -> None:
    state = remembered(
        ("v2_cron", "completed", "2026-01-12 23:35"),
        ("v2_cron", "failed", "2026-01-13 23:35"),
        ("v2_cron", "completed", "2026-01-09 23:35"),
        ("manual", "other", "2026-01-09 12:00"),
    )
    samples = batch_view(state, at("2026-01-15 12:00"))
    assert numbers(samples, m.LAST_END) == {
        ("v2_cron", "completed"): at("2026-01-12 23:35").timestamp(),
        ("v2_cron", "failed"): at("2026-01-13 23:35").timestamp(),
        ("manual", "other"): at("2026-01-09 12:00").timestamp(),
    }
    assert numbers(samples, m.MARKET_DATE) == {("v2_cron",): at("2026-01-12 00:00").timestamp()}, "failed is not done"
    assert numbers(samples, m.NIGHTS_MISSED) == {("v2_cron",): 1}, (
        "a failed run is a run, and other kinds have no night"
    )
    assert numbers(samples, m.LAST_PHASE) == {("v2_cron", "phase_3_factors"): 30, ("manual", "phase_3_factors"): 30}


def test_clocks_that_are_ahead_hide_nothing() -> None:
    state = remembered(
        *(("v2_cron", "completed", f"2093-01-{day:02} 23:35") for day in range(1, 4)),
        ("v2_cron", "completed", "2026-01-13 04:35"),  # 23:35 of the day before, by a clock five hours ahead
    )
    samples = batch_view(state, at("2026-01-12 23:40"))
    assert numbers(samples, m.LAST_END) == {("v2_cron", "completed"): at("2026-01-12 23:40").timestamp()}
    assert numbers(samples, m.NIGHTS_MISSED) == {("v2_cron",): 0}
    samples = batch_view(state, at("2026-01-14 02:00"))
    assert numbers(samples, m.NIGHTS_MISSED) == {("v2_cron",): 1}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "now", "missed"),
    [
        ("2026-01-12 23:34", "2026-01-13 23:30", 0),  # the next is due just now
        ("2026-01-12 23:34", "2026-01-14 01:29", 0),  # within its grace
        ("2026-01-12 23:34", "2026-01-14 01:30", 1),
        ("2026-01-12 18:04", "2026-01-13 20:00", 0),  # 23:34 by a clock in Kolkata's zone
        ("2026-01-12 18:04", "2026-01-14 01:30", 1),
        ("2026-01-13 13:34", "2026-01-14 01:30", 1),  # 23:34 of the day before, by a clock fourteen hours ahead
        ("2026-01-09 23:34", "2026-01-12 20:00", 0),  # a weekend lies between
        ("2026-01-12 23:34", "2026-01-17 12:00", 4),
        ("2026-11-25 23:34", "2026-11-27 12:00", 0),  # Thanksgiving
        ("2026-12-24 23:34", "2026-12-28 12:00", 0),  # Christmas on a Friday, and a weekend
        ("2020-01-01 00:00", "2026-01-14 01:30", 251),  # never more than a year back
    ],
)
def test_nights_missed(last: str, now: str, missed: int) -> None:
    assert nights_missed(at(last), at(now)) == missed


def test_holidays_of_the_exchange() -> None:
    # The exchange's own list of 2026, and what is particular about 2021 and 2022.
    listed = ("01-01", "01-19", "02-16", "04-03", "05-25", "06-19", "07-03", "09-07", "11-26", "12-25")
    assert holidays(2026) == {date.fromisoformat(f"2026-{day}") for day in listed}
    assert date(2021, 12, 31) not in holidays(2021)
    assert is_trading_day(date(2021, 12, 31))
    assert not {day for day in holidays(2022) if day.month == 1 and day.day < 10}
    assert {date(2021, 12, 24), date(2021, 7, 5), date(2022, 6, 20), date(2022, 12, 26)} <= holidays(2021) | holidays(
        2022
    )
