"""Is this what HER writes? An independent answer, from the data contract alone.

`check_record` judges the bytes under one key, `check_keyspace` a whole Redis at a quiet moment, `check_commands` (in
contract_commands) how the bytes got there. None of them imports the product's parser or the simulator's builders: two
halves wrong in the same way would agree with each other.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import redis

from tests.her.contract_decisions import decision
from tests.her.contract_entries import (
    CAPABILITIES,
    EVENT,
    LOG,
    OLDER_STATE,
    PROFILE,
    REFLECTION,
    job,
    reinforcement,
    sandbox,
    scheduler_state,
    thread,
)
from tests.her.contract_shapes import ContractError, Shape, anything, either, mapping, moment, require, text
from tests.her.contract_workflow import execution, workflow_event

DAY = 86_400
# Writers run in several threads: two neighbours may be out of order by a few milliseconds.
CLOCK_SLACK = timedelta(milliseconds=50)
TWINS = {"her:sandbox:executions": "sandbox_execution", "her:scheduler:jobs": "scheduler_execution"}


class Key(NamedTuple):
    """What the contract says about one key. `cap`: most list entries; `ttl`: longest life in seconds, None for ever."""

    kind: str
    shape: Shape
    cap: int | None = None
    ttl: int | None = None


INTEGER_TEXT = r"-?\d+"

KEYS: list[tuple[str, Key]] = [
    (r"her:metrics:tokens", Key("counter", anything)),
    (r"her:metrics:messages", Key("counter", anything)),
    (r"her:metrics:users", Key("set", text(nonempty=True))),
    (r"her:metrics:last_response", Key("string", EVENT)),
    (r"her:metrics:events", Key("list", EVENT, cap=50)),
    (r"her:logs", Key("list", LOG, cap=200)),
    (r"her:sandbox:executions", Key("list", sandbox, cap=100)),
    (r"her:scheduler:jobs", Key("list", job, cap=100)),
    (r"her:scheduler:state", Key("string", scheduler_state)),
    (r"her:decision:logs", Key("list", decision, cap=500)),
    (r"her:reinforcement:events", Key("list", reinforcement, cap=1000)),
    (r"her:reinforcement:profile:.+", Key("hash", PROFILE)),
    (r"her:runtime:capabilities", Key("string", CAPABILITIES)),
    (r"her:runtime:capabilities:history", Key("list", CAPABILITIES, cap=100)),
    (r"her:context:group:-\d+", Key("string", thread(group=True), ttl=DAY)),
    (r"her:context:(?!group:).+", Key("string", thread(group=False), ttl=DAY)),
    (r"her:workflow:events", Key("list", workflow_event, cap=2000)),
    (r"her:workflow:execution:[0-9a-f]{32}", Key("string", execution, ttl=DAY)),
    (r"her:reflection:.+", Key("list", REFLECTION, cap=61)),
]

_OLDER_LOG = either(LOG, mapping(anything))
OLDER_KEYS: list[tuple[str, Key]] = [
    (r"her:telegram:approved_users", Key("set", text(nonempty=True))),
    (r"her:telegram:rate_limit:.+:\d+", Key("counter", anything, ttl=70)),
    (r"her:scheduler:(tasks_override|runtime_state)", Key("string", anything)),
    (r"her:scheduler:state", Key("string", either(scheduler_state, OLDER_STATE))),
    (r"her:logs", Key("list", _OLDER_LOG, cap=200)),
    (r"her:decision:logs", Key("list", lambda path, value: decision(path, value, older=True), cap=500)),
    (r"her:workflow:events", Key("list", lambda path, value: workflow_event(path, value, older=True), cap=2000)),
    (
        r"her:workflow:execution:[0-9a-f]{32}",
        Key("string", lambda path, value: execution(path, value, older=True), ttl=DAY),
    ),
]


def key_rule(key: str, *, older: bool = False) -> Key:
    """The rule for `key`; ContractError when the contract knows no such key."""
    for pattern, rule in [*(OLDER_KEYS if older else []), *KEYS]:
        if re.fullmatch(pattern, key):
            return rule
    raise ContractError(key, "must be a key of the contract", key)


def family(key: str) -> str:
    """The part of `key` that it shares with its kind: `her:context` for every user's thread."""
    for pattern, _ in [*KEYS, *OLDER_KEYS]:
        if re.fullmatch(pattern, key):
            return re.split(r"[^\w:]", pattern)[0].rstrip(":")
    return key


def check_record(key: str, raw: bytes, *, older: bool = False) -> object:
    """Judge one value stored under `key`, or one element of it when it is a list; returns it decoded."""
    require(key, raw[:80], holds=raw.isascii(), rule="non-ASCII characters are escaped")
    try:
        value: object = json.loads(raw)
    except ValueError as error:
        raise ContractError(key, "must be JSON", raw[:80]) from error
    if older and isinstance(value, dict) and str(value.get("timestamp", "")).endswith("Z"):
        value = value | {"timestamp": str(value["timestamp"])[:-1] + "+00:00"}
    key_rule(key, older=older).shape(key, value)
    return value


