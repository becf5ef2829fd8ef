"""The drainer: carries lines from the outbox to InfluxDB, each until InfluxDB has it or can never take it.

    204                               delete
    422 (partial write)               delete; count the points the server says it did not store
    400, words of the line parser     nothing was stored: halve down to the poison line, put it aside
    413                               halve; a single line that is too large is put aside
    anything else, or no answer       keep, and come back later: also for 401, 403 and 404, because a wrong token or a
                                      forgotten bucket must not cost data

The server's own count of a partial write leaves out points that are too old as soon as others conflict (2.9.1): lines
older than their bucket's retention are therefore taken out here, and counted, before they are sent.

A line that is sent again is the same bytes with the same timestamp, so InfluxDB stores it once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import get_args

from exporters.core.errors import StateError
from exporters.core.influx_backoff import Backoff
from exporters.core.influx_post import Answer, Poster, PostOutcome
from exporters.core.influx_view import BucketView, DrainerSettings, DrainerView
from exporters.core.line_protocol import MIN_TIME_NS
from exporters.core.outbox import DeadLetterReason, Ledger, StoredLine
from exporters.core.outbox_store import OutboxStore
from exporters.core.seldom import Seldom

_log = logging.getLogger(__name__)

_SETTLED: frozenset[str] = frozenset({"written", "partial", "malformed", "too_large"})
"""The server looked at the lines; anything else is about the way there."""

_OF_ONE_BUCKET: frozenset[str] = frozenset({"forbidden", "not_found", "server_error", "unexpected"})
"""Failures that say nothing about other buckets. The rest holds back all of them: one probe is enough."""

_IDLE_SECONDS = 1.0
"""How old the figures of view() may get while nothing happens."""


@dataclass(slots=True)
class _Bucket:
    """One bucket beyond its ledger. Times of the monotonic clock, but last_success of the wall.

    max_lines: how much to send at once; less after time-outs, so that a slow server gets somewhere.
    """

    backoff: Backoff
    max_lines: int
    last_success: float | None = None
    last_post: float = float("-inf")


class _LetGo(Exception):  # noqa: N818 - control flow of this module only
    """stop() has given up waiting: the outbox is no longer ours to touch."""


class Drainer:
    """Drains the outbox in a thread of its own.

    start() once; wake() after every append; view() at any time, from any thread, without waiting; stop() once.
    """

    def __init__(
        self,
        store: OutboxStore,
        poster: Poster,
        settings: DrainerSettings | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._poster = poster
        self._settings = settings or DrainerSettings()
        self._clock = clock
        self._server = self._new_backoff()
        self._buckets: dict[str, _Bucket] = {}
        self._ledgers: Mapping[str, Ledger] = {}
        self._posts: dict[PostOutcome, int] = dict.fromkeys(get_args(PostOutcome), 0)
        self._partial_unknown = 0
        self._defects = 0
        self._complaints: dict[str, str] = {}
        self._seldom = Seldom()
        self._wake = threading.Event()
        self._stop_at: float | None = None
        self._let_go = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="influx-drainer", daemon=True)

    def start(self) -> None:
        """Start draining what waits, from earlier runs too."""
        self._thread.start()

    def wake(self) -> None:
        """Lines were appended and committed."""
        self._wake.set()

    def stop(self, deadline: float = 4.0) -> None:
        """Post what can be posted within `deadline` seconds, then leave the rest in the outbox.

        When this returns the outbox is not touched again, even if a post is still waiting for an answer: its lines
        stay, and are sent again at the next start.
        """
        self._stop_at = time.monotonic() + deadline
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(deadline)
        with self._gate:
            self._let_go = True

    def view(self) -> DrainerView:
        """Counters and gauges, at most about a second old, or one post where a server hangs."""
        now, wall = time.monotonic(), self._clock()
        views: dict[str, BucketView] = {}
        for name, ledger in self._ledgers.items():
            bucket = self._bucket(name)
            age = 0.0 if ledger.oldest_queued_ns is None else max(0.0, wall - ledger.oldest_queued_ns / 1e9)
            views[name] = BucketView(
                ledger=ledger,
                oldest_age_seconds=age,
                failures=max(self._server.failures, bucket.backoff.failures),
                backoff_seconds=max(self._server.remaining(now), bucket.backoff.remaining(now)),
                last_success=bucket.last_success,
            )
        return DrainerView(views, dict(self._posts), self._partial_unknown, self._defects, self._thread.is_alive())

    def _run(self) -> None:
        try:
            while True:
                try:
                    wait = self._round()
                except _LetGo:
                    return
                except Exception as error:
                    # The text of a foreign error may quote what it choked on; its type and place do not.
                    self._defects += 1
                    wait = self._server.failed(time.monotonic())
                    _log.error(
                        "InfluxDB drainer: %s at %s; next try in %.0f s", type(error).__name__, _place(error), wait
                    )
                if self._stop_at is not None and (wait > 0 or time.monotonic() >= self._stop_at):
                    return
                self._wake.wait(wait)
                self._wake.clear()
        finally:
            self._poster.close()

    def _round(self) -> float:
        """One batch of every bucket that is due. Returns the seconds until there is something to do again."""
        self._refresh()
        wait = _IDLE_SECONDS
        posted = False
        # The longest untouched first: one bucket on which the server chokes must not keep the turn for ever.
        for name, ledger in sorted(self._ledgers.items(), key=lambda item: self._bucket(item[0]).last_post):
            if ledger.lines and not self._pause(name, ledger):
                posted = True
                if self._drain(name):
                    wait = 0.0
        if posted:
            self._refresh()
        return min([wait, *(self._pause(name, ledger) for name, ledger in self._ledgers.items() if ledger.lines)])

    def _refresh(self) -> None:
        with self._held() as store:
            self._ledgers = store.backlog()

    def _pause(self, name: str, ledger: Ledger) -> float:
        """Seconds before this bucket's next post."""
        now, bucket, settings = time.monotonic(), self._bucket(name), self._settings
        full = ledger.lines >= settings.max_lines or ledger.bytes >= settings.max_bytes
        linger = 0.0 if full or self._stop_at is not None else bucket.last_post + settings.linger - now
        return max(0.0, linger, self._server.remaining(now), bucket.backoff.remaining(now))

    def _drain(self, name: str) -> bool:
        """Post one batch. True: it went through, and there may be more at once."""
        with self._held() as store:
            batch = store.peek(name, self._bucket(name).max_lines, self._settings.max_bytes)
            if not batch:
                self._bucket(name).last_post = time.monotonic()
                now = store.backlog().get(name)
                if now is None or not now.lines:
                    return True  # the bound dropped them since the ledger was read
                msg = f"the ledger of bucket {name} counts lines that are not there"
                raise StateError(msg)
            oldest_ns = self._oldest_ns(name)
            expired = [line.id for line in batch if line.time_ns < oldest_ns]
            if expired:
                store.expire(expired)
        parts: list[Sequence[StoredLine]] = [
            [line for line in batch if line.time_ns >= oldest_ns] if expired else batch
        ]
        while parts:
            part = parts.pop()
            if not part:
                continue
            if self._stop_at is not None and time.monotonic() >= self._stop_at:
                return False
            answer = self._post(name, part)
            if answer.outcome == "written" or answer.outcome == "partial":
                self._accept(name, part, answer)
            elif answer.outcome == "malformed" or answer.outcome == "too_large":
                if len(part) == 1:
                    self._put_aside(name, part[0], answer.outcome)
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
            else:
                return False
        return True

    def _post(self, name: str, lines: Sequence[StoredLine]) -> Answer:
        left = None if self._stop_at is None else max(0.1, self._stop_at - time.monotonic())
        answer = self._poster.post(name, [line.line for line in lines], left)
        now, bucket = time.monotonic(), self._bucket(name)
        bucket.last_post = now
        self._posts[answer.outcome] += 1
        if answer.outcome in _SETTLED:
            self._server.succeeded()
            bucket.backoff.succeeded()
            bucket.last_success = self._clock()
            bucket.max_lines = min(bucket.max_lines * 2, self._settings.max_lines)
            self._content("", name)
            return answer
        if answer.outcome == "timeout":
            bucket.max_lines = max(bucket.max_lines // 2, 1)
        own = answer.outcome in _OF_ONE_BUCKET
        if own:
            self._server.succeeded()
        delay = (bucket.backoff if own else self._server).failed(now, answer.retry_after)
        self._complain(name if own else "", answer, delay)
        return answer

    def _accept(self, name: str, lines: Sequence[StoredLine], answer: Answer) -> None:
        lost = 0
        if answer.outcome == "partial":
            lost = 1 if answer.dropped is None else answer.dropped
            self._partial_unknown += answer.dropped is None
            if times := self._seldom.times((name, "partial")):
                said = "an unknown number" if answer.dropped is None else str(answer.dropped)
                of = f"{said} of {len(lines)} points not stored"
                _log.warning("InfluxDB bucket %s: partial write, %s (%d such since last told)", name, of, times)
        with self._held() as store:
            store.delete([line.id for line in lines], partial_dropped=lost)

    def _put_aside(self, name: str, line: StoredLine, reason: DeadLetterReason) -> None:
        with self._held() as store:
            store.dead_letter(line.id, reason)
        if times := self._seldom.times((name, reason)):
            which = f"line {line.id} ({line.size} bytes) is {reason}"
            _log.warning("InfluxDB bucket %s: %s and was put aside (%d such since last told)", name, which, times)

    def _oldest_ns(self, name: str) -> int:
        retention = self._settings.retention.get(name, 0)
        return int((self._clock() - retention) * 1e9) if retention else MIN_TIME_NS

    def _complain(self, name: str, answer: Answer, delay: float) -> None:
        """Say so once per kind of failure, not once per attempt."""
        if self._complaints.get(name) != answer.outcome:
            self._complaints[name] = answer.outcome
            whom = f"InfluxDB bucket {name}" if name else "InfluxDB"
            _log.warning(
                "%s: %s (status %d); lines wait, next try in %.0f s", whom, answer.outcome, answer.status, delay
            )

    def _content(self, *names: str) -> None:
        for name in names:
            if self._complaints.pop(name, None):
                _log.info("InfluxDB%s: writes again", f" bucket {name}" if name else "")

    def _bucket(self, name: str) -> _Bucket:
        return self._buckets.get(name) or self._buckets.setdefault(
            name, _Bucket(self._new_backoff(), self._settings.max_lines)
        )

    def _new_backoff(self) -> Backoff:
        settings = self._settings
        return Backoff(settings.backoff_first, settings.backoff_most, settings.retry_after_most)

    @contextmanager
    def _held(self) -> Iterator[OutboxStore]:
        with self._gate:
            if self._let_go:
                raise _LetGo
            yield self._store


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else "?"
