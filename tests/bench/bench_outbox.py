"""Outbox: lines per second in and out, and what a commit and a look cost with a million lines waiting.

python -m tests.bench.bench_outbox [LINES]

Drained three ways: into nothing (outbox and compression alone), over HTTP into a sink in this process, and into a real
influxd where one is on PATH.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from exporters.core.influx import Drainer
from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_post import Answer, InfluxPoster, Poster
from exporters.core.influx_setup import FOREVER, WantedBucket, set_up
from exporters.core.influx_view import DrainerSettings
from exporters.core.line_protocol import encode
from exporters.core.outbox import Outbox, OutboxLine
from exporters.demo import programs
from tests.standins.faulty_http import FaultyServer, Reply
from tests.standins.influx_servers import real_influxd
from tests.standins.outbox_file import OutboxFile

BATCH = 1000
KINDS = ("heartbeat", "tool_call", "reply", "reflection")


class Nowhere:
    """Takes every post after compressing it."""

    def post(self, bucket: str, lines: Sequence[str], timeout: float | None = None) -> Answer:  # noqa: ARG002
        gzip.compress("\n".join(lines).encode(), 1, mtime=0)
        return Answer("written", 204)

    def close(self) -> None:
        """Nothing is open."""


def fill(file: OutboxFile, count: int) -> float:
    """Append this many lines, BATCH to a transaction. Returns lines per second."""
    now = time.time_ns() - count * 1000
    lines = [
        OutboxLine(
            "her",
            now + n * 1000,
            encode(
                "her_decision",
                {"source": "agent", "event_type": KINDS[n % 4], "deployment": "home"},
                {"count": 1, "score": n / 7},
                now + n * 1000,
            ),
        )
        for n in range(count)
    ]
    began = time.perf_counter()
    for start in range(0, count, BATCH):
        file.append(lines[start : start + BATCH])
    return count / (time.perf_counter() - began)


def drain(file: OutboxFile, poster: Poster, count: int) -> float:
    """Lines per second until nothing waits."""
    drainer = Drainer(file.store, poster, DrainerSettings())
    began = time.perf_counter()
    drainer.start()
    while drainer.view().buckets.get("her") is None or drainer.view().buckets["her"].ledger.lines:
        time.sleep(0.02)
    spent = time.perf_counter() - began
    drainer.stop()
    assert drainer.view().buckets["her"].ledger.written >= count
    return count / spent


def milliseconds(file: OutboxFile, rounds: int = 300) -> tuple[float, float]:
    """Medians of (a commit of one line, a look at the backlog), in milliseconds. Most of a commit is the disk."""
    commits: list[float] = []
    looks: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        file.append([OutboxLine("her", 1, "m f=1i 1")])
        committed = time.perf_counter()
        file.store.backlog()
        looks.append(time.perf_counter() - committed)
        commits.append(committed - began)
    return median(commits) * 1000, median(looks) * 1000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        token = folder / "token"
        token.write_text("a-token")
        empty = OutboxFile(folder / "empty.sqlite")
        print("empty outbox:       commit {:.2f} ms, backlog {:.3f} ms".format(*milliseconds(empty)))
        empty.close()
        file = OutboxFile(folder / "outbox.sqlite", Outbox(max_lines=2 * count))
        print(f"append:             {fill(file, count):12,.0f} lines/s")
        print("{:,} waiting: commit {:.2f} ms, backlog {:.3f} ms".format(count, *milliseconds(file)))
        print(f"drain into nothing: {drain(file, Nowhere(), count):12,.0f} lines/s")
        fill(file, count)
        with FaultyServer(lambda _: Reply(204)) as sink:
            poster = InfluxPoster(InfluxEndpoint(url=sink.url, org="o", token_file=token))
            print(f"drain over HTTP:    {drain(file, poster, count):12,.0f} lines/s")
        if programs.find("influxd") is None:
            print("drain into influxd: no influxd on PATH")
        else:
            fill(file, count)
            with real_influxd(folder) as influxd:
                set_up(influxd.endpoint, [WantedBucket("her", FOREVER)])
                print(f"drain into influxd: {drain(file, InfluxPoster(influxd.endpoint), count):12,.0f} lines/s")
        file.close()
        bounded = OutboxFile(folder / "bounded.sqlite", Outbox(max_lines=100_000))
        fill(bounded, 100_000)
        print(f"append over bound:  {fill(bounded, 200_000):12,.0f} lines/s")
        bounded.close()


if __name__ == "__main__":
    main()
