"""The WSGI application: which path shows what, to whom, in which format."""

from __future__ import annotations

import gzip
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment

from exporters.core.web_auth import BasicAuth, SignIn
from exporters.core.web_config import WebConfig
from exporters.core.web_negotiation import OPENMETRICS_TYPE, TEXT_TYPE, accepts_gzip, wants_openmetrics
from exporters.core.web_page import PAGE_POLICY, landing_page
from exporters.core.web_rate import RateLimit, TokenBucket
from exporters.core.web_telemetry import Telemetry

_log = logging.getLogger(__name__)

HEALTH, READINESS, DISCOVERY, LANDING = "/healthz", "/readyz", "/sd/prometheus", "/"
RESERVED_PATHS = (HEALTH, READINESS, DISCOVERY)

_GZIP_LEVEL = 4
"""Measured on 10 000 series, 743 kB: level 1 72 kB in 2.2 ms, 4 51 kB in 3.2 ms, 6 42 kB in 5.8 ms."""

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?\Z")

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: bytes
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class App:
    """`config` is asked at every request, so that a changed file holds at once; None: open to everyone.

    `own_address` is where the server listens, for a service discovery request that does not say how it came here.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        *,
        telemetry_path: str,
        version: str,
        config: Callable[[], WebConfig | None],
        own_address: Callable[[], str],
        waiting_sign_ins: int,
    ) -> None:
        self._telemetry = telemetry
        self._telemetry_path = telemetry_path
        self._version = version
        self._config = config
        self._own_address = own_address
        self._auth = BasicAuth(waiting=waiting_sign_ins)
        self._bucket: TokenBucket | None = None
        self._pages: dict[str, Callable[[WSGIEnvironment], _Answer]] = {
            LANDING: self._landing,
            HEALTH: self._health,
            READINESS: self._readiness,
            DISCOVERY: self._discovery,
            telemetry_path: self._metrics,
        }
        self.defects = 0
        """Answers that ended in an exception: each is a bug in what the server shows."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        config = self._config()
        try:
            answer = self._answer(environ, config)
        except BaseException as error:  # a thread of the pool: nothing here means "end the program"
            self.defects += 1
            # Not the message: it may quote what it failed on.
            path = environ["PATH_INFO"]
            named = path if path in self._pages else "a request"
            _log.error("%s failed: %s\n%s", named, type(error).__name__, _frames(error))
            answer = _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "This is a defect; the program's log says where.")
        headers = {
            **_ALWAYS,
            **answer.headers,
            **(config.headers if config else {}),
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.body)),
        }
        start_response(f"{answer.status.value} {answer.status.phrase}", list(headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: WSGIEnvironment, config: WebConfig | None) -> _Answer:
        if config is not None:
            if not self._passes(config.rate_limit):
                return _plain(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.", {"Retry-After": "1"})
            match self._auth.check(config.users, environ.get("HTTP_AUTHORIZATION")):
                case SignIn.REFUSED:
                    challenge = {"WWW-Authenticate": 'Basic realm="LLM Observatory", charset="UTF-8"'}
                    return _plain(HTTPStatus.UNAUTHORIZED, "Sign in.", challenge)
                case SignIn.BUSY:
                    return _plain(HTTPStatus.SERVICE_UNAVAILABLE, "Too many sign-ins at once.", {"Retry-After": "1"})
        page = self._pages.get(environ["PATH_INFO"])
        if page is None:
            return _plain(HTTPStatus.NOT_FOUND, "There is nothing here.")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD.", {"Allow": "GET, HEAD"})
        return page(environ)

    def _passes(self, limit: RateLimit | None) -> bool:
        if limit is None:
            self._bucket = None
            return True
        bucket = self._bucket
        if bucket is None or bucket.limit != limit:
            self._bucket = bucket = TokenBucket(limit)
        return bucket.take()

    def _metrics(self, environ: WSGIEnvironment) -> _Answer:
        openmetrics = wants_openmetrics(environ.get("HTTP_ACCEPT"))
        body = self._telemetry.metrics(openmetrics)
        headers = {"Vary": "Accept, Accept-Encoding"}
        if accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING")):
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return _Answer(HTTPStatus.OK, body, OPENMETRICS_TYPE if openmetrics else TEXT_TYPE, headers)

    def _health(self, _: WSGIEnvironment) -> _Answer:
        return _plain(HTTPStatus.OK, "ok")

    def _readiness(self, _: WSGIEnvironment) -> _Answer:
        reasons = self._telemetry.not_ready()
        if reasons:
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(" ".join(line.split()) for line in reasons))
        return _plain(HTTPStatus.OK, "ready")

    def _discovery(self, environ: WSGIEnvironment) -> _Answer:
        """This exporter as one target, under the address the asking Prometheus found it at."""
        config = self._config()
        host = environ.get("HTTP_HOST", "")
        systems = sorted({row.system for row in self._telemetry.overview()})
        group = {
            "targets": [host if _HOST.match(host) else self._own_address()],
            "labels": {
                "__scheme__": "https" if config is not None and config.tls is not None else "http",
                "__metrics_path__": self._telemetry_path,
                # Commas around each, as Prometheus writes lists in labels: `.*,her,.*` matches one.
                "__meta_observatory_systems": f",{','.join(systems)}," if systems else "",
            },
        }
        return _Answer(HTTPStatus.OK, json.dumps([group]).encode() + b"\n", "application/json")

    def _landing(self, _: WSGIEnvironment) -> _Answer:
        links = (
            (self._telemetry_path, "Metrics"),
            (READINESS, "Readiness"),
            (HEALTH, "Health"),
            (DISCOVERY, "Service discovery"),
        )
        page = landing_page(
            self._telemetry.overview(), self._telemetry.not_ready(), links, self._version, datetime.now(UTC)
        )
        return _Answer(HTTPStatus.OK, page, "text/html; charset=utf-8", {"Content-Security-Policy": PAGE_POLICY})


def _plain(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> _Answer:
    return _Answer(status, f"{text}\n".encode(), headers=headers or {})


def _frames(error: BaseException) -> str:
    """Where it was raised: files, lines and functions, no values."""
    return "\n".join(
        f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    )
