"""The real InfluxDB 2: first user, buckets, tokens that may do only what they are for."""

from __future__ import annotations

import stat
from pathlib import Path

import psutil
import pytest

from exporters.core.influx_setup import wanted_buckets, wanted_tokens
from exporters.demo.influxdb import InfluxDB, is_version_1
from exporters.demo.loopback import request
from exporters.demo.process import ServerError
from tests.demo.test_real_servers import listening


def write(server: InfluxDB, token_file: Path, bucket: str) -> int:
    return request(
        server.port,
        "/api/v2/write",
        method="POST",
        query={"org": "observatory", "bucket": bucket},
        headers={"Authorization": f"Token {token_file.read_text().strip()}"},
        body="shop,kind=bread sold=3i",
    ).status


def test_buckets_and_tokens_are_made_once_and_survive_a_restart(influxd: InfluxDB, tmp_path: Path) -> None:
    buckets, tokens = wanted_buckets(["shop"]), wanted_tokens(["shop"], tmp_path / "tokens")
    influxd.make(buckets, tokens)
    exporter, grafana = (tmp_path / "tokens" / f"influxdb-{name}.token" for name in ("exporter", "grafana"))
    assert write(influxd, exporter, "shop") == 204
    assert write(influxd, grafana, "shop") != 204
    before = exporter.read_text()
    influxd.restart()
    influxd.make(buckets, tokens)
    assert exporter.read_text() == before
    assert listening(influxd) == {"127.0.0.1"}


def test_its_secrets_are_in_private_files_only(influxd: InfluxDB) -> None:
    secrets = [influxd.token_file, influxd.token_file.with_name("influxdb_password")]
    command_line = " ".join(psutil.Process(influxd.pid).cmdline())
    for file in secrets:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text() not in command_line + influxd.log.read_text()


def test_a_lost_token_is_told(influxd: InfluxDB) -> None:
    influxd.token_file.unlink()
    with pytest.raises(ServerError, match="was set up before, and its token is not in"):
        influxd.first_user()


@pytest.mark.parametrize(
    ("says", "old"),
    [("InfluxDB v1.6.7 (git: unknown unknown)", True), ("InfluxDB v2.9.1 (git: d4fa1941fd) build_date: 2026", False)],
)
def test_the_older_influxdb_of_the_same_name_is_told_apart(tmp_path: Path, says: str, old: object) -> None:
    program = tmp_path / "influxd"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = version ] && echo '{says}'\n")
    program.chmod(0o755)
    assert is_version_1(program) is old
