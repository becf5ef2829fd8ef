"""Buckets and tokens of InfluxDB, made what they should be; run as often as you like.

Every system has three buckets: `<system>` for events, `<system>_daily` kept for ever, `<system>_text` for log lines and
chats. One bucket has one retention, and a token reads all of a bucket or nothing: that is why text has its own.
Three tokens: the exporter's only writes; the main Grafana's reads everything but text; the restricted Grafana's reads
all of it. InfluxDB 2.9 shows a token once, at its creation, so whether a token file still serves is found out by
using it.

A bucket that somebody else made keeps its own retention until the operator asks for another: only those that were made
here, which their description tells, follow the defaults.
"""

# mypy: allow-untyped-calls
# influxdb-client says it is typed, and leaves most of its functions without annotations.

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.core.errors import ConfigError, ObservatoryError
from exporters.core.influx_endpoint import InfluxEndpoint, TokenUnreadable
from exporters.core.influx_post import InfluxPoster

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient
    from influxdb_client.domain.bucket import Bucket

FOREVER = 0
THIRTY_DAYS = 30 * 86_400
SHORTEST_SECONDS = 3600
"""InfluxDB refuses a shorter retention."""

OURS = "Made by LLM Observatory."
"""Description of a bucket that was made here."""


class SetUpFailed(ObservatoryError):  # noqa: N818 - named after the command it ends
    """InfluxDB refused a step. The text names the step and the status, never a token."""


@dataclass(frozen=True, slots=True)
class WantedBucket:
    """A bucket and how long it keeps a point, in seconds; FOREVER is 0.

    asked: the operator says so, it is no default.
    """

    name: str
    retention: int
    asked: bool = False

    def __post_init__(self) -> None:
        """Raises ConfigError for a retention InfluxDB would refuse."""
        if self.retention != FOREVER and self.retention < SHORTEST_SECONDS:
            raise ConfigError([f"influxdb: bucket {self.name}: a retention is at least an hour, or 0 for ever"])


@dataclass(frozen=True, slots=True)
class WantedToken:
    """A token, told apart by its description, and the file it is written to. read, write: names of buckets."""

    description: str
    path: Path
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetUp:
    """changes: one sentence each, none if everything was right. notes: what differs and was left as it is.

    retention: seconds by bucket, as the server has it; 0 for ever.
    """

    changes: tuple[str, ...]
    notes: tuple[str, ...]
    retention: Mapping[str, int]


def wanted_buckets(
    systems: Iterable[str],
    *,
    retention: int = THIRTY_DAYS,
    text_retention: int = THIRTY_DAYS,
    asked: Collection[str] = (),
) -> tuple[WantedBucket, ...]:
    """The buckets of these systems. Retentions in seconds. asked: the kinds whose retention the operator gave."""
    return tuple(
        bucket
        for system in systems
        for bucket in (
            WantedBucket(system, retention, asked="events" in asked),
            WantedBucket(f"{system}_daily", FOREVER, asked="daily" in asked),
            WantedBucket(f"{system}_text", text_retention, asked="text" in asked),
        )
    )


def wanted_tokens(systems: Iterable[str], folder: Path) -> tuple[WantedToken, ...]:
    """The three tokens, in three files of a folder."""
    buckets = [bucket.name for bucket in wanted_buckets(systems)]
    plain = tuple(name for name in buckets if not name.endswith("_text"))
    return (
        WantedToken("observatory: exporter", folder / "influxdb-exporter.token", write=tuple(buckets)),
        WantedToken("observatory: grafana", folder / "influxdb-grafana.token", read=plain),
        WantedToken(
            "observatory: grafana restricted", folder / "influxdb-grafana-restricted.token", read=tuple(buckets)
        ),
    )


def set_up(
    operator: InfluxEndpoint,
    buckets: Sequence[WantedBucket],
    tokens: Sequence[WantedToken] = (),
    *,
    shorten: bool = False,
    made: Collection[str] = (),
) -> SetUp:
    """Create what is missing and correct what differs, with a token that may do so.

    A retention is lengthened where the operator asks for it or the bucket was made here. It is shortened only with
    `shorten`: that deletes points. A token is made anew when its file is missing or does not do exactly what is wanted;
    the old one is deleted once the new one is in its file, which has mode 0600. Whoever reads the file only at its
    start (Grafana) has to be restarted then.

    made: buckets that are there because the caller has just made them, and that count as made here.

    Raises SetUpFailed, or TokenUnreadable for the operator's token.
    """
    changes: list[str] = []
    notes: list[str] = []
    with operator.client() as client:
        with _step(f"find organisation {operator.org}"):
            org_id = _org_id(client, operator.org)
        by_name = _buckets(client, operator.org)
        for bucket in buckets:
            found = by_name.get(bucket.name)
            if found is not None and bucket.name in made:
                found.description = OURS
                _update(client, found)
            has = None if found is None else _retention(found)
            if found is not None and has is not None and (kept := _left_alone(found, has, bucket, shorten=shorten)):
                notes.append(kept)
            elif has != bucket.retention:
                changes.append(_set_up_bucket(client, org_id, bucket, found))
        by_name = _buckets(client, operator.org)
        for token in tokens:
            if not _serves(operator, token):
                _make_token(client, org_id, token, by_name)
                changes.append(f"token {token.description!r} written to {token.path}")
    return SetUp(tuple(changes), tuple(notes), {bucket.name: _retention(by_name[bucket.name]) for bucket in buckets})


