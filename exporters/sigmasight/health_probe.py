"""The back end's health endpoints, as anybody may ask them: the source `backend`.

    GET /health, /health/live, /health/ready, /health/status, /health/prerequisites   ->   200, or 503 while it warms up

    sigmasight_health{endpoint="ready"} 0
    sigmasight_health_http_status{endpoint="ready"} 503

Only the status counts: what the answers say is for people. Nobody listening is the source's failure; an endpoint that
accepts and does not answer is not healthy, and after two of these no more are asked, since each costs a back end that
is busy one more connection. The administrators' endpoints want a token, and each login would write a session: never.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from exporters.core.contract import Probe, Sample, Source
from exporters.core.errors import StreamError
from exporters.readers.http_json import Address, HttpClient, Limits
from exporters.sigmasight import health_metrics as m

SOURCE_NAME = "backend"
PROBE_NAME = "health"
LIMITS = Limits(connect=2.0, whole=2.0, largest=256 * 1024)
OK = 200
PATIENCE = 2
"""Endpoints that may leave us waiting, in one read."""

PATHS = {"health": "/health", **{name: f"/health/{name}" for name in m.ENDPOINTS[1:]}}


def backend_source(
    deployment: str, url: str, interval: Callable[[str], float], *, ca_file: Path | None = None, limits: Limits = LIMITS
) -> Source[HttpClient]:
    """One deployment's. url: of the back end, with or without /api/v1. Raises ValueError for no address."""
    address = Address.of(url)
    return Source(
        system="sigmasight",
        deployment=deployment,
        name=SOURCE_NAME,
        connect=lambda: HttpClient(address, limits=limits, ca_file=ca_file),
        close=_nothing,
        streams=(),
        probes=(
            Probe(
                name=PROBE_NAME,
                interval=interval(PROBE_NAME),
                collect=collect,
                feeds=(m.HEALTHY, m.STATUS, m.ANSWER_SECONDS),
            ),
        ),
    )


def collect(client: HttpClient, _now: datetime) -> list[Sample]:
    """Every endpoint's state. Raises SourceDown where nobody listens."""
    samples: list[Sample] = []
    waited = 0
    for endpoint, path in PATHS.items():
        if waited >= PATIENCE:
            samples.append(Sample(m.HEALTHY, 0, (endpoint,)))
            continue
        try:
            answer = client.get(path)
        except StreamError as error:
            waited += error.reason == "timeout"
            samples.append(Sample(m.HEALTHY, 0, (endpoint,)))
            continue
        samples += [
            Sample(m.HEALTHY, float(answer.status == OK), (endpoint,)),
            Sample(m.STATUS, answer.status, (endpoint,)),
            Sample(m.ANSWER_SECONDS, answer.seconds, (endpoint,)),
        ]
    return samples


def _nothing(client: HttpClient) -> None:
    """No connection is kept."""
    del client
