"""`observatory check`: is the configuration whole, and does every source answer? Lists every problem at once.

It stores nothing, opens no state file and binds no port, so that it can be asked while the exporter runs.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exporters.core import hash_key
from exporters.core.contract import Json, Record, Source, Stream, System
from exporters.core.errors import ConfigError, ObservatoryError, Rejected
from exporters.core.influx_endpoint import InfluxEndpoint, TokenUnreadable
from exporters.core.influx_post import PostOutcome
from exporters.core.observatory import retention
from exporters.core.settings import InfluxSettings, Settings, StateSettings, WebSettings
from exporters.core.stream_worker import where_it_failed
from exporters.core.web_config import inspect_web_config
from exporters.core.web_listen import parse_addresses

_MOST_READS = 100
"""Batches of one stream that are read: every list and every key of a source of usual size."""

_ANSWERS: dict[PostOutcome, str] = {
    "unauthorized": "the token is not accepted",
    "forbidden": "the token may not write to this bucket",
    "not_found": "there is no such bucket, or no such organisation",
    "connection": "no connection can be made",
    "timeout": "no answer in time",
    "tls": "TLS fails: the certificate, its authority, or a port that does not speak TLS",
    "unavailable": "it is not available now",
    "rate_limited": "it refuses for now: too many requests",
}
"""What a test post's outcome means; the others are told by their names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried. problem: empty if it works."""

    subject: str
    detail: str
    problem: str = ""


def check(settings: Settings, systems: Sequence[System]) -> list[Finding]:
    """Try everything the settings name, without storing or changing anything."""
    findings = [*_try_web(settings.web), *_try_state(settings.state)]
    # Hashes made here are thrown away, so any key will do.
    key = secrets.token_bytes(32)
    for system in systems:
        for deployment in settings.systems.get(system.name, ()):
            for source in system.sources(deployment, key):
                findings += _try_source(source)
    if settings.influxdb:
        buckets = retention(
            (m for s in systems if settings.systems.get(s.name) for m in s.measurements), settings.influxdb
        )
        findings += _try_influxdb(settings.influxdb, sorted(buckets))
    return findings


def _try_web(web: WebSettings) -> Iterator[Finding]:
    try:
        addresses = parse_addresses(web.listen_addresses)
    except ConfigError as error:
        yield from (Finding("web", "", problem) for problem in error.problems)
    else:
        yield Finding("web", f"would listen on {', '.join(map(str, addresses))}")
    if web.config_file:
        problems = inspect_web_config(web.config_file).problems
        yield from (Finding(str(web.config_file), "", problem) for problem in problems)
        if not problems:
            yield Finding(str(web.config_file), "can be used")


def _try_state(state: StateSettings) -> Iterator[Finding]:
    """The directory may still have to be made; what counts is whether it can be."""
    existing = next(path for path in (state.directory, *state.directory.absolute().parents) if path.exists())
    if not existing.is_dir():
        yield Finding("state", "", f"{existing} is not a directory")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("state", "", f"{existing} cannot be written to")
    else:
        yield Finding("state", f"kept in {state.directory}")
    if state.key_file.exists():
        try:
            hash_key.load_or_create(state.key_file)
        except ObservatoryError as error:
            yield Finding("state", "", str(error))


def _try_source(source: Source[Any]) -> Iterator[Finding]:
    name = f"{source.system}/{source.deployment}/{source.name}"
    try:
        connection = source.connect()
    except ObservatoryError as error:
        yield Finding(name, "", f"cannot be reached: {error}")
        return
    try:
        yield Finding(name, "reached")
        now = datetime.now(UTC)
        for stream in source.streams:
            try:
                read, refused = _read(stream, connection, now)
            except Exception as error:
                yield Finding(f"{name}/{stream.name}", "", _told(error))
            else:
                yield Finding(f"{name}/{stream.name}", f"{read} records read, {refused} of them not understood")
        for probe in source.probes:
            try:
                samples = probe.whole(connection, now)
            except Exception as error:
                yield Finding(f"{name}/{probe.name}", "", _told(error))
            else:
                yield Finding(f"{name}/{probe.name}", f"{len(samples)} gauges", probe.trouble(samples))
    finally:
        source.close(connection)


def _read(stream: Stream[Any, Any, Any], connection: Any, now: datetime) -> tuple[int, int]:
    """Read what there is. Returns (records, those that do not parse)."""
    read = refused = 0
    cursor: Json = None
    for _ in range(_MOST_READS):
        batch = stream.reader.read(connection, cursor, now)
        read += len(batch.records)
        refused += sum(not _parses(stream, record) for record in batch.records)
        if not batch.more:
            break
        cursor = batch.next_cursor
    return read, refused


def _parses(stream: Stream[Any, Any, Any], record: Record) -> bool:
    try:
        stream.parse(record)
    except Rejected:
        return False
    return True


def _told(error: Exception) -> str:
    return f"cannot be read: {error}" if isinstance(error, ObservatoryError) else f"defect: {where_it_failed(error)}"


def _try_influxdb(settings: InfluxSettings, buckets: Sequence[str]) -> Iterator[Finding]:
    """An empty post stores nothing, and is refused all the same without a bucket or a token that may write to it."""
    try:
        endpoint = InfluxEndpoint(
            url=settings.url,
            org=settings.org,
            token_file=settings.token_file,
            read_timeout=settings.timeout_seconds,
            ca_file=settings.ca_file,
            cert_file=settings.cert_file,
            key_file=settings.key_file,
        )
        endpoint.token()
    except ConfigError as error:
        yield from (Finding("influxdb", "", problem) for problem in error.problems)
        return
    except TokenUnreadable as error:
        yield Finding("influxdb", "", f"no token: {error}")
        return
    from exporters.core.influx_post import InfluxPoster

    poster = InfluxPoster(endpoint)
    try:
        for bucket in buckets:
            outcome = poster.post(bucket, []).outcome
            problem = "" if outcome == "written" else _ANSWERS.get(outcome, f"a write ends {outcome}".replace("_", " "))
            yield Finding(f"influxdb/{bucket}", "can be written to", problem)
    finally:
        poster.close()
