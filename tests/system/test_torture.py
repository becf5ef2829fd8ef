"""Kills, bursts, restarts and flushes: counted + lost = produced, nothing twice, every gap flagged.

One living HER writes 25 entries a second for a minute, with bursts of exactly a list's cap, one more, and three times
as many, while the exporter is killed with SIGKILL every few seconds. What is asked at the end holds for every list.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporters.demo.redis import Redis
from exporters.her import simulate_wire as wire
from exporters.her.simulate import Her, connect
from tests.servers.fixtures import StartRedis
from tests.standins.influxdb_v2 import InfluxStandin
from tests.system.exporter import Exporter, Scrape

SECONDS = 60.0
KILL_EVERY = 4.0
STREAMS = {
    "interactions": wire.EVENTS,
    "logs": wire.LOGS,
    "executions": wire.SANDBOX,
    "jobs": wire.JOBS,
    "decisions": wire.DECISIONS,
    "reinforcement": wire.REINFORCEMENT,
    "workflow": wire.WORKFLOW,
    "startups": wire.CAPABILITIES_HISTORY,
}
POINTS = {
    "interactions": "her_interaction",
    "logs": "her_log",
    "executions": "her_execution",
    "jobs": "her_job",
    "decisions": "her_decision",
    "reinforcement": "her_reinforcement",
    "startups": "her_startup",
}
TOKEN = "a-token-of-the-test"


@contextmanager
def standin(tmp_path: Path) -> Iterator[tuple[InfluxStandin, dict[str, str]]]:
    """An InfluxDB stand-in and the exporter's settings for it."""
    with InfluxStandin(org="observatory", token=TOKEN) as server:
        for name in ("her", "her_daily", "her_text"):
            server.bucket(name)
        token_file = tmp_path / "influx-token"
        token_file.write_text(TOKEN)
        yield server, {"url": server.url, "org": "observatory", "token_file": str(token_file)}


def accounts(scrape: Scrape, stream: str) -> tuple[int, int, int, int]:
    """events, lost, rejected, gaps of a stream."""
    kinds = ("events", "lost", "rejected", "gaps")
    events, lost, rejected, gaps = (int(scrape.total(f"observatory_stream_{k}_total", stream=stream)) for k in kinds)
    return events, lost, rejected, gaps


def stored_points(server: InfluxStandin, measurement: str) -> int:
    """Distinct points of a measurement."""
    return sum(name == measurement for name, _, _ in server.stored("her"))


def drained(exporter: Exporter) -> None:
    """Wait until nothing waits for InfluxDB."""
    exporter.until(lambda s: s.total("observatory_outbox_lines") == 0, "the outbox is drained")


@pytest.mark.timeout(300)
def test_counted_and_lost_are_what_was_produced(redis_server: Redis, tmp_path: Path) -> None:
    her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=11)
    halt = threading.Event()
    living = threading.Thread(target=her.run, kwargs={"seconds": SECONDS, "rate": 25.0, "stop": halt}, daemon=True)
    with standin(tmp_path) as (influx, settings):
        exporter = Exporter(tmp_path / "exporter", redis_server, influx=settings)
        kills = 0
        with exporter:
            exporter.until_read()
            living.start()
            bursts = iter([("events", 50), ("events", 51), ("logs", 201), ("sandbox", 100), ("events", 150),
                           ("jobs", 101), ("logs", 600), ("decisions", 500), ("reinforcement", 300), ("sandbox", 300),
                           ("decisions", 501), ("events", 50)])  # fmt: skip
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                stream, count = next(bursts, (None, 0))
                if stream:
                    her.burst(stream, count)  # type: ignore[arg-type] # names of a closed set
                time.sleep(KILL_EVERY)
                exporter.kill()
                kills += 1
                # Now and then it stays away for longer than a list needs to turn over.
                time.sleep(3.0 if kills % 4 == 0 else 0.2)
                exporter.start().wait_ready()
            halt.set()
            living.join(30)
            exporter.until_read()
            drained(exporter)
            scrape = exporter.scrape()
        assert kills >= 5, "a slow machine gets fewer in, but not none"
        for stream, key in STREAMS.items():
            produced = her.produced[key]
            events, lost, rejected, gaps = accounts(scrape, stream)
            told = f"{stream}: produced {produced}, events {events}, lost {lost}, rejected {rejected}, gaps {gaps}"
            print(told)
            assert rejected == 0, told
            if stream == "interactions":
                assert events + lost == produced, told
                assert scrape.one("her_interactions_total") == produced, told
            else:
                assert events <= produced, told
                assert events == produced or gaps >= 1, told
            if stream in POINTS:
                assert stored_points(influx, POINTS[stream]) == events, told
        assert scrape.one("her_tokens_estimated_total") == int(her.pen.client.get("her:metrics:tokens") or 0)
        assert scrape.total("observatory_outbox_dropped_total") == 0


