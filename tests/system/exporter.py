"""`observatory serve` as a process of its own, as an operator runs it: scraped over HTTP, killed by signal."""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporters.demo.ports import free_port
from exporters.demo.process import Server
from exporters.demo.redis import Redis
from exporters.her.intervals import INTERVALS

Labels = dict[str, str]


class Scrape:
    """One answer of /metrics."""

    def __init__(self, text: str, status: int, seconds: float) -> None:
        self.text = text
        self.status = status
        self.seconds = seconds
        self._samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def all(self, name: str, **labels: str) -> list[tuple[Labels, float]]:
        """Every sample of that name with these labels."""
        return [(s.labels, s.value) for s in self._samples if s.name == name and labels.items() <= s.labels.items()]

    def total(self, name: str, **labels: str) -> float:
        """Their sum; 0 if there is none."""
        return sum(value for _, value in self.all(name, **labels))

    def one(self, name: str, **labels: str) -> float | None:
        """The only such sample, or None."""
        found = self.all(name, **labels)
        assert len(found) <= 1, f"{name}{labels}: {len(found)} series"
        return found[0][1] if found else None

    def names(self) -> set[str]:
        """Every sample's name."""
        return {s.name for s in self._samples}


class Watching(Server):
    """The exporter, with its configuration, state and log in one folder. systems: as observatory.yml has them."""

    def __init__(
        self,
        folder: Path,
        systems: Mapping[str, Any],
        *,
        influx: Mapping[str, Any] | None = None,
        log_level: str = "info",
    ) -> None:
        self.port = free_port()
        config: dict[str, Any] = {
            "web": {"listen_addresses": [f"127.0.0.1:{self.port}"]},
            "state": {"directory": str(folder / "state")},
            "scrape_interval_seconds": 0.5,
            "log": {"level": log_level},
            "systems": dict(systems),
        }
        if influx:
            config["influxdb"] = dict(influx)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = folder / "observatory.yml"
        self.config.write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "exporters", "serve", "--config.file", str(self.config)]
        super().__init__("exporter", command, log=folder / "exporter.log", ready=self._answers)

    def _answers(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)

    def scrape(self) -> Scrape:
        """/metrics now."""
        started = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
            return Scrape(text, answer.status, time.perf_counter() - started)

    def until(self, condition: Callable[[Scrape], bool], what: str, seconds: float = 30) -> Scrape:
        """Scrape until the condition holds."""
        deadline = time.monotonic() + seconds
        while True:
            scrape = self.scrape()
            if condition(scrape):
                return scrape
            if time.monotonic() > deadline:
                tail = "\n".join(self.last_lines())
                pytest.fail(f"not within {seconds} s: {what}\n{tail}")
            time.sleep(0.1)

    def until_read(self, seconds: float = 30) -> Scrape:
        """Scrape once every stream was read after now."""
        now = time.time()

        def read(scrape: Scrape) -> bool:
            times = scrape.all("observatory_stream_last_success_timestamp_seconds")
            announced = len(scrape.all("observatory_stream_interval_seconds"))
            return len(times) == announced > 0 and all(at > now for _, at in times)

        return self.until(read, "every stream read once more", seconds)


class Exporter(Watching):
    """The exporter on a Redis of HER's.

    others: systems beside HER, as observatory.yml has them.
    """

    def __init__(
        self,
        folder: Path,
        redis: Redis,
        *,
        influx: dict[str, Any] | None = None,
        others: Mapping[str, Any] | None = None,
        **her: Any,
    ) -> None:
        deployment: dict[str, Any] = {
            "deployment": "default",
            "redis": {"host": "127.0.0.1", "port": redis.port, "timeout_seconds": 1.0},
            # Slow ones quicker, so that a test need not wait a minute; never slower than an operator has them.
            "intervals": {name: min(interval, 1.0) for name, interval in INTERVALS.items()},
            **her,
        }
        if redis.password_file:
            deployment["redis"]["password_file"] = str(redis.password_file)
        super().__init__(folder, {"her": [deployment], **(others or {})}, influx=influx)
