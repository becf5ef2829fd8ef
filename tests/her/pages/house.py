"""Four HERs, one for each shape of memories, read by `observatory serve` and scraped by a real Prometheus.

The first of them lives: what it does falls between two scrapes, `begin` and `end`, and every counter that the pages ask
for a time range is asked for exactly the time between them, so that `increase()` has nothing to estimate.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis
import yaml

from exporters.dead_panels import generated
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.prometheus import Prometheus
from exporters.demo.redis import Redis
from exporters.her.intervals import INTERVALS
from exporters.her.simulate import Her
from exporters.her.simulate_memory import Tables
from exporters.her.simulate_sql import SqlTwin
from tests.her.pages.life import SHAPES, Clock, Shape, before, remember, within
from tests.her.whole_life import CAPS
from tests.system.exporter import Exporter

LIVING: Shape = "mem0"
Numbers = dict[str, float]
TAKEN_FOR_GRANTED = {"__name__", "deployment", "job", "instance"}
BEFORE = "CREATE TABLE public.before AS SELECT decision_id FROM decision_logs"
"""What the range does not hold. HER knows nothing of this table."""


@dataclass
class House:
    """clients, databases: of each HER, by its shape. lengths: of its lists at `begin`."""

    clients: dict[str, redis.Redis]
    databases: dict[str, psycopg.Connection[Any]]
    prometheus: Prometheus
    lengths: dict[str, int]
    begin: float = 0.0
    end: float = 0.0

    @property
    def client(self) -> redis.Redis:
        return self.clients[LIVING]

    def keys(self, pattern: str) -> list[str]:
        return [os.fsdecode(key) for key in self.client.keys(pattern)]

    def kind(self, key: str) -> str:
        """Redis' word for the type of a key."""
        return os.fsdecode(self.client.type(key))

    def entries(self, key: str) -> list[dict[str, Any]]:
        """What was pushed to a list within the range, newest first."""
        length = self.client.llen(key)
        assert length < CAPS.get(key, 10_000), f"{key} is trimmed: the list itself no longer tells"
        new = length - self.lengths.get(key, 0)
        return [json.loads(entry) for entry in self.client.lrange(key, 0, new - 1)] if new else []

    def document(self, key: str) -> Any:
        stored = self.client.get(key)
        assert stored is not None
        return json.loads(stored)

    def sql(self, query: str, shape: str = LIVING) -> Numbers:
        """Rows of (key, number), or a single number under the key "". NULL is no row."""
        rows = self.databases[shape].execute(query.encode()).fetchall()
        pairs = [row if len(row) == 2 else ("", row[0]) for row in rows]
        return {str(key): float(value) for key, value in pairs if value is not None}

    def shown(self, uid: str, title: str, deployment: str = LIVING) -> list[Numbers]:
        """What a panel shows at `end` of the range, one answer per query; labels without names, sorted by name."""
        page, panel = asked(uid, title)
        variables = {v["name"]: ".*" for v in page["templating"]["list"]} | {"deployment": deployment}
        variables["__range"] = f"{round((self.end - self.begin) * 1000) + 1}ms"
        return [self._ask(target["expr"], variables) for target in panel["targets"]]

    def _ask(self, expr: str, variables: dict[str, str]) -> Numbers:
        for name, value in variables.items():
            expr = expr.replace(f"${name}", value)
        assert "$" not in expr, expr
        result = self.prometheus.api("query", query=expr, time=f"{self.end:.3f}")["result"]
        shown: Numbers = {}
        for series in result:
            labels = {name: value for name, value in series["metric"].items() if name not in TAKEN_FOR_GRANTED}
            shown["/".join(value for _, value in sorted(labels.items()))] = float(series["value"][1])
        return shown


BOARDS = {board.json["uid"]: board.json for board in generated()}


