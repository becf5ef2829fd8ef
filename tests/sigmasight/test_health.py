"""The back end's health endpoints and its log, against the invented ones of the simulator and real files."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporters.core.contract import Sample
from exporters.core.errors import SourceDown
from exporters.demo.ports import free_port
from exporters.readers.http_json import Limits
from exporters.sigmasight import health_metrics as m
from exporters.sigmasight import probes_intervals, simulate_log
from exporters.sigmasight.health_log import log_lines, log_source
from exporters.sigmasight.health_log_events import LINE_CHARACTERS, parse_log_line
from exporters.sigmasight.health_probe import PATHS, backend_source, trouble
from exporters.sigmasight.simulate_backend import Backend
from tests.sigmasight.houses import HASH_KEY, House
from tests.sigmasight.watching import Watch, collected, numbers, watching

PACE = probes_intervals.INTERVALS.__getitem__
NOW = datetime(2026, 1, 14, 9, 0, tzinfo=UTC)
EVERY = {("health",), ("live",), ("ready",), ("status",), ("prerequisites",)}


def asked(url: str, largest: int = 1000) -> list[Sample]:
    source = backend_source("home", url, PACE, limits=Limits(connect=1, whole=0.3, largest=largest))
    client = source.connect()
    try:
        return collected(source.probes[0], client, NOW)
    finally:
        source.close(client)


@pytest.mark.parametrize("path", ["", "/", "/api/v1"])
def test_a_healthy_back_end(path: str) -> None:
    with Backend() as backend:
        samples = asked(f"http://127.0.0.1:{backend.port}{path}")
    assert numbers(samples, m.HEALTHY) == dict.fromkeys(EVERY, 1)
    assert numbers(samples, m.STATUS) == dict.fromkeys(EVERY, 200)
    assert all(0 < seconds < 1 for seconds in numbers(samples, m.ANSWER_SECONDS).values())
    assert backend.asked == [path.rstrip("/") + asked_for for asked_for in PATHS.values()]


def test_while_it_warms_up_it_is_alive_and_not_ready() -> None:
    with Backend(warming=True) as backend:
        samples = asked(f"http://127.0.0.1:{backend.port}")
    assert numbers(samples, m.HEALTHY) == {key: float(key != ("ready",)) for key in EVERY}
    assert numbers(samples, m.STATUS)["ready",] == 503


def test_broken_is_not_healthy() -> None:
    with Backend() as backend:
        backend.broken = True
        samples = asked(f"http://127.0.0.1:{backend.port}")
    assert numbers(samples, m.HEALTHY) == dict.fromkeys(EVERY, 0)
    assert numbers(samples, m.STATUS) == dict.fromkeys(EVERY, 500)


def test_one_that_accepts_and_says_nothing_is_asked_once() -> None:
    with Backend() as backend:
        backend.silent = True
        samples = asked(f"http://127.0.0.1:{backend.port}")
        assert numbers(samples, m.HEALTHY) == {("live",): 0}
        assert numbers(samples, m.STATUS) == {}
        assert backend.asked == ["/health/live"]


def test_what_is_no_answer_of_one_endpoint_spares_the_others() -> None:
    with Backend() as backend:
        backend.broken = True
        samples = asked(f"http://127.0.0.1:{backend.port}", largest=3)
        assert numbers(samples, m.HEALTHY) == dict.fromkeys(EVERY, 0)
        assert len(backend.asked) == len(EVERY)


def test_who_checks_the_configuration_is_told_what_is_not_healthy() -> None:
    with Backend() as backend:
        assert trouble(asked(f"http://127.0.0.1:{backend.port}")) == ""
        backend.warming = True
        assert trouble(asked(f"http://127.0.0.1:{backend.port}")) == "not healthy: /health/ready 503"
        told = trouble(asked(f"http://127.0.0.1:{backend.port}/elsewhere"))
        assert told.count(" 404") == len(EVERY)
        backend.silent = True
        assert trouble(asked(f"http://127.0.0.1:{backend.port}")) == "not healthy: /health/live gave no answer"


def test_nobody_is_the_sources_failure() -> None:
    with pytest.raises(SourceDown):
        asked(f"http://127.0.0.1:{free_port()}")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        samples = asked(f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert numbers(samples, m.HEALTHY) == {("live",): 0}


@pytest.mark.parametrize("url", ["ftp://x", "http://user:secret@host", "host:8000", "http://host?x=1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="an address"):
        backend_source("home", url, PACE)


@contextmanager
def following(path: Path, file: Path, *, keep_text: bool = False) -> Iterator[Watch]:
    with watching(file, log_lines(PACE, HASH_KEY, keep_text=keep_text), path) as made:
        yield made


@pytest.mark.parametrize(
    ("line", "level", "logger", "error"),
    [
        (
            "2026-01-14 09:00:01,250 - app.agent.stream - ERROR - upstream error api_failure",
            "error",
            "app.agent",
            "api_failure",
        ),
        ("2026-01-14 09:00:01 [WARNING] app.main: slow", "warning", "app.main", ""),
        ("2026-01-14T09:00:01.250+00:00 | CRITICAL | app.main | out of memory", "critical", "app.main", ""),
        ("ERROR:app.services.openai_service:Rate limit reached", "error", "app.services", "other"),
        ('INFO:     127.0.0.1:51324 - "GET /health HTTP/1.1" 200 OK', "info", "unnamed", ""),
        (
            '{"level": "error", "logger": "app.agent", "message": "STREAM_FAILED"}',
            "error",
            "app.agent",
            "STREAM_FAILED",
        ),
        ('{"severity": "WARN", "msg": "x", "time": "2026-01-14T09:00:01Z"}', "warning", "unnamed", ""),
        ("2026-01-14 09:00:01,250 - app.agent.stream - INFO - api_failure was handled", "info", "app.agent", ""),
        ("2026-01-14 09:00:01,250 - app.batch.phase - ERROR - no price for ACME", "error", "app.batch", ""),
        ("ERROR app.batch.phase - no price", "error", "app.batch", ""),
        ("2026-01-14 09:00:01 | ERROR    | app.batch:run:10 - no price", "error", "app.batch", ""),
        ("ERROR:    first.last has no portfolio", "error", "unnamed", ""),
        ("2026-01-14 09:00:01 ERROR first.last could not log in", "error", "unnamed", ""),
        ("Traceback (most recent call last):", "", "unnamed", ""),
        ('  File "/app/app/agent/stream.py", line 212, in stream', "", "unnamed", ""),
        ("    raise ERROR from None", "", "unnamed", ""),
        ("RuntimeError: the pool is closed", "", "unnamed", ""),
        ("", "", "unnamed", ""),
        ("{not json", "", "unnamed", ""),
        ("[1, 2]", "", "unnamed", ""),
        ("x" * 400 + " ERROR ", "", "unnamed", ""),
    ],
)
def test_lines(line: str, level: str, logger: str, error: str) -> None:
    found = parse_log_line(line.encode())
    assert (found.level, found.logger, found.llm_error) == (level, logger, error)


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026-01-14 09:00:01,250 - a.b - INFO - x", datetime(2026, 1, 14, 9, 0, 1, 250_000, UTC)),
        ("2026-01-14T09:00:01.2501234Z INFO x", datetime(2026, 1, 14, 9, 0, 1, 250_123, UTC)),
        ("2026-01-14 09:00:01-05:00 INFO x", datetime(2026, 1, 14, 14, 0, 1, 0, UTC)),
        ("2026-13-14 09:00:01 INFO x", None),
        ("0001-01-01 00:00:00+14:00 INFO x", None),
        ("INFO: x", None),
    ],
)
def test_times(line: str, at: datetime | None) -> None:
    assert parse_log_line(line.encode()).at == at


def test_any_bytes_are_a_line() -> None:
    for raw in (
        b"\xff\xfe ERROR \x00",
        b"{" * 100_000,
        b'{"level": {"a": 1}}',
        b"2026-01-14 99:99:99 ERROR",
        b"- " * 9000,
    ):
        parse_log_line(raw, keep_text=True)


@pytest.mark.servers
def test_what_the_back_end_logs_is_counted_once(house: House, tmp_path: Path) -> None:
    path, pen = tmp_path / "app.log", house.sigma.pen
    path.touch()
    file = tmp_path / "state"
    records = 0
    with following(path, file) as log:
        log.live()
        for _ in range(3):
            simulate_log.append(path, pen, 30)
            records += 30
            log.live()
    path.rename(path.with_name("app.log.1"))
    simulate_log.append(path, pen, 30)
    records += 30
    with following(path, file) as log:
        log.live()
        lines = path.with_name("app.log.1").read_text().splitlines() + path.read_text().splitlines()
        levels = Counter((line.split(" - ")[2].lower(),) for line in lines if line.startswith("20"))
        assert log.shown(m.LINES) == levels
        assert sum(levels.values()) == records
        assert log.shown(m.CONTINUED) == {(): len(lines) - records}
        errors = Counter(
            (line.split("upstream error ")[1].split(" ")[0],) for line in lines if "upstream error" in line
        )
        assert log.shown(m.LLM) == errors
        assert sum(errors.values()) == records / 3
        everything = log.text() + log.state() + "".join(log.lines())
    everything += file.read_bytes().decode("latin-1")
    assert house.canaries
    assert not [token for token in house.canaries.values() if token in everything]


def test_text_only_where_it_is_asked_for_and_never_with_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.touch()
    line = "2026-01-14 09:00:01,250 - app.agent.stream - ERROR - refused: api_key=sk-inv0123456789abcdef0123456789"
    for keep_text in (False, True):
        with following(path, tmp_path / f"state-{keep_text}", keep_text=keep_text) as log:
            log.live()
            with path.open("a") as file:
                file.write(line + "\n")
            log.live()
            assert log.shown(m.LINES)["error",] == 1
            assert log.lines() == []
            assert len(log.lines("sigmasight_text")) == keep_text
            assert "0123456789" not in "".join(log.lines("sigmasight_text"))
    parsed = parse_log_line(line.encode(), keep_text=True)
    assert parsed.text == "- app.agent.stream - ERROR - refused: api_key=[redacted]"
    assert parse_log_line(line.encode()).text == ""
    addressed = b"2026-01-14 09:00:01,250 - app - ERROR - no metrics for first.last+x@mail.invalid: closed"
    assert parse_log_line(addressed, keep_text=True).text == "- app - ERROR - no metrics for [address]: closed"
    at_the_cut = b"2026-01-14 09:00:01,250 - app - ERROR - " + b"x " * 990 + b"first.last@mail.invalid"
    kept = parse_log_line(at_the_cut, keep_text=True).text
    assert len(kept) == LINE_CHARACTERS
    assert "first" not in kept
    assert m.LOG_TEXT.kind == "text"


def test_what_is_worse_than_an_error_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.touch()
    with following(path, tmp_path / "state") as log:
        log.live()
        path.write_text("CRITICAL:app.main:out of memory\nERROR:app.main:x\nWARNING:app.main:x\n")
        log.live()
        assert log.shown(m.ERRORS) == {("app.main",): 2}


def test_a_log_without_a_folder_is_the_sources_failure(tmp_path: Path) -> None:
    source = log_source("home", tmp_path / "nowhere" / "app.log", PACE, HASH_KEY)
    with pytest.raises(SourceDown):
        source.connect()
    source = log_source("home", tmp_path / "app.log", PACE, HASH_KEY)
    source.close(source.connect())
