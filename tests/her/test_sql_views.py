"""HER's small tables: the probes show what PostgreSQL says, with an account that may read these columns only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from exporters.core.errors import StreamError
from exporters.demo.postgres import Postgres
from exporters.her import sql_grants, sql_views
from exporters.her import sql_metrics as m
from exporters.her.intervals import SQL_PROBES
from tests.her.database import NOW, OBSERVER_PASSWORD, Database, shown

README = Path(sql_views.__file__).with_name("README.md")
SMALL = ("known_users", "autonomy_profiles", "emotional_states", "scheduled_jobs", "scheduler_locks")


@pytest.fixture
def database(postgres_server: Postgres) -> Iterator[Database]:
    made = Database(postgres_server)
    with closing(made.owner):
        tables = made.tables
        tables.create()
        for person in tables.world.people:
            tables.seen(person)
        tables.system_user()
        tables.failed_proactive(tables.world.people[0])
        tables.schedule(late=True)
        tables.heartbeat()
        tables.ran("memory_reflection")
        made.owner.execute(sql_grants.grants().encode())
        yield made


def test_the_least_privilege_suffices_for_all_but_two(database: Database) -> None:
    for probe in SMALL:
        assert database.read(probe), probe
    with pytest.raises(StreamError, match="no_permission"):
        database.read("user_timezones")
    database.owner.execute(sql_grants.grants(sql_grants.TIMEZONES).encode())
    assert database.read("user_timezones")


def test_the_account_may_read_nothing_else(database: Database) -> None:
    """Every column of every table is tried; what can be read is the documented list."""
    columns = database.ask(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " UNION SELECT table_name, 'xmin' FROM information_schema.tables WHERE table_schema = 'public'"
    )
    with psycopg.connect(
        host="127.0.0.1", port=database.server.port, user="observer", dbname="postgres", password=OBSERVER_PASSWORD
    ) as connection:
        connection.autocommit = True
        readable = set()
        for table, column in columns:
            try:
                connection.execute(f'SELECT "{column}" FROM {table} LIMIT 1'.encode())  # noqa: S608
            except psycopg.errors.InsufficientPrivilege:
                continue
            readable.add((table, column))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM scheduler_job_locks")
    assert readable == {(table, name) for table, names in sql_grants.GRANTED.items() for name in names}


def test_the_readme_has_the_grants() -> None:
    told = README.read_text(encoding="utf-8")
    for script in (sql_grants.grants(), sql_grants.grants(sql_grants.TIMEZONES), sql_grants.FACTS_VIEW):
        assert script in told
    assert re.search(r"GRANT SELECT \(payload, ctid\) ON memories TO observer", told)


def test_users(database: Database) -> None:
    database.owner.execute("UPDATE users SET last_interaction = %s WHERE username LIKE 'm%%'", (NOW - timedelta(3),))
    database.owner.execute("UPDATE users SET last_interaction = NULL WHERE username LIKE 't%'")
    samples = database.read("known_users")
    assert shown(samples, m.KNOWN_USERS) == {"": 12}
    for window, back in (("24h", "1 day"), ("7d", "7 days"), ("30d", "30 days")):
        active = database.number(
            "SELECT count(*) FROM users WHERE user_id <> 'system' AND last_interaction > %(now)s - %(back)s::interval",
            {"now": NOW, "back": back},
        )
        assert shown(samples, m.ACTIVE_USERS)[window] == active
    active_users = shown(samples, m.ACTIVE_USERS)
    assert 0 < active_users["24h"] < active_users["7d"] < 12
    assert shown(samples, m.USER_LAST_ACTIVITY) == {"": NOW.timestamp()}


def test_time_zones(database: Database) -> None:
    database.owner.execute(sql_grants.grants(sql_grants.TIMEZONES).encode())
    database.owner.execute(
        """UPDATE users SET preferences = '{"user_timezone": "call 5551001"}' WHERE username = 'mire_0'"""
    )
    database.owner.execute("UPDATE users SET preferences = NULL WHERE username LIKE 'tobr%'")
    zones = shown(database.read("user_timezones"), m.USER_TIMEZONES)
    assert sum(zones.values()) == 12
    assert zones["other"] == 1
    assert zones["unset"] == database.number("SELECT count(*) FROM users WHERE username LIKE 'tobr%'") > 0
    assert zones["Asia/Kolkata"] == database.number(
        "SELECT count(*) FROM users WHERE preferences ->> 'user_timezone' = 'Asia/Kolkata'"
    )


def test_profiles_and_moods(database: Database) -> None:
    database.owner.execute("UPDATE autonomy_profiles SET proactive_day = '2026-02-20' WHERE user_id = '5551002'")
    database.owner.execute("UPDATE emotional_states SET current_mood = 'furious' WHERE user_id = '5551002'")
    samples = database.read("autonomy_profiles")
    count, engagement, initiative = database.ask(
        "SELECT count(*), avg(engagement_score), avg(initiative_level) FROM autonomy_profiles"
    )[0]
    assert shown(samples, m.AUTONOMY_PROFILES) == {"": count}
    assert shown(samples, m.PROFILE_ENGAGEMENT)[""] == pytest.approx(engagement)
    assert shown(samples, m.PROFILE_INITIATIVE)[""] == pytest.approx(initiative)
    assert shown(samples, m.PROFILE_SENT_TODAY) == {"": count - 1}
    assert shown(samples, m.PROFILE_ERRORS_TODAY) == {"": 1}
    moods = database.read("emotional_states")
    expected = dict(database.ask("SELECT current_mood, count(*) FROM emotional_states GROUP BY 1"))
    expected["other"] = expected.pop("furious")
    assert {mood: n for mood, n in shown(moods, m.MOODS).items() if n} == expected
    mean = database.number("SELECT avg(mood_intensity) FROM emotional_states")
    assert shown(moods, m.MOOD_INTENSITY)[""] == pytest.approx(mean)


def test_the_schedule_as_it_is(database: Database) -> None:
    samples = database.read("scheduled_jobs")
    now = NOW.timestamp()
    jobs = shown(samples, m.SCHEDULED_JOBS)
    assert jobs["system planned"] == 1
    assert jobs["task overdue"] == 1
    assert jobs["task paused"] == 1
    assert sum(jobs.values()) == database.number("SELECT count(*) FROM apscheduler_jobs")
    assert shown(samples, m.SCHEDULED_NEXT) == {"system": now + 60, "task": now - 600}
    database.owner.execute("DELETE FROM apscheduler_jobs")
    assert set(shown(database.read("scheduled_jobs"), m.SCHEDULED_JOBS).values()) == {0}


def test_the_sign_of_life(database: Database) -> None:
    samples = database.read("scheduler_locks")
    (told,) = shown(samples, m.LOCK_TIME).values()
    # As long ago as the server's own clock says, before the time that the probe was told.
    age = database.number(
        "SELECT extract(epoch FROM clock_timestamp() - updated_at) FROM scheduler_job_locks"
        " WHERE lock_name = 'system:reminder_processor'"
    )
    assert NOW.timestamp() - told == pytest.approx(float(age), abs=30)
    assert shown(samples, m.TASK_LOCKS) == {"": 1}
    database.owner.execute("DELETE FROM scheduler_job_locks")
    assert shown(database.read("scheduler_locks"), m.LOCK_TIME) == {}


@pytest.mark.parametrize(
    ("table", "probe"),
    [
        ("users", "known_users"),
        ("autonomy_profiles", "autonomy_profiles"),
        ("emotional_states", "emotional_states"),
        ("apscheduler_jobs", "scheduled_jobs"),
        ("scheduler_job_locks", "scheduler_locks"),
    ],
)
def test_a_missing_table_fails_its_probe_alone(database: Database, table: str, probe: str) -> None:
    database.owner.execute(f"DROP TABLE {table} CASCADE".encode())
    with pytest.raises(StreamError, match="missing"):
        database.read(probe)
    for other in set(SMALL) - {probe}:
        assert database.read(other), other


def test_probes_have_the_names_and_paces_that_are_documented(database: Database) -> None:
    assert {probe.name: probe.interval for probe in database.source().probes} == dict(SQL_PROBES)
