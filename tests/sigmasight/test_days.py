"""Daily points: equal to the back end's own aggregation of the day, corrected by late rows, spared by clean-ups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from exporters.core.errors import StreamError
from exporters.demo.postgres import Postgres
from exporters.readers import postgres_client
from exporters.readers.postgres_account import log_in
from exporters.sigmasight import days_sums
from exporters.sigmasight.days_reader import AT_ONCE, DaysReader, midnight
from tests.sigmasight.databases import Databases
from tests.sigmasight.day_readers import Read, Written, request
from tests.sigmasight.houses import House
from tests.sigmasight.reference import Reference

pytestmark = pytest.mark.servers
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def lived(sigmasight_postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Some days with every odd row; nothing is changed by a test."""
    with (
        Databases(sigmasight_postgres) as databases,
        closing(House(databases, tmp_path_factory.mktemp("lived"))) as house,
    ):
        house.sigma.found(days_ago=6)
        house.sigma.backfill(6)
        # A day before: whatever happened, happened on a day that is over.
        house.sigma.edges(datetime.now(UTC) - DAY)
        yield house


def yesterday(now: datetime) -> date:
    return now.astimezone(UTC).date() - DAY


AS_THE_BACK_END = {
    "ai_requests.ai_requests": ("requests", "requests", 1),
    "ai_requests.ai_requests_with_errors": ("requests", "errors", 1),
    "ai_requests.avg_latency_ms": ("requests", "latency_mean_seconds", 1000),
    "ai_requests.avg_first_token_ms": ("requests", "first_chunk_mean_seconds", 1000),
    "ai_requests.total_input_tokens": ("requests", "input_tokens", 1),
    "ai_requests.total_output_tokens": ("requests", "output_tokens", 1),
    "ai_requests.total_tokens": ("requests", "total_tokens", 1),
    **{f"ai_requests.latency_p{p}": ("requests", f"latency_p{p}_seconds", 1000) for p in (50, 75, 90, 95, 99)},
    "user_activity.total_activity_events": ("activity", "events", 1),
    "user_activity.unique_users": ("activity", "active_users", 1),
    "batch.batch_runs": ("runs", "runs", 1),
    "batch.batch_completed": ("runs", "completed", 1),
    "batch.batch_failed": ("runs", "failed", 1),
    "batch.batch_partial": ("runs", "partial", 1),
    "batch.avg_duration_minutes": ("runs", "duration_mean_seconds", 1 / 60),
    "batch.total_jobs": ("runs", "jobs_total", 1),
    "batch.total_completed_jobs": ("runs", "jobs_completed", 1),
    "batch.total_failed_jobs": ("runs", "jobs_failed", 1),
}
"""Its name -> ours, and how many of its units are one of ours."""

EVENTS = {
    "user_registrations": "onboarding.register_complete",
    "user_logins": "onboarding.login_success",
    "portfolios_created": "onboarding.portfolio_complete",
    "chat_sessions": "chat.session_start",
    "feedback_given": "chat.feedback_given",
    "registration_errors": "onboarding.register_error",
    "login_errors": "onboarding.login_error",
}


def as_it_aggregates(house: House, day: date) -> dict[str, float]:
    """What the back end would put into daily_metrics, by an independent statement."""
    reference = Reference(house.databases.core, house.databases.ai, datetime.now(UTC))
    return {row["key"]: row["value"] for row in reference.table("aggregated_day", day=day)}


