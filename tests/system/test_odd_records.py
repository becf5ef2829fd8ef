"""Malformed, huge, mistyped and older entries: counted by reason, never fatal, and their neighbours are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.demo.redis import Redis
from exporters.her import simulate_wire as wire
from exporters.her.simulate import Her, connect
from tests.system.exporter import Exporter
from tests.system.test_torture import STREAMS, accounts


def test_poison_is_counted_and_its_neighbours_are_whole(redis_server: Redis, tmp_path: Path) -> None:
    her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=41)
    with Exporter(tmp_path / "exporter", redis_server) as exporter:
        exporter.until_read()
        before = dict(her.produced)
        her.poison()
        for _ in range(3):
            her.interaction()
            her.log("ERROR", "her-main", "after the poison")
        exporter.until(lambda s: s.one("her_interactions_total") == 3, "the neighbours", 60)
        scrape = exporter.until_read()
        for stream, key in STREAMS.items():
            if stream == "interactions":
                continue  # its companion counts interactions, and poison is none
            events, lost, rejected, gaps = accounts(scrape, stream)
            produced = her.produced[key] - before.get(key, 0)
            assert events + lost + rejected == produced, (stream, events, lost, rejected, produced)
            assert gaps == 0, stream
        reasons = {labels["reason"] for labels, n in scrape.all("observatory_stream_rejected_total") if n}
        assert {"not_json", "bad_time", "wrong_type", "missing_field", "not_object", "not_utf8"} <= reasons
        assert "defect" not in reasons
        largest = scrape.all("her_sandbox_output_bytes_bucket", le="4.194304e+06")[0][1]
        assert scrape.total("her_sandbox_output_bytes_count") == largest + 1, (
            "5 MB of output is an execution like others"
        )
        assert scrape.one("observatory_source_up") == 1


@pytest.mark.parametrize(
    ("key", "stream"),
    [
        (wire.LOGS, "logs"),
        (wire.EVENTS, "interactions"),
        ("her:scheduler:state", "scheduler_state"),
        ("her:runtime:capabilities", "capabilities"),
    ],
)
def test_a_key_of_another_type_fails_alone(redis_server: Redis, tmp_path: Path, key: str, stream: str) -> None:
    her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=42)
    her.startup()
    her.chat()
    her.tick(0)
    with Exporter(tmp_path / "exporter", redis_server) as exporter:
        exporter.until_read()
        her.wrong_type(key)
        scrape = exporter.until(
            lambda s: s.total("observatory_stream_errors_total", stream=stream, reason="wrong_type") >= 1, "counted", 60
        )
        assert scrape.one("observatory_source_up") == 1
        before = scrape.one("observatory_stream_events_total", stream="decisions") or 0
        her.heartbeat()
        exporter.until(
            lambda s: (s.one("observatory_stream_events_total", stream="decisions") or 0) == before + 1,
            "its siblings go on",
        )


def test_older_shapes_are_read(redis_server: Redis, tmp_path: Path) -> None:
    her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=43)
    her.older_shapes()
    with Exporter(tmp_path / "exporter", redis_server) as exporter:
        scrape = exporter.until_read()
        assert scrape.total("her_decisions_total", event_type="reminder_state_change") >= 1
        assert scrape.total("her_decisions_total", event_type="autonomous_operator_action") >= 1
        assert scrape.total("her_context_threads", storage="list") >= 1
        assert scrape.total("her_log_lines_total", logger="unnamed") >= 1
        assert scrape.one("observatory_source_up") == 1
