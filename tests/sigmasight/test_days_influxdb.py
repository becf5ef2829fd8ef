"""Daily points in InfluxDB: one per series and day however often it is written, kept for ever, drawn by their page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_post import InfluxPoster
from exporters.core.influx_setup import FOREVER, THIRTY_DAYS, set_up, wanted_buckets
from exporters.dead_panels import generated
from exporters.demo.influxdb import ORGANISATION, InfluxDB
from exporters.panel_queries import InfluxDB as Asker
from exporters.panel_queries import Range
from exporters.sigmasight.days_metrics import MEASUREMENTS
from exporters.sigmasight.days_reader import midnight
from tests.sigmasight.databases import Databases
from tests.sigmasight.day_readers import Read, Series, request
from tests.sigmasight.houses import House
from tests.standins.influx_servers import BOTH, InfluxServer, influx_server, real_influxd

pytestmark = pytest.mark.servers
DAY = timedelta(days=1)
BUCKET = "sigmasight_daily"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with real_influxd(tmp_path_factory.mktemp("influxd")) as influxd:
        yield influxd


@pytest.fixture(params=BOTH)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InfluxServer]:
    influxd = request.getfixturevalue("running") if request.param == "real" else None
    with influx_server(request.param, tmp_path, influxd) as started:
        yield started


def ready(endpoint: InfluxEndpoint) -> InfluxEndpoint:
    """With SigmaSight's buckets, as an installation has them; made twice, changed once."""
    buckets = wanted_buckets(["sigmasight"])
    assert len(set_up(endpoint, buckets).changes) == 3
    again = set_up(endpoint, buckets)
    assert (again.changes, again.notes) == ((), ())
    assert again.retention == {"sigmasight": THIRTY_DAYS, BUCKET: FOREVER, "sigmasight_text": THIRTY_DAYS}
    return endpoint


def post(endpoint: InfluxEndpoint, lines: list[str]) -> None:
    poster = InfluxPoster(endpoint)
    try:
        assert poster.post(BUCKET, lines).outcome == "written"
    finally:
        poster.close()


def stored(server: InfluxServer) -> dict[Series, dict[str, Any]]:
    found: dict[Series, dict[str, Any]] = {}
    for (name, tags, time_ns), fields in server.stored(BUCKET).items():
        at = datetime.fromtimestamp(time_ns / 10**9, UTC)
        own = tuple(value for tag, value in sorted(tags) if tag != "deployment")
        assert (name, own, at.date()) not in found, "two points of one day"
        found[name, own, at.date()] = dict(fields)
    return found


def test_a_day_written_again_replaces_itself_and_an_old_one_is_kept(
    server: InfluxServer, databases: Databases, tmp_path: Path
) -> None:
    operator = tmp_path / "operator"
    operator.write_text(server.operator_token())
    endpoint = ready(server.endpoint(operator))
    with closing(House(databases, tmp_path)) as house:
        now = datetime.now(UTC)
        for ago in range(1, 61):
            request(house, midnight(now.date() - ago * DAY) + timedelta(hours=3), total_latency_ms=ago)
        reader = Read(house, tmp_path)
        post(endpoint, reader.read(now, names=("days_requests",)).lines)
        assert stored(server) == reader.written.points
        assert len(reader.written.days("requests")) > 50, "twice as long as single events are kept"
        yesterday = now.date() - DAY
        request(house, midnight(yesterday) + timedelta(hours=4), error_type="api_failure", input_tokens=5)
        reader.read(now, names=("days_requests",), times=3)
        post(endpoint, reader.written.lines)
        found = stored(server)
        assert found == reader.written.points
        assert found["sigmasight_daily_requests", (), yesterday]["requests"] == 2
        databases.core.execute("DELETE FROM ai_request_metrics")
        reader.read(now + 3 * DAY, names=("days_requests",), times=30)
        post(endpoint, reader.written.lines)
        after = stored(server)
        assert {series: after[series] for series in found} == found, "a clean-up takes no day"


@pytest.mark.real_influxdb
def test_every_panel_of_the_page_draws_its_days(running: InfluxDB, databases: Databases, tmp_path: Path) -> None:
    endpoint = running.endpoint
    set_up(endpoint, wanted_buckets(["sigmasight"]))
    prices = tmp_path / "prices.yml"
    prices.write_text(
        "currency: USD\nmodels:\n  - model: gpt-5-mini\n    prices:\n"
        "      - {valid_from: 2020-01-01, input: 1, output: 10}\n"
    )
    with closing(House(databases, tmp_path)) as house:
        house.sigma.found(days_ago=8)
        house.sigma.backfill(8)
        now = datetime.now(UTC)
        house.sigma.edges(now - DAY)
        written = Read(house, tmp_path, prices).read(now)
    post(endpoint, written.lines)
    assert {name for name, _, _ in written.points} == {measurement.name for measurement in MEASUREMENTS}
    (page,) = (board.json for board in generated() if board.json["uid"] == "sigmasight-days")
    asker = Asker(running.address, ORGANISATION, Path(running.token_file))
    asked = 0
    for panel in page["panels"]:
        for target in panel.get("targets", ()):
            answer = asker.ask(target, {"deployment": ".*"}, Range(now - 90 * DAY, now), "")
            assert answer.rows, panel["title"]
            assert answer.moved or panel["title"] in ("Runs by day", "Jobs by day"), panel["title"]
            asked += 1
    assert asked > 25
    requests = next(panel for panel in page["panels"] if panel["title"] == "Requests by day")["targets"][0]
    answer = asker.ask(requests, {"deployment": ".*"}, Range(now - 90 * DAY, now), "")
    assert answer.rows == len(written.days("requests"))
    assert max(written.days("requests")) == (now - DAY).date()
