"""How the drainer paces itself, and what it shows of itself."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from exporters.core.influx import Drainer
from exporters.core.influx_backoff import Backoff
from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_post import POST_OUTCOMES, Answer, InfluxPoster, PostOutcome
from exporters.core.influx_view import DrainerSettings
from exporters.core.outbox import Outbox, OutboxLine
from tests.standins.influxdb_v2 import InfluxStandin
from tests.standins.outbox_file import OutboxFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[OutboxFile]:
    opened = OutboxFile(tmp_path / "outbox.sqlite")
    yield opened
    opened.close()


class ScriptedPoster:
    """Gives the answers it was told to give, then 204; remembers what it was asked."""

    def __init__(self, *outcomes: PostOutcome) -> None:
        self.outcomes = list(outcomes)
        self.posts: list[tuple[str, int, float | None]] = []
        self.times: list[float] = []
        self.closed = False

    def post(self, bucket: str, lines: Sequence[str], timeout: float | None = None) -> Answer:
        self.posts.append((bucket, len(lines), timeout))
        self.times.append(time.monotonic())
        return Answer(self.outcomes.pop(0) if self.outcomes else "written")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def run(file: OutboxFile) -> Iterator[Callable[..., Drainer]]:
    started: list[Drainer] = []

    def begin(poster: ScriptedPoster, **options: float) -> Drainer:
        quick = {"linger": 0.0, "backoff_first": 0.01, "backoff_most": 0.02} | options
        drainer = Drainer(file.store, poster, DrainerSettings(**quick))  # type: ignore[arg-type]
        drainer.start()
        started.append(drainer)
        return drainer

    yield begin
    for drainer in started:
        drainer.stop(1.0)


def lines(count: int, bucket: str = "b") -> list[OutboxLine]:
    return [OutboxLine(bucket, number, f"m f={number}i {number}") for number in range(count)]


def until(reached: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_trickle_travels_together(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    poster = ScriptedPoster()
    drainer = run(poster, linger=0.3)
    for _ in range(20):
        file.append(lines(1))
        drainer.wake()
        time.sleep(0.02)
    until(lambda: sum(count for _, count, _ in poster.posts) == 20)
    assert poster.posts[0][1] < 20, "the first does not wait"
    assert len(poster.posts) <= (poster.times[-1] - poster.times[0]) / 0.29 + 1
    gaps = [later - earlier for earlier, later in zip(poster.times, poster.times[1:], strict=False)]
    assert min(gaps) >= 0.29


def test_a_full_post_does_not_wait(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    poster = ScriptedPoster()
    drainer = run(poster, linger=30.0, max_lines=10)
    file.append(lines(45))
    drainer.wake()
    until(lambda: len(poster.posts) == 4)
    assert [count for _, count, _ in poster.posts] == [10, 10, 10, 10]
    assert file.store.backlog()["b"].lines == 5


def test_posts_are_bounded_in_bytes(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    poster = ScriptedPoster()
    file.append(OutboxLine("b", n, "x" * 99) for n in range(25))
    run(poster, max_bytes=1000)
    until(lambda: len(poster.posts) == 3)
    assert [count for _, count, _ in poster.posts] == [10, 10, 5]


def test_buckets_take_turns(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    poster = ScriptedPoster()
    file.append([*lines(30, "a"), *lines(30, "b"), *lines(30, "c")])
    run(poster, max_lines=10)
    until(lambda: len(poster.posts) == 9)
    assert [bucket for bucket, _, _ in poster.posts] == ["a", "b", "c"] * 3


def test_a_bucket_on_which_the_server_chokes_gets_smaller_posts_and_starves_no_other(
    file: OutboxFile, run: Callable[..., Drainer]
) -> None:
    class Slow(ScriptedPoster):
        def post(self, bucket: str, lines: Sequence[str], timeout: float | None = None) -> Answer:
            super().post(bucket, lines, timeout)
            return Answer("timeout" if bucket == "a" and len(lines) > 6 else "written")

    poster = Slow()
    file.append([*lines(100, "a"), *lines(10, "b")])
    drainer = run(poster, max_lines=50, backoff_first=0.001, backoff_most=0.002)
    until(
        lambda: (
            set(drainer.view().buckets) == {"a", "b"}
            and not any(b.ledger.lines for b in drainer.view().buckets.values())
        )
    )
    assert [bucket for bucket, _, _ in poster.posts[:2]] == ["a", "b"]
    assert [count for bucket, count, _ in poster.posts if bucket == "a"][:4] == [50, 25, 12, 6]
    assert drainer.view().buckets["a"].ledger.written == 100


def test_a_server_that_is_away_is_asked_once_per_attempt_not_once_per_bucket(
    file: OutboxFile, run: Callable[..., Drainer]
) -> None:
    poster = ScriptedPoster("connection", "connection", "connection")
    file.append([*lines(3, "a"), *lines(3, "b"), *lines(3, "c")])
    run(poster)
    until(lambda: sum(count for _, count, _ in poster.posts[3:]) == 9)
    assert len(poster.posts) == 3 + 3


@pytest.mark.parametrize("outcome", ["forbidden", "not_found", "server_error", "unexpected"])
def test_a_bucket_that_fails_alone_waits_alone(
    file: OutboxFile, run: Callable[..., Drainer], outcome: PostOutcome
) -> None:
    poster = ScriptedPoster(outcome)
    file.append([*lines(3, "a"), *lines(3, "b")])
    drainer = run(poster, backoff_first=30.0, backoff_most=30.0)
    until(lambda: len(poster.posts) == 2)
    until(lambda: drainer.view().buckets["b"].ledger.lines == 0)
    view = drainer.view()
    assert (view.buckets["a"].failures, view.buckets["b"].failures) == (1, 0)
    assert view.buckets["a"].backoff_seconds > 10
    assert view.buckets["b"].backoff_seconds == 0


@pytest.mark.parametrize("outcome", ["not_found", "unavailable"])
def test_after_a_recovery_the_failures_are_forgotten(
    file: OutboxFile, run: Callable[..., Drainer], outcome: PostOutcome
) -> None:
    poster = ScriptedPoster(outcome, outcome, outcome)
    file.append(lines(3))
    drainer = run(poster)
    until(lambda: drainer.view().posts["written"] == 1)
    until(lambda: drainer.view().buckets["b"].ledger.lines == 0)
    bucket = drainer.view().buckets["b"]
    assert (bucket.failures, bucket.backoff_seconds) == (0, 0)
    assert bucket.last_success is not None


def test_the_view_is_whole_before_anything_happened(file: OutboxFile) -> None:
    drainer = Drainer(file.store, ScriptedPoster())
    view = drainer.view()
    assert (view.buckets, view.running, view.defects, view.partial_unknown) == ({}, False, 0, 0)
    assert dict(view.posts) == dict.fromkeys(POST_OUTCOMES, 0)


def test_the_view_tells_how_long_lines_wait(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    with file.transaction() as connection:
        file.outbox.append(connection, lines(2), now_ns=time.time_ns() - 90 * 10**9)
    poster = ScriptedPoster("unavailable")
    drainer = run(poster, backoff_first=30.0, backoff_most=30.0)
    until(lambda: drainer.view().posts["unavailable"] == 1)
    bucket = drainer.view().buckets["b"]
    assert 90 <= bucket.oldest_age_seconds < 120
    assert (bucket.last_success, bucket.failures) == (None, 1)
    assert 14 < bucket.backoff_seconds <= 30


def test_the_view_follows_while_nothing_can_be_posted(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    drainer = run(ScriptedPoster("unavailable"), backoff_first=30.0, backoff_most=30.0)
    file.append(lines(1))
    drainer.wake()
    until(lambda: drainer.view().posts["unavailable"] == 1)
    file.append(lines(4))
    until(lambda: drainer.view().buckets["b"].ledger.lines == 5)


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    file: OutboxFile, run: Callable[..., Drainer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file.append(lines(1))
    drainer = run(ScriptedPoster("unavailable", "unavailable", "unavailable", "timeout"))
    until(lambda: drainer.view().posts["written"] == 1)
    drainer.stop()
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(":")[1].split("(")[0].strip() for text in said] == ["unavailable", "timeout", "writes again"]


def test_stop_is_quick_when_there_is_nothing_to_do(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    poster = ScriptedPoster()
    drainer = run(poster)
    until(lambda: drainer.view().running)
    began = time.monotonic()
    drainer.stop()
    assert time.monotonic() - began < 0.9, "it sat out its idle wait"
    assert (drainer.view().running, poster.closed) == (False, True)


def test_stop_before_start_is_allowed(file: OutboxFile) -> None:
    Drainer(file.store, ScriptedPoster()).stop()


def test_after_stop_an_answer_that_comes_late_changes_nothing(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    answered = threading.Event()

    class Late(ScriptedPoster):
        def post(self, bucket: str, lines: Sequence[str], timeout: float | None = None) -> Answer:
            super().post(bucket, lines, timeout)
            assert answered.wait(20)
            return Answer("written")

    poster = Late()
    file.append(lines(3))
    drainer = run(poster)
    until(lambda: len(poster.posts) == 1)
    drainer.stop(0.05)
    answered.set()
    until(lambda: not drainer.view().running)
    assert file.store.backlog()["b"].lines == 3
    assert poster.closed


def test_while_stopping_a_post_gets_no_more_time_than_is_left(file: OutboxFile, run: Callable[..., Drainer]) -> None:
    poster = ScriptedPoster()
    drainer = run(poster, linger=60.0)
    file.append(lines(1))
    drainer.wake()
    until(lambda: len(poster.posts) == 1)
    file.append(lines(2))
    drainer.stop(3.0)
    assert poster.posts[0][2] is None
    assert poster.posts[1][2] is not None
    assert 0 < poster.posts[1][2] <= 3.0
    assert file.store.backlog()["b"].lines == 0


def test_a_server_that_appears_later_is_found(file: OutboxFile, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    token = tmp_path / "token"
    token.write_text("operator")
    endpoint = InfluxEndpoint(url=f"http://127.0.0.1:{port}", org="home", token_file=token)
    settings = DrainerSettings(backoff_first=0.01, backoff_most=0.05)
    drainer = Drainer(file.store, InfluxPoster(endpoint), settings)
    file.append(lines(3))
    drainer.start()
    try:
        until(lambda: drainer.view().posts["connection"] >= 2)
        with InfluxStandin(org="home", token="operator", port=port) as server:
            server.bucket("b")
            until(lambda: len(server.stored("b")) == 3)
            until(lambda: drainer.view().buckets["b"].ledger.lines == 0)
    finally:
        drainer.stop()


def test_back_off_doubles_up_to_its_bound_with_jitter_and_begins_anew() -> None:
    backoff = Backoff(first=1.0, most=8.0, retry_after_most=20.0)
    delays = [backoff.failed(100.0) for _ in range(6)]
    for delay, full in zip(delays, (1.0, 2.0, 4.0, 8.0, 8.0, 8.0), strict=True):
        assert full / 2 <= delay <= full
    assert backoff.remaining(100.0) == pytest.approx(delays[-1])
    assert backoff.remaining(200.0) == 0
    backoff.succeeded()
    assert (backoff.failures, backoff.remaining(100.0)) == (0, 0)
    assert backoff.failed(100.0) <= 1.0
    assert len({Backoff(1.0, 8.0, 20.0).failed(0.0) for _ in range(20)}) > 10


def test_back_off_never_comes_back_before_the_server_asked_and_bounds_what_it_asks() -> None:
    assert 15.0 <= Backoff(1.0, 8.0, 20.0).failed(0.0, retry_after=15.0) <= 15.1
    assert 20.0 <= Backoff(1.0, 8.0, 20.0).failed(0.0, retry_after=86_400.0) <= 20.1
    assert 0.5 <= Backoff(1.0, 8.0, 20.0).failed(0.0, retry_after=0.0) <= 1.0


def test_back_off_survives_years_of_failures() -> None:
    backoff = Backoff(1.0, 60.0, 300.0, failures=10_000_000)
    assert 30.0 <= backoff.failed(0.0) <= 60.0


def test_lines_that_the_bound_drops_in_the_middle_of_a_round_are_no_defect(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "small.sqlite", Outbox(max_lines=10))
    file.append(lines(5, "a") + lines(5, "b"))

    class Flooded(ScriptedPoster):
        def post(self, bucket: str, lines: Sequence[str], timeout: float | None = None) -> Answer:
            if not self.posts:
                file.append([OutboxLine("a", number, f"m f={number}i {number}") for number in range(100, 110)])
            return super().post(bucket, lines, timeout)

    drainer = Drainer(file.store, Flooded(), DrainerSettings(linger=0.0))
    drainer.start()
    until(lambda: drainer.view().posts["written"] >= 2)
    until(lambda: drainer.view().buckets["a"].ledger.lines == 0)
    ledger = drainer.view().buckets["b"].ledger
    assert (ledger.dropped, ledger.written, ledger.lines) == (5, 0, 0)
    assert drainer.view().defects == 0
    drainer.stop(1.0)
    file.close()
