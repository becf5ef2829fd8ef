"""The source `http`, probe `endpoints`: HER's ports 8000, 8081 and 8082, each asked where it is configured.

    GET http://her:8000/                  {"status":"ok"}   liveness: any path, from a thread of its own
    GET http://her:8081/workflow/health   {"status":"ok"}   the workflow debugger
    GET http://her:8082/api/health        {"status":"ok"}   the API adapter
    ->  her_endpoint_state{endpoint="api",state="answers"} 1,  her_endpoint_answer_seconds{endpoint="api"} 0.004

HER has one event loop behind 8081 and 8082, and waits in it for its model: for half a minute and more the kernel
accepts connections and nobody answers. That is `busy`, and no outage. 8000 proves only that the process exists. So
together they tell dead (unreachable), blocked (8000 answers, the others are busy) and well.

Nobody is asked twice at a time, nothing is repeated, and a port that does not answer is a state, not a failed read: the
source stays up, because its answer is known.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Literal

from exporters.core.contract import Probe, Sample, Source
from exporters.core.errors import SourceDown, StreamError
from exporters.her import system_metrics as m
from exporters.her.labels import ENDPOINT_STATE
from exporters.her.settings import HerSettings, HttpSettings
from exporters.readers.http_json import Address, Answer, HttpClient, Limits

log = logging.getLogger(__name__)

SOURCE_NAME = "http"
PATHS: Mapping[str, str] = MappingProxyType({"liveness": "/", "debugger": "/workflow/health", "api": "/api/health"})
LARGEST_ANSWER = 65536
"""{"status":"ok"} has fifteen bytes; what is larger than this is somebody else's."""

State = Literal["answers", "busy", "failing", "foreign", "unreachable"]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. seconds: until the answer, None without one. why: for people, never what was answered."""

    state: State
    why: str = ""
    seconds: float | None = None


@dataclass(slots=True)
class Ports:
    """The clients of one deployment, and what each found last."""

    name: str
    clients: Mapping[str, HttpClient]
    last: dict[str, Look] = field(default_factory=dict)


def http_source(settings: HerSettings, http: HttpSettings, system: str) -> Source[Ports]:
    """The source; it has no stream, because a port that answers tells nothing."""
    return Source(
        system=system,
        deployment=settings.deployment,
        name=SOURCE_NAME,
        connect=partial(connect, http, f"{system}/{settings.deployment}"),
        close=lambda _ports: None,
        streams=(),
        probes=(
            Probe(
                name="endpoints",
                interval=settings.interval("endpoints"),
                collect=collect,
                feeds=(m.ENDPOINT_STATE, m.ENDPOINT_ANSWER),
                trouble=trouble,
            ),
        ),
    )


def connect(http: HttpSettings, name: str = SOURCE_NAME) -> Ports:
    """No connection yet: each look has its own. name: whose ports, for the log.

    Raises SourceDown if the authority's file is none.
    """
    limits = Limits(connect=http.timeout_seconds, whole=http.timeout_seconds, largest=LARGEST_ANSWER)
    return Ports(
        name,
        {
            endpoint: HttpClient(Address.of(url), limits=limits, ca_file=http.ca_file)
            for endpoint, url in http.urls.items()
        },
    )


def collect(ports: Ports, _now: datetime) -> list[Sample]:
    """One GET of each port, one after the other. Raises nothing: not to be answered is an answer."""
    samples: list[Sample] = []
    for endpoint, client in ports.clients.items():
        found = look(client, PATHS[endpoint])
        _tell(f"{ports.name}: port {endpoint}", ports.last.get(endpoint), found)
        ports.last[endpoint] = found
        samples += [
            Sample(m.ENDPOINT_STATE, float(state == found.state), (endpoint, state))
            for state in ENDPOINT_STATE.values or ()
        ]
        if found.seconds is not None:
            samples.append(Sample(m.ENDPOINT_ANSWER, found.seconds, (endpoint,)))
    return samples


def _tell(port: str, before: Look | None, found: Look) -> None:
    if before is None or before.state != found.state:
        # Busy is what HER is while it works.
        level = logging.INFO if found.state in {"answers", "busy"} else logging.WARNING
        log.log(level, "%s: %s%s", port, found.state, f" ({found.why})" if found.why else "")


def trouble(samples: Sequence[Sample]) -> str:
    """What `observatory check` says: nothing where every port answers, or is busy."""
    found = [sample.labels for sample in samples if sample.metric is m.ENDPOINT_STATE and sample.value]
    return "; ".join(f"{endpoint}: {TROUBLES[state]}" for endpoint, state in found if state in TROUBLES)


TROUBLES: Mapping[str, str] = MappingProxyType(
    {
        "failing": "answers with an error",
        "foreign": "answers as HER does not: another program, another port, or a certificate nobody vouches for",
        "unreachable": "nobody accepts the connection",
    }
)


def look(client: HttpClient, path: str) -> Look:
    """What the port says now."""
    try:
        answer = client.get(path)
    except StreamError as error:
        return Look("busy" if error.reason == "timeout" else "foreign", str(error))
    except SourceDown as error:
        return Look("foreign" if error.reason in {"protocol", "tls"} else "unreachable", str(error))
    return _understood(answer)


def _understood(answer: Answer) -> Look:
    if answer.status >= 500:
        return Look("failing", f"HTTP {answer.status}", answer.seconds)
    if answer.status != 200:
        return Look("foreign", f"HTTP {answer.status}", answer.seconds)
    try:
        said = answer.json()
    except StreamError as error:
        return Look("foreign", str(error), answer.seconds)
    if not isinstance(said, dict) or "status" not in said:
        return Look("foreign", "an answer without a status", answer.seconds)
    if said["status"] != "ok":
        return Look("failing", "its own status is not ok", answer.seconds)
    return Look("answers", "", answer.seconds)
