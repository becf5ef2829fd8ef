"""What can go wrong between an exporter and its InfluxDB, one by one, while HER goes on living.

The InfluxDB is the stand-in, whose answers are those of a real one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from exporters.core.outbox import Outbox, OutboxLine
from exporters.demo.redis import Redis
from exporters.her.intervals import INTERVALS
from exporters.her.simulate import Her, connect
from tests.standins.faulty_http import WRITE_PATH, Reply, Request
from tests.standins.influxdb_v2 import InfluxStandin
from tests.system.alerting import until
from tests.system.exporter import Exporter, Scrape
from tests.system.test_torture import drained

BUCKETS = ("her", "her_daily", "her_text")
OFTEN = dict.fromkeys(INTERVALS, 0.3)
POISON = "a line that nobody can parse"


def settled(exporter: Exporter) -> Scrape:
    """Everything read, everything sent."""
    exporter.until_read()
    drained(exporter)
    return exporter.scrape()


class TimedStandin(InfluxStandin):
    """times: of each write request, seconds of the monotonic clock."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.times: list[float] = []

    def answer(self, request: Request) -> Reply | None:
        if request.path == WRITE_PATH:
            self.times.append(time.monotonic())
        return super().answer(request)


class Delivery:
    """A HER, its exporter, and the InfluxDB stand-in behind it."""

    def __init__(self, redis: Redis, folder: Path, influx: TimedStandin, **settings: Any) -> None:
        self.influx = influx
        self.her = Her(connect("127.0.0.1", redis.port, redis.password), seed=81)
        self.token_file = folder / "influx-token"
        self.token = influx.token_for(write=BUCKETS)
        self.token_file.write_text(self.token)
        endpoint = {"url": influx.url, "org": "observatory", "token_file": str(self.token_file), "timeout_seconds": 1.0}
        self.exporter = Exporter(folder / "exporter", redis, influx={**endpoint, **settings}, intervals=OFTEN)
        self._posts = 0

    def live(self) -> None:
        """A little of everything that becomes a point."""
        self.her.chat()
        self.her.api_chat()
        self.her.agent_request(failing=True)
        self.her.startup()
        self.her.tick()
        self.her.burst("logs", 40)

    def suffer(self, trouble: Callable[[Delivery], None]) -> None:
        """Go through one kind of trouble, to its end."""
        self._posts = len(self.influx.posts)
        trouble(self)
        drained(self.exporter)

    def answered(self, status: int) -> None:
        """Wait until a post since the trouble began was answered with this status; 0: not at all."""
        until(lambda: status in self.influx.statuses()[self._posts :], f"status {status}", 20)

    @contextmanager
    def stopped(self) -> Iterator[sqlite3.Connection]:
        """The exporter killed, its state file open, and the exporter running again afterwards."""
        self.exporter.kill()
        with closing(sqlite3.connect(self.exporter.folder / "state" / "observatory.db", isolation_level=None)) as file:
            yield file
        self.exporter.start().wait_ready()


@contextmanager
def delivery(redis: Redis, folder: Path, **settings: Any) -> Iterator[Delivery]:
    """All of it running, everything read once. settings: of `influxdb`."""
    with TimedStandin(org="observatory", token="operator-of-the-test") as influx:
        for name in BUCKETS:
            influx.bucket(name)
        made = Delivery(redis, folder, influx, **settings)
        with made.exporter:
            made.exporter.until_read()
            yield made


def unavailable(at: Delivery) -> None:
    at.influx.fail_next(2, 503)
    at.live()
    at.answered(503)


def rate_limited(at: Delivery) -> None:
    at.influx.fail_next(1, 429, Retry_After="2")
    at.live()
    at.answered(429)
    drained(at.exporter)
    refused = at.influx.statuses().index(429)
    assert at.influx.times[refused + 1] - at.influx.times[refused] >= 2, "no sooner than it was asked to"


def another_token(at: Delivery) -> None:
    authorizations = at.influx._admin.authorizations
    (old,) = (known.id for known in authorizations.values() if known.token == at.token)
    del authorizations[old]
    at.live()
    at.answered(401)
    at.token = at.influx.token_for(write=BUCKETS)
    at.token_file.write_text(at.token)


def small_posts_only(at: Delivery) -> None:
    at.influx.max_body_bytes = 1000
    at.live()
    at.answered(413)
    settled(at.exporter)
    at.influx.max_body_bytes = None


def hanging(at: Delivery) -> None:
    at.influx.mode("hang")
    at.live()
    at.answered(0)
    at.influx.mode("healthy")


def stored_and_never_told(at: Delivery) -> None:
    at.influx.mode("store_then_reset")
    at.live()
    at.answered(0)
    at.influx.mode("healthy")


def killed_before_the_answer(at: Delivery) -> None:
    at.influx.mode("store_then_hang")
    at.live()
    at.answered(0)
    with at.stopped():
        at.influx.mode("healthy")
        at.live()


def poisoned(at: Delivery) -> None:
    with at.stopped() as state:
        state.execute("BEGIN")
        Outbox().append(state, [OutboxLine("her", time.time_ns(), POISON)])
        state.execute("COMMIT")
    at.live()
    at.answered(400)


TROUBLES: tuple[Callable[[Delivery], None], ...] = (
    unavailable, rate_limited, another_token, small_posts_only, hanging, stored_and_never_told,
    killed_before_the_answer, poisoned,
)  # fmt: skip
