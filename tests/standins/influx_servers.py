"""One face for the InfluxDB stand-in and for a real influxd behind a proxy that can fail: one suite runs on both."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlencode, urlsplit

import pytest

from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_setup import WantedBucket, WantedToken, set_up
from exporters.demo import programs
from exporters.demo.influxdb import ORGANISATION, InfluxDB
from exporters.demo.ports import free_port
from tests.servers.fixtures import skip_without
from tests.standins.faulty_http import FaultyServer, Reply, Request
from tests.standins.influxdb_store import Stored
from tests.standins.influxdb_v2 import InfluxStandin
from tests.standins.line_parser import FieldValue

Kind = Literal["standin", "real"]
BOTH = ("standin", pytest.param("real", marks=[pytest.mark.servers, pytest.mark.real_influxdb]))

_TIME = re.compile(r"(\d+-\d+-\d+T\d+:\d+:\d+)(?:\.(\d+))?Z")
_HOP_BY_HOP = {"connection", "host", "content-length", "transfer-encoding", "keep-alive", "date"}


class InfluxServer(Protocol):
    """A server with one organisation. `faults` is what the exporter talks to."""

    faults: FaultyServer

    def endpoint(self, token_file: Path) -> InfluxEndpoint:
        """The server as the exporter is told of it."""

    def operator_token(self) -> str:
        """A token that may do everything."""

    def bucket(self, name: str, *, retention_seconds: int = 0) -> None:
        """Make a bucket."""

    def writer_token(self, *buckets: str) -> str:
        """A token that may write to these buckets only."""

    def stored(self, bucket: str) -> Stored:
        """All points of a bucket."""


def _endpoint(faults: FaultyServer, org: str, token_file: Path) -> InfluxEndpoint:
    return InfluxEndpoint(url=faults.url, org=org, token_file=token_file, connect_timeout=2.0, read_timeout=5.0)


class StandinServer:
    """The stand-in."""

    def __init__(self, standin: InfluxStandin, token: str) -> None:
        self.faults: FaultyServer = standin
        self._standin = standin
        self._token = token

    def endpoint(self, token_file: Path) -> InfluxEndpoint:
        return _endpoint(self.faults, "home", token_file)

    def operator_token(self) -> str:
        return self._token

    def bucket(self, name: str, *, retention_seconds: int = 0) -> None:
        self._standin.bucket(name, retention_seconds=retention_seconds)

    def writer_token(self, *buckets: str) -> str:
        return self._standin.token_for(write=buckets)

    def stored(self, bucket: str) -> Stored:
        return self._standin.stored(bucket)


class RealServer:
    """A real influxd, asked directly, written to through the proxy."""

    def __init__(self, influxd: InfluxDB, folder: Path, faults: FaultyServer) -> None:
        self.faults = faults
        self._influxd = influxd
        self._folder = folder

    def endpoint(self, token_file: Path) -> InfluxEndpoint:
        return _endpoint(self.faults, ORGANISATION, token_file)

    def operator_token(self) -> str:
        return self._influxd.endpoint.token()

    def bucket(self, name: str, *, retention_seconds: int = 0) -> None:
        set_up(self._influxd.endpoint, [WantedBucket(name, retention_seconds)])

    def writer_token(self, *buckets: str) -> str:
        wanted = WantedToken(
            "writer " + " ".join(buckets), self._folder / "-".join(("writer", *buckets)), write=buckets
        )
        set_up(self._influxd.endpoint, (), [wanted])
        return wanted.path.read_text().strip()

    def stored(self, bucket: str) -> Stored:
        ever = "start: 1677-09-22T00:00:00Z, stop: 2262-04-11T00:00:00Z"
        return query(self._influxd, f'from(bucket: "{bucket}") |> range({ever})')


@contextmanager
def influx_server(kind: Kind, folder: Path, running: InfluxDB | None = None) -> Iterator[InfluxServer]:
    """Either server, ready, without buckets. Skips visibly where there is no influxd.

    running: a real one to use, instead of starting one for this test; its buckets are deleted afterwards.
    """
    if kind == "standin":
        with InfluxStandin(org="home", token="operator-of-the-standin") as standin:
            yield StandinServer(standin, "operator-of-the-standin")
        return
    with ExitStack() as stack:
        influxd = running or stack.enter_context(real_influxd(folder))
        with proxy(influxd.address) as faults:
            yield RealServer(influxd, folder, faults)
        with influxd.endpoint.client() as client:
            buckets = client.buckets_api()
            for bucket in buckets.find_buckets(limit=100).buckets:  # type: ignore[no-untyped-call]
                if not bucket.name.startswith("_"):
                    buckets.delete_bucket(bucket)  # type: ignore[no-untyped-call]


@contextmanager
def real_influxd(folder: Path) -> Iterator[InfluxDB]:
    """A real influxd with its first user. Skips visibly where there is none."""
    skip_without("influxd")
    program = programs.need("influxd", package="none")
    with InfluxDB(program, folder / "influxdb", free_port(), token_file=folder / "operator.token") as influxd:
        influxd.first_user()
        yield influxd


def proxy(address: str) -> FaultyServer:
    """A proxy in front of `address` that fails on command."""
    host = urlsplit(address).netloc

    def forward(request: Request) -> Reply:
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
            target = request.path + ("?" + urlencode(request.query) if request.query else "")
            connection.request(request.method, target, request.body, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Reply(answer.status, answer.read(), kept)
        finally:
            connection.close()

    return FaultyServer(forward)


def query(influxd: InfluxDB, flux: str) -> Stored:
    """The points a Flux query returns, times to the nanosecond: influxdb-client would cut them to microseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", influxd.port, timeout=30)
    try:
        dialect = {"annotations": ["datatype"], "header": True}
        connection.request(
            "POST",
            f"/api/v2/query?org={ORGANISATION}",
            json.dumps({"query": flux, "type": "flux", "dialect": dialect}),
            {
                "Authorization": f"Token {influxd.endpoint.token()}",
                "Content-Type": "application/json",
                "Accept": "application/csv",
            },
        )
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, body
    finally:
        connection.close()
    return _points(body)


def _points(body: str) -> Stored:
    csv.field_size_limit(2**31 - 1)
    stored: Stored = {}
    types: list[str] = []
    names: list[str] = []
    for row in csv.reader(io.StringIO(body, newline="")):
        if row and row[0] == "#datatype":
            types, names = row, []
        elif row and not names:
            names = row
        elif row:
            values = dict(zip(names, row, strict=True))
            kinds = dict(zip(names, types, strict=True))
            tags = {
                name: value
                for name, value in values.items()
                if value and name not in {"", "result", "table"} and not name.startswith("_")
            }
            key = (values["_measurement"], tuple(sorted(tags.items())), _nanoseconds(values["_time"]))
            stored.setdefault(key, {})[values["_field"]] = _typed(values["_value"], kinds["_value"])
    return stored


def _typed(text: str, kind: str) -> FieldValue:
    match kind:
        case "long":
            return int(text)
        case "double":
            return float(text)
        case "boolean":
            return text == "true"
    return text


def _nanoseconds(text: str) -> int:
    match = _TIME.fullmatch(text)
    assert match is not None, text
    seconds = int(
        (datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    )
    return seconds * 10**9 + int((match[2] or "").ljust(9, "0"))
