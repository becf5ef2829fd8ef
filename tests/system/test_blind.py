"""A source that refuses, hangs or wants another password: /metrics answers, gauges vanish, counters stay, it heals."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from exporters.demo.redis import Redis
from exporters.her.simulate import Her, connect
from tests.system.exporter import Exporter, Scrape

GAUGES = ("her_users", "her_tools", "her_scheduler_tasks", "her_context_threads")


def living(server: Redis) -> Her:
    """A HER that has started and talked."""
    her = Her(connect("127.0.0.1", server.port, server.password), seed=21)
    her.startup()
    for _ in range(5):
        her.chat()
    her.tick(0)
    return her


def up(scrape: Scrape) -> float | None:
    """observatory_source_up of the only source."""
    return scrape.one("observatory_source_up", system="her")


def blind(exporter: Exporter, before: Scrape) -> None:
    """What must hold while nobody can look, from the moment the last good read is too old."""
    scrape = exporter.until(lambda s: up(s) == 0, "source_up falls", 40)
    scrape = exporter.until(lambda s: not set(GAUGES) & s.names(), "gauges vanish", 90)
    assert scrape.status == 200
    assert scrape.one("her_interactions_total") == before.one("her_interactions_total")
    assert scrape.one("her_heartbeat_timestamp_seconds") == before.one("her_heartbeat_timestamp_seconds")
    assert scrape.one("observatory_stream_events_total", stream="decisions") == before.one(
        "observatory_stream_events_total", stream="decisions"
    )
    slowest = max(exporter.scrape().seconds for _ in range(20))
    assert slowest < 2, "a scrape never waits for a source"


def healed(exporter: Exporter, her: Her, before: Scrape) -> None:
    """Recovery needs no restart, and what was written meanwhile is counted."""
    her.interaction()
    wanted = (before.one("her_interactions_total") or 0) + 1
    exporter.until(lambda s: s.one("her_interactions_total") == wanted, "counting goes on", 60)
    scrape = exporter.until(lambda s: up(s) == 1, "source_up rises", 60)
    assert set(GAUGES) <= scrape.names(), "it is not up without its gauges"
    assert scrape.total("observatory_stream_gaps_total") == before.total("observatory_stream_gaps_total")


@pytest.mark.timeout(400)
def test_refusing(redis_server: Redis, tmp_path: Path) -> None:
    her = living(redis_server)
    with Exporter(tmp_path / "exporter", redis_server) as exporter:
        before = exporter.until_read()
        assert set(GAUGES) <= before.names()
        redis_server.stop()
        blind(exporter, before)
        assert exporter.scrape().total("observatory_source_errors_total", reason="refused") >= 1
        redis_server.start().wait_ready()
        healed(exporter, her, before)


@pytest.mark.timeout(400)
def test_hanging(redis_server: Redis, tmp_path: Path) -> None:
    her = living(redis_server)
    with Exporter(tmp_path / "exporter", redis_server) as exporter:
        before = exporter.until_read()
        os.kill(redis_server.pid, signal.SIGSTOP)
        try:
            blind(exporter, before)
            assert exporter.scrape().total("observatory_source_errors_total", reason="timeout") >= 1
        finally:
            os.kill(redis_server.pid, signal.SIGCONT)
        healed(exporter, her, before)


@pytest.mark.timeout(400)
def test_wrong_password_and_a_rotated_one(redis_server: Redis, tmp_path: Path) -> None:
    her = living(redis_server)
    client = connect("127.0.0.1", redis_server.port, redis_server.password)
    with Exporter(tmp_path / "exporter", redis_server) as exporter:
        before = exporter.until_read()
        client.config_set("requirepass", "another-one-of-the-test")
        client.client_kill_filter(_type="normal", skipme=True)
        exporter.until(lambda s: up(s) == 0, "source_up falls", 40)
        scrape = exporter.until(
            lambda s: s.total("observatory_source_errors_total", reason="auth") >= 1, "the reason is told", 40
        )
        assert scrape.status == 200
        log = exporter.log.read_text()
        assert redis_server.password is not None
        assert redis_server.password not in log
        assert redis_server.password_file is not None
        redis_server.password_file.write_text("another-one-of-the-test\n")
        her = Her(connect("127.0.0.1", redis_server.port, "another-one-of-the-test"), seed=22)
        healed(exporter, her, before)


def test_a_source_that_never_answered(tmp_path: Path, redis_server: Redis) -> None:
    """Blind from the first moment: source_up says so, no system series claims anything, readiness does not lie."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(16)
        exporter = Exporter(tmp_path / "exporter", redis_server)
        text = exporter.config.read_text().replace(f"port: {redis_server.port}", f"port: {mute.getsockname()[1]}")
        exporter.config.write_text(text)
        with exporter:
            scrape = exporter.until(
                lambda s: s.total("observatory_source_errors_total", reason="timeout") >= 1,
                "the first attempt ends",
                30,
            )
            assert up(scrape) == 0
            assert not [name for name in scrape.names() if name.startswith(("her_", "gen_ai_"))]


def test_it_stops_within_five_seconds_even_when_a_source_hangs(redis_server: Redis, tmp_path: Path) -> None:
    living(redis_server)
    exporter = Exporter(tmp_path / "exporter", redis_server)
    exporter.start().wait_ready()
    exporter.until_read()
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        time.sleep(1.0)
        started = time.monotonic()
        exporter.stop(grace=8)
        assert time.monotonic() - started < 5.5
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
