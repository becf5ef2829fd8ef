"""The back end's health endpoints, as anybody may ask them: the source `backend`.

    GET /health, /health/live, /health/ready, /health/status, /health/prerequisites   ->   200, or 503 while it warms up

    sigmasight_health{endpoint="ready"} 0
    sigmasight_health_http_status{endpoint="ready"} 503

Only the status counts: what the answers say is for people. Nobody listening is the source's failure; an endpoint that
accepts and does not answer in time is not healthy, and then the others are not asked: each would cost a back end that
is busy one more connection, and us the time in which to stop. Of what was not asked nothing is shown.

The administrators' endpoints want a token, and each login would write a session: they are never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

PATHS = {
    "live": "/health/live",
    "health": "/health",
    "ready": "/health/ready",
    "status": "/health/status",
    "prerequisites": "/health/prerequisites",
}
"""In the order in which they are asked: the cheapest first."""


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
                trouble=trouble,
            ),
        ),
    )


def collect(client: HttpClient, _now: datetime) -> list[Sample]:
    """The state of every endpoint that was asked. Raises SourceDown where nobody listens."""
    samples: list[Sample] = []
    for endpoint, path in PATHS.items():
        try:
            answer = client.get(path)
        except StreamError as error:
            samples.append(Sample(m.HEALTHY, 0, (endpoint,)))
            if error.reason == "timeout":
                break
            continue
        samples += [
            Sample(m.HEALTHY, float(answer.status == OK), (endpoint,)),
            Sample(m.STATUS, answer.status, (endpoint,)),
            Sample(m.ANSWER_SECONDS, answer.seconds, (endpoint,)),
        ]
    return samples


def trouble(samples: Sequence[Sample]) -> str:
    """Which endpoints do not answer 200, for who has just configured this: 404 everywhere is a wrong address."""
    status = {sample.labels[0]: f"{sample.value:.0f}" for sample in samples if sample.metric is m.STATUS}
    sick = [sample.labels[0] for sample in samples if sample.metric is m.HEALTHY and not sample.value]
    told = ", ".join(f"{PATHS[endpoint]} {status.get(endpoint, 'gave no answer')}" for endpoint in sick)
    return f"not healthy: {told}" if told else ""


def _nothing(client: HttpClient) -> None:
    """No connection is kept."""
    del client
