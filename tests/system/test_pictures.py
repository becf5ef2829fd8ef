"""HER dead, blocked, at work, idle, half heard or out of sight: each is another picture, and another alert or none.

Real Redis and PostgreSQL, `observatory serve`, real Prometheus with the generated rules and the pages' own queries.
What takes minutes has happened before the test begins, by clocks of its own; only the waits of the rules are shortened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import yaml

from exporters.dead_panels import generated
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.prometheus import Prometheus
from exporters.demo.redis import Redis
from exporters.demo.smtp import MailSink
from exporters.her.intervals import INTERVALS
from exporters.her.simulate import Her
from exporters.her.simulate_chat import chat
from exporters.her.simulate_memory import Tables
from tests.system.alerting import alerting, firing, until
from tests.system.exporter import Exporter

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

FASTER = 60
"""A minute of waiting is a second."""
LONG_AGO = timedelta(seconds=400)
"""Long enough to be silent, not so long that a request in progress is given up."""
SILENT, BLOCKED, AT_WORK, IDLE, OUT_OF_SIGHT = 1, 2, 3, 4, 5


@dataclass
class Home:
    """One HER. since: how long ago it wrote what it writes now."""

    her: Her
    tables: Tables
    since: timedelta = timedelta(0)

    @classmethod
    def of(cls, server: Redis, db: int, postgres: Postgres, name: str) -> Home:
        """A HER that has not begun, in a database of its own in either store."""
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        client = redis.Redis(port=server.port, password=server.password, db=db)

        def clock() -> datetime:
            return datetime.now(UTC) - home.since

        her = Her(client, seed=db, clock=clock)
        tables = Tables(psycopg.connect(postgres.dsn(name), autocommit=True), seed=db, clock=clock, world=her.world)
        home = cls(her, tables)
        return home

    def begin(self, since: timedelta = timedelta(0)) -> Home:
        """It starts, answers somebody and gives both signs of life."""
        self.since = since
        self.tables.create()
        self.tables.start_memory()
        self.her.startup("none")
        self.her.chat()
        self.beat()
        return self

    def beat(self) -> None:
        self.her.heartbeat()
        self.tables.heartbeat()
        self.tables.schedule()

    def ask(self) -> Iterator[float]:
        """A chat as far as its question to the model; what is left of it."""
        told: list[str] = []
        self.her.told = lambda _, event: told.append(str(event["event_type"]))
        beats = chat(self.her).beats
        while "llm_started" not in told:
            next(beats)
        return beats

    def close(self) -> None:
        self.tables.connection.close()


@dataclass
class Street:
    homes: dict[str, Home]
    prometheus: Prometheus

    def pictures(self, uid: str) -> dict[str, float]:
        """What the panel "HER is" of a page shows, by deployment."""
        (page,) = (board.json for board in generated() if board.json["uid"] == uid)
        (panel,) = (panel for panel in page["panels"] if panel["title"] == "HER is")
        (target,) = panel["targets"]
        shown = self.prometheus.query(target["expr"].replace("$deployment", ".*"))
        return {dict(labels)["deployment"]: value for labels, value in shown.items()}


@pytest.fixture
def street(tmp_path: Path, redis_server: Redis, postgres_server: Postgres) -> Iterator[Street]:
    """Seven HERs, one exporter, one Prometheus."""
    homes = {
        name: Home.of(redis_server, db, postgres_server, name)
        for db, name in enumerate(("dead", "blocked", "working", "idle", "late", "unheard"))
    }
    for name in ("dead", "blocked"):
        homes[name].begin(LONG_AGO)
    for name in ("working", "idle", "late"):
        homes[name].begin()
    homes["late"].tables.schedule(late=True)
    # Its lock was renewed last when the others' were that are silent; its decisions go on.
    homes["unheard"].begin(LONG_AGO).since = timedelta(0)
    homes["unheard"].her.heartbeat()
    with ExitStack() as stack:
        for home in homes.values():
            stack.callback(home.close)
        exporter = Exporter(tmp_path / "exporter", redis_server)
        config = yaml.safe_load(exporter.config.read_text())
        config["systems"]["her"] = [
            *(deployment(name, redis_server, db, postgres_server) for db, name in enumerate(homes)),
            {"deployment": "hidden", "redis": {"host": "127.0.0.1", "port": free_port()}},
        ]
        exporter.config.write_text(yaml.safe_dump(config))
        stack.enter_context(exporter)
        sink = stack.enter_context(MailSink(tmp_path / "mail", free_port(), free_port()))
        prometheus, _ = stack.enter_context(alerting(tmp_path, exporter, sink, waits=FASTER))
        yield Street(homes, prometheus)


def deployment(name: str, server: Redis, db: int, postgres: Postgres) -> dict[str, Any]:
    return {
        "deployment": name,
        "redis": {"host": "127.0.0.1", "port": server.port, "db": db, "password_file": str(server.password_file)},
        "postgres": {
            "host": "127.0.0.1",
            "port": postgres.port,
            "dbname": name,
            "user": "postgres",
            "password_file": str(postgres.password_file),
        },
        "intervals": {stream: min(interval, 1.0) for stream, interval in INTERVALS.items()},
    }


def test_each_is_a_picture_of_its_own(street: Street) -> None:
    expected = {
        "dead": SILENT,
        "blocked": BLOCKED,
        "working": AT_WORK,
        "idle": IDLE,
        "late": IDLE,
        "unheard": IDLE,
        "hidden": OUT_OF_SIGHT,
    }
    alerts = {
        ("HerSilent", "dead"),
        ("HerBlocked", "blocked"),
        ("HerJobsOverdue", "late"),
        ("HerStoreUnwritten", "unheard"),
        ("ObservatorySourceBlind", "hidden"),
    }
    model = {name: street.homes[name].ask() for name in ("blocked", "working")}

    until(lambda: firing(street.prometheus) >= alerts, "every alert that must fire")
    assert firing(street.prometheus) == alerts
    (unwritten,) = street.prometheus.query('ALERTS{alertname="HerStoreUnwritten", alertstate="firing"}')
    assert dict(unwritten)["store"] == "PostgreSQL"
    for page in ("her-overview", "her-state"):
        assert street.pictures(page) == expected, page

    for name, left in model.items():
        street.homes[name].since = timedelta(0)
        for _ in left:
            pass
    street.homes["blocked"].beat()
    until(lambda: ("HerBlocked", "blocked") not in firing(street.prometheus), "the model answered")
    until(
        lambda: street.pictures("her-state") == expected | {"blocked": IDLE, "working": IDLE}, "nobody waits any more"
    )
    assert firing(street.prometheus) == alerts - {("HerBlocked", "blocked")}, "and it was never taken for dead"
