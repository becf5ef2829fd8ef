"""How long SIGTERM takes, whatever hangs, and that nothing committed is lost by it.

    python -m tests.bench.bench_stop [ROUNDS]

Seconds from the signal to the end of the process: all well; a Redis that is frozen in the middle of a read; a source
that accepts and never speaks; an InfluxDB that takes posts and never answers. After each stop a restart must show the
counters that were shown before. Beside it Debian's redis_exporter on the frozen Redis, with a scrape under way.
Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
import yaml

from exporters.demo import programs
from exporters.demo.loopback import answers
from exporters.demo.ports import free_port
from exporters.demo.process import Server
from exporters.demo.redis import Redis
from exporters.her.simulate import Her
from tests.standins.faulty_http import FaultyServer, Reply
from tests.system.exporter import Exporter, Scrape

GRACE = 30.0


def seconds_to_stop(server: Server) -> float:
    """SIGTERM, and the time until the process has ended."""
    started = time.perf_counter()
    server.stop(grace=GRACE)
    return time.perf_counter() - started


def counters(scrape: Scrape) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every counter of HER."""
    return {
        (name, tuple(sorted(labels.items()))): value
        for name in sorted(scrape.names())
        if name.startswith("her_") and name.endswith(("_total", "_count"))
        for labels, value in scrape.all(name)
    }


def patient(exporter: Exporter, **redis_settings: Any) -> Exporter:
    """Waits for its source for as long as an operator can make it, far longer than a stop may take."""
    config = yaml.safe_load(exporter.config.read_text())
    config["systems"]["her"][0]["redis"] |= {"timeout_seconds": 30.0, **redis_settings}
    exporter.config.write_text(yaml.safe_dump(config))
    return exporter


@contextmanager
def frozen(server: Redis) -> Iterator[None]:
    """A Redis that neither answers nor refuses."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def nothing() -> Iterator[None]:
    """All is well."""
    yield


def of_exporter(
    folder: Path, server: Redis, trouble: Callable[[], Any], *, influx: dict[str, Any] | None = None
) -> float:
    """One exporter, stopped while the trouble lasts; checks that a restart shows the same counters."""
    exporter = patient(Exporter(folder, server, influx=influx))
    exporter.start().wait_ready()
    before = counters(exporter.until_read())
    with trouble():
        time.sleep(1.5)  # longer than any interval: every source is in the middle of a read
        took = seconds_to_stop(exporter)
    exporter.start().wait_ready()
    after = counters(exporter.until_read())
    exporter.stop()
    fallen = [key for key, value in before.items() if after.get(key, 0.0) < value]
    if fallen:
        msg = f"counters fell: {fallen[:3]}"
        raise RuntimeError(msg)
    return took


def of_mute_source(folder: Path, server: Redis) -> float:
    """A source that has never spoken."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        exporter = patient(Exporter(folder, server), port=mute.getsockname()[1])
        exporter.start().wait_ready()
        time.sleep(0.5)
        return seconds_to_stop(exporter)


def of_redis_exporter(folder: Path, server: Redis) -> float:
    """The peer, with a scrape waiting for a frozen Redis."""
    port = free_port()
    command: list[str | Path] = [
        programs.need("prometheus-redis-exporter", package="prometheus-redis-exporter"),
        f"-redis.addr=redis://127.0.0.1:{server.port}",
        f"-web.listen-address=127.0.0.1:{port}",
    ]
    peer = Server("redis_exporter", command, log=folder / "peer.log", ready=answers(port, "/metrics"))
    peer.start().wait_ready()

    def scrape() -> None:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=GRACE) as answer:
            answer.read()

    with frozen(server):
        scraper = threading.Thread(target=scrape)
        scraper.start()
        time.sleep(0.5)
        took = seconds_to_stop(peer)
    scraper.join()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name, Redis(Path(name) / "redis", free_port()) as server:
        folder = Path(name)
        client = redis.Redis(port=server.port)
        her = Her(client, seed=44)
        her.backfill(2)
        token = folder / "token"
        token.write_text("anything\n")

        def hanging_influx(number: int) -> float:
            with FaultyServer(lambda _: Reply(204)) as sink:
                sink.mode("hang")
                influx = {"url": sink.url, "org": "home", "token_file": str(token)}
                try:
                    return of_exporter(folder / f"influx{number}", server, nothing, influx=influx)
                finally:
                    sink.mode("healthy")

        cases: dict[str, Callable[[int], float]] = {
            "all well": lambda n: of_exporter(folder / f"well{n}", server, nothing),
            "Redis frozen in a read": lambda n: of_exporter(folder / f"frozen{n}", server, lambda: frozen(server)),
            "a source that never spoke": lambda n: of_mute_source(folder / f"mute{n}", server),
            "InfluxDB hanging": hanging_influx,
            "redis_exporter, Redis frozen": lambda _: of_redis_exporter(folder, server),
        }
        print(f"{'seconds to stop':<32}{'fastest':>10}{'slowest':>10}")
        for label, case in cases.items():
            took = [case(number) for number in range(rounds)]
            print(f"{label:<32}{min(took):>10.2f}{max(took):>10.2f}", flush=True)
        client.close()


if __name__ == "__main__":
    main()