def save_and_restore(server: Redis, between: Iterator[None]) -> None:
    """A power cut that costs the end of the append-only file: what happens in between is gone afterwards."""
    files = {path: path.read_bytes() for path in server.folder.rglob("*.aof")}
    next(between)
    server.kill()
    for path, content in files.items():
        path.write_bytes(content)
    server.start().wait_ready()


def test_a_power_cut_that_loses_the_last_pushes_doubles_nothing(redis_server: Redis, tmp_path: Path) -> None:
    her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=12)
    for _ in range(30):
        her.interaction()
        her.log("INFO", "her-main", "a line")
    exporter = Exporter(tmp_path / "exporter", redis_server)
    with exporter:
        exporter.until_read()

        def lost_pushes() -> Iterator[None]:
            for _ in range(5):
                her.interaction()
                her.log("INFO", "her-main", "a line")
            exporter.until(lambda s: s.one("her_interactions_total") == 35, "the five are counted")
            yield

        save_and_restore(redis_server, lost_pushes())
        again = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=13)
        for _ in range(2):
            again.interaction()
            again.log("INFO", "her-main", "a line")
        scrape = exporter.until(lambda s: s.one("her_interactions_total") == 37, "the two new ones, and nothing twice")
        scrape = exporter.until_read()
        assert scrape.one("her_interactions_total") == 37
        assert accounts(scrape, "interactions")[:2] == (37, 0)
        assert accounts(scrape, "logs")[:2] == (37, 0)


def test_flushall_is_a_flagged_gap_and_nothing_twice(redis_server: Redis, tmp_path: Path) -> None:
    client = connect("127.0.0.1", redis_server.port, redis_server.password)
    her = Her(client, seed=14)
    for _ in range(10):
        her.chat()
    with Exporter(tmp_path / "exporter", redis_server) as exporter:
        before = exporter.until_read()
        client.flushall()
        exporter.until(lambda s: accounts(s, "interactions")[3] == 1, "the gap is flagged")
        for _ in range(3):
            her.interaction()
            her.log("ERROR", "her-main", "a line")
        scrape = exporter.until(
            lambda s: s.one("her_interactions_total") == (before.one("her_interactions_total") or 0) + 3, "three more"
        )
        scrape = exporter.until_read()
        for stream in STREAMS:
            old, new = accounts(before, stream), accounts(scrape, stream)
            added = 3 if stream in ("interactions", "logs") else 0
            assert new[0] - old[0] == added, stream
            assert new[1] == 0, stream
            assert new[3] - old[3] == (1 if old[0] else 0), f"{stream}: the gap is flagged once"


def test_no_counter_falls_over_any_of_it(start_redis: StartRedis, tmp_path: Path) -> None:
    server = start_redis(appendonly=True)
    client = connect("127.0.0.1", server.port, server.password)
    her = Her(client, seed=15)
    exporter = Exporter(tmp_path / "exporter", server)
    seen: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def look() -> None:
        for name, labels, value in counters(exporter.scrape()):
            key = (name, tuple(sorted(labels.items())))
            assert value >= seen.get(key, 0.0), f"{key} fell from {seen[key]} to {value}"
            seen[key] = value

    with exporter:
        for act in range(6):
            her.chat()
            her.agent_request()
            exporter.until_read()
            look()
            if act % 2:
                exporter.kill()
                exporter.start().wait_ready()
                look()
            if act == 3:
                client.flushall()
            if act == 4:
                server.restart()
    assert len(seen) > 100


OWN_DURATIONS = (
    "observatory_stream_read_duration_seconds",
    "observatory_state_commit_duration_seconds",
    "observatory_exposition_duration_seconds",
    "process_",
)
"""What lives with the process, as everywhere."""


def counters(scrape: Scrape) -> Iterator[tuple[str, dict[str, str], float]]:
    """Every sample that must not fall."""
    for name in scrape.names():
        if name.endswith(("_total", "_count", "_bucket")) and not name.startswith(OWN_DURATIONS):
            for labels, value in scrape.all(name):
                if name != "observatory_influxdb_posts_total":
                    yield name, labels, value