def test_every_number_of_the_back_ends_own_aggregation(lived: House, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    written = Read(lived, tmp_path).read(now)
    seen = 0
    for ago in range(1, 6):
        day = now.date() - ago * DAY
        told = as_it_aggregates(lived, day)
        for key, value in told.items():
            if key.startswith("ai_requests.model_breakdown:"):
                model = key.partition(":")[2]
                model = model if len(model) < 100 else "other"
                given = written.of("model", day, model).get("requests", 0)
                scale = 1.0
            elif key == "ai_requests.avg_tool_calls":
                fields = written.of("requests", day)
                given, scale = fields["tool_calls"] / fields["requests"] if fields["requests"] else 0, 1
            elif (event := EVENTS.get(key.partition(".")[2])) is not None:
                given, scale = written.of("events", day, event)["events"], 1
            else:
                name, field, scale = AS_THE_BACK_END[key]
                given = written.of(name, day).get(field, 0)
            assert given * scale == pytest.approx(value, abs=6e-5, rel=1e-9), (day, key)
            seen += bool(value)
    assert seen > 60, "days on which something happened"


def test_sign_ups_and_errors_are_what_the_tables_say(lived: House, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    written = Read(lived, tmp_path).read(now)
    total = 0
    for ago in range(1, 6):
        day = now.date() - ago * DAY
        span = {"start": midnight(day), "end": midnight(day + DAY)}
        inside = "created_at >= %(start)s AND created_at < %(end)s"
        sign_ups = lived.databases.number(f"SELECT count(*) FROM users WHERE {inside}", span)  # noqa: S608
        assert written.of("sign_ups", day).get("sign_ups", 0) == sign_ups
        errors = f"SELECT count(*) FROM user_activity_events WHERE {inside} AND error_code IS NOT NULL"  # noqa: S608
        assert written.of("activity", day)["errors"] == lived.databases.number(errors, span)
        total += sign_ups
    assert total > 0


def test_today_is_not_over(lived: House, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    written = Read(lived, tmp_path).read(now)
    for name in ("requests", "activity", "runs", "sign_ups"):
        assert max(written.days(name)) == yesterday(now), name


def test_a_day_is_written_with_its_last_microsecond_and_without_the_next(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        day = datetime.now(UTC).date() - 3 * DAY
        for at in (
            midnight(day) - timedelta(microseconds=1),
            midnight(day),
            midnight(day + DAY) - timedelta(microseconds=1),
            midnight(day + DAY),
        ):
            request(house, at)
        written = Read(house, tmp_path).read(names=("days_requests",))
        found = [written.of("requests", day + n * DAY).get("requests") for n in (-1, 0, 1, 2)]
        assert found == [1, 2, 1, 0], "and a day without a row has none"


def test_what_comes_late_corrects_its_day_in_place(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        days = [now.date() - n * DAY for n in range(1, 21)]
        for day in days:
            request(house, midnight(day) + timedelta(hours=5))
        reader = Read(house, tmp_path)
        reader.read(now, names=("days_requests",))
        assert all(reader.written.of("requests", day)["requests"] == 1 for day in days)
        for day in days:
            request(house, midnight(day) + timedelta(hours=6), total_latency_ms=3000, error_type="api_failure")
        reader.read(now, names=("days_requests",))
        recent = [reader.written.of("requests", day)["requests"] for day in days[:2]]
        assert recent == [2, 2], "the last days are looked at each time"
        reader.read(now, names=("days_requests",), times=len(days) - 2)
        for day in days:
            fields = reader.written.of("requests", day)
            assert (fields["requests"], fields["errors"], fields["latency_mean_seconds"]) == (2, 1, 2.0), day
        assert len(reader.written.days("requests")) == len(days), "no point beside another"


def test_a_bucket_that_was_made_late_fills_itself(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        for ago in range(1, 11):
            request(house, now - ago * DAY)
        reader = Read(house, tmp_path)
        reader.read(now, names=("days_requests",))
        reader.written = Written()
        reader.read(now, names=("days_requests",), times=8)
        assert len(reader.written.days("requests")) == 10


def test_a_clean_up_takes_nothing_from_history(databases: Databases, tmp_path: Path) -> None:
    """45 days, half of them deleted at once while we look on, and again while we are away."""
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        first = now.date() - 45 * DAY
        for ago in range(1, 46):
            for hour in (1, 13):
                request(house, midnight(now.date() - ago * DAY) + timedelta(hours=hour))
            event = "INSERT INTO user_activity_events (event_type, event_category, created_at) VALUES ('a.b', 'a', %s)"
            databases.core.execute(event, (now - ago * DAY,))
        reader = Read(house, tmp_path)
        names = ("days_requests", "days_activity")
        reader.read(now, names=names)
        before = {series: dict(fields) for series, fields in reader.written.points.items()}
        # Whether the oldest days were whole cannot be known.
        assert reader.written.days("requests") == {first + n * DAY for n in range(2, 45)}
        for later in (now, now + 20 * DAY):
            cut = later - 30 * DAY
            for table in ("ai_request_metrics", "user_activity_events"):
                databases.core.execute(f"DELETE FROM {table} WHERE created_at < %s".encode(), (cut,))  # noqa: S608
            reader.read(later, names=names, times=40)
            for series, fields in before.items():
                assert reader.written.points[series] == fields, series
        assert reader.written.of("requests", now.date() + 5 * DAY)["requests"] == 0, (
            "days since, on which all was quiet"
        )


def test_after_a_long_absence_what_was_cleaned_meanwhile_is_left_out(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        for ago in range(1, 4):
            request(house, now - ago * DAY)
        reader = Read(house, tmp_path)
        reader.read(now, names=("days_requests",))
        later = now + 60 * DAY
        for ago in range(1, 60):
            request(house, later - ago * DAY)
        databases.core.execute("DELETE FROM ai_request_metrics WHERE created_at < %s", (later - 30 * DAY,))
        reader.read(later, names=("days_requests",))
        days = reader.written.days("requests")
        assert {now.date() - n * DAY for n in (1, 2, 3)} <= days
        unknown = {now.date() + n * DAY for n in range(31)}
        assert not days & unknown, "nobody knows what happened, and 0 would be a lie"
        assert {later.date() - n * DAY for n in range(1, 29)} <= days
        assert all(reader.written.of("requests", later.date() - n * DAY)["requests"] == 1 for n in range(1, 29))


def test_rows_that_somebody_deletes_leave_their_days_as_they_were(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        day = now.date() - 2 * DAY
        for hour in range(6):
            request(house, midnight(day) + timedelta(hours=hour))
        reader = Read(house, tmp_path)
        reader.read(now, names=("days_requests",))
        databases.core.execute("DELETE FROM ai_request_metrics")
        reader.read(now, names=("days_requests",), times=3)
        assert reader.written.of("requests", day)["requests"] == 6


def test_a_run_that_ends_the_next_day_is_of_the_day_it_began(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        day = now.date() - DAY
        insert = (
            "INSERT INTO batch_run_history (id, batch_run_id, triggered_by, started_at, status, created_at)"
            " VALUES (gen_random_uuid(), 'batch_1', 'cron', %(at)s, 'running', %(at)s)"
        )
        databases.core.execute(insert, {"at": midnight(day + DAY) - timedelta(minutes=10)})
        reader = Read(house, tmp_path)
        first = dict(reader.read(now, names=("days_batch",)).of("runs", day))
        assert (first["runs"], first["completed"]) == (1, 0)
        assert "duration_mean_seconds" not in first
        ended = "UPDATE batch_run_history SET status = 'completed', completed_at = started_at + interval '30 minutes'"
        databases.core.execute(ended)
        then = reader.read(now, names=("days_batch",)).of("runs", day)
        assert (then["runs"], then["completed"], then["duration_mean_seconds"]) == (1, 1, 1800.0)


def test_tokens_that_no_row_has_are_absent_and_cost_is_that_of_each_moment(
    databases: Databases, tmp_path: Path
) -> None:
    with closing(House(databases, tmp_path)) as house:
        day = datetime.now(UTC).date() - 2 * DAY
        noon = midnight(day) + timedelta(hours=12)
        prices = tmp_path / "prices.yml"
        prices.write_text(
            "currency: EUR\nmodels:\n  - model: gpt-5-mini\n    prices:\n"
            "      - {valid_from: 2020-01-01, input: 1, output: 10}\n"
            f"      - {{valid_from: {noon:%Y-%m-%dT%H:%M:%SZ}, input: 2, output: 20}}\n"
        )
        request(house, midnight(day - DAY))
        for at in (noon - timedelta(microseconds=1), noon):
            request(house, at, input_tokens=1_000_000, output_tokens=100_000)
        request(house, noon, input_tokens=-7, output_tokens=50_000)
        request(house, noon, total_tokens=77)
        request(house, noon, model="free", input_tokens=500, total_tokens=700)
        written = Read(house, tmp_path, prices).read(names=("days_requests",))
        assert "input_tokens" not in written.of("requests", day - DAY)
        assert written.of("cost", day - DAY, "EUR", "gpt-5-mini") == {}
        assert "unpriced_tokens" not in written.of("model", day - DAY, "gpt-5-mini")
        assert written.of("cost", day, "EUR", "gpt-5-mini")["cost"] == pytest.approx(1 + 1 + 2 + 2 + 1)
        assert written.of("model", day, "gpt-5-mini") == {"requests": 4, "errors": 0, "unpriced_tokens": 77}
        assert written.of("model", day, "free") == {"requests": 1, "errors": 0, "unpriced_tokens": 500 + 200}
        assert written.of("requests", day)["input_tokens"] == 2_000_000 - 7 + 500


def test_a_day_of_too_many_rows_is_added_up_by_the_hour(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        day = now.date() - DAY
        for minute in range(0, 24 * 60, 30):
            request(house, midnight(day) + timedelta(minutes=minute), total_latency_ms=minute)
            databases.core.execute(
                "INSERT INTO user_activity_events (event_type, event_category, created_at, user_id)"
                " VALUES ('chat.session_start', 'chat', %s, gen_random_uuid())",
                (midnight(day) + timedelta(minutes=minute),),
            )
        names = ("days_requests", "days_activity")
        (tmp_path / "light").mkdir()
        light = Read(house, tmp_path / "light").read(now, names=names)
        monkeypatch.setattr(days_sums, "AT_ONCE", 47)
        (tmp_path / "parts").mkdir()
        parts = Read(house, tmp_path / "parts").read(now, names=names)
        assert parts.points == light.points
        monkeypatch.setattr(days_sums, "MOST_ROWS", 47)
        (tmp_path / "heavy").mkdir()
        heavy = Read(house, tmp_path / "heavy").read(now, names=names)
        whole = dict(light.of("requests", day))
        assert whole.pop("latency_p50_seconds") == pytest.approx(0.705)
        for percent in (75, 90, 95, 99):
            whole.pop(f"latency_p{percent}_seconds")
        assert heavy.of("requests", day) == whole
        assert light.of("activity", day) == {"events": 48, "errors": 0, "active_users": 48}
        assert heavy.of("activity", day) == {"events": 48, "errors": 0}
        assert heavy.of("events", day, "chat.session_start") == {"events": 48}


def test_an_empty_database_writes_nothing_and_begins_when_there_is_a_row(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        reader = Read(house, tmp_path)
        assert reader.read(now, times=2).points == {}
        request(house, now)
        request(house, datetime(2093, 1, 1, tzinfo=UTC))
        request(house, datetime(1970, 1, 1, tzinfo=UTC))
        assert reader.read(now).points == {}, "today is not over, and the future is of no day"
        assert reader.read(now + DAY).of("requests", now.date())["requests"] == 1


def test_a_missing_view_fails_its_own_stream_alone(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        request(house, datetime.now(UTC) - DAY)
        databases.core.execute("DROP VIEW observatory.users")
        reader = Read(house, tmp_path)
        with pytest.raises(StreamError):
            reader.read(names=("days_people",))
        assert reader.read(names=("days_requests",)).points


def test_the_past_is_read_in_parts(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        for ago in range(1, 3 * AT_ONCE):
            request(house, now - ago * DAY)
        stream = Read(house, tmp_path).streams["days_requests"]
        assert isinstance(stream.reader, DaysReader)
        connection = log_in(house.settings().core)
        try:
            cursor, sizes = None, []
            for _ in range(3):
                batch = stream.reader.read(connection, cursor, now)
                sizes.append((len(batch.records), batch.more))
                cursor = batch.next_cursor
            again = stream.reader.read(connection, cursor, now)
        finally:
            postgres_client.close(connection)
        assert sizes == [(AT_ONCE, True), (AT_ONCE, True), (AT_ONCE - 1, False)]
        assert (len(again.records), again.more) == (3, False)


def test_before_the_first_day_is_over_there_is_a_place_too(databases: Databases, tmp_path: Path) -> None:
    """A stream without one is taken for one that lost it with another hash key: a false gap at every start."""
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        request(house, now)
        connection = log_in(house.settings().core)
        try:
            for stream in (one for one in house.sources()["core"].streams if one.name.startswith("days_")):
                assert isinstance(stream.reader, DaysReader)
                first = stream.reader.read(connection, None, now)
                assert first.records == []
                assert first.next_cursor is not None
                assert stream.reader.read(connection, first.next_cursor, now).next_cursor == first.next_cursor
                # The day is over, and found from this place.
                tomorrow = stream.reader.read(connection, first.next_cursor, now + DAY)
                assert len(tomorrow.records) == (stream.name == "days_requests")
        finally:
            postgres_client.close(connection)
