"""The check of the contract, checked: it accepts the contract's own samples and refuses everything that differs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy

import pytest
import redis

from exporters.her.simulate import Her
from tests.her.contract_check import check_keyspace, check_record
from tests.her.contract_commands import Command, check_commands
from tests.her.contract_samples import SAMPLES
from tests.her.contract_shapes import ContractError
from tests.her.whole_life import Clock, tell_everything
from tests.servers.fixtures import StartRedis

# Objects whose content the contract leaves open.
OPEN = {"details.task"}
# Fields that only some events of their kind have: API requests, directly handled ones.
OPTIONAL = {("details", "source"), ("details", "debug"), ("details", "direct_runtime_handler")}


@pytest.mark.parametrize(("key", "sample"), SAMPLES, ids=[key for key, _ in SAMPLES])
def test_the_contracts_own_samples_pass(key: str, sample: str) -> None:
    check_record(key, sample.encode())


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place inside `value`."""
    children: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    for name, inner in children:
        here = (*path, name)
        if ".".join(map(str, here)) in OPEN:
            continue
        yield here
        yield from paths(inner, here)


def mistyped(value: object) -> object:
    """A value of another JSON type."""
    return {"was": "this"} if isinstance(value, str | int | float | list) else "a string"


def changed(record: object, path: tuple[str | int, ...], change: str) -> object:
    """A copy of `record` with the place dropped, renamed or of another type."""
    copy = deepcopy(record)
    parent = copy
    for name in path[:-1]:
        parent = parent[name]  # type: ignore[index]
    last = path[-1]
    if change == "mistype":
        parent[last] = mistyped(parent[last])  # type: ignore[index]
    elif change == "drop":
        del parent[last]  # type: ignore[attr-defined]
    else:
        parent[f"{last}_"] = parent.pop(last)  # type: ignore[index,attr-defined]
    return copy


def refused(key: str, record: object) -> bool:
    try:
        check_record(key, json.dumps(record).encode())
    except ContractError:
        return True
    return False


def assert_nothing_can_change(key: str, raw: bytes) -> int:
    """Drop, rename and mistype every field of `raw`: the check must refuse each. Returns how many changes were made."""
    record = check_record(key, raw)
    tried = 0
    for path in paths(record):
        changes = ["mistype", "drop", "rename"]
        if isinstance(path[-1], int) or path[:-1] == ("mcp_servers",):
            changes = ["mistype"]
        elif path[-2:] in OPTIONAL:
            changes.remove("drop")
        for change in changes:
            assert refused(key, changed(record, path, change)), f"{key}: {change} {path} passes"
            tried += 1
    if isinstance(record, dict):
        assert refused(key, {**record, "surprise": 1}), f"{key}: an unknown field passes"
    return tried


@pytest.mark.parametrize(("key", "sample"), SAMPLES, ids=[key for key, _ in SAMPLES])
def test_no_field_of_a_sample_can_change(key: str, sample: str) -> None:
    assert assert_nothing_can_change(key, sample.encode()) >= 4


def test_no_field_of_any_record_can_change(start_redis: StartRedis) -> None:
    """One record of each kind the simulator writes, every field of it dropped, renamed and mistyped."""
    server = start_redis(password=False)
    client = redis.Redis(port=server.port)
    her = Her(client, seed=11)
    tell_everything(her)
    kinds: dict[str, tuple[str, bytes]] = {}
    for name in client.scan_iter(match="her:*"):
        key, stored_as = name.decode(), client.type(name)
        if stored_as not in {b"list", b"string"} or key in {"her:metrics:tokens", "her:metrics:messages"}:
            continue
        for row in client.lrange(key, 0, -1) if stored_as == b"list" else [client.get(key)]:
            assert isinstance(row, bytes)
            record = json.loads(row)
            kind = record.get("event_type", "") + record.get("node_id", "") if isinstance(record, dict) else ""
            kinds.setdefault(f"{':'.join(key.split(':')[1:3])} {kind}", (key, row))
    assert len(kinds) > 40
    for key, row in kinds.values():
        assert_nothing_can_change(key, row)


