"""Buckets and tokens become what they should be, stay so, and text stays with those who may read it."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporters.core.errors import ConfigError
from exporters.core.influx_endpoint import InfluxEndpoint, TokenUnreadable
from exporters.core.influx_post import InfluxPoster
from exporters.core.influx_setup import (
    FOREVER,
    THIRTY_DAYS,
    SetUpFailed,
    WantedBucket,
    WantedToken,
    set_up,
    wanted_buckets,
    wanted_tokens,
)
from exporters.core.measurement import BucketKind, Field, Measurement
from exporters.demo.influxdb import InfluxDB
from tests.standins.influx_servers import BOTH, InfluxServer, influx_server, real_influxd

DAY = 86_400


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with real_influxd(tmp_path_factory.mktemp("influxd")) as influxd:
        yield influxd


@pytest.fixture(params=BOTH)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InfluxServer]:
    influxd = request.getfixturevalue("running") if request.param == "real" else None
    with influx_server(request.param, tmp_path, influxd) as started:
        yield started


@pytest.fixture
def operator(server: InfluxServer, tmp_path: Path) -> InfluxEndpoint:
    path = tmp_path / "operator"
    path.write_text(server.operator_token())
    return server.endpoint(path)


def readable(operator: InfluxEndpoint, token_file: Path) -> set[str]:
    with replace(operator, token_file=token_file).client() as client:
        buckets = client.buckets_api().find_buckets(limit=100).buckets  # type: ignore[no-untyped-call]
        return {bucket.name for bucket in buckets}


def writable(operator: InfluxEndpoint, token_file: Path, *buckets: str) -> set[str]:
    poster = InfluxPoster(replace(operator, token_file=token_file))
    found = {bucket for bucket in buckets if poster.post(bucket, ["m f=1"]).outcome == "written"}
    poster.close()
    return found


def test_everything_is_made_once(operator: InfluxEndpoint, tmp_path: Path) -> None:
    buckets, tokens = wanted_buckets(["her", "host"]), wanted_tokens(["her", "host"], tmp_path / "secrets")
    made = set_up(operator, buckets, tokens)
    assert made.retention == {
        "her": THIRTY_DAYS,
        "her_daily": FOREVER,
        "her_text": THIRTY_DAYS,
        "host": THIRTY_DAYS,
        "host_daily": FOREVER,
        "host_text": THIRTY_DAYS,
    }
    assert len(made.changes) == 6 + 3
    content = {token.path: token.path.read_text() for token in tokens}
    again = set_up(operator, buckets, tokens)
    assert (again.changes, again.notes, again.retention) == ((), (), made.retention)
    assert {token.path: token.path.read_text() for token in tokens} == content


def test_each_token_does_its_own_work_and_no_more(operator: InfluxEndpoint, tmp_path: Path) -> None:
    buckets = wanted_buckets(["her"])
    exporter, grafana, restricted = tokens = wanted_tokens(["her"], tmp_path)
    set_up(operator, buckets, tokens)
    names = [bucket.name for bucket in buckets]
    assert readable(operator, exporter.path) == set()
    assert readable(operator, grafana.path) == {"her", "her_daily"}
    assert readable(operator, restricted.path) == {"her", "her_daily", "her_text"}
    assert writable(operator, exporter.path, *names) == set(names)
    assert writable(operator, grafana.path, *names) == set()
    assert writable(operator, restricted.path, *names) == set()
    for token in tokens:
        assert stat.S_IMODE(token.path.stat().st_mode) == 0o600
        assert token.path.read_text().strip() not in operator.token_file.read_text()


def test_the_buckets_are_those_that_measurements_name() -> None:
    kinds: tuple[BucketKind, ...] = ("events", "daily", "text")
    named = [
        Measurement("her", "her_thing", "A thing.", (), (Field("f", "int", "A number."),), kind=kind).bucket
        for kind in kinds
    ]
    assert [bucket.name for bucket in wanted_buckets(["her"])] == named


def test_a_new_system_widens_the_tokens_and_the_old_ones_end(operator: InfluxEndpoint, tmp_path: Path) -> None:
    set_up(operator, wanted_buckets(["her"]), wanted_tokens(["her"], tmp_path))
    before = {token.path: token.path.read_text() for token in wanted_tokens(["her"], tmp_path)}
    tokens = wanted_tokens(["her", "host"], tmp_path)
    changed = set_up(operator, wanted_buckets(["her", "host"]), tokens)
    assert len(changed.changes) == 3 + 3
    assert readable(operator, tokens[1].path) == {"her", "her_daily", "host", "host_daily"}
    assert set_up(operator, wanted_buckets(["her", "host"]), tokens).changes == ()
    for text in before.values():
        old = tmp_path / "old"
        old.write_text(text)
        assert InfluxPoster(replace(operator, token_file=old)).post("her", ["m f=1"]).outcome == "unauthorized"


@pytest.mark.parametrize("spoilt", ["missing", "garbage", "the operator's"])
def test_a_token_file_that_is_not_right_is_made_anew(operator: InfluxEndpoint, tmp_path: Path, spoilt: str) -> None:
    tokens = wanted_tokens(["her"], tmp_path)
    set_up(operator, wanted_buckets(["her"]), tokens)
    grafana = tokens[1].path
    match spoilt:
        case "missing":
            grafana.unlink()
        case "garbage":
            grafana.write_text("nonsense")
        case _:
            grafana.write_text(operator.token())
    grafana_only = set_up(operator, wanted_buckets(["her"]), tokens).changes
    assert len(grafana_only) == 1
    assert str(grafana) in grafana_only[0]
    assert readable(operator, grafana) == {"her", "her_daily"}


def test_a_retention_is_lengthened_but_shortened_only_if_asked_to(operator: InfluxEndpoint) -> None:
    def keep(seconds: int, *, shorten: bool = False) -> tuple[int, int, int]:
        done = set_up(operator, [WantedBucket("her", seconds)], shorten=shorten)
        return done.retention["her"], len(done.changes), len(done.notes)

    assert keep(30 * DAY) == (30 * DAY, 1, 0)
    assert keep(60 * DAY) == (60 * DAY, 1, 0)
    assert keep(7200) == (60 * DAY, 0, 1)
    assert keep(7200, shorten=True) == (7200, 1, 0)
    assert keep(FOREVER) == (FOREVER, 1, 0)
    assert keep(400 * DAY) == (FOREVER, 0, 1)
    assert keep(3600, shorten=True) == (3600, 1, 0)


def by_hand(operator: InfluxEndpoint, name: str, seconds: int) -> None:
    """A bucket as somebody makes it in InfluxDB's own pages."""
    with operator.client() as client:
        (org,) = client.organizations_api().find_organizations(org=operator.org)  # type: ignore[no-untyped-call]
        rules = [{"type": "expire", "everySeconds": seconds}] if seconds else []
        client.buckets_api().create_bucket(bucket_name=name, org=org, retention_rules=rules)


