"""VictoriaMetrics takes the same lines, and gives them back by PromQL."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from exporters.core.influx import Drainer
from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_post import InfluxPoster
from exporters.core.influx_view import DrainerSettings
from exporters.core.line_protocol import encode
from exporters.core.outbox import OutboxLine
from exporters.demo.victoriametrics import VictoriaMetrics
from tests.standins.outbox_file import OutboxFile


def test_points_are_read_back_by_promql(victoriametrics: VictoriaMetrics, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("not-looked-at")
    file = OutboxFile(tmp_path / "outbox.sqlite")
    now = time.time_ns() // 10**9 * 10**9
    file.append(
        OutboxLine("her", at, encode("her_decision", {"source": kind, "deployment": "a b,c=d"}, fields, at))
        for at, kind, fields in (
            (now - 2 * 10**9, "agent", {"count": 1, "score": 0.5}),
            (now - 10**9, "agent", {"count": 2, "score": 1e-7}),
            (now - 10**9, "scheduler", {"count": 9223372036854775807, "score": -0.0}),
        )
    )
    endpoint = InfluxEndpoint(url=victoriametrics.address, org="o", token_file=token)
    drainer = Drainer(file.store, InfluxPoster(endpoint), DrainerSettings(linger=0.0))
    drainer.start()
    try:
        until(lambda: drainer.view().posts["written"] == 1)
    finally:
        drainer.stop()
        file.close()
    selector = 'her_decision_count{deployment="a b,c=d"}'
    until(lambda: len(ask(victoriametrics, selector, now)) == 2)
    counts = {sample["metric"]["source"]: float(sample["value"][1]) for sample in ask(victoriametrics, selector, now)}
    assert counts == {"agent": 2.0, "scheduler": float(2**63)}
    scores = {s["metric"]["source"]: float(s["value"][1]) for s in ask(victoriametrics, "her_decision_score", now)}
    assert scores == {"agent": 1e-7, "scheduler": 0.0}
    (history,) = ask(victoriametrics, 'her_decision_count{source="agent"}[10s]', now)
    assert history["values"] == [[now / 1e9 - 2, "1"], [now / 1e9 - 1, "2"]]


def ask(server: VictoriaMetrics, query: str, at_ns: int) -> list[Any]:
    server.flush()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", "/api/v1/query?" + urlencode({"query": query, "time": at_ns / 1e9}))
        found: list[Any] = json.loads(connection.getresponse().read())["data"]["result"]
        return found
    finally:
        connection.close()


def until(reached: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)
