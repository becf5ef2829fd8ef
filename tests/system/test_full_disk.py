"""A disk that is full for a while: what cannot be stored does not show, and is read once when there is room again."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import redis

from exporters.demo.redis import Redis
from exporters.her.simulate import Her, connect
from tests.system.exporter import Exporter, Scrape

LOG_LINES = "her_log_lines_total"


def log(client: redis.Redis, first: int, last: int) -> None:
    """Log lines as HER writes them, each like no other."""
    for number in range(first, last):
        stamp = f"2026-02-22T09:{number // 60:02d}:{number % 60:02d}.000412+00:00"
        entry = f'{{"timestamp":"{stamp}","level":"ERROR","name":"her-main","message":"line {number}"}}'
        client.lpush("her:logs", entry)
        client.ltrim("her:logs", 0, 199)


def full(exporter: Exporter, *, size: int) -> None:
    """No file of this process may grow beyond so many bytes."""
    resource.prlimit(exporter.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def failing(scrape: Scrape) -> float:
    """Reads that could not be stored."""
    return scrape.total("observatory_stream_errors_total", stream="logs", reason="state")


@pytest.mark.timeout(180)
def test_a_full_disk_costs_nothing(redis_server: Redis, tmp_path: Path) -> None:
    client = connect("127.0.0.1", redis_server.port, redis_server.password)
    Her(client, seed=5).startup()
    client.delete("her:logs")
    log(client, 0, 10)
    exporter = Exporter(tmp_path / "exporter", redis_server)
    exporter.start().wait_ready()
    try:
        exporter.until(lambda s: s.total(LOG_LINES) == 10, "first read")
        state = tmp_path / "exporter" / "state" / "observatory.db-wal"
        full(exporter, size=state.stat().st_size)
        log(client, 10, 60)
        scrape = exporter.until(lambda s: failing(s) >= 2, "it says so")
        assert scrape.total(LOG_LINES) == 10, "nothing shows before it is stored"
        assert scrape.one("observatory_source_up") == 1
        exporter.kill()  # in the middle of it
        exporter.start().wait_ready()
        log(client, 60, 80)
        exporter.until(lambda s: s.total(LOG_LINES) == 80, "all of it, once")

        full(exporter, size=state.stat().st_size)
        log(client, 80, 120)
        exporter.until(lambda s: failing(s) >= 2, "full again")
        full(exporter, size=resource.RLIM_INFINITY)
        scrape = exporter.until(lambda s: s.total(LOG_LINES) == 120, "it goes on by itself")
        assert scrape.total("observatory_stream_gaps_total") == 0
        assert "Traceback" not in exporter.log.read_text()
    finally:
        exporter.stop()