def test_a_bucket_that_somebody_else_made_keeps_its_retention_until_the_operator_asks(
    operator: InfluxEndpoint,
) -> None:
    for name in ("her", "her_daily", "her_text"):
        by_hand(operator, name, 7 * DAY)
    for _ in range(2):
        left = set_up(operator, wanted_buckets(["her"]))
        assert left.changes == ()
        assert set(left.retention.values()) == {7 * DAY}
        assert [note.split(";")[0] for note in left.notes] == [
            "bucket her keeps points 7 days, not 30 days",
            "bucket her_daily keeps points 7 days, not for ever",
            "bucket her_text keeps points 7 days, not 30 days",
        ]
    asked = set_up(operator, wanted_buckets(["her"], retention=60 * DAY, asked={"events", "daily"}))
    assert asked.retention == {"her": 60 * DAY, "her_daily": FOREVER, "her_text": 7 * DAY}
    assert (len(asked.changes), len(asked.notes)) == (2, 1)
    again = set_up(operator, wanted_buckets(["her"], retention=60 * DAY, asked={"events", "daily"}))
    assert (again.changes, again.notes, again.retention) == ((), asked.notes, asked.retention)


def test_a_bucket_that_was_made_here_follows_the_default_again(operator: InfluxEndpoint) -> None:
    set_up(operator, wanted_buckets(["her"], retention=7 * DAY, asked={"events"}))
    back = set_up(operator, wanted_buckets(["her"]))
    assert back.retention["her"] == THIRTY_DAYS
    assert len(back.changes) == 1


def test_what_the_caller_has_just_made_counts_as_made_here(operator: InfluxEndpoint) -> None:
    by_hand(operator, "her", 7 * DAY)
    assert set_up(operator, [WantedBucket("her", 7 * DAY)], made=["her"]).changes == ()
    assert set_up(operator, [WantedBucket("her", 8 * DAY)]).retention["her"] == 8 * DAY


def test_a_bucket_still_takes_points_after_its_retention_was_changed(
    operator: InfluxEndpoint, server: InfluxServer
) -> None:
    for seconds in (60 * DAY, 7200, FOREVER):
        set_up(operator, [WantedBucket("her", seconds)], shorten=True)
        assert writable(operator, operator.token_file, "her") == {"her"}
    assert len(server.stored("her")) == 3


def test_more_buckets_than_one_page(operator: InfluxEndpoint) -> None:
    buckets = [WantedBucket(f"b{number:03d}", FOREVER) for number in range(130)]
    assert len(set_up(operator, buckets).changes) == 130
    assert set_up(operator, buckets).changes == ()


def test_a_retention_the_server_would_refuse_is_refused_here() -> None:
    with pytest.raises(ConfigError, match="at least an hour"):
        WantedBucket("her", 3599)


def test_refusals_name_the_step_and_never_a_token(
    operator: InfluxEndpoint, server: InfluxServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.bucket("her")
    powerless = tmp_path / "powerless"
    powerless.write_text(server.writer_token("her"))
    with pytest.raises(SetUpFailed) as refused:
        set_up(replace(operator, token_file=powerless), wanted_buckets(["her"]))
    unknown = tmp_path / "unknown"
    unknown.write_text("no-such-token")
    with pytest.raises(SetUpFailed, match="status 401"):
        set_up(replace(operator, token_file=unknown), wanted_buckets(["her"]))
    with pytest.raises(SetUpFailed, match="organisation"):
        set_up(replace(operator, org="elsewhere"), wanted_buckets(["her"]))
    with pytest.raises(TokenUnreadable):
        set_up(replace(operator, token_file=tmp_path / "nowhere"), ())
    for secret in (powerless.read_text(), operator.token(), "no-such-token"):
        assert secret not in str(refused.value)
        assert secret not in caplog.text


def test_nobody_listening_is_said_so(operator: InfluxEndpoint) -> None:
    with pytest.raises(SetUpFailed, match="NewConnectionError"):
        set_up(replace(operator, url="http://127.0.0.1:9"), wanted_buckets(["her"]))


def test_tokens_without_a_bucket_of_that_name(operator: InfluxEndpoint, tmp_path: Path) -> None:
    with pytest.raises(SetUpFailed, match="nowhere"):
        set_up(operator, (), [WantedToken("t", tmp_path / "t", read=("nowhere",))])