def asked(uid: str, title: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """A page, and the only panel of that title that asks Prometheus for a moment and not for a course."""
    page = BOARDS[uid]
    (panel,) = (panel for panel in of_a_moment(page) if panel["title"] == title)
    return page, panel


def of_a_moment(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The panels of a page that show numbers of Prometheus as of the end of its range."""
    targets = (panel.get("targets", ()) for panel in page["panels"])
    moments = (any(t.get("instant") and "expr" in t for t in some) for some in targets)
    return [panel for panel, moment in zip(page["panels"], moments, strict=True) if moment]


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """Everything, lived through and read to the end."""
    with ExitStack() as stack:
        server = stack.enter_context(Redis(folder / "redis", free_port()))
        quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        postgres = stack.enter_context(
            Postgres(folder / "postgres", free_port(), password_file=folder / "password", settings=quick)
        )
        clients: dict[str, redis.Redis] = {}
        databases: dict[str, psycopg.Connection[Any]] = {}
        for db, shape in enumerate(SHAPES):
            clients[shape] = stack.enter_context(redis.Redis(port=server.port, db=db))
            databases[shape] = stack.enter_context(closing(_database(postgres, shape)))
        clock = Clock()
        her = Her(clients[LIVING], seed=404, clock=clock)
        tables = {shape: Tables(databases[shape], seed=db, world=her.world) for db, shape in enumerate(SHAPES)}
        remember(tables)
        her.pen.twin = twin = SqlTwin(databases[LIVING], seed=405)
        before(her, tables[LIVING])
        exporter = Exporter(folder / "exporter", server)
        config = yaml.safe_load(exporter.config.read_text())
        config["systems"]["her"] = [_deployment(shape, server, db, postgres) for db, shape in enumerate(SHAPES)]
        exporter.config.write_text(yaml.safe_dump(config))
        stack.enter_context(exporter)
        scraping = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
            "scrape_configs": [
                {"job_name": "observatory", "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}
            ],
        }
        prometheus = stack.enter_context(Prometheus(folder / "prometheus", free_port(), scraping))
        exporter.until(
            lambda s: [value for _, value in s.all("observatory_stream_history_left")] == [0.0] * 3 * len(SHAPES),
            "history is through",
        )
        exporter.until_read()
        made = House(clients, databases, prometheus, {})
        made.begin = _next_scrape(prometheus)
        made.lengths = {key: made.client.llen(key) for key in made.keys("her:*") if made.kind(key) == "list"}
        databases[LIVING].execute(BEFORE)
        within(her, tables[LIVING], clock)
        assert not twin.holes, "both copies are whole"
        exporter.until_read()
        # A new member of an open set shows 0 for two scrapes before it shows its number.
        time.sleep(1.5)
        made.end = _next_scrape(prometheus)
        yield made


def _database(postgres: Postgres, name: str) -> psycopg.Connection[Any]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    made = psycopg.connect(postgres.dsn(name), autocommit=True)
    made.execute("SET TimeZone = 'UTC'")
    return made


def _deployment(shape: str, server: Redis, db: int, postgres: Postgres) -> dict[str, Any]:
    return {
        "deployment": shape,
        "redis": {"host": "127.0.0.1", "port": server.port, "db": db},
        "postgres": {
            "host": "127.0.0.1",
            "port": postgres.port,
            "dbname": shape,
            "user": "postgres",
            "password_file": str(postgres.password_file),
        },
        "intervals": {name: min(interval, 1.0) for name, interval in INTERVALS.items()},
    }


def _next_scrape(prometheus: Prometheus) -> float:
    """When the exporter was scraped next: every sample of a scrape has its time, in milliseconds."""
    now = time.time()
    deadline = time.monotonic() + 20
    while True:
        result = prometheus.api("query", query='up{job="observatory"}[5s]')["result"]
        later = [at for series in result for at, value in series["values"] if at > now and value == "1"]
        if later:
            return float(later[0])
        assert time.monotonic() < deadline, "Prometheus scrapes"
        time.sleep(0.1)
