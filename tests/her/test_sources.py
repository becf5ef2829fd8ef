"""HER's source on a real Redis, through an account that may read HER's keys and do nothing else."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from exporters.core.contract import Probe, Source
from exporters.core.errors import ConfigError, SourceDown, StreamError
from exporters.core.metric import Kind
from exporters.her import metrics
from exporters.her.copies_watch import WatchedList
from exporters.her.intervals import HTTP, LIVE, PROBES, ROW_STREAMS, SQL_PROBES, STREAMS
from exporters.her.settings import HerSettings
from exporters.her.simulate import Her
from exporters.her.sources import sources
from exporters.her.sql_grants import grants
from exporters.her.sql_metrics import SQL_METRICS
from exporters.her.system import HER
from exporters.her.system_metrics import POSTGRES_METRICS
from exporters.readers.redis_list import RedisList
from tests.her.deployments import ALL_TEXT, HASH_KEY, settings
from tests.her.reading import Reader, collected, readers
from tests.her.whole_life import Clock, tell_everything
from tests.servers.fixtures import StartRedis

GRANT = (
    "%R~her:* -@all +ping +lrange +llen +lindex +get +scard +scan +type +ttl +strlen +hgetall +memory|usage +info"
    " +multi +exec +hello +client|setname"
)
KEYS = {
    "interactions": "her:metrics:events",
    "logs": "her:logs",
    "executions": "her:sandbox:executions",
    "jobs": "her:scheduler:jobs",
    "decisions": "her:decision:logs",
    "reinforcement": "her:reinforcement:events",
    "startups": "her:runtime:capabilities:history",
    "workflow": "her:workflow:events",
}


class House:
    """A Redis with HER in it, and the source of one deployment that watches it."""

    def __init__(self, start_redis: StartRedis, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.password_file = folder / "observer"
        self.password_file.write_text("an observer's password\n")
        digest = hashlib.sha256(b"an observer's password").hexdigest()
        server = start_redis(password=False, users=[f"observer on #{digest} {GRANT}"])
        self.client = redis.Redis(port=server.port)
        self.address = {
            "host": "127.0.0.1",
            "port": server.port,
            "username": "observer",
            "password_file": self.password_file,
        }

    def settings(self, **given: object) -> HerSettings:
        return HerSettings(**{"redis": self.address, **given})

    def source(self, **given: object) -> Source[redis.Redis]:
        (source,) = sources(self.settings(**given), HASH_KEY)
        return source


@pytest.fixture
def house(start_redis: StartRedis, tmp_path: Path) -> Iterator[House]:
    made = House(start_redis, tmp_path / "secrets")
    with closing(made.client):
        yield made


def watched(house: House, source: Source[redis.Redis]) -> dict[str, Reader]:
    return readers(source, source.connect())


def stream_error(attempt: Callable[[], object]) -> str:
    """Why the attempt failed; empty if it did not."""
    try:
        attempt()
    except StreamError as error:
        return error.reason
    return ""


def test_every_story_is_counted_once_when_it_is_read_in_between(house: House) -> None:
    her = Her(house.client, seed=1)
    source = house.source(text=ALL_TEXT)
    streams = watched(house, source)
    for reader in streams.values():
        reader.read()
    stories: list[Callable[[], object]] = [her.startup, her.chat, her.agent_request, her.api_chat, her.tick, her.daily]
    for tell in stories * 4:
        tell()
        for reader in streams.values():
            reader.read()
    for name, key in KEYS.items():
        assert streams[name].records == her.produced[key], name
    reflections = sum(count for key, count in her.produced.items() if key.startswith("her:reflection:"))
    assert streams["reflections"].total(metrics.REFLECTIONS) == reflections > 0
    counts = {
        "interactions": metrics.INTERACTIONS,
        "logs": metrics.LOG_LINES,
        "executions": metrics.EXECUTIONS,
        "jobs": metrics.JOBS,
        "decisions": metrics.DECISIONS,
        "reinforcement": metrics.REINFORCEMENT,
        "startups": metrics.STARTUPS,
        "workflow": metrics.WORKFLOW_EVENTS,
    }
    for name, metric in counts.items():
        assert streams[name].total(metric) == her.produced[KEYS[name]] > 0, name
        assert (streams[name].lost, streams[name].rejected) == (0, Counter())
    tokens = house.client.get("her:metrics:tokens")
    assert streams["interactions"].total(metrics.TOKENS) == int(
        str(tokens, "ascii") if isinstance(tokens, bytes) else -1
    )
    source.close(streams["logs"].connection)


def test_a_burst_over_the_cap_is_counted_by_hers_own_counters(house: House) -> None:
    her = Her(house.client, seed=2)
    streams = watched(house, house.source())
    interactions = streams["interactions"]
    interactions.read()
    her.burst("events", 173)
    interactions.read()
    assert interactions.total(metrics.INTERACTIONS) == 173
    assert interactions.total(metrics.INTERACTION_TOKENS) == interactions.records == 50
    assert interactions.lost == 123


def test_every_metric_of_her_lives_when_her_does_everything(house: House) -> None:
    clock = Clock(datetime.now(UTC))
    her = Her(house.client, seed=3, clock=clock)
    source = house.source()
    connection = source.connect()
    streams = readers(source, connection)
    # Read by itself: the list of logs turns over before everything is told.
    her.startup("crash")
    streams["logs"].read()
    tell_everything(her)
    for reader in streams.values():
        reader.read()
    # Her clock is known by a second sign of life, when the first has been read.
    her.heartbeat()
    streams["decisions"].read()
    # HER keeps the users it lists for a minute, and lists none after a start.
    clock.forward(61)
    her.publish_scheduler_state(throttled=False)
    alive = {metric for reader in streams.values() for metric in reader.touched()}
    alive |= {sample.metric for reader in streams.values() for sample in reader.view()}
    for probe in source.probes:
        alive |= {sample.metric for sample in collected(source, probe.name, connection)}
    # What the debugger tells is tested where there is one.
    alive |= {metric for probe in live_probes() for metric in probe.feeds}
    assert {m.name for m in (*metrics.REDIS_METRICS, *metrics.SHARED)} - {m.name for m in alive} == set()
    written = {point.measurement.name for reader in streams.values() for point in reader.effects.points}
    of_redis = {m.name for m in metrics.MEASUREMENTS if m is not metrics.DECISION_ROW_POINT and m.kind != "text"}
    assert of_redis == written
    source.close(connection)


def live_probes() -> tuple[Probe[Any], ...]:
    """Those of the source `workflow`."""
    _, source = sources(settings(workflow={"url": "ws://127.0.0.1:8081/ws/workflow"}), HASH_KEY)
    return source.probes


def test_every_metric_has_one_owner() -> None:
    all_three = sources(
        settings(postgres={"host": "127.0.0.1", "user": "observer"}, http={"liveness": "http://127.0.0.1"}), HASH_KEY
    )
    both, (ports,) = all_three[:2], all_three[2:]
    fed = [metric for source in both for stream in source.streams for metric in stream.feeds]
    fed += [metric for source in both for probe in source.probes for metric in probe.feeds]
    fed += [metric for probe in (*live_probes(), *ports.probes) for metric in probe.feeds]
    assert Counter(fed) == Counter([*metrics.METRICS, *metrics.SHARED])
    for stream in (stream for source in both for stream in source.streams):
        assert all(m.kind in (Kind.COUNTER, Kind.HISTOGRAM) or stream.view is not None for m in stream.feeds)
    redis_source, rows = both
    assert {m for stream in rows.streams for m in stream.feeds} == set(metrics.ROW_METRICS)
    assert {m for probe in rows.probes for m in probe.feeds} == {*SQL_METRICS, *POSTGRES_METRICS}
    assert redis_source.name == "redis"


def test_streams_and_probes_have_the_names_and_paces_that_are_documented() -> None:
    (source,) = sources(settings(intervals={"logs": 0.5}), HASH_KEY)
    assert {s.name: s.interval for s in source.streams} == {**STREAMS, "logs": 0.5}
    assert {p.name: p.interval for p in source.probes} == dict(PROBES)
    assert {p.name: p.interval for p in live_probes()} == dict(LIVE)
    ports = sources(settings(http={"api": "http://127.0.0.1"}), HASH_KEY)[1]
    assert {p.name: p.interval for p in ports.probes} == dict(HTTP)
    assert (ports.system, ports.deployment, ports.name, ports.streams) == ("her", "default", "http", ())
    assert (source.system, source.deployment, source.name) == ("her", "default", "redis")
    rows = sources(
        settings(postgres={"host": "127.0.0.1", "user": "observer"}, intervals={"decision_rows": 1}), HASH_KEY
    )[1]
    assert {s.name: s.interval for s in rows.streams} == {**ROW_STREAMS, "decision_rows": 1}
    assert {p.name: p.interval for p in rows.probes} == dict(SQL_PROBES)
    assert (rows.system, rows.deployment, rows.name) == ("her", "default", "postgres")


def test_older_shapes_are_read(house: House) -> None:
    her = Her(house.client, seed=4)
    streams = watched(house, house.source())
    planted = her.older_shapes()
    for reader in streams.values():
        reader.read()
    no_objects = sum(entry.why.startswith("not an object") for entry in planted)
    assert streams["logs"].rejected.total() == no_objects > 0
    assert {name for name, reader in streams.items() if reader.rejected} == {"logs"}
    assert streams["jobs"].records == her.produced[KEYS["jobs"]]


def test_poison_is_refused_by_reason_and_what_is_whole_is_counted(house: House) -> None:
    her = Her(house.client, seed=5)
    source = house.source()
    streams = watched(house, source)
    for reader in streams.values():
        reader.read()
    planted = her.poison()
    for reader in streams.values():
        reader.read()
    poisoned = Counter(entry.key for entry in planted if not entry.why.startswith("whole"))
    for name, key in KEYS.items():
        assert streams[name].rejected.total() == poisoned[key], (name, streams[name].refusals)
        assert streams[name].lost == 0
    assert streams["executions"].total(metrics.EXECUTIONS) == 1
    assert streams["decisions"].total(metrics.DECISIONS) == 1
    (output,) = [v for m, _, v in streams["executions"].effects.observations if m is metrics.EXECUTION_OUTPUT]
    assert output >= 5_000_000
    reasons = Counter[str]()
    for reader in streams.values():
        reasons += reader.rejected
    assert set(reasons) == {
        "not_json", "not_utf8", "not_object", "missing_field", "wrong_type", "bad_time", "unknown_value",
    }  # fmt: skip


@pytest.mark.parametrize(
    "key", [*KEYS.values(), "her:metrics:users", "her:scheduler:state", "her:runtime:capabilities"]
)
def test_a_key_of_another_type_fails_its_own_reader_alone(house: House, key: str) -> None:
    her = Her(house.client, seed=6)
    tell_everything(her)
    her.wrong_type(key)
    source = house.source()
    connection = source.connect()
    attempts: dict[str, Callable[[], object]] = {
        **{name: reader.read for name, reader in readers(source, connection).items()},
        **{probe.name: partial(collected, source, probe.name, connection) for probe in source.probes},
    }
    failed = {name: reason for name, attempt in attempts.items() if (reason := stream_error(attempt))}
    owners = {key: name for name, key in KEYS.items()} | {
        "her:metrics:users": "users",
        "her:scheduler:state": "scheduler_state",
        "her:runtime:capabilities": "capabilities",
    }
    assert failed == {owners[key]: "wrong_type"}
    source.close(connection)


def test_the_password_is_read_at_each_connect(house: House) -> None:
    source = house.source()
    source.close(source.connect())
    house.password_file.write_text("another one")
    with pytest.raises(SourceDown, match="auth"):
        source.connect()
    house.password_file.unlink()
    with pytest.raises(SourceDown, match=r"auth: .*No such file"):
        source.connect()
    house.password_file.write_text("an observer's password")
    source.close(source.connect())


def test_nobody_there() -> None:
    (source,) = sources(settings(redis={"host": "127.0.0.1", "port": 1}), HASH_KEY)
    with pytest.raises(SourceDown, match="refused"):
        source.connect()


def test_a_hash_key_that_protects_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="hash key"):
        sources(settings(), b"short")


def test_the_system_is_what_the_registry_needs() -> None:
    assert (HER.name, HER.title, HER.settings) == ("her", "HER", HerSettings)
    assert HER.sources(settings(), HASH_KEY)[0].name == "redis"


README = Path(__file__).parents[2] / "exporters" / "her" / "README.md"


def test_the_readme_names_every_stream_every_probe_and_the_grant() -> None:
    text = README.read_text()
    assert [name for name in (*STREAMS, *ROW_STREAMS) if f"stream `{name}`" not in text] == []
    assert [name for name in (*PROBES, *LIVE, *SQL_PROBES, *HTTP) if f"probe `{name}`" not in text] == []
    assert GRANT in text
    assert grants() in text


def test_decisions_are_remembered_only_where_there_is_another_copy() -> None:
    alone, both = settings(), settings(postgres={"host": "127.0.0.1", "user": "observer"})
    made = [
        next(stream.reader for stream in sources(given, HASH_KEY)[0].streams if stream.name == "decisions")
        for given in (alone, both)
    ]
    assert [type(reader) for reader in made] == [RedisList, WatchedList]
