"""Whatever InfluxDB answers, every line arrives once, or is counted as what became of it.

One suite, run against the stand-in and against a real influxd behind a proxy that produces the faults.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporters.core.influx import Drainer
from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_post import InfluxPoster
from exporters.core.influx_view import DrainerSettings
from exporters.core.outbox import OutboxLine
from exporters.demo.influxdb import InfluxDB
from tests.standins.faulty_http import Mode
from tests.standins.influx_servers import BOTH, InfluxServer, influx_server, real_influxd
from tests.standins.outbox_file import OutboxFile

SECRET = "canary-5b1e"
HOUR = 3600 * 10**9


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """One influxd for all tests of this file; each begins without buckets."""
    with real_influxd(tmp_path_factory.mktemp("influxd")) as influxd:
        yield influxd


@pytest.fixture(params=BOTH)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InfluxServer]:
    influxd = request.getfixturevalue("running") if request.param == "real" else None
    with influx_server(request.param, tmp_path, influxd) as started:
        yield started


@pytest.fixture
def file(tmp_path: Path) -> Iterator[OutboxFile]:
    opened = OutboxFile(tmp_path / "outbox.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def token(server: InfluxServer, tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(server.operator_token())
    return path


@pytest.fixture
def start(server: InfluxServer, file: OutboxFile, token: Path) -> Iterator[Callable[..., Drainer]]:
    """Starts a drainer with back-off in milliseconds; options as DrainerSettings and InfluxEndpoint take them."""
    started: list[Drainer] = []

    def begin(*, read_timeout: float = 5.0, **options: Any) -> Drainer:
        endpoint = server.endpoint(token)
        endpoint = InfluxEndpoint(
            url=endpoint.url, org=endpoint.org, token_file=token, connect_timeout=2, read_timeout=read_timeout
        )
        quick = DrainerSettings(**{"linger": 0.0, "backoff_first": 0.02, "backoff_most": 0.1} | options)
        drainer = Drainer(file.store, InfluxPoster(endpoint), quick)
        drainer.start()
        started.append(drainer)
        return drainer

    yield begin
    for drainer in started:
        drainer.stop(1.0)


def until(reached: Callable[[], bool], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.005)


def good(count: int, bucket: str = "b", start: int = 0) -> list[OutboxLine]:
    """Lines no two of which are one point."""
    now = time.time_ns() - HOUR // 2
    return [OutboxLine(bucket, now + n, f"m,t=x f={n}i {now + n}") for n in range(start, start + count)]


def values(server: InfluxServer, bucket: str = "b", field: str = "f") -> list[Any]:
    return sorted(fields[field] for fields in server.stored(bucket).values() if field in fields)


def drained(drainer: Drainer, *buckets: str) -> Callable[[], bool]:
    def reached() -> bool:
        ledgers = {name: view.ledger for name, view in drainer.view().buckets.items()}
        return all(name in ledgers and ledgers[name].lines == 0 for name in buckets or ("b",))

    return reached


def tried_or_done(server: InfluxServer, drainer: Drainer, posts: int) -> Callable[[], bool]:
    return lambda: len(server.faults.posts) >= posts or drained(drainer)()


def test_lines_arrive_in_full_posts_and_leave_the_outbox(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b")
    file.append(good(1050))
    drainer = start(max_lines=500)
    until(drained(drainer), "drained")
    assert values(server) == list(range(1050))
    assert [len(post.lines) for post in server.faults.posts] == [500, 500, 50]
    view = drainer.view()
    assert (view.buckets["b"].ledger.written, view.posts["written"], view.defects) == (1050, 3, 0)
    file.append(good(3, start=1050))
    drainer.wake()
    until(lambda: drainer.view().buckets["b"].ledger.written == 1053, "the later lines too")
    assert values(server) == list(range(1053))


def test_everything_at_once(server: InfluxServer, file: OutboxFile, token: Path, start: Callable[..., Drainer]) -> None:
    """503, 429, one poison line, a type conflict, a wrong token, 413, a hang, lost answers, and then health."""
    server.bucket("b")
    right = token.read_text()
    token.write_text("not-the-token")
    now = time.time_ns()
    file.append([OutboxLine("b", now, f"m,t=first f=0i {now}")])
    conflict = OutboxLine("b", now + 1, f'm,t=conflict f="text" {now + 1}')
    poison = OutboxLine("b", now + 2, f"m,t= f=1i {now + 2}")
    file.append([*good(700, start=1), conflict, *good(700, start=701), poison, *good(700, start=1401)])
    drainer = start(max_lines=400, read_timeout=0.3, retry_after_most=0.05)
    faults = server.faults
    until(lambda: drainer.view().posts["unauthorized"] >= 2, "refused for its token")
    token.write_text(right)
    until(lambda: drainer.view().posts["written"] >= 1, "healed without a restart")
    faults.fail_next(2, 503)
    faults.fail_next(1, 429, Retry_After="1")
    faults.max_body_bytes = 1000
    until(lambda: drainer.view().posts["too_large"] >= 1, "too large for a while")
    faults.max_body_bytes = None
    modes: tuple[Mode, ...] = ("hang", "reset", "store_then_hang", "store_then_reset")
    for mode in modes:
        if drained(drainer)():
            file.append(good(300, start=10_000 + 300 * drainer.view().buckets["b"].ledger.appended))
            drainer.wake()
        before = len(faults.posts)
        faults.mode(mode)
        until(tried_or_done(server, drainer, before + 2), f"tried while {mode}")
        faults.mode("healthy")
    until(drained(drainer), "drained")
    drainer.stop()
    ledger = drainer.view().buckets["b"].ledger
    assert (ledger.dead_lettered, ledger.partial_dropped, ledger.dropped, ledger.expired) == (1, 1, 0, 0)
    assert ledger.written == ledger.appended - 2
    found = values(server)
    assert len(found) == len(set(found)) == ledger.written
    assert set(range(2101)) <= set(found)
    assert file.dead_letters() == [("b", "malformed", poison.line)]


@pytest.mark.parametrize("where", [[0], [99], [50], [0, 99], [10, 11], list(range(40, 60)), list(range(100))])
def test_only_the_poison_lines_are_put_aside(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer], where: Sequence[int]
) -> None:
    server.bucket("b")
    lines = good(100)
    for number in where:
        lines[number] = lines[number]._replace(line=f'm,t= note="{SECRET}" {lines[number].time_ns}')
    file.append(lines)
    drainer = start()
    until(drained(drainer), "drained")
    assert values(server) == [number for number in range(100) if number not in where]
    assert [line for _, _, line in file.dead_letters()] == [lines[number].line for number in where]
    ledger = drainer.view().buckets["b"].ledger
    assert (ledger.dead_lettered, ledger.written) == (len(where), 100 - len(where))


def test_a_partial_write_is_counted_and_never_sent_again(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b")
    now = time.time_ns()
    file.append(good(10))
    file.append([OutboxLine("b", now + n, f"m,t=y f={n}.5 {now + n}") for n in range(3)])
    file.append(good(10, start=10))
    drainer = start()
    until(drained(drainer), "drained")
    assert values(server) == list(range(20))
    assert server.faults.statuses() == [422]
    view = drainer.view()
    ledger = view.buckets["b"].ledger
    assert (ledger.partial_dropped, ledger.written, view.partial_unknown) == (3, 20, 0)


def test_a_partial_write_of_unknown_size_counts_one_and_says_so(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b")
    file.append(good(5))
    server.faults.fail_next(1, 422, body=b"something was not stored")
    drainer = start()
    until(drained(drainer), "drained")
    view = drainer.view()
    assert (view.partial_unknown, view.buckets["b"].ledger.partial_dropped, view.posts["partial"]) == (1, 1, 1)
    assert server.faults.statuses() == [422]


def test_a_rotated_token_heals_without_a_restart(
    server: InfluxServer, file: OutboxFile, token: Path, start: Callable[..., Drainer]
) -> None:
    server.bucket("b")
    token.write_text(server.writer_token("b"))
    file.append(good(5))
    drainer = start()
    until(drained(drainer), "drained")
    token.write_text("revoked")
    server.faults.mode("reset")  # the connection that still knows the old token ends
    file.append(good(5, start=5))
    drainer.wake()
    until(lambda: drainer.view().posts["connection"] >= 1, "the connection broke")
    server.faults.mode("healthy")
    until(lambda: drainer.view().posts["unauthorized"] >= 1, "refused")
    token.unlink()
    until(lambda: drainer.view().posts["no_token"] >= 1, "no token file at all")
    assert drainer.view().buckets["b"].ledger.lines == 5
    token.write_text(server.writer_token("b"))
    until(drained(drainer), "drained")
    assert values(server) == list(range(10))


def test_a_bucket_that_is_missing_or_forbidden_blocks_no_other(
    server: InfluxServer, file: OutboxFile, token: Path, start: Callable[..., Drainer]
) -> None:
    for name in ("open", "closed"):
        server.bucket(name)
    token.write_text(server.writer_token("open"))
    file.append([*good(10, "closed"), *good(10, "forgotten"), *good(10, "open")])
    drainer = start()
    until(drained(drainer, "open"), "the good bucket is drained")
    file.append(good(10, "open", start=10))
    drainer.wake()
    until(lambda: drainer.view().buckets["open"].ledger.written == 20, "and goes on")
    until(lambda: min(drainer.view().posts[outcome] for outcome in ("forbidden", "not_found")) >= 2, "both are retried")
    view = drainer.view()
    assert [view.buckets[name].ledger.lines for name in ("closed", "forgotten", "open")] == [10, 10, 0]
    assert view.buckets["closed"].failures >= 2
    assert view.buckets["closed"].backoff_seconds >= 0
    assert (view.buckets["open"].failures, view.buckets["open"].last_success is not None) == (0, True)
    server.bucket("forgotten")
    token.write_text(server.operator_token())
    until(drained(drainer, "open", "closed", "forgotten"), "everything, once it is allowed")
    assert all(values(server, name) == list(range(10)) for name in ("closed", "forgotten"))


def test_a_post_that_is_too_large_is_halved(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b")
    server.faults.max_body_bytes = 700
    now = time.time_ns()
    hard_to_compress = "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(400))
    file.append(good(60))
    file.append([OutboxLine("b", now, f'm,t=big s="{hard_to_compress}" {now}')])
    file.append(good(60, start=60))
    drainer = start()
    until(drained(drainer), "drained")
    assert values(server) == list(range(120))
    assert [(reason, len(line) > 3000) for _, reason, line in file.dead_letters()] == [("too_large", True)]
    ledger = drainer.view().buckets["b"].ledger
    assert (ledger.written, ledger.dead_lettered) == (120, 1)


def test_a_server_that_hangs_delays_but_loses_nothing(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b")
    server.faults.mode("hang")
    file.append(good(20))
    drainer = start(read_timeout=0.2)
    until(lambda: drainer.view().posts["timeout"] >= 2, "timed out twice")
    assert drainer.view().buckets["b"].ledger.lines == 20
    server.faults.mode("healthy")
    until(drained(drainer), "drained")
    assert values(server) == list(range(20))


@pytest.mark.parametrize("mode", ["store_then_hang", "store_then_reset"])
def test_lines_whose_answer_was_lost_are_sent_again_byte_for_byte(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer], mode: Mode
) -> None:
    server.bucket("b")
    server.faults.mode(mode)
    file.append(good(20))
    drainer = start(read_timeout=0.3)
    until(lambda: len(server.stored("b")) == 20, "stored, though nobody said so")
    assert drainer.view().buckets["b"].ledger.written == 0
    server.faults.mode("healthy")
    until(drained(drainer), "drained")
    assert values(server) == list(range(20))
    assert len({post.lines for post in server.faults.posts}) == 1
    assert len(server.faults.posts) >= 2


def test_retry_after_is_honoured_and_bounded(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b")
    server.faults.fail_next(1, 429, Retry_After="86400")
    file.append(good(5))
    began = time.monotonic()
    drainer = start(retry_after_most=0.6, backoff_first=0.001, backoff_most=0.001)
    # The post is counted a moment before the wait is set.
    until(lambda: drainer.view().posts["rate_limited"] == 1, "refused")
    until(lambda: drainer.view().buckets["b"].backoff_seconds > 0.1, "told to wait")
    until(drained(drainer), "drained")
    assert time.monotonic() - began >= 0.6
    assert server.faults.statuses() == [429, 204]


def test_an_answer_that_is_not_about_the_lines_costs_none(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    """A proxy's 400, a redirect, InfluxDB's 500: none of them says anything about a line."""
    server.bucket("b")
    file.append(good(5))
    server.faults.fail_next(1, 400, body=b"<html>The plain HTTP request was sent to HTTPS port</html>")
    server.faults.fail_next(1, 301, Location="http://127.0.0.1:1/")
    server.faults.fail_next(1, 500)
    server.faults.fail_next(1, 418)
    drainer = start()
    until(drained(drainer), "drained")
    assert server.faults.statuses() == [400, 301, 500, 418, 204]
    assert (drainer.view().posts["unexpected"], drainer.view().posts["server_error"]) == (3, 1)
    assert drainer.view().buckets["b"].ledger.written == 5
    assert file.dead_letters() == []


def test_points_that_grew_too_old_are_counted_and_not_sent(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b", retention_seconds=3600)
    old = time.time_ns() - 2 * HOUR
    file.append([OutboxLine("b", old + n, f"m,t=old f={n}i {old + n}") for n in range(10)])
    file.append(good(10))
    file.append([OutboxLine("b", old - n, f"m,t=old f={n}i {old - n}") for n in range(1, 6)])
    drainer = start(retention={"b": 3600.0}, max_lines=8)
    until(drained(drainer), "drained")
    assert values(server) == list(range(10))
    assert set(server.faults.statuses()) == {204}
    ledger = drainer.view().buckets["b"].ledger
    assert (ledger.expired, ledger.written, ledger.partial_dropped) == (15, 10, 0)


def test_points_too_old_for_a_bucket_nobody_told_us_about_are_a_partial_write(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b", retention_seconds=3600)
    old = time.time_ns() - 2 * HOUR
    file.append([*good(10), *(OutboxLine("b", old + n, f"m,t=old f={n}i {old + n}") for n in range(4))])
    drainer = start()
    until(drained(drainer), "drained")
    ledger = drainer.view().buckets["b"].ledger
    assert (ledger.partial_dropped, ledger.written) == (4, 10)
    assert values(server) == list(range(10))


def test_stop_gives_up_on_a_hanging_server_in_time_and_keeps_the_lines(
    server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]
) -> None:
    server.bucket("b")
    server.faults.mode("store_then_hang")
    file.append(good(10))
    drainer = start(read_timeout=20)
    until(lambda: len(server.faults.posts) == 1, "a post is on its way")
    began = time.monotonic()
    drainer.stop(0.5)
    assert time.monotonic() - began < 2
    server.faults.mode("healthy")  # the answer never comes; the outbox must stay as it is even after that
    until(lambda: not drainer.view().running, "the thread ended")
    assert file.store.backlog()["b"].lines == 10
    again = start()
    until(drained(again), "sent again after a restart")
    assert values(server) == list(range(10))
    assert file.store.backlog()["b"].written == 10


def test_stop_posts_what_can_be_posted(server: InfluxServer, file: OutboxFile, start: Callable[..., Drainer]) -> None:
    for name in ("b", "c"):
        server.bucket(name)
    drainer = start(linger=60.0, max_lines=100)
    file.append(good(1, "b"))
    drainer.wake()
    until(drained(drainer), "the first line does not wait for company")
    file.append([*good(450, "b", start=1), *good(30, "c"), *good(30, "forgotten")])
    drainer.stop()
    assert {name: ledger.lines for name, ledger in file.store.backlog().items()} == {"b": 0, "c": 0, "forgotten": 30}
    assert (values(server), values(server, "c")) == (list(range(451)), list(range(30)))


def test_no_line_and_no_token_reaches_a_log(
    server: InfluxServer, file: OutboxFile, token: Path, start: Callable[..., Drainer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.bucket("b")
    secret_token = token.read_text()
    now = time.time_ns()
    bad = OutboxLine("b", now, f'm,t= s="{SECRET}" {now}')
    conflict = OutboxLine("b", now, f'm,t={SECRET} f="{SECRET}" {now}')
    file.append([*good(5), bad, conflict])
    quoting = f"unable to parse 'm s=\"{SECRET}\"': no".encode()
    for status in (400, 401, 404, 500, 503, 429):
        server.faults.fail_next(1, status, body=quoting)
    drainer = start()
    with caplog.at_level(logging.DEBUG):
        until(drained(drainer), "drained")
        server.faults.mode("reset")
        file.append([OutboxLine("b", now + 1, f'm,t={SECRET} s="{SECRET}" {now + 1}')])
        drainer.wake()
        until(lambda: drainer.view().posts["connection"] >= 1, "broken")
        drainer.stop()
    assert "put aside" in caplog.text
    assert "partial write" in caplog.text
    for record in caplog.records:
        for shown in (record.getMessage(), str(record.args), str(record.exc_info)):
            assert SECRET not in shown
            assert secret_token not in shown


@contextmanager
def _failing_once(file: OutboxFile, monkeypatch: pytest.MonkeyPatch, method: str) -> Iterator[None]:
    """The outbox fails at the moment between an answer and what follows from it, as a power cut would have it."""
    original = getattr(type(file.outbox), method)
    failed: list[bool] = []

    def fail_first(*args: Any, **options: Any) -> Any:
        if not failed:
            failed.append(True)
            raise OSError(errno.EIO, f"disk I/O error on {SECRET}")
        return original(*args, **options)

    monkeypatch.setattr(type(file.outbox), method, fail_first)
    yield
    assert failed, f"{method} was never called"


@pytest.mark.parametrize("method", ["peek", "delete", "dead_letter", "backlog"])
def test_an_outbox_that_fails_between_post_and_delete_costs_nothing(
    server: InfluxServer,
    file: OutboxFile,
    start: Callable[..., Drainer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    server.bucket("b")
    lines = good(9)
    lines[4] = lines[4]._replace(line="m,t= f=1 1")
    file.append(lines)
    with _failing_once(file, monkeypatch, method):
        drainer = start()
        until(drained(drainer), "drained")
    assert values(server) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert drainer.view().defects == 1
    ledger = drainer.view().buckets["b"].ledger
    assert (ledger.written, ledger.dead_lettered, ledger.appended) == (8, 1, 9)
    assert "OSError" in caplog.text
    assert SECRET not in caplog.text
