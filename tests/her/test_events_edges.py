"""The edge where bytes become events: what is tolerated, what is refused, and for which reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from exporters.core.errors import Rejected
from exporters.her.events_decisions import parse_decision
from exporters.her.events_executions import parse_execution
from exporters.her.events_interactions import parse_interaction
from exporters.her.events_jobs import parse_job
from exporters.her.events_logs import parse_log_line
from exporters.her.events_reinforcement import parse_reinforcement
from exporters.her.events_scheduler import parse_scheduler_state
from exporters.her.events_startups import parse_startup
from exporters.her.events_workflow import parse_workflow_event
from exporters.her.record import MAX_RECORD_BYTES
from tests.her import sample_records as sample
from tests.her.sample_records import ABSENT, changed

Parser = Callable[[bytes], Any]

PARSERS: dict[str, tuple[Parser, bytes]] = {
    "interaction": (parse_interaction, sample.INTERACTION),
    "log": (parse_log_line, sample.LOG),
    "execution": (parse_execution, sample.EXECUTION),
    "job": (parse_job, sample.JOB),
    "decision": (parse_decision, sample.DECISION),
    "reinforcement": (parse_reinforcement, sample.REINFORCEMENT),
    "workflow": (parse_workflow_event, sample.WORKFLOW),
    "startup": (parse_startup, sample.CAPABILITIES),
    "scheduler_state": (parse_scheduler_state, sample.SCHEDULER_STATE),
}
every_kind = pytest.mark.parametrize(("parse", "record"), PARSERS.values(), ids=PARSERS)


def reason(parse: Parser, raw: bytes) -> str:
    with pytest.raises(Rejected) as refused:
        parse(raw)
    return refused.value.reason


@every_kind
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-22T18:01:02.345678+00:00", (18, 1, 2, 345678)),
        ("2026-02-22T18:01:02+00:00", (18, 1, 2, 0)),
        ("2026-02-22T18:01:02.5+00:00", (18, 1, 2, 500000)),
        ("2026-02-22T18:01:02.345678Z", (18, 1, 2, 345678)),
        ("2026-02-22T18:01:02Z", (18, 1, 2, 0)),
        ("2026-02-22T10:01:02-08:00", (18, 1, 2, 0)),
        ("2026-02-22 18:01:02+0000", (18, 1, 2, 0)),
    ],
)
def test_times(parse: Parser, record: bytes, text: str, expected: tuple[int, int, int, int]) -> None:
    at = parse(changed(record, timestamp=text)).at
    assert at == datetime(2026, 2, 22, *expected, tzinfo=UTC)
    assert at.tzinfo is UTC


@every_kind
@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "yesterday at nine",
        "2026-02-22",
        "2026-02-22T18:01",
        "2026-02-22T18:01:02",
        "2026-02-30T18:01:02+00:00",
        "2026-02-22T25:01:02+00:00",
        "2026-02-22T18:01:02+99:99",
        "2026-W08-7T18:01:02+00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999+00:00",
        "\u0662026-02-22T18:01:02+00:00",
        "2026-02-22T18:01:02+00:00\n",
        1771750000,
        1771750000.5,
        True,
        None,
        ["2026-02-22T18:01:02+00:00"],
    ],
)
def test_no_times(parse: Parser, record: bytes, timestamp: object) -> None:
    assert reason(parse, changed(record, timestamp=timestamp)) == "bad_time"


@every_kind
def test_a_record_without_a_time_is_refused(parse: Parser, record: bytes) -> None:
    assert reason(parse, changed(record, timestamp=ABSENT)) == "missing_field"


@every_kind
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda _: b"", "not_json"),
        (lambda _: b"plain text row", "not_json"),
        (lambda raw: raw[: len(raw) // 2], "not_json"),
        (lambda raw: raw + raw, "not_json"),
        (lambda raw: b"\xef\xbb\xbf" + raw, "not_json"),
        (lambda raw: raw[:-1] + b',"extra":NaN}', "not_json"),
        (lambda raw: raw[:-1] + b',"extra":-Infinity}', "not_json"),
        (lambda raw: raw[:-1] + b',"extra":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not_json"),
        (lambda raw: raw[:-1] + b',"extra":1' + b"0" * 5000 + b"}", "not_json"),
        (lambda raw: raw[:-1] + b',"extra":"\x00"}', "not_json"),
        (lambda raw: raw[:-1] + b',"extra":"\xff\xfe\x80"}', "not_utf8"),
        (lambda raw: raw.decode().encode("utf-16"), "not_utf8"),
        (lambda _: b"[1,2,3]", "not_object"),
        (lambda _: b'"text"', "not_object"),
        (lambda _: b"17", "not_object"),
        (lambda _: b"null", "not_object"),
        (lambda _: b"{}", "missing_field"),
        (lambda _: b" " * (MAX_RECORD_BYTES + 1), "too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_record_is_refused(
    parse: Parser, record: bytes, spoil: Callable[[bytes], bytes], expected: str
) -> None:
    assert reason(parse, spoil(record)) == expected


@every_kind
def test_extra_fields_of_any_kind_are_ignored(parse: Parser, record: bytes) -> None:
    extra = {"new": {"deep": [1, None, {"x": "\ud800\x00"}]}, "": 1, "huge": 1e300, "tiny": 5e-324}
    assert parse(changed(record, **extra)) == parse(record)


WRONG: list[tuple[str, str, object]] = [
    ("interaction", "token_estimate", "twelve"),
    ("interaction", "token_estimate", 12.0),
    ("interaction", "token_estimate", True),
    ("interaction", "token_estimate", None),
    ("interaction", "user_id", 5551001),
    ("interaction", "user_id", "\ud800"),
    ("interaction", "user_message", ["a"]),
    ("interaction", "response_message", None),
    ("log", "level", 30),
    ("log", "level", None),
    ("log", "name", 7),
    ("log", "name", "her\udfff"),
    ("log", "message", None),
    ("log", "message", {"a": 1}),
    ("execution", "success", "yes"),
    ("execution", "success", 1),
    ("execution", "execution_time", "fast"),
    ("execution", "execution_time", True),
    ("execution", "execution_time", None),
    ("execution", "exit_code", "0"),
    ("execution", "exit_code", 0.0),
    ("execution", "exit_code", False),
    ("execution", "output", ["a"]),
    ("execution", "error", None),
    ("execution", "command", 3),
    ("job", "success", 1),
    ("job", "execution_time", None),
    ("job", "type", {"kind": "custom"}),
    ("job", "name", 5),
    ("job", "result", 5),
    ("job", "error", ["x"]),
    ("decision", "details", "none"),
    ("decision", "details", None),
    ("decision", "details", []),
    ("decision", "event_type", 7),
    ("decision", "source", None),
    ("decision", "user_id", 5551001),
    ("reinforcement", "score", "high"),
    ("reinforcement", "score", True),
    ("reinforcement", "label", None),
    ("reinforcement", "reasoning", "concise_response"),
    ("reinforcement", "reasoning", [1]),
    ("reinforcement", "concise", 1),
    ("reinforcement", "task_succeeded", "true"),
    ("workflow", "details", []),
    ("workflow", "execution_id", 12),
    ("workflow", "status", None),
    ("workflow", "node_id", 1),
    ("workflow", "event_type", []),
    ("startup", "mcp_servers", []),
    ("startup", "mcp_servers", {"pdf": "running"}),
    ("startup", "mcp_servers", {"pdf": {"status": 1}}),
    ("startup", "capabilities", "all"),
    ("startup", "capabilities", {"internet": {"available": 1}}),
    ("startup", "tool_count", "14"),
    ("scheduler_state", "task_count", "5"),
    ("scheduler_state", "upcoming", {}),
    ("scheduler_state", "upcoming", ["a"]),
    ("scheduler_state", "autonomy", [None]),
]


@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_wrong_types_are_refused(kind: str, name: str, value: object) -> None:
    parse, record = PARSERS[kind]
    assert reason(parse, changed(record, **{name: value})) == "wrong_type"


ABSURD: list[tuple[str, str, object]] = [
    ("interaction", "token_estimate", -3),
    ("interaction", "token_estimate", 2**63),
    ("interaction", "token_estimate", 10**300),
    ("execution", "execution_time", -0.1),
    ("execution", "execution_time", 1e300),
    ("execution", "execution_time", 10**400),
    ("execution", "exit_code", 2**31),
    ("job", "execution_time", -1),
    ("reinforcement", "score", 1.5),
    ("reinforcement", "score", -(10**18)),
    ("startup", "tool_count", -1),
    ("scheduler_state", "task_count", 2**63),
]


@pytest.mark.parametrize(("kind", "name", "value"), ABSURD)
def test_absurd_numbers_are_refused(kind: str, name: str, value: object) -> None:
    parse, record = PARSERS[kind]
    assert reason(parse, changed(record, **{name: value})) == "unknown_value"


@pytest.mark.parametrize("exponent", [b"1e400", b"-1e400"])
def test_a_number_beyond_floats_is_refused(exponent: bytes) -> None:
    raw = sample.EXECUTION.replace(b"0.41", exponent)
    assert reason(parse_execution, raw) == "unknown_value"


NEEDED = {
    "interaction": ("user_id", "user_message", "response_message", "token_estimate"),
    "log": ("message",),
    "execution": ("command", "success", "exit_code", "execution_time"),
    "job": ("name", "type", "success"),
    "decision": ("event_type",),
    "reinforcement": ("user_id", "score", "label", "task_succeeded", "concise", "helpful", "emotionally_aligned"),
    "workflow": ("event_type", "execution_id", "node_id", "status"),
    "startup": ("tool_count",),
    "scheduler_state": ("task_count",),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NEEDED.items() for name in names])
def test_what_every_build_writes_is_needed(kind: str, name: str) -> None:
    parse, record = PARSERS[kind]
    assert reason(parse, changed(record, **{name: ABSENT})) == "missing_field"


@pytest.mark.parametrize("kind", PARSERS)
def test_what_is_not_needed_may_be_missing(kind: str) -> None:
    parse, record = PARSERS[kind]
    kept = {"timestamp", *NEEDED[kind]}
    parse(json.dumps({name: value for name, value in json.loads(record).items() if name in kept}).encode())


def test_texts_may_hold_nuls_and_halves_of_characters() -> None:
    odd = "a\x00b\ud83d\udc4d\ud800"
    assert parse_interaction(changed(sample.INTERACTION, user_message=odd)).message_characters == len(odd) - 1
    assert parse_log_line(changed(sample.LOG, message=odd)).characters == len(odd) - 1


def test_a_long_name_is_cut_and_a_user_id_of_api_users_is_any_text() -> None:
    assert len(parse_log_line(changed(sample.LOG, name="n" * 5000)).logger) == 200
    assert parse_interaction(changed(sample.INTERACTION, user_id="ørjan")).user_id == "ørjan"


@pytest.mark.parametrize(
    "raw",
    [
        changed(sample.CAPABILITIES, mcp_servers={"CANARY": {"status": 5}}),
        changed(sample.CAPABILITIES, mcp_servers={"CANARY": 5}),
        changed(sample.CAPABILITIES, capabilities={"CANARY": {"available": "CANARY"}}),
    ],
)
def test_a_refusal_names_the_field_but_nothing_that_came_from_the_record(raw: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        parse_startup(raw)
    assert "CANARY" not in str(refused.value)
    assert "*" in refused.value.detail
