"""How long an event takes from Redis to /metrics, at the intervals an operator has by default.

    python -m tests.bench.bench_latency [EVENTS]

An entry is pushed at a random moment, then /metrics is asked every 20 ms until the counter has moved. A new member of
an open set shows 0 for two scrape intervals first; only labels that have been seen are used here. Beside it Debian's
redis_exporter, which asks Redis at each scrape: LLEN through -check-single-keys. Not a test: numbers depend on the
machine.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median

import redis

from exporters.demo import programs
from exporters.demo.loopback import answers
from exporters.demo.ports import free_port
from exporters.demo.process import Server
from exporters.demo.redis import Redis
from exporters.her.intervals import INTERVALS
from exporters.her.simulate import Her
from tests.system.exporter import Exporter

LOOK_SECONDS = 0.02


def latency(write: Callable[[], object], seen: Callable[[], float], events: int) -> list[float]:
    """Seconds from each write to the first look that shows it."""
    dice = random.Random(7)
    took = []
    for _ in range(events):
        time.sleep(dice.uniform(0.2, 2.0))
        before = seen()
        started = time.perf_counter()
        write()
        while seen() == before:
            time.sleep(LOOK_SECONDS)
        took.append(time.perf_counter() - started)
    return took


def row(label: str, interval: float, took: list[float]) -> None:
    """One line of the table."""
    share = f"{max(took) / interval:.2f} x" if interval else "-"
    every = f"{interval:g}" if interval else "-"
    print(f"{label:<32}{every:>10}{median(took):>10.2f}{mean(took):>10.2f}{max(took):>10.2f}{share:>16}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", nargs="?", type=int, default=20)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as name, Redis(Path(name) / "redis", free_port()) as server:
        client = redis.Redis(port=server.port)
        her = Her(client, seed=45)
        her.backfill(1)
        her.log("WARNING", "her-main", "known by now")
        her.heartbeat()
        port = free_port()
        command: list[str | Path] = [
            programs.need("prometheus-redis-exporter", package="prometheus-redis-exporter"),
            f"-redis.addr=redis://127.0.0.1:{server.port}",
            "-check-single-keys=her:sandbox:executions",
            f"-web.listen-address=127.0.0.1:{port}",
        ]
        peer = Server("redis_exporter", command, log=Path(name) / "peer.log", ready=answers(port, "/metrics"))
        exporter = Exporter(Path(name) / "exporter", server, intervals={})
        with exporter, peer:
            exporter.until_read(120)
            print(f"{'seconds':<32}{'interval':>10}{'median':>10}{'mean':>10}{'slowest':>10}{'slowest/interval':>16}")
            for stream, counter, write in (
                ("logs", "her_log_lines_total", lambda: her.log("WARNING", "her-main", "one more")),
                ("interactions", "her_interactions_total", her.interaction),
                ("decisions", "her_decisions_total", her.heartbeat),
            ):
                took = latency(write, lambda name=counter: exporter.scrape().total(name), events)  # type: ignore[misc]
                row(f"ours, {stream}", INTERVALS[stream], took)
            client.ltrim("her:sandbox:executions", 0, 0)

            def length() -> float:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    lines = answer.read().decode().splitlines()
                return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("redis_key_size{"))

            row("redis_exporter, asks at scrape", 0, latency(her.sandbox_execution, length, events))
        client.close()


if __name__ == "__main__":
    main()
