"""The whole exporter and an InfluxDB that misbehaves: in the end every event is one point.

Or it is counted as what became of it. Asked of every stream: points stored = records read.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import datetime
from pathlib import Path

from exporters.core.influx_setup import wanted_buckets, wanted_tokens
from exporters.demo.influxdb import ORGANISATION, InfluxDB
from exporters.demo.loopback import request
from exporters.demo.redis import Redis
from exporters.demo.victoriametrics import VictoriaMetrics
from exporters.her.simulate import Her, connect
from tests.standins.influx_servers import query
from tests.standins.influxdb_store import Stored
from tests.standins.line_parser import Point
from tests.system.alerting import until
from tests.system.exporter import Exporter, Scrape
from tests.system.influx_troubles import OFTEN, POISON, TROUBLES, delivery, settled
from tests.system.test_torture import POINTS

EVERY_POINT_HAS = {
    "her_interaction_reply_characters": "interactions",
    "her_log_characters": "logs",
    "her_execution_exit_code": "executions",
    "her_job_duration_seconds": "jobs",
    "her_decision_entries": "decisions",
    "her_reinforcement_score": "reinforcement",
    "her_startup_tools": "startups",
}
"""A field that every point of a stream has, as VictoriaMetrics names it."""
MEBIBYTE = 1024 * 1024


def events(scrape: Scrape, stream: str) -> int:
    return int(scrape.total("observatory_stream_events_total", stream=stream))


def by_measurement(stored: Stored) -> Counter[str]:
    return Counter(measurement for measurement, _, _ in stored)


def none_missing_none_twice(scrape: Scrape, points: Counter[str], *, but: str = "") -> None:
    """Points are what the exporter says it read. but: a measurement that is told apart."""
    assert scrape.total("observatory_stream_lost_total") == scrape.total("observatory_stream_gaps_total") == 0
    expected = {measurement: events(scrape, stream) for stream, measurement in POINTS.items() if measurement != but}
    expected["her_request"] = int(scrape.total("her_requests_total"))
    assert {measurement: points[measurement] for measurement in expected} == expected
    assert min(expected.values()) > 0


def test_whatever_influxdb_answers_every_event_becomes_one_point(redis_server: Redis, tmp_path: Path) -> None:
    with delivery(redis_server, tmp_path) as at:
        # A field that has another type already: InfluxDB stores the rest of a post and drops these (422).
        at.influx.bucket("her").write([Point("her_startup", {"before": "us"}, {"tools": "many"}, 0)], 1, 0)
        at.live()
        at.answered(422)
        for trouble in TROUBLES:
            at.suffer(trouble)
        scrape = settled(at.exporter)
        points = by_measurement(at.influx.stored("her"))
    none_missing_none_twice(scrape, points, but="her_startup")
    startups = events(scrape, "startups")
    assert (points["her_startup"], startups) == (1, at.her.produced["her:runtime:capabilities:history"])
    dropped = scrape.all("observatory_outbox_dropped_total")
    told = {(labels["bucket"], labels["reason"]): count for labels, count in dropped if count}
    assert told == {("her", "poison"): 1, ("her", "partial"): startups}
    assert scrape.total("observatory_influxdb_written_total") == points.total() - 1
    with closing(sqlite3.connect(tmp_path / "exporter" / "state" / "observatory.db")) as state:
        assert state.execute("SELECT bucket, reason, line FROM dead_letter").fetchall() == [
            ("her", "malformed", POISON)
        ]
    log = at.exporter.log.read_text()
    assert POISON not in log
    assert at.token not in log


def test_an_outbox_keeps_to_its_bound_and_gives_way_at_its_old_end(redis_server: Redis, tmp_path: Path) -> None:
    with delivery(redis_server, tmp_path, outbox_max_lines=1000, outbox_max_bytes=MEBIBYTE) as at:
        at.influx.mode("reset")
        counted = {"reinforcement": 0, "decisions": 0}
        for stream, n in (("reinforcement", 900), ("reinforcement", 900), ("decisions", 480)):
            at.her.burst(stream, n)  # type: ignore[arg-type] # names of a closed set
            counted[stream] += n
            at.exporter.until(lambda s: {c: events(s, c) for c in counted} == counted, f"{stream} counted")
        scrape = at.exporter.until(lambda s: s.total("observatory_outbox_lines") == 1000, "full, and no more than that")
        dropped = scrape.one("observatory_outbox_dropped_total", bucket="her", reason="bound")
        assert dropped == counted["reinforcement"] + counted["decisions"] - 1000
        assert scrape.total("observatory_outbox_bytes") <= MEBIBYTE
        assert scrape.total("observatory_state_bytes") < 8 * MEBIBYTE
        assert scrape.total("process_resident_memory_bytes") < 150 * MEBIBYTE
        at.influx.mode("healthy")
        settled(at.exporter)
        newest = {"her_decision": counted["decisions"], "her_reinforcement": 1000 - counted["decisions"]}
        stored = at.influx.stored("her")
    assert by_measurement(stored) == newest
    kept = at.her.pen.client.lrange("her:reinforcement:events", 0, newest["her_reinforcement"] - 1)
    oldest_kept = datetime.fromisoformat(json.loads(kept[-1])["timestamp"]).timestamp() * 1e9
    assert all(at_ns > oldest_kept - 1000 for name, _, at_ns in stored if name == "her_reinforcement")


def test_a_real_influxdb_that_restarts_while_the_exporter_is_killed(
    influxd: InfluxDB, redis_server: Redis, tmp_path: Path
) -> None:
    influxd.make(wanted_buckets(["her"]), wanted_tokens(["her"], tmp_path))
    token_file = tmp_path / "influxdb-exporter.token"
    settings = {"url": influxd.address, "org": ORGANISATION, "token_file": str(token_file), "timeout_seconds": 2.0}
    her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=82)
    her.daily()
    her.chat()
    living = threading.Thread(target=her.run, kwargs={"seconds": 6.0, "rate": 40.0}, daemon=True)
    exporter = Exporter(tmp_path / "exporter", redis_server, influx=settings, intervals=OFTEN)
    with exporter:
        exporter.until(lambda s: s.total("observatory_influxdb_written_total") > 0, "InfluxDB takes points")
        living.start()
        time.sleep(1.5)
        influxd.kill()
        exporter.until(lambda s: s.total("observatory_influxdb_posts_total", outcome="connection") > 0, "it is missed")
        exporter.kill()
        influxd.start().wait_ready()
        exporter.start().wait_ready()
        living.join()
        scrape = settled(exporter)
    points = by_measurement(query(influxd, 'from(bucket: "her") |> range(start: 0)'))
    none_missing_none_twice(scrape, points)
    assert scrape.total("observatory_outbox_dropped_total") == 0
    assert scrape.one("observatory_influxdb_written_total", bucket="her") == points.total()


def test_victoriametrics_gives_the_points_back(
    victoriametrics: VictoriaMetrics, redis_server: Redis, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("not-looked-at")
    settings = {"url": victoriametrics.address, "org": "any", "token_file": str(token_file)}
    her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=83)
    for _ in range(5):
        her.chat()
        her.agent_request()
        her.tick()
    her.startup()
    her.log("ERROR", "her-main", "a line")
    with Exporter(tmp_path / "exporter", redis_server, influx=settings, intervals=OFTEN) as exporter:
        scrape = settled(exporter)

    def counts() -> dict[str, float]:
        victoriametrics.flush()
        return {series: ask(victoriametrics, f"sum(count_over_time({series}[1h]))") for series in EVERY_POINT_HAS}

    # It shows what was written a second later.
    until(lambda: 0 not in counts().values(), "everything can be asked for")
    expected = {series: events(scrape, stream) for series, stream in EVERY_POINT_HAS.items()}
    until(lambda: counts() == expected, f"{expected}, not {counts()}", 10)
    tokens = ask(victoriametrics, "sum(sum_over_time(her_interaction_tokens_estimated[1h]))")
    assert tokens == scrape.one("her_tokens_estimated_total")


def ask(server: VictoriaMetrics, promql: str) -> float:
    """The one number a query gives; 0 for none."""
    result = request(server.port, "/api/v1/query", query={"query": promql}).json()["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0
