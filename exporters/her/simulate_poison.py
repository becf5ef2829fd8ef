"""Malformed entries that no build writes but a reader must survive: cut, mistyped, huge, undecodable."""

from collections.abc import Mapping
from typing import Final

from exporters.her import simulate_wire as wire
from exporters.her.simulate_older import Planted
from exporters.her.simulate_wire import encode, iso
from exporters.her.simulate_writers import Writers

HUGE_BYTES: Final = 5 * 1024 * 1024
DEPTH: Final = 50_000
"""Deeper than any version of Python reads: from 3.12 on a few thousand levels are no trouble."""

# A whole record per list, and the change of type that ruins each.
WRONG_TYPES: Final[Mapping[str, tuple[tuple[str, object], ...]]] = {
    wire.EVENTS: (
        ("token_estimate", "twelve"),
        ("token_estimate", -3),
        ("user_id", 5551001),
        ("timestamp", 1771750000),
    ),
    wire.LOGS: (("level", 30), ("message", None), ("timestamp", None)),
    wire.SANDBOX: (("success", "yes"), ("execution_time", "fast"), ("exit_code", "0"), ("output", ["a"])),
    wire.JOBS: (("success", 1), ("execution_time", None), ("type", {"kind": "custom"})),
    wire.DECISIONS: (("details", "none"), ("event_type", 7), ("source", None), ("timestamp", True)),
    wire.REINFORCEMENT: (("score", "high"), ("label", None), ("reasoning", "concise_response"), ("concise", 1)),
    wire.CAPABILITIES_HISTORY: (("mcp_servers", []), ("capabilities", "all"), ("tool_count", "14")),
    wire.WORKFLOW: (("details", []), ("execution_id", 12), ("status", None)),
    wire.REFLECTION_PREFIX: (("date", None), ("engagement_trend", 5), ("initiative_adjustment", "much")),
}


def poison(her: Writers, *, huge: bool = True) -> list[Planted]:
    """Plant every malformation into every capped list. `huge` adds one sandbox execution with 5 MB of output, which is
    whole and must be counted, and its decision copy. Returns what was planted, oldest first.
    """
    planted: list[Planted] = []
    for kind, changes in WRONG_TYPES.items():
        whole = _whole(her, kind)
        key = kind + her.world.people[0].user_id if kind == wire.REFLECTION_PREFIX else kind
        planted += [_plant(her, key, raw, why) for raw, why in _broken_texts(whole)]
        planted += [
            _plant(her, key, encode(whole | {name: value}).encode(), f"{name} is {value!r}") for name, value in changes
        ]
        if "timestamp" in whole:
            planted += [_plant(her, key, raw, why) for raw, why in _bad_times(whole)]
    if huge:
        record = her.sandbox_execution("cat big.log", output="x" * HUGE_BYTES, error="", exit_code=0)
        planted.append(Planted(wire.SANDBOX, encode(record).encode(), "whole, with 5 MB of output"))
    return planted


def wrong_type(her: Writers, key: str) -> None:
    """Replace a key by one of another Redis type, as a careless operator might: lists by strings, the rest by lists."""
    client = her.pen.client
    was_list = client.type(key) in (b"list", "list")
    client.delete(key)
    if was_list or key in wire.CAPS:
        client.set(key, "not what you expect")
    else:
        client.rpush(key, "not what you expect")


def _plant(her: Writers, key: str, raw: bytes, why: str) -> Planted:
    her.pen.push_raw(key, raw)
    return Planted(key, raw, why)


def _broken_texts(whole: wire.Record) -> list[tuple[bytes, str]]:
    text = encode(whole).encode()
    no_number = encode(whole | {"token_estimate": float("nan"), "execution_time": float("inf")}).encode()
    return [
        (text[: len(text) // 2], "truncated"),
        (b"", "empty"),
        (b"[1,2,3]", "not an object: array"),
        (b'"text"', "not an object: string"),
        (b"null", "not an object: null"),
        (b"{}", "no fields at all"),
        (no_number, "NaN and Infinity"),
        (text[:-1] + b',"extra":"\xff\xfe\x80"}', "invalid UTF-8"),
        (text[:-1] + b',"extra":' + b"[" * DEPTH + b"]" * DEPTH + b"}", "nested fifty thousand deep"),
        (text[:-1] + b',"extra":1' + b"0" * 5000 + b"}", "integer of five thousand digits"),
        (text + text, "two objects in one row"),
    ]


def _bad_times(whole: wire.Record) -> list[tuple[bytes, str]]:
    missing = {field: value for field, value in whole.items() if field != "timestamp"}
    return [
        (encode(missing).encode(), "timestamp is missing"),
        (encode(whole | {"timestamp": "yesterday at nine"}).encode(), "timestamp is no time"),
        (encode(whole | {"timestamp": "2026-02-22T09:15:02.118734"}).encode(), "timestamp has no zone"),
        (encode(whole | {"timestamp": "9999-12-31T23:59:59.999999+00:00"}).encode(), "timestamp is the last of all"),
    ]


def _whole(her: Writers, key: str) -> wire.Record:
    """A well-formed record of `key`, not written, without anything that would make it a duplicate."""
    at = iso(her.pen.stamp())
    user = her.world.people[0].user_id
    samples: dict[str, wire.Record] = {
        wire.EVENTS: {"user_id": user, "user_message": "hi", "response_message": "hello", "token_estimate": 2},
        wire.LOGS: {"level": "ERROR", "name": "her-main", "message": "poisoned"},
        wire.SANDBOX: {
            "command": "true",
            "success": True,
            "output": "",
            "error": "",
            "exit_code": 0,
            "execution_time": 0.1,
            "user": "sandbox",
            "workdir": "/workspace",
        },
        wire.JOBS: {
            "name": "memory_reflection",
            "type": "memory_reflection",
            "success": True,
            "result": "memory_reflection_completed",
            "error": "",
            "execution_time": 0.1,
            "next_run": "",
        },
        wire.DECISIONS: {
            "event_type": "performance_timing",
            "summary": "llm 1.0ms",
            "user_id": user,
            "source": "telegram",
            "details": {"stage": "llm", "duration_ms": 1.0, "used_fallback": False},
        },
        wire.REINFORCEMENT: {
            "user_id": user,
            "score": 0.0,
            "label": "neutral",
            "task_succeeded": True,
            "reasoning": [],
            "user_message_preview": "hi",
            "assistant_message_preview": "hello",
            "concise": True,
            "helpful": True,
            "emotionally_aligned": True,
        },
        wire.CAPABILITIES_HISTORY: {"tool_count": 1, "capabilities": {}, "mcp_servers": {}},
        wire.WORKFLOW: {
            "event_type": "llm_completed",
            "execution_id": "0" * 32,
            "node_id": "llm",
            "status": "success",
            "details": {"used_fallback": False, "duration_ms": 1.0},
        },
    }
    if key == wire.REFLECTION_PREFIX:
        return {
            "date": "2026-02-22",
            "engagement_trend": "stable",
            "initiative_adjustment": 0.0,
            "notes": "",
            "confidence": "medium",
        }
    return {"timestamp": at, **samples[key]}
