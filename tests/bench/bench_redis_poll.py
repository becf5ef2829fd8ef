"""What a poll of a capped list costs, in microseconds and beside the plain command.

    python -m tests.bench.bench_redis_poll

Prints, for lists of 50 to 2000 entries of 450 bytes: the poll of an unchanged list, of one with 3 and with 20 new
entries, of one that turned over; plain LRANGE of as many entries as the poll had to see; and Redis' own share, from
INFO commandstats. Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import redis

from exporters.core.contract import Json
from exporters.demo.ports import free_port
from exporters.demo.redis import Redis
from exporters.readers.redis_client import close, connect
from exporters.readers.redis_list import RedisList

KEY, COMPANION = "bench:list", "bench:pushes"
ENTRY = 450
NOW = datetime(2026, 2, 22, tzinfo=UTC)
ROUNDS = 200


def timed(work: Callable[[], object], prepare: Callable[[], object] | None = None, rounds: int = ROUNDS) -> float:
    """Microseconds of `work`, `prepare` not included: the fastest tenth, as others use the machine too."""
    took = []
    for _ in range(rounds):
        if prepare is not None:
            prepare()
        started = perf_counter()
        work()
        took.append(perf_counter() - started)
    return sorted(took)[len(took) // 10] * 1e6


class Bench:
    """One list of `cap` entries, its reader and its cursor."""

    def __init__(self, port: int, cap: int, max_poll_bytes: int = 8 << 20) -> None:
        self.client = connect(host="127.0.0.1", port=port)
        self.writer = redis.Redis(host="127.0.0.1", port=port, protocol=2)
        self.writer.flushall()
        self.reader = RedisList(
            key=KEY, cap=cap, hash_key=bytes(32), companion=COMPANION, max_poll_bytes=max_poll_bytes
        )
        self.cap, self.pushed = cap, 0
        self.cursor: Json = None
        self.push(cap)
        self.poll()

    def push(self, count: int) -> None:
        entries = [f"{self.pushed + number:012d}".ljust(ENTRY, "x") for number in range(count)]
        self.pushed += count
        with self.writer.pipeline() as pipeline:
            pipeline.lpush(KEY, *entries)
            pipeline.ltrim(KEY, 0, self.cap - 1)
            pipeline.incrby(COMPANION, count)
            pipeline.execute()

    def poll(self) -> None:
        more = True
        while more:
            batch = self.reader.read(self.client, self.cursor, NOW)
            self.cursor, more = batch.next_cursor, batch.more

    def server_microseconds(self, prepare: Callable[[], object], work: Callable[[], object]) -> float:
        """Redis' own time for one `work`, over all its commands."""
        total = 0.0
        for _ in range(20):
            prepare()
            self.writer.config_resetstat()
            work()
            stats = self.writer.info("commandstats")
            total += sum(float(row["usec"]) for name, row in stats.items() if name != "cmdstat_config|resetstat")
        return total / 20

    def close(self) -> None:
        self.writer.close()
        close(self.client)


def row(label: str, poll: float, plain: float, server: float) -> None:
    print(f"  {label:<34} {poll:9.0f} us   {plain:9.0f} us   {poll / plain:5.1f} x   {server:7.0f} us")


def of_list(port: int, cap: int) -> None:
    print(f"\nlist of {cap}, {ENTRY} bytes each" + " " * 14 + "poll    plain LRANGE    ratio   in Redis (poll)")
    bench = Bench(port, cap)
    for label, new, seen in (("unchanged", 0, 1), ("3 new", 3, 32), ("20 new", 20, 32), ("turned over", cap, cap)):
        rounds = ROUNDS if seen < 500 else ROUNDS // 5

        def prepare(count: int = new) -> None:
            if count:
                bench.push(count)

        def plain(end: int = seen - 1) -> None:
            bench.client.lrange(KEY, 0, end)

        poll = timed(bench.poll, prepare, rounds)
        server = bench.server_microseconds(prepare, bench.poll)
        row(label, poll, timed(plain, None, rounds), server)
    bench.close()


def one_by_one(port: int) -> None:
    print("\nlist of 100, entry by entry (above max_poll_bytes)")
    bench = Bench(port, 100, max_poll_bytes=10_000)
    poll = timed(bench.poll, lambda: bench.push(3))
    plain = timed(lambda: bench.client.lrange(KEY, 0, 31))
    row("3 new", poll, plain, bench.server_microseconds(lambda: bench.push(3), bench.poll))
    bench.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Redis(Path(folder) / "redis", free_port()) as server:
        gc.disable()
        for cap in (50, 500, 2000):
            of_list(server.port, cap)
        one_by_one(server.port)


if __name__ == "__main__":
    main()
