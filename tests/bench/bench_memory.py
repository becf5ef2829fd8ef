"""Memory of the running exporter over minutes of heavy traffic, and its slope.

    python -m tests.bench.bench_memory [--minutes 5] [--rate 100] [--deployments 8]

`observatory serve` watches one simulated HER under several deployment names (eight are some 10 000 series), writes
every point to an InfluxDB that takes everything, and is scraped every two seconds. After a minute of warming up its
resident memory is noted at each scrape; the slope is the least-squares line. Beside it, at the same moments,
Debian's redis_exporter on the same Redis. Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, mean

import psutil
import yaml

from exporters.demo import programs
from exporters.demo.loopback import answers
from exporters.demo.ports import free_port
from exporters.demo.process import Server
from exporters.demo.redis import Redis
from tests.standins.faulty_http import FaultyServer, Reply, Request
from tests.system.exporter import Exporter

WARM_UP_SECONDS = 60
PAUSE_SECONDS = 2.0
MIB = 1024 * 1024


@dataclass
class Watched:
    """One exporter and its resident memory: (seconds, MiB)."""

    name: str
    process: psutil.Process
    port: int
    seen: list[tuple[float, float]] = field(default_factory=list)

    def look(self, at: float) -> None:
        """Note it now."""
        self.seen.append((at, self.process.memory_info().rss / MIB))

    def row(self) -> str:
        """name, first, mean, last, peak, MiB per hour."""
        times, sizes = zip(*self.seen, strict=True)
        slope = linear_regression(times, sizes).slope * 3600
        return (
            f"{self.name:<16}{sizes[0]:>10.1f}{mean(sizes):>10.1f}{sizes[-1]:>10.1f}{max(sizes):>10.1f}{slope:>+14.2f}"
        )


class Sink(FaultyServer):
    """An InfluxDB that takes everything and keeps nothing."""

    def __init__(self) -> None:
        self.taken = 0
        super().__init__(self._take)

    def _take(self, request: Request) -> Reply:
        self.taken += len(request.body)
        self.posts.clear()
        return Reply(204)


def start(stack: ExitStack, folder: Path, deployments: int, rate: float) -> tuple[list[Watched], Exporter, Sink]:
    """Redis, simulator, sink, exporter, and the peer."""
    redis = stack.enter_context(Redis(folder / "redis", free_port()))
    sink = stack.enter_context(Sink())
    token = folder / "token"
    token.write_text("anything\n")
    influx = {"url": sink.url, "org": "home", "token_file": str(token)}
    exporter = Exporter(
        folder / "exporter", redis, influx=influx, text={"chats": True, "logs": True, "decisions": True}
    )
    config = yaml.safe_load(exporter.config.read_text())
    (template,) = config["systems"]["her"]
    config["systems"]["her"] = [{**template, "deployment": f"her{number}"} for number in range(deployments)]
    exporter.config.write_text(yaml.safe_dump(config))
    stack.enter_context(exporter)
    simulate = [sys.executable, "-m", "exporters.her.simulate", "--redis.port", str(redis.port), "--info-logs"]
    log = folder / "simulator.log"
    stack.enter_context(Server("simulator", [*simulate, "--rate", f"{rate:g}", "--seed", "5"], log=log))
    port = free_port()
    command: Sequence[str | Path] = [
        programs.need("prometheus-redis-exporter", package="prometheus-redis-exporter"),
        f"-redis.addr=redis://127.0.0.1:{redis.port}",
        f"-web.listen-address=127.0.0.1:{port}",
    ]
    peer = Server("redis_exporter", command, log=folder / "peer.log", ready=answers(port, "/metrics"))
    stack.enter_context(peer)
    watched = [
        Watched("ours", psutil.Process(exporter.pid), exporter.port),
        Watched("redis_exporter", psutil.Process(peer.pid), port),
    ]
    return watched, exporter, sink


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=100.0, help="list entries per second")
    parser.add_argument("--deployments", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        watched, exporter, sink = start(stack, Path(name), arguments.deployments, arguments.rate)
        begun = time.monotonic()
        end = begun + WARM_UP_SECONDS + arguments.minutes * 60
        while (now := time.monotonic()) < end:
            for one in watched:
                with urllib.request.urlopen(f"http://127.0.0.1:{one.port}/metrics", timeout=30) as answer:
                    answer.read()
                if now - begun > WARM_UP_SECONDS:
                    one.look(now - begun)
            time.sleep(PAUSE_SECONDS)
        scrape = exporter.scrape()
        events = scrape.total("observatory_stream_events_total")
        print(f"{arguments.minutes:g} minutes after warming up, {arguments.rate:g} entries per second")
        print(f"series {scrape.total('observatory_series'):.0f}, records read {events:.0f}, "
              f"lost {scrape.total('observatory_stream_lost_total'):.0f}, "
              f"gaps {scrape.total('observatory_stream_gaps_total'):.0f}, "
              f"points posted {scrape.total('observatory_influxdb_written_total'):.0f} "
              f"({sink.taken / MIB:.1f} MiB compressed)\n")  # fmt: skip
        print(f"{'MiB':<16}{'first':>10}{'mean':>10}{'last':>10}{'peak':>10}{'MiB per hour':>14}")
        for one in watched:
            print(one.row())


if __name__ == "__main__":
    main()