def check_keyspace(client: redis.Redis, *, older: bool = False, twins: bool = True) -> Counter[str]:
    """Judge everything under `her:`; `older` admits what older builds left, `twins=False` entries without their copies.

    Returns how many values of which kind of key were judged, so that a caller can see that it was not nothing.
    """
    judged: Counter[str] = Counter()
    lists: dict[str, list[object]] = {}
    for name in client.scan_iter(match="her:*", count=500):
        key = name.decode()
        rule = key_rule(key, older=older)
        kind = _text(client.type(key))
        _check_life(client, key, rule)
        if older and kind == "list" and key.startswith("her:context:"):
            rows = [json.loads(row) for row in client.lrange(key, 0, -1)]
            thread(group=False)(key, rows)
            judged["her:context (list)"] += 1
            continue
        wanted = "string" if rule.kind == "counter" else rule.kind
        require(key, kind, holds=kind == wanted, rule=f"is a Redis {wanted}")
        if kind == "list":
            lists[key] = _check_list(client, key, rule, older=older)
            judged[family(key)] += len(lists[key])
        else:
            _check_value(client, key, rule, older=older)
            judged[family(key)] += 1
    _check_metrics(client, lists.get("her:metrics:events", []))
    _check_capabilities(client, lists.get("her:runtime:capabilities:history", []))
    if twins:
        _check_twins(lists)
    return judged


def _check_life(client: redis.Redis, key: str, rule: Key) -> None:
    ttl = client.ttl(key)
    if rule.ttl is None:
        require(key, ttl, holds=ttl == -1, rule="never expires")
    else:
        require(key, ttl, holds=0 <= ttl <= rule.ttl, rule=f"expires within {rule.ttl} s")


def _check_list(client: redis.Redis, key: str, rule: Key, *, older: bool) -> list[object]:
    rows = client.lrange(key, 0, -1)
    require(key, len(rows), holds=len(rows) <= (rule.cap or 0), rule=f"holds at most {rule.cap} entries")
    values: list[object] = []
    for row in rows:
        raw = row if isinstance(row, bytes) else row.encode()
        if older and not raw.startswith(b"{"):
            continue
        values.append(check_record(key, raw, older=older))
    if rule.shape is not REFLECTION:
        stamps = [moment(key, value["timestamp"]) for value in values if isinstance(value, dict)]
        for newer, earlier in pairwise(stamps):
            require(
                key, str(newer), holds=newer >= earlier - CLOCK_SLACK, rule=f"is newest first, {earlier} comes after"
            )
    return values


def _check_value(client: redis.Redis, key: str, rule: Key, *, older: bool) -> None:
    if rule.kind == "set":
        for member in client.smembers(key):
            rule.shape(key, member.decode() if isinstance(member, bytes) else member)
    elif rule.kind == "hash":
        stored = client.hgetall(key)
        rule.shape(key, {_text(name): _text(value) for name, value in stored.items()})
    else:
        stored_text = client.get(key)
        raw = stored_text if isinstance(stored_text, bytes) else str(stored_text).encode()
        if rule.kind == "counter":
            require(key, raw, holds=re.fullmatch(rb"\d+", raw) is not None, rule="is a plain integer")
        else:
            value = check_record(key, raw, older=older)
            if key.startswith("her:workflow:execution:") and isinstance(value, dict):
                own = key.endswith(str(value["execution_id"]))
                require(key, value["execution_id"], holds=own, rule="is stored under its own id")


def _check_metrics(client: redis.Redis, events: list[object]) -> None:
    if not events:
        return
    messages, tokens = int(client.get("her:metrics:messages") or 0), int(client.get("her:metrics:tokens") or 0)
    seen = min(messages, 50)
    require(
        "her:metrics:events", len(events), holds=len(events) == seen, rule=f"holds {seen} of {messages} interactions"
    )
    visible = [event for event in events if isinstance(event, dict)]
    spent = sum(event["token_estimate"] for event in visible)
    exact = tokens == spent if messages <= 50 else tokens >= spent
    require("her:metrics:tokens", tokens, holds=exact, rule=f"sums the estimates, {spent} of them visible")
    last = json.loads(client.get("her:metrics:last_response") or b"null")
    require("her:metrics:last_response", last, holds=last == events[0], rule="equals element 0 of the events")
    users = {_text(member) for member in client.smembers("her:metrics:users")}
    missing = {event["user_id"] for event in visible} - users
    require("her:metrics:users", missing, holds=not missing, rule="knows everybody in the events")


def _check_capabilities(client: redis.Redis, history: list[object]) -> None:
    document = json.loads(client.get("her:runtime:capabilities") or b"null")
    newest = history[0] if history else None
    same = document == newest
    require("her:runtime:capabilities", document, holds=same, rule="equals element 0 of its history")


def _check_twins(lists: dict[str, list[object]]) -> None:
    """Each execution and job run young enough for the decision window has exactly one copy there, and the reverse."""
    decisions = [entry for entry in lists.get("her:decision:logs", []) if isinstance(entry, dict)]
    horizon = _oldest(decisions) if len(decisions) >= 500 else None
    for key, event_type in TWINS.items():
        own = [entry for entry in lists.get(key, []) if isinstance(entry, dict)]
        copies = [entry["details"] for entry in decisions if entry["event_type"] == event_type]
        copies = [copy for copy in copies if "timestamp" in copy]
        for entry in own:
            if horizon is None or moment(key, entry["timestamp"]) > horizon:
                require(key, entry, holds=copies.count(entry) == 1, rule="has one copy among the decisions")
        floor = _oldest(own) if len(own) >= 100 else None
        for copy in copies:
            if floor is None or moment(key, copy["timestamp"]) >= floor:
                require(f"{key} copy", copy, holds=own.count(copy) == 1, rule="has its entry in the list")


def _oldest(entries: list[dict[str, object]]) -> datetime | None:
    return min((moment("timestamp", entry["timestamp"]) for entry in entries), default=None)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