CLOSED = [
    ("her:logs", "level", "LOUD"),
    ("her:metrics:events", "token_estimate", -1),
    ("her:metrics:events", "timestamp", "2026-02-22 09:15:02"),
    ("her:metrics:events", "timestamp", "2026-02-22T09:15:02.118734"),
    ("her:metrics:events", "timestamp", "2026-02-22T09:15:02.118734+01:00"),
    ("her:metrics:events", "user_id", ""),
    ("her:sandbox:executions", "user", "root"),
    ("her:sandbox:executions", "exit_code", -2),
    ("her:sandbox:executions", "success", True),
    ("her:sandbox:executions", "execution_time", -0.1),
    ("her:scheduler:jobs", "result", "something_else"),
    ("her:scheduler:jobs", "error", "but it worked"),
    ("her:scheduler:jobs", "execution_time", 3),
    ("her:scheduler:jobs", "success", False),
    ("her:decision:logs", "event_type", "no_such_event"),
    ("her:decision:logs", "event_type", "reminder_state_change"),
    ("her:decision:logs", "source", "scheduler"),
    ("her:decision:logs", "user_id", ""),
    ("her:decision:logs", "details", {"stage": "llm", "duration_ms": 812.44, "context_size": 1}),
    ("her:reinforcement:events", "score", 0.5),
    ("her:reinforcement:events", "label", "neutral"),
    ("her:reinforcement:events", "user_message_preview", "x" * 201),
    ("her:reinforcement:events", "reasoning", ["because"]),
    ("her:scheduler:state", "task_count", 0),
    ("her:runtime:capabilities", "mcp_servers", {"pdf": {"status": "dead", "message": ""}}),
    ("her:workflow:events", "node_id", "response"),
    ("her:workflow:events", "status", "running"),
    ("her:workflow:events", "execution_id", "0f3b6a0c"),
    ("her:workflow:events", "details", {"used_fallback": False, "duration_ms": 843}),
]


@pytest.mark.parametrize(("key", "field", "value"), CLOSED)
def test_values_outside_their_sets_are_refused(key: str, field: str, value: object) -> None:
    record = json.loads(dict(SAMPLES)[key])
    assert refused(key, record | {field: value})


def test_bytes_that_are_not_escaped_json_are_refused() -> None:
    key, sample = SAMPLES[0]
    for raw in (sample[:-2].encode(), sample.replace("nine", "n\u00ef").encode(), b"\xff", b"17", b""):
        with pytest.raises(ContractError):
            check_record(key, raw)


def test_a_keyspace_that_differs_is_refused(start_redis: StartRedis) -> None:
    """Each change breaks one rule that no single record can show."""
    client = redis.Redis(port=start_redis(password=False).port)
    clock = Clock()
    her = Her(client, seed=12, clock=clock)
    her.startup()
    for _ in range(3):
        clock.forward(60)
        her.chat()
        clock.forward(60)
        her.agent_request()
        clock.forward(60)
        her.chat(in_group=True)
    check_keyspace(client)
    user = client.lindex("her:metrics:events", 0)
    assert isinstance(user, bytes)
    thread = f"her:context:{json.loads(user)['user_id']}"
    breakages: list[tuple[str, ...]] = [
        ("PERSIST", thread),
        ("EXPIRE", thread, "86500"),
        ("EXPIRE", "her:logs", "100"),
        ("INCR", "her:metrics:messages"),
        ("INCR", "her:metrics:tokens"),
        ("SET", "her:metrics:tokens", "many"),
        ("SREM", "her:metrics:users", json.loads(user)["user_id"]),
        ("LPOP", "her:metrics:events"),
        ("LPOP", "her:sandbox:executions"),
        ("RPOP", "her:scheduler:jobs"),
        ("LPOP", "her:runtime:capabilities:history"),
        ("LMOVE", "her:decision:logs", "her:decision:logs", "RIGHT", "LEFT"),
        ("LMOVE", "her:workflow:events", "her:workflow:events", "LEFT", "RIGHT"),
        ("LPUSH", "her:logs", "plain text"),
        ("SET", "her:unheard:of", "1"),
        ("RENAME", "her:scheduler:state", "her:logs"),
        ("SETEX", "her:context:group:5", "100", "[]"),
        ("HSET", f"her:reinforcement:profile:{json.loads(user)['user_id']}", "concise", "1.2"),
    ]
    for breakage in breakages:
        copy = {name: client.dump(name) or b"" for name in client.scan_iter()}
        lives = {name: client.pttl(name) for name in copy}
        client.execute_command(*breakage)  # type: ignore[no-untyped-call]
        assert keyspace_refused(client), f"{breakage} passes"
        client.flushall()
        for name, dumped in copy.items():
            client.restore(name, max(0, lives[name]), dumped)
    check_keyspace(client)


