"""One post of lines to InfluxDB and what its answer means. Shows neither a line nor the token."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal, Protocol, get_args
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from exporters.core.influx_endpoint import InfluxEndpoint, TokenUnreadable

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient

PostOutcome = Literal[
    "written",
    "partial",
    "malformed",
    "too_large",
    "no_token",
    "unauthorized",
    "forbidden",
    "not_found",
    "rate_limited",
    "unavailable",
    "server_error",
    "timeout",
    "connection",
    "tls",
    "unexpected",
]
"""What became of a post: a closed set, because it is a label. `connection`: none could be made, or it broke."""

POST_OUTCOMES: tuple[str, ...] = get_args(PostOutcome)

_BY_STATUS: dict[int, PostOutcome] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    422: "partial",
    429: "rate_limited",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}
_PARSE_FAILED = re.compile(rb'"message"\s*:\s*"unable to parse')
_DROPPED = re.compile(rb"\bdropped=(\d+)")
_ANSWER_BYTES = 65_536
_GZIP_LEVEL = 1
"""5000 lines in a third of the time of the default level, and still a tenth of their size."""


@dataclass(frozen=True, slots=True)
class Answer:
    """outcome of one post. dropped: for `partial`, how many points were not stored, None if the server did not say.

    retry_after: seconds the server asked for. status: HTTP status, 0 where there was none.
    """

    outcome: PostOutcome
    status: int = 0
    dropped: int | None = None
    retry_after: float | None = None


class Poster(Protocol):
    """Where the drainer sends lines."""

    def post(self, bucket: str, lines: Sequence[str], timeout: float | None = None) -> Answer:
        """Post these lines to the bucket. timeout: seconds, to shorten the configured ones."""

    def close(self) -> None:
        """Close the connection; the next post opens another."""


class InfluxPoster:
    """Posts through influxdb-client's connection pool: its TLS, its headers, its token.

    The request itself is made here and not by its WriteService, whose exception puts the answer's body, and with it the
    refused line, into its message and into the root logger at debug level, and which compresses at level 9.
    Used by one thread at a time.
    """

    def __init__(self, endpoint: InfluxEndpoint) -> None:
        self._endpoint = endpoint
        self._client: InfluxDBClient | None = None

    def post(self, bucket: str, lines: Sequence[str], timeout: float | None = None) -> Answer:
        """See Poster. After anything but a stored batch the token is read anew, so that a rotated one heals."""
        try:
            client = self._client = self._client or self._endpoint.open()
        except TokenUnreadable:
            return Answer("no_token")
        answer = self._exchange(client, bucket, "\n".join(lines).encode(), timeout)
        if answer.outcome not in {"written", "partial", "malformed", "too_large"}:
            self.close()
        return answer

    def close(self) -> None:
        """See Poster."""
        client, self._client = self._client, None
        if client is not None:
            client.api_client.rest_client.pool_manager.clear()
            client.close()  # type: ignore[no-untyped-call]

    def _exchange(self, client: InfluxDBClient, bucket: str, body: bytes, timeout: float | None) -> Answer:
        query = urlencode({"org": self._endpoint.org, "bucket": bucket, "precision": "ns"})
        connect, read = self._endpoint.connect_timeout, self._endpoint.read_timeout
        if timeout is not None:
            connect, read = min(connect, timeout), min(read, timeout)
        try:
            response = client.api_client.rest_client.pool_manager.request(
                "POST",
                f"{self._endpoint.url.rstrip('/')}/api/v2/write?{query}",
                body=gzip.compress(body, _GZIP_LEVEL, mtime=0),
                headers={
                    **client.api_client.default_headers,
                    "Content-Type": "text/plain; charset=utf-8",
                    "Content-Encoding": "gzip",
                    "Accept": "application/json",
                },
                timeout=urllib3.Timeout(connect=connect, read=read),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            return _answer(response)
        except (HTTPError, OSError) as error:
            return Answer(_transport_outcome(error))


def _answer(response: urllib3.BaseHTTPResponse) -> Answer:
    status = response.status
    said = response.read(_ANSWER_BYTES) or b""
    if len(said) < _ANSWER_BYTES:
        response.release_conn()
    else:
        response.close()
    retry_after = _seconds(response.headers.get("Retry-After"))
    if 200 <= status < 300:
        return Answer("written", status)
    if status == 400:
        # Only the line parser's own words condemn a line. Any other 400 (a proxy, a port that speaks TLS, another
        # program) says nothing about the lines, and must not cost them.
        return Answer("malformed" if _PARSE_FAILED.search(said) else "unexpected", status, None, retry_after)
    if status == 422:
        counts = _DROPPED.findall(said)
        return Answer("partial", status, int(counts[-1]) if counts else None)
    fallback: PostOutcome = "server_error" if status >= 500 else "unexpected"
    return Answer(_BY_STATUS.get(status, fallback), status, None, retry_after)


def _transport_outcome(error: Exception) -> PostOutcome:
    if isinstance(error, SSLError):
        return "tls"
    # urllib3 counts a refused connection among its time-outs.
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError) and not isinstance(error, NewConnectionError):
        return "timeout"
    return "connection"


def _seconds(header: str | None) -> float | None:
    """Retry-After: seconds or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(int(header)))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
