"""One list whose answer the server will not send: it ends the connection, and the others are read all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.demo.ports import free_port
from exporters.demo.redis import Redis
from exporters.her.simulate import Her, connect
from tests.system.exporter import Exporter

LIMIT = 256 * 1024
"""Bytes that wait for one client, beyond which this Redis drops it."""


@pytest.mark.timeout(120)
def test_an_answer_the_server_will_not_send_costs_that_list_alone(tmp_path: Path) -> None:
    limits = {"client-output-buffer-limit": f"normal {LIMIT} 0 0"}
    with Redis(tmp_path / "redis", free_port(), options=limits) as server:
        client = connect("127.0.0.1", server.port, server.password)
        her = Her(client, seed=3)
        her.startup()
        her.interaction()
        line = "x" * 20_000
        entry = f'{{"timestamp":"2026-02-22T09:15:02.000412+00:00","level":"INFO","name":"a","message":"%d {line}"}}'
        for number in range(200):
            client.lpush("her:logs", entry % number)
            client.ltrim("her:logs", 0, 199)
        exporter = Exporter(tmp_path / "exporter", server)
        with exporter:
            scrape = exporter.until(
                lambda s: s.total("observatory_stream_errors_total", stream="logs", reason="disconnected") >= 2,
                "told as the trouble of that list",
            )
            exporter.until(lambda s: s.one("observatory_source_up") == 1, "the source is up")
            before = scrape.one("her_interactions_total")
            assert before is not None
            assert {"her_users", "her_tools"} <= scrape.names()
            her.interaction()
            exporter.until(lambda s: s.one("her_interactions_total") == before + 1, "the others are read on")
            client.delete("her:logs")
            exporter.until(
                lambda s: s.one("observatory_stream_last_success_timestamp_seconds", stream="logs") is not None,
                "it is read as soon as it can be",
                60,
            )