def keyspace_refused(client: redis.Redis) -> bool:
    try:
        check_keyspace(client)
    except ContractError:
        return True
    return False


def test_a_list_over_its_cap_is_refused(start_redis: StartRedis) -> None:
    client = redis.Redis(port=start_redis(password=False).port)
    her = Her(client, seed=13)
    her.burst("logs", 200)
    check_keyspace(client)
    oldest = client.lindex("her:logs", -1)
    assert oldest is not None
    client.rpush("her:logs", oldest)
    with pytest.raises(ContractError, match="at most 200"):
        check_keyspace(client)


PUSH: Command = ("LPUSH", "her:logs", "{}")
TRIM: Command = ("LTRIM", "her:logs", "0", "199")
COPY: Command = (
    "LPUSH",
    "her:decision:logs",
    json.dumps({"event_type": "scheduler_execution", "details": json.loads(SAMPLES[3][1])}),
)
COPY_TRIM: Command = ("LTRIM", "her:decision:logs", "0", "499")
JOB: Command = ("LPUSH", "her:scheduler:jobs", SAMPLES[3][1])
JOB_TRIM: Command = ("LTRIM", "her:scheduler:jobs", "0", "99")
EVENT = SAMPLES[0][1]
GROUP: list[Command] = [
    ("MULTI",),
    ("INCRBY", "her:metrics:tokens", "12"),
    ("INCR", "her:metrics:messages"),
    ("SADD", "her:metrics:users", "5551001"),
    ("SET", "her:metrics:last_response", EVENT),
    ("LPUSH", "her:metrics:events", EVENT),
    ("LTRIM", "her:metrics:events", "0", "49"),
    ("EXEC",),
]


def test_commands_as_the_contract_has_them_pass() -> None:
    assert check_commands([PUSH, TRIM, *GROUP, COPY, COPY_TRIM, JOB, JOB_TRIM]) == 14


@pytest.mark.parametrize(
    "commands",
    [
        [PUSH],
        [PUSH, PUSH, TRIM],
        [("LPUSH", "her:logs", "{}", "{}"), TRIM],
        [PUSH, ("LTRIM", "her:logs", "0", "200")],
        [("MULTI",), PUSH, TRIM, ("EXEC",)],
        [JOB, JOB_TRIM, COPY, COPY_TRIM],
        [COPY, COPY_TRIM, ("LPUSH", "her:scheduler:jobs", SAMPLES[3][1].replace("11:00", "11:01")), JOB_TRIM],
        [*GROUP[:2], *GROUP[3:]],
        [GROUP[5], GROUP[6]],
        [*GROUP[:1], ("INCRBY", "her:metrics:tokens", "13"), *GROUP[2:]],
        [("SETEX", "her:context:5551001", "3600", "[]")],
        [("SET", "her:context:5551001", "[]")],
        [("DEL", "her:logs")],
        [("RPUSH", "her:logs", "{}"), TRIM],
        [("SET", "her:runtime:capabilities", "{}")],
        [("HSET", "her:logs", "a", "b")],
    ],
)
def test_commands_that_differ_are_refused(commands: list[Command]) -> None:
    with pytest.raises(ContractError):
        check_commands(commands)
