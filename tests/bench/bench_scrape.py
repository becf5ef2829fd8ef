"""What a scrape costs: CPU of the server and wall time of the client, at 1000, 10 000 and 100 000 series over HTTP.

    python -m tests.bench.bench_scrape [--sizes 1000,10000,100000]

Side by side in one run, each a process of its own on loopback:

- ours: the series store behind the product's web server;
- prometheus_client: the same families behind its own server and `generate_latest`;
- node_exporter (Debian): the same number of series through its textfile collector, its own collectors off;
- redis_exporter (Debian): a Redis with as many keys as give that number of series (1000 and 10 000 only: it asks Redis
  for each key at each scrape);
- `observatory serve` on a living HER, all its sources up, and again with its Redis gone.

CPU is the process's own, user and system, over all scrapes of a row. Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
import redis
from prometheus_client import CollectorRegistry, start_http_server

from exporters.core.label import closed, opened
from exporters.core.metric import Metric, counter, gauge, histogram
from exporters.core.series import Feed, SeriesStore
from exporters.core.web import SourceRow, WebServer
from exporters.demo import programs
from exporters.demo.loopback import answers
from exporters.demo.ports import free_port
from exporters.demo.process import Server
from exporters.demo.redis import Redis
from exporters.her.simulate import Her
from tests.system.exporter import Exporter

SIZES = (1000, 10_000, 100_000)
SECONDS_PER_ROW = 3.0
MOST_ROUNDS = 400
EDGES = (0.01, 0.04, 0.16, 0.64, 2.56, 10.24, 40.96)

KIND = closed("kind", "Kind.", *(f"kind{number}" for number in range(10)))
WHO = opened("member", "Member.", 10_000)
COUNTERS = tuple(counter(f"bench_events{number}_total", "Events seen.", (WHO, KIND)) for number in range(4))
GAUGES = tuple(gauge(f"bench_level{number}_ratio", "Level now.", (WHO, KIND)) for number in range(4))
TIMES = histogram("bench_work_seconds", "Time it took.", EDGES, (WHO,))
LINES_OF_A_HISTOGRAM = len(EDGES) + 3
METRICS: tuple[Metric, ...] = (*COUNTERS, *GAUGES, TIMES)


def filled(size: int) -> SeriesStore:
    """A store of this many exposed lines: a tenth of them histograms, the rest counters and gauges in equal parts."""
    store = SeriesStore(METRICS)
    feed = Feed("bench", caught_up=True, fresh_until=float("inf"))
    for number in range(size // 10 // LINES_OF_A_HISTOGRAM):
        store.put(feed, TIMES, ("home", f"m{number}"), number / 7, [number % 5] * (len(EDGES) + 1))
    rest = size - len(store)
    plain = (*COUNTERS, *GAUGES)
    for number in range(rest):
        member, place = divmod(number, len(plain) * 10)
        metric, kind = plain[place // 10], f"kind{place % 10}"
        store.put(feed, metric, ("home", f"m{member}", kind), number / 3)
    return store


class Shown:
    """The store, as the running program shows it."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store

    def metrics(self, openmetrics: bool) -> bytes:  # noqa: FBT001 - the protocol's
        """The exposition."""
        return self._store.render(openmetrics=openmetrics).encode()

    def not_ready(self) -> Sequence[str]:
        """Always ready."""
        return ()

    def overview(self) -> Sequence[SourceRow]:
        """No source."""
        return ()


def serve(kind: str, size: int, port: int) -> None:
    """Serve one of our two kinds until killed."""
    store = filled(size)
    if kind == "ours":
        WebServer([f"127.0.0.1:{port}"], "/metrics", Shown(store)).start()
    else:
        registry = CollectorRegistry()
        registry.register(store)
        start_http_server(port, "127.0.0.1", registry)
    while True:
        time.sleep(60)


def python_server(kind: str, size: int, folder: Path) -> tuple[Server, int]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bench_scrape", "--serve", kind, str(size), str(port)]
    return Server(kind, command, log=folder / f"{kind}-{size}.log", ready=answers(port, "/metrics")), port


