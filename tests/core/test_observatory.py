"""The running program as a whole: what it shows before it has done anything, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporters.core.checkpoint import Checkpoint
from exporters.core.observatory import Observatory
from exporters.core.outbox import Outbox, OutboxLine
from exporters.core.settings import Settings, load
from exporters.core.web import WebServer
from exporters.demo.ports import free_port
from exporters.registry import METRICS, SYSTEMS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """HER on a port where nobody listens, InfluxDB likewise."""
    token = tmp_path / "token"
    token.write_text("token-of-a-test\n")
    return load(
        SYSTEMS,
        file=None,
        environment={"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(free_port())},
        overrides={
            "state": {"directory": tmp_path / "state"},
            "influxdb": {"url": f"http://127.0.0.1:{free_port()}", "org": "test", "token_file": token},
        },
    )


@pytest.fixture
def observatory(settings: Settings) -> Iterator[Observatory]:
    """Made, not started."""
    made = Observatory(settings, SYSTEMS, METRICS)
    yield made
    made.stop()


def samples(observatory: Observatory) -> dict[str, dict[tuple[str, ...], float]]:
    """name -> label values in order of their names -> value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(observatory.metrics(openmetrics=False).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(v for _, v in sorted(sample.labels.items()))] = sample.value
    return found


def test_the_account_of_the_outbox_shows_at_the_first_scrape(settings: Settings) -> None:
    """Shown as 0 until the drainer's first round, it would fall at each restart, and `increase()` count it anew."""
    before = Checkpoint(settings.state.file, METRICS, Outbox())
    with before.transaction() as connection:
        rows = [OutboxLine("her", number, f"her_log characters=1i {number}") for number in range(1, 6)]
        before.outbox.append(connection, rows)
        before.outbox.delete(connection, [1, 2, 3], partial_dropped=1)
    before.close()
    observatory = Observatory(settings, SYSTEMS, METRICS)
    shown = samples(observatory)
    observatory.stop()
    assert shown["observatory_influxdb_written_total"][("her",)] == 2
    assert shown["observatory_outbox_dropped_total"][("her", "partial")] == 1
    assert shown["observatory_outbox_lines"][("her",)] == 2


def test_the_web_server_shows_its_own_counts(observatory: Observatory) -> None:
    server = WebServer(["127.0.0.1:0"], "/metrics", observatory)
    observatory.served_by(server)
    shown = samples(observatory)
    assert shown["observatory_web_defects_total"] == {(): 0}
    assert shown["observatory_web_connections_turned_away_total"] == {(): 0}
    assert shown["observatory_web_config_reload_failures_total"] == {(): 0}
    assert shown["observatory_influxdb_defects_total"] == {(): 0}
    assert shown["observatory_influxdb_partial_unknown_total"] == {(): 0}
    assert set(shown["observatory_influxdb_fields_dropped_total"].values()) == {0}


def test_it_can_be_stopped_before_it_was_started(settings: Settings) -> None:
    """As when the address to serve on is taken; the state file is free again."""
    Observatory(settings, SYSTEMS, METRICS).stop()
    Observatory(settings, SYSTEMS, METRICS).stop()


def test_it_stops_in_time_though_nobody_answers(settings: Settings) -> None:
    observatory = Observatory(settings, SYSTEMS, METRICS)
    observatory.start()
    started = time.monotonic()
    observatory.stop()
    assert time.monotonic() - started < 5
