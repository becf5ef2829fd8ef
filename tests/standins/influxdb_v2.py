"""InfluxDB 2.9.1's write API as the real server was seen to answer it, in memory, on loopback.

    204  stored (an empty body too)
    400  a malformed line: NOTHING of the body is stored; the message quotes every line that failed
    401  no or unknown token          403  the token may not write there          404  no such bucket or organisation
    422  stored but for `dropped=N` points: field type conflict, string over 1 MiB, older than the retention. Points
         too old are left out of N as soon as there is one of the others
    500  gzip that is none

`tests.core.test_influx_failures` runs one suite against this and against a real influxd, and
`tests.core.test_influx_standin` compares the two answer by answer.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from tests.standins.faulty_http import WRITE_PATH, FaultyServer, Reply, Request, body_of
from tests.standins.influxdb_admin import Admin, Api, ApiError
from tests.standins.influxdb_store import Bucket, Stored
from tests.standins.line_parser import Malformed, Point, parse, split

_PRECISIONS: Final = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
_SERVER = {"X-Influxdb-Build": "OSS", "X-Influxdb-Version": "v2.9.1"}


class InfluxStandin(FaultyServer):
    """One organisation with its operator token, buckets and tokens; faults as in FaultyServer."""

    def __init__(self, *, org: str, token: str, port: int = 0, clock_ns: Callable[[], int] = time.time_ns) -> None:
        super().__init__(self._route, port=port)
        self._admin = Admin(org, token)
        self._api = Api(self._admin)
        self._clock_ns = clock_ns

    def bucket(self, name: str, *, retention_seconds: int = 0) -> Bucket:
        """The bucket of that name, made if there is none. Retention 0 keeps for ever."""
        return self._admin.buckets.get(name) or self._admin.create_bucket(name, retention_seconds)

    def token_for(self, *, read: tuple[str, ...] = (), write: tuple[str, ...] = ()) -> str:
        """A token that may read and write these buckets only."""
        return self._admin.token_for(read=read, write=write)

    def stored(self, bucket: str) -> Stored:
        """The bucket's points: (measurement, sorted tags, time in ns) -> fields."""
        return self._admin.buckets[bucket].snapshot()

    def _route(self, request: Request) -> Reply:
        try:
            if request.path == "/health":
                return _json(200, {"name": "influxdb", "status": "pass", "version": "v2.9.1"})
            if request.path == "/ping":
                return Reply(204, headers=_SERVER)
            may = self._admin.authenticate(request.headers.get("authorization", ""))
            if request.path != WRITE_PATH:
                status, document = self._api.call(request.method, request.path, request.query, request.body, may)
                return Reply(204, headers=_SERVER) if document is None else _json(status, document)
            if request.method != "POST":
                raise ApiError(405, "method not allowed", "allow: OPTIONS, POST")
            bucket = self._admin.to_write(request.query, may)
            precision = request.query.get("precision", "ns")
            if precision not in _PRECISIONS:
                raise ApiError(400, "invalid", "invalid precision; valid precision units are ns, us, ms, and s")
            self._write(bucket, _text(request), _PRECISIONS[precision])
        except ApiError as error:
            return _json(error.status, {"code": error.code, "message": error.message})
        return Reply(204, headers=_SERVER)

    def _write(self, bucket: Bucket, body: str, unit_ns: int) -> None:
        points: list[Point] = []
        failed: list[str] = []
        for line in split(body):
            try:
                points.append(parse(line))
            except Malformed as error:
                failed.append(f"unable to parse '{line}': {error}")
        if failed:
            raise ApiError(400, "invalid", "\n".join(failed))
        refusal = bucket.write(points, unit_ns, self._clock_ns())
        if refusal:
            raise ApiError(422, "unprocessable entity", f"failure writing points to database: partial write: {refusal}")


def _text(request: Request) -> str:
    try:
        return body_of(request).decode("utf-8", "surrogateescape")
    except EOFError:
        raise ApiError(500, "internal error", "unable to read data: unexpected EOF") from None
    except (OSError, zlib.error):
        raise ApiError(500, "internal error", "An internal error has occurred - check server logs") from None


def _json(status: int, document: object) -> Reply:
    code = HTTPStatus(status).phrase.lower()
    headers = {**_SERVER, "Content-Type": "application/json; charset=utf-8", "X-Platform-Error-Code": code}
    return Reply(status, json.dumps(document).encode(), headers)
