"""The exporter with HER's debugger beside her Redis: sooner, never double, and never blind because HER is busy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from exporters.demo.redis import Redis
from exporters.her.simulate import Her
from exporters.her.simulate_debugger import DebuggerServer
from tests.system.exporter import Exporter, Scrape

EVENTS = "her_workflow_events_total"
UP = "observatory_source_up"
SLOW = {"workflow": 5.0, "debugger": 0.5}
"""The list as slowly as it is ever read."""


class House:
    """A HER with her Redis and her debugger."""

    def __init__(self, server: Redis, folder: Path, servers: ExitStack) -> None:
        self.redis = server
        self.folder = folder
        password = server.password_file.read_text().strip() if server.password_file else None
        self.her = Her(redis.Redis(port=server.port, password=password), seed=11)
        servers.callback(self.her.pen.client.close)
        self._servers = servers
        self.debugger = self.open_debugger()

    def open_debugger(self, port: int = 0) -> DebuggerServer:
        made = DebuggerServer(port).start()
        self._servers.callback(made.stop)
        self.her.told = made.tell
        return made

    def exporter(self, **her: Any) -> Exporter:
        url = f"ws://127.0.0.1:{self.debugger.port}/ws/workflow"
        made = Exporter(self.folder, self.redis, workflow={"url": url}, intervals=SLOW, **her)
        return self._servers.enter_context(made)

    def produced(self) -> int:
        return self.her.produced["her:workflow:events"]


@pytest.fixture
def house(redis_server: Redis, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as servers:
        yield House(redis_server, tmp_path / "exporter", servers)


def up(scrape: Scrape) -> float | None:
    return scrape.one(UP, source="workflow")


def connected(scrape: Scrape) -> bool:
    return scrape.one("her_workflow_debugger_busy") == 0 and bool(scrape.all("her_workflow_live_requests"))


def seconds_until(exporter: Exporter, condition: Callable[[Scrape], bool], what: str) -> float:
    started = time.monotonic()
    exporter.until(condition, what)
    return time.monotonic() - started


def test_an_event_shows_sooner_than_the_interval_and_is_counted_once(house: House) -> None:
    house.her.chat()
    exporter = house.exporter()
    exporter.until(lambda s: connected(s) and s.total(EVENTS) == house.produced(), "caught up, and listening")
    waits = []
    for _ in range(4):
        house.her.chat()
        wanted = house.produced()
        waits.append(seconds_until(exporter, lambda s: s.total(EVENTS) >= wanted, "the events of a chat"))  # noqa: B023
    assert max(waits) < 2.5, f"the list is read every 5 s, news were there after {waits}"
    for _ in range(20):
        house.her.api_chat()
    scrape = exporter.until(lambda s: s.total(EVENTS) >= house.produced(), "a burst")
    assert scrape.total(EVENTS) == house.produced(), "by snapshot and live, and counted by the list alone"
    reads = scrape.one("observatory_stream_read_duration_seconds_count", stream="workflow")
    assert reads is not None
    assert reads < 60, "a burst of two hundred frames is no burst of reads"
    assert scrape.total("her_requests_total") == 25
    assert house.debugger.connections == 1


def test_a_her_that_waits_for_its_model_is_busy_and_the_source_stays_up(house: House) -> None:
    house.debugger.block()
    exporter = house.exporter()
    seen: list[float | None] = []

    def busy(scrape: Scrape) -> bool:
        seen.append(up(scrape))
        return scrape.one("her_workflow_debugger_busy") == 1

    exporter.until(busy, "a handshake nobody answers is busy")
    house.her.chat()
    exporter.until(lambda s: s.total(EVENTS) == house.produced(), "the list is read all the same")
    assert up(exporter.scrape()) == 1
    assert 1.0 in seen
    assert seen[seen.index(1.0) :] == [1.0] * (len(seen) - seen.index(1.0)), "up, and up for as long as it is busy"
    assert exporter.scrape().total("observatory_source_errors_total", source="workflow") == 0
    house.debugger.unblock()
    scrape = exporter.until(connected, "it answers")
    assert up(scrape) == 1
    assert scrape.total(EVENTS) == house.produced()


def test_without_its_debugger_the_rest_goes_on_and_it_comes_back(house: House) -> None:
    exporter = house.exporter()
    exporter.until(connected, "listening")
    port = house.debugger.port
    house.debugger.stop()
    house.her.told = None
    exporter.until(lambda s: up(s) == 0, "nobody there is an outage of the debugger")
    scrape = exporter.until(lambda s: not s.all("her_workflow_live_requests"), "what cannot be seen is not shown")
    assert scrape.one(UP, source="redis") == 1
    house.her.chat()
    exporter.until(lambda s: s.total(EVENTS) == house.produced(), "the list counts without it")
    house.open_debugger(port)
    exporter.until(lambda s: up(s) == 1 and connected(s), "back without a restart")
    assert house.her.told is not None
    house.her.chat()
    scrape = exporter.until(lambda s: s.total(EVENTS) == house.produced(), "and rings again")
    assert scrape.total("observatory_stream_gaps_total") == 0


def test_no_message_and_no_prompt_leaves_by_this_way(house: House) -> None:
    exporter = house.exporter()
    exporter.until(connected, "listening")
    house.her.chat()
    for frame in ("garbage", '{"type":"event","event":{"secret":"hunter2"}}'):
        house.debugger.send_raw(frame)
    house.debugger.send_raw(b"\x00binary")
    scrape = exporter.until(lambda s: s.total(EVENTS) == house.produced(), "read")
    assert connected(scrape)
    log = (house.folder / "exporter.log").read_text()
    for text in (scrape.text, log):
        assert "hunter2" not in text
        assert "helpful assistant" not in text