def _org_id(client: InfluxDBClient, name: str) -> str:
    for org in client.organizations_api().find_organizations(org=name):
        if org.name == name:
            return str(org.id)
    msg = f"no organisation {name!r}, or the token may not see it"
    raise SetUpFailed(msg)


def _buckets(client: InfluxDBClient, org: str) -> dict[str, Bucket]:
    with _step("list buckets"):
        return {str(bucket.name): bucket for bucket in client.buckets_api().find_buckets_iter(org=org, limit=100)}


def _retention(bucket: Bucket) -> int:
    return int(bucket.retention_rules[0].every_seconds) if bucket.retention_rules else FOREVER


def _left_alone(found: Bucket, has: int, wanted: WantedBucket, *, shorten: bool) -> str:
    """Why this bucket keeps the retention it has though another is wanted; empty if it does not, or none is."""
    keeps = f"bucket {wanted.name} keeps points {_span(has)}"
    if _longer(has, wanted.retention):
        return "" if shorten else f"{keeps}, longer than {_span(wanted.retention)}"
    if has == wanted.retention or wanted.asked or shorten or found.description == OURS:
        return ""
    return f"{keeps}, not {_span(wanted.retention)}; it was not made here, so that nobody changes it unasked"


def _longer(one: int, other: int) -> bool:
    return (one or float("inf")) > (other or float("inf"))


def _set_up_bucket(client: InfluxDBClient, org_id: str, wanted: WantedBucket, found: Bucket | None) -> str:
    from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules

    rule = BucketRetentionRules(type="expire", every_seconds=wanted.retention)
    if found is None:
        with _step(f"create bucket {wanted.name}"):
            client.buckets_api().create_bucket(
                bucket_name=wanted.name, org=org_id, retention_rules=[rule], description=OURS
            )
        return f"bucket {wanted.name} created, keeps points {_span(wanted.retention)}"
    before = _span(_retention(found))
    # Shards longer than the new retention would be refused; 0 lets the server choose their length.
    rule.shard_group_duration_seconds = 0
    found.retention_rules = [rule]
    _update(client, found)
    return f"bucket {wanted.name} keeps points {_span(wanted.retention)}, before {before}"


def _update(client: InfluxDBClient, changed: Bucket) -> None:
    with _step(f"update bucket {changed.name}"):
        client.buckets_api().update_bucket(changed)


def _span(seconds: int) -> str:
    if not seconds:
        return "for ever"
    return f"{seconds / 86_400:g} days" if seconds >= 2 * 86_400 else f"{seconds / 3600:g} hours"


def _serves(operator: InfluxEndpoint, wanted: WantedToken) -> bool:
    """The file's token reads exactly these buckets and writes to these. An empty post is allowed and stores nothing."""
    endpoint = replace(operator, token_file=wanted.path)
    try:
        with endpoint.client() as client:
            readable = _buckets(client, operator.org)
    except (TokenUnreadable, SetUpFailed):
        return False
    poster = InfluxPoster(endpoint)
    try:
        return set(readable) == set(wanted.read) and all(
            poster.post(bucket, ()).outcome == "written" for bucket in wanted.write
        )
    finally:
        poster.close()


def _make_token(client: InfluxDBClient, org_id: str, wanted: WantedToken, buckets: Mapping[str, Bucket]) -> None:
    from influxdb_client.domain.authorization import Authorization
    from influxdb_client.domain.permission import Permission
    from influxdb_client.domain.permission_resource import PermissionResource

    missing = [name for name in (*wanted.read, *wanted.write) if name not in buckets]
    if missing:
        msg = f"token {wanted.description!r} names buckets that are not there: {', '.join(missing)}"
        raise SetUpFailed(msg)
    permissions = [
        Permission(action=action, resource=PermissionResource(type="buckets", id=buckets[name].id, org_id=org_id))
        for action, names in (("read", wanted.read), ("write", wanted.write))
        for name in names
    ]
    api = client.authorizations_api()
    with _step(f"list tokens for {wanted.description!r}"):
        old = [auth for auth in api.find_authorizations(org_id=org_id) if auth.description == wanted.description]
    with _step(f"create token {wanted.description!r}"):
        made = api.create_authorization(
            authorization=Authorization(org_id=org_id, permissions=permissions, description=wanted.description)
        )
    _write_secret(wanted.path, str(made.token))
    for auth in old:
        with _step(f"delete the old token {wanted.description!r}"):
            api.delete_authorization(auth)


def _write_secret(path: Path, secret: str) -> None:
    """Replace the file in one step: no reader finds half a token, no other user reads it in between."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


@contextmanager
def _step(what: str) -> Iterator[None]:
    from influxdb_client.rest import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        msg = f"InfluxDB: {what}: status {error.status}"
        raise SetUpFailed(msg) from None
    except (HTTPError, OSError) as error:
        msg = f"InfluxDB: {what}: {type(error).__name__}"
        raise SetUpFailed(msg) from None
