"""Clocks off by hours, transactions open for seconds, and an exporter that keeps being killed: one count for each row.

Every request has a duration of its own, every event a user of its own: what reaches InfluxDB says which rows were read,
and the counters how often.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.sigmasight.databases import Databases
from tests.sigmasight.houses import House
from tests.standins.influxdb_v2 import InfluxStandin
from tests.system.exporter import Watching
from tests.system.sigmasight.watched import five_minutes_pass, watched

pytestmark = pytest.mark.servers

SECONDS = 20.0
OPEN_SECONDS = 3.0
CLOCKS = (
    timedelta(0),
    timedelta(hours=5),  # a process in New York, whose naive times are taken for UTC
    timedelta(hours=-5.5),  # one in Kolkata
    timedelta(hours=-13.5),
    timedelta(minutes=-9),
    timedelta(seconds=40),
)
LONGEST_AGE = timedelta(hours=24)
"""How far back the audit looks, unless the settings say otherwise."""
BUCKETS = ("sigmasight", "sigmasight_daily", "sigmasight_text")
REQUEST = """
    INSERT INTO ai_request_metrics (conversation_id, message_id, user_id, model, first_token_ms, total_latency_ms,
                                    tool_calls, created_at)
    VALUES (gen_random_uuid(), %(answer)s, gen_random_uuid(), 'gpt-5-mini', 700, %(number)s, 'null', %(at)s)
"""
EVENT = """
    INSERT INTO user_activity_events (user_id, event_type, event_category, created_at)
    VALUES (gen_random_uuid(), 'chat.session_start', 'chat', %(at)s)
"""
CONVERSATION = """
    INSERT INTO agent_conversations (id, user_id, mode, provider, created_at, updated_at, metadata)
    VALUES (%(id)s, gen_random_uuid(), 'green', 'openai', now(), now(), '{}')
"""
ANSWER = """
    INSERT INTO agent_messages (id, conversation_id, role, tool_calls, latency_ms, created_at)
    VALUES (%(answer)s, %(conversation)s, 'assistant', 'null', %(number)s, %(at)s)
"""


class Writers:
    """One process for each clock. requests: the duration in ms of every row that the server has confirmed."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.requests: set[int] = set()
        self.events = 0
        self.halt = threading.Event()
        self.failed: list[BaseException] = []
        self._lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self._run, args=(n, skew), daemon=True) for n, skew in enumerate(CLOCKS)
        ]

    @contextmanager
    def writing(self) -> Iterator[None]:
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.halt.set()
            for thread in self.threads:
                thread.join(30)
        assert self.failed == []

    def _run(self, me: int, skew: timedelta) -> None:
        try:
            with psycopg.connect(self.databases.server.dsn(self.databases.core_name)) as connection:
                self._write(connection, me, skew)
        except BaseException as error:
            self.failed.append(error)

    def _write(self, connection: psycopg.Connection[tuple[object, ...]], me: int, skew: timedelta) -> None:
        rng = random.Random(me)
        number = 1_000_000 * (me + 1)
        conversation = uuid.uuid4()
        connection.execute(CONVERSATION, {"id": conversation})
        connection.commit()
        while not self.halt.is_set():
            kept: list[int] = []
            events = 0

            def ask() -> int:
                nonlocal number
                number += 1
                at = datetime.now(UTC) + skew
                values = {"answer": uuid.uuid4(), "number": number, "at": at, "conversation": conversation}
                connection.execute(ANSWER, values)
                connection.execute(REQUEST, values)
                return number

            kept.append(ask())
            if rng.random() < 0.5:
                connection.execute(EVENT, {"at": datetime.now(UTC) + skew})
                events += 1
            if rng.random() < 0.4:
                self.halt.wait(rng.uniform(0, OPEN_SECONDS))
            for _ in range(rng.randrange(3)):
                with suppress(ZeroDivisionError), connection.transaction():
                    inner = ask()
                    if rng.random() < 0.3:
                        raise ZeroDivisionError
                    kept.append(inner)
            if rng.random() < 0.15:
                connection.rollback()
            else:
                connection.commit()
                with self._lock:
                    self.requests.update(kept)
                    self.events += events
            self.halt.wait(rng.uniform(0, 0.15))


@contextmanager
def standin(folder: Path) -> Iterator[tuple[InfluxStandin, dict[str, str]]]:
    with InfluxStandin(org="observatory", token="a-token-of-the-test") as server:
        for name in BUCKETS:
            server.bucket(name)
        (folder / "influx-token").write_text("a-token-of-the-test")
        yield server, {"url": server.url, "org": "observatory", "token_file": str(folder / "influx-token")}


def caught_up(exporter: Watching) -> None:
    """Everything read once more, and nothing waits for InfluxDB."""
    exporter.until_read()
    exporter.until(lambda scrape: scrape.total("observatory_outbox_lines") == 0, "the outbox is drained")


@pytest.mark.timeout(240)
def test_nothing_is_missed_and_nothing_doubled(house: House, tmp_path: Path) -> None:
    house.sigma.found()
    writers = Writers(house.databases)
    rng = random.Random(8)
    assert max(-skew for skew in CLOCKS) < LONGEST_AGE
    kills = audits = 0
    with standin(tmp_path) as (influx, settings):
        exporter = watched(tmp_path / "exporter", house, seconds=0.3, influx=settings)
        with exporter:
            exporter.until_read()
            with writers.writing():
                end = time.monotonic() + SECONDS
                while time.monotonic() < end:
                    time.sleep(rng.uniform(0.3, 2.5))
                    exporter.kill()
                    kills += 1
                    audits += five_minutes_pass(exporter)
                    exporter.start().wait_ready()
            exporter.until_read()
            exporter.kill()
            audits += five_minutes_pass(exporter)
            exporter.start().wait_ready()
            caught_up(exporter)
            scrape = exporter.scrape()
        points = influx.stored("sigmasight")
    numbers = Counter(
        round(float(fields["latency_seconds"]) * 1000)
        for (name, _, _), fields in points.items()
        if name == "sigmasight_ai_request"
    )
    users = [fields["user"] for (name, _, _), fields in points.items() if name == "sigmasight_activity"]
    print(f"{len(writers.requests)} requests, {writers.events} events, {kills} kills, {audits} audits brought forward")
    assert kills >= 4
    assert audits > kills
    assert len(writers.requests) > 5 * SECONDS
    assert set(numbers) == writers.requests, "neither missed nor invented"
    assert max(numbers.values()) == 1
    assert scrape.total("sigmasight_ai_requests_total") == len(writers.requests)
    assert scrape.total("sigmasight_ai_messages_total", recorded="yes") == len(writers.requests)
    assert scrape.total("sigmasight_ai_messages_total") == len(writers.requests)
    assert scrape.total("sigmasight_activity_events_total") == len(set(users)) == len(users) == writers.events
    for kind in ("lost", "gaps", "rejected"):
        assert scrape.total(f"observatory_stream_{kind}_total") == 0, kind
    late = scrape.total("observatory_stream_late_total", stream="ai_requests")
    assert late > 0, "clocks behind by more than the narrow window are the audit's to find"
