"""`observatory serve` on a HER with a database: both sources, what they count, and one without the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporters.demo.postgres import Postgres
from exporters.demo.redis import Redis
from exporters.her.simulate import Her, connect
from exporters.her.simulate_sql import SqlTwin, create_schema
from exporters.her.sql_grants import grants
from tests.system.exporter import Exporter, Scrape

SECRET = "canary-of-a-text-column"


class House:
    """HER, its Redis, its database, and the settings of an exporter that may read a few columns of it."""

    def __init__(self, redis: Redis, postgres: Postgres, folder: Path) -> None:
        self.postgres = postgres
        self.admin = psycopg.connect(postgres.dsn(), autocommit=True)
        create_schema(self.admin)
        self.admin.execute("CREATE ROLE observer LOGIN PASSWORD 'of the test'")
        self.admin.execute(grants())
        self.her = Her(connect("127.0.0.1", redis.port, redis.password), seed=9)
        self.twin = SqlTwin(psycopg.connect(postgres.dsn(), autocommit=True), seed=9)
        self.her.pen.twin = self.twin
        (folder / "observer").write_text("of the test")
        self.settings: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": postgres.port,
            "user": "observer",
            "dbname": "postgres",
            "password_file": str(folder / "observer"),
            "timeout_seconds": 1.0,
        }

    def close(self) -> None:
        self.twin.connection.close()
        self.admin.close()

    def rows(self) -> int:
        """What the table holds, by its own account."""
        found = self.admin.execute("SELECT count(*) FROM decision_logs").fetchone()
        assert found is not None
        return int(found[0])


@pytest.fixture
def house(redis_server: Redis, postgres_server: Postgres, tmp_path: Path) -> Iterator[House]:
    with closing(House(redis_server, postgres_server, tmp_path)) as made:
        yield made


def test_both_copies_are_counted_and_no_counter_falls(house: House, redis_server: Redis, tmp_path: Path) -> None:
    for _ in range(5):
        house.her.chat()
    house.her.decision("tool_call", "mcp_tools", summary=SECRET, details={"query_preview": SECRET})
    exporter = Exporter(tmp_path / "exporter", redis_server, postgres=house.settings)

    def all_rows(scrape: Scrape) -> bool:
        return scrape.total("her_decision_rows_total") == house.rows()

    def both_copies(scrape: Scrape) -> bool:
        return all_rows(scrape) and scrape.total("her_decisions_total") == house.rows()

    with exporter:
        exporter.until(all_rows, "history is counted")
        house.her.agent_request()
        house.her.daily()
        scrape = exporter.until(both_copies, "what came after is counted in both")
        assert scrape.total("her_decision_rows_total") == scrape.total("her_decisions_total") == house.rows() > 50
        assert scrape.one("observatory_source_up", source="postgres") == 1
        assert scrape.one("observatory_stream_history_left", stream="decision_rows") == 0
        assert scrape.one("observatory_stream_late_total", stream="decision_rows") == 0
        assert scrape.total("her_decision_copies_missing_total") == 0
        exporter.kill()
        house.admin.execute("DELETE FROM decision_logs WHERE event_type = 'performance_timing'")
        kept = house.rows()
        house.her.chat()
        expected = scrape.total("her_decision_rows_total") + house.rows() - kept
        exporter.start().wait_ready()
        scrape = exporter.until(lambda s: s.total("her_decision_rows_total") >= expected, "the pause is made up for")
        assert scrape.total("her_decision_rows_total") == expected, "and what retention deletes is not taken back"
        said = scrape.text + (tmp_path / "exporter" / "exporter.log").read_text()
        assert SECRET not in said
        state = b"".join(path.read_bytes() for path in (tmp_path / "exporter" / "state").glob("observatory.db*"))
        assert SECRET.encode() not in state


def test_a_database_that_is_away_costs_redis_nothing(house: House, redis_server: Redis, tmp_path: Path) -> None:
    house.her.chat()
    with Exporter(tmp_path / "exporter", redis_server, postgres=house.settings) as exporter:
        exporter.until(lambda s: s.total("her_decision_rows_total") == house.rows(), "rows are counted")
        counted = house.rows()
        house.her.pen.twin = None
        house.twin.connection.close()
        house.admin.close()
        house.postgres.stop()
        house.her.chat()
        scrape = exporter.until(
            lambda s: s.one("observatory_source_up", source="postgres") == 0, "it is seen to be away"
        )
        interactions = exporter.until(lambda s: s.one("her_interactions_total") == 2, "Redis is read on")
        assert interactions.one("observatory_source_up", source="redis") == 1
        assert scrape.total("her_decision_rows_total") == counted, "a counter keeps its value"
        house.postgres.start().wait_ready()
        house.admin = psycopg.connect(house.postgres.dsn(), autocommit=True)
        house.twin = SqlTwin(psycopg.connect(house.postgres.dsn(), autocommit=True), seed=10)
        house.her.pen.twin = house.twin
        house.her.chat()
        exporter.until(lambda s: s.total("her_decision_rows_total") == house.rows(), "and back")
        assert exporter.scrape().total("observatory_stream_gaps_total", source="postgres") == 0