def node_exporter(size: int, folder: Path) -> tuple[Server, int]:
    """Its textfile collector with our text."""
    port = free_port()
    texts = folder / f"texts-{size}"
    texts.mkdir()
    (texts / "bench.prom").write_text(filled(size).render(openmetrics=False))
    command: list[str | Path] = [
        programs.need("prometheus-node-exporter", package="prometheus-node-exporter"),
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={texts}",
        "--web.disable-exporter-metrics",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return Server("node_exporter", command, log=folder / f"node-{size}.log", ready=answers(port, "/metrics")), port


def redis_exporter(size: int, keys_at: int, folder: Path) -> tuple[Server, int]:
    """A Redis with enough keys, two series each."""
    port = free_port()
    client = redis.Redis(port=keys_at)
    client.flushall()
    with client.pipeline(transaction=False) as pipe:
        for number in range(size // 2):
            pipe.set(f"bench:{number}", number)
        pipe.execute()
    client.close()
    command: list[str | Path] = [
        programs.need("prometheus-redis-exporter", package="prometheus-redis-exporter"),
        f"-redis.addr=redis://127.0.0.1:{keys_at}",
        "-check-keys=bench:*",
        f"-web.listen-address=127.0.0.1:{port}",
    ]
    return Server("redis_exporter", command, log=folder / f"redis-{size}.log", ready=answers(port, "/metrics")), port


class Measured:
    """One row: series, bytes, and per scrape the server's CPU and the client's wall time in milliseconds."""

    def __init__(self, pid: int, port: int, *, compressed: bool) -> None:
        process = psutil.Process(pid)
        headers = {"Accept-Encoding": "gzip"} if compressed else {}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.bytes = self._scrape(connection, headers)
        self.series = 0 if compressed else self._count(connection)
        walls: list[float] = []
        before = process.cpu_times()
        end = time.monotonic() + SECONDS_PER_ROW
        while len(walls) < MOST_ROUNDS and (time.monotonic() < end or len(walls) < 5):
            started = time.perf_counter()
            self._scrape(connection, headers)
            walls.append(time.perf_counter() - started)
        after = process.cpu_times()
        connection.close()
        self.cpu_ms = (after.user + after.system - before.user - before.system) / len(walls) * 1000
        self.wall_ms = median(walls) * 1000

    @staticmethod
    def _scrape(connection: http.client.HTTPConnection, headers: dict[str, str]) -> int:
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            msg = f"answered {answer.status}"
            raise RuntimeError(msg)
        return len(body)

    @staticmethod
    def _count(connection: http.client.HTTPConnection) -> int:
        connection.request("GET", "/metrics")
        return sum(not line.startswith(b"#") for line in connection.getresponse().read().splitlines())


def row(name: str, pid: int, port: int, ours_ms: float = 0.0) -> float:
    """Print one row; returns the CPU in milliseconds without compression. ours_ms: what to compare it with."""
    plain, packed = Measured(pid, port, compressed=False), Measured(pid, port, compressed=True)
    ratio = f"{plain.cpu_ms / ours_ms:.1f} x" if ours_ms else "1"
    print(
        f"{name:<24}{plain.series:>9}{plain.bytes / 1024:>9.0f}{plain.cpu_ms:>10.2f}{plain.wall_ms:>10.2f}"
        f"{packed.cpu_ms:>12.2f}{packed.wall_ms:>10.2f}{ratio:>12}",
        flush=True,
    )
    return plain.cpu_ms


@contextmanager
def living(folder: Path) -> Iterator[tuple[Exporter, Redis]]:
    """`observatory serve` on a HER that has lived."""
    with Redis(folder / "her", free_port()) as server:
        client = redis.Redis(port=server.port)
        Her(client, seed=43).backfill(6)
        client.close()
        with Exporter(folder / "exporter", server) as exporter:
            exporter.until_read()
            yield exporter, server


def head(title: str) -> None:
    """The columns."""
    print(
        f"\n{title:<24}{'series':>9}{'KiB':>9}{'CPU ms':>10}{'wall ms':>10}{'gzip CPU':>12}{'wall':>10}{'CPU/ours':>12}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--serve", nargs=3, metavar=("KIND", "SIZE", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        kind, size, port = arguments.serve
        serve(kind, int(size), int(port))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Redis(folder / "keys", free_port()) as keys:
            for size in map(int, arguments.sizes.split(",")):
                head(f"{size} series")
                server, port = python_server("ours", size, folder)
                with server:
                    ours_ms = row("ours", server.pid, port)
                server, port = python_server("prometheus_client", size, folder)
                with server:
                    row("prometheus_client", server.pid, port, ours_ms)
                server, port = node_exporter(size, folder)
                with server:
                    row("node_exporter, textfile", server.pid, port, ours_ms)
                if size <= 10_000:
                    server, port = redis_exporter(size, keys.port, folder)
                    with server:
                        row("redis_exporter, keys", server.pid, port, ours_ms)
        with living(folder) as (exporter, server_of_her):
            head("observatory serve")
            row("HER alive", exporter.pid, exporter.port)
            server_of_her.stop()
            exporter.until(lambda s: s.one("observatory_source_up", system="her") == 0, "its Redis is gone")
            row("its Redis gone", exporter.pid, exporter.port)


if __name__ == "__main__":
    main()
