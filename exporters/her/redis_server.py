"""How HER's Redis server itself is: the probe `redis_server` and the stream `redis_counters`, both from INFO.

    redis_version:7.4.2  used_memory:1832448  maxmemory:0  connected_clients:9  blocked_clients:0  maxclients:10000
    ->  her_redis_info{version="7.4.2",eviction="noeviction"} 1,  her_redis_used_memory_bytes 1832448,  ...

    evicted_keys:12  rejected_connections:0  expired_keys:3401
    ->  her_redis_evicted_keys_total 12, ...

A whole INFO costs Redis about 35 microseconds. What a server does not tell (a managed one hides some) is absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import redis

from exporters.core.contract import Batch, Effects, Json, Probe, Sample, Stream
from exporters.core.metric import Metric
from exporters.her import system_metrics as m
from exporters.her.labels import CONTENT
from exporters.her.names import member
from exporters.her.settings import HerSettings
from exporters.her.stateless import nothing
from exporters.readers.redis_client import exchange, reply_of

COUNTERS: Mapping[str, Metric] = MappingProxyType(
    {
        "evicted_keys": m.REDIS_EVICTED,
        "rejected_connections": m.REDIS_REJECTED,
        "expired_keys": m.REDIS_EXPIRED,
    }
)


def redis_counters(settings: HerSettings) -> Stream[redis.Redis, None, None]:
    """A stream without records: only what its companion counters grew by."""
    return Stream(
        name="redis_counters",
        interval=settings.interval("redis_counters"),
        reader=CounterReader(),
        parse=lambda _raw: None,
        fold=lambda state, _event: (state, Effects()),
        initial=nothing,
        event_time=lambda _event: None,
        settle=grown,
        feeds=tuple(COUNTERS.values()),
    )


def server_probes(settings: HerSettings) -> tuple[Probe[redis.Redis], ...]:
    """The server's state, and which texts leave HER."""
    return (
        Probe(
            name="redis_server",
            interval=settings.interval("redis_server"),
            collect=server,
            feeds=(
                m.REDIS_INFO,
                m.REDIS_STARTED,
                m.REDIS_USED,
                m.REDIS_LIMIT,
                m.REDIS_CLIENTS,
                m.REDIS_CLIENT_LIMIT,
                m.REDIS_SAVED,
                m.REDIS_LAST_SAVE,
            ),
        ),
        Probe(
            name="settings",
            interval=settings.interval("settings"),
            collect=lambda _connection, _now: stored_texts(settings),
            feeds=(m.CONTENT_STORED,),
        ),
    )


class CounterReader:
    """Reads the server's own counters. Cursor: the run they belong to, their values, and when they were read.

    at: in whole minutes, as each change of a cursor is a commit.
    """

    def read(self, connection: redis.Redis, cursor: Json, now: datetime) -> Batch:
        """By how much each has grown; nothing at the first look ever. Raises StreamError, SourceDown.

        A counter that fell was begun anew (a restart, CONFIG RESETSTAT): all it shows has come since. What the server
        counted between the last look and its end nobody knows. A run that was there before the last look is another
        server (a replica that took over, another address): what it counted until now is not news, and that is a gap.
        """
        told = _info(connection)
        run = str(told.get("run_id", ""))
        present = {name: count for name in COUNTERS if (count := _count(told, name)) is not None}
        before: Mapping[str, int] = cursor["counts"] if cursor else present
        minute = int(now.timestamp()) // 60 * 60
        changed = bool(cursor) and cursor["run"] != run
        anew = changed and _began_since(told, cursor.get("at"), now)
        if changed and not anew:
            before = present
        totals: dict[str, int | None] = {}
        for name, count in present.items():
            last = before.get(name, count)
            totals[name] = count if anew or count < last else count - last
        place = {"run": run, "counts": {**before, **present}, "at": minute}
        return Batch((), place, now, gap=changed and not anew, totals=totals)


def _began_since(told: Mapping[str, Any], at: int | None, now: datetime) -> bool:
    """Whether the server began after `at`. By durations: the clocks of the two may differ."""
    uptime = _count(told, "uptime_in_seconds")
    return uptime is not None and at is not None and uptime <= now.timestamp() - at


def grown(totals: Mapping[str, int | None], _events: Sequence[None]) -> Effects:
    """The growth, as counts."""
    effects = Effects()
    for name, growth in totals.items():
        if growth:
            effects.count(COUNTERS[name], amount=growth)
    return effects


def server(connection: redis.Redis, now: datetime) -> list[Sample]:
    """INFO as gauges. Raises StreamError (no_permission without +info), SourceDown."""
    told = _info(connection)
    version, policy = (str(told.get(name, "")) for name in ("redis_version", "maxmemory_policy"))
    samples = [Sample(m.REDIS_INFO, 1, (member(version), member(policy)))]
    uptime = _count(told, "uptime_in_seconds")
    if uptime is not None:
        # By its own clock where it tells that (since 5.0): two clocks differ.
        micros = _count(told, "server_time_usec")
        samples.append(Sample(m.REDIS_STARTED, (micros // 1_000_000 if micros else int(now.timestamp())) - uptime))
    plain = (
        ("used_memory", m.REDIS_USED, ()),
        ("connected_clients", m.REDIS_CLIENTS, ("connected",)),
        ("blocked_clients", m.REDIS_CLIENTS, ("blocked",)),
        ("maxclients", m.REDIS_CLIENT_LIMIT, ()),
        ("rdb_last_save_time", m.REDIS_LAST_SAVE, ()),
    )
    samples += [
        Sample(metric, count, labels) for name, metric, labels in plain if (count := _count(told, name)) is not None
    ]
    if limit := _count(told, "maxmemory"):
        samples.append(Sample(m.REDIS_LIMIT, limit))
    return samples + _saved(told)


def stored_texts(settings: HerSettings) -> list[Sample]:
    """Which texts leave HER, as this exporter is configured."""
    return [Sample(m.CONTENT_STORED, float(getattr(settings.text, kind)), (kind,)) for kind in CONTENT.values or ()]


def _saved(told: Mapping[str, Any]) -> list[Sample]:
    methods = []
    if told.get("aof_enabled") == 1:
        methods.append(("aof", "aof_last_write_status"))
    methods.append(("snapshot", "rdb_last_bgsave_status"))
    return [Sample(m.REDIS_SAVED, float(told[name] == "ok"), (method,)) for method, name in methods if name in told]


def _info(connection: redis.Redis) -> Mapping[str, Any]:
    told: Mapping[str, Any] = reply_of(dict, exchange(connection, [("INFO",)])[0])
    return told


def _count(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    return value if isinstance(value, int) and value >= 0 else None
