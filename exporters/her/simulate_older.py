"""What older builds of HER left behind in a persistent Redis, and the oddities a reader meets beside them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from exporters.her import simulate_wire as wire
from exporters.her.simulate_marks import mark
from exporters.her.simulate_process import ABSENT
from exporters.her.simulate_wire import Record, encode, iso
from exporters.her.simulate_writers import Writers

OLD_FRIEND: Final = "5551900"


class Planted(NamedTuple):
    """One value that was put into `key`: its bytes, and what is special about it."""

    key: str
    raw: bytes
    why: str


def older_shapes(her: Writers) -> list[Planted]:
    """Everything HER has ever been seen to write that the present build would not, newest build's document last.

    Every planted list entry is well-formed enough to be read, except those whose `why` starts with `not an object`.
    """
    return [*_records(her), *_decisions(her), *_workflow(her), *_documents(her), *_lingering_keys(her)]


def _pushed(key: str, record: Mapping[str, object], why: str) -> Planted:
    return Planted(key, encode(record).encode(), why)


def _records(her: Writers) -> list[Planted]:
    planted = [
        _pushed(
            wire.LOGS,
            her.log("ERROR", "", "write failed", {"name": ABSENT, "component": "api", "attempt": 2}),
            "log without name, with extra fields",
        ),
        _pushed(
            wire.SANDBOX,
            her.sandbox_execution("true", output="", error="", exit_code=0, execution_time=0),
            "execution_time is the integer 0",
        ),
        _pushed(
            wire.SANDBOX,
            her.sandbox_execution("head -c 4 /dev/zero", output="\x00\x00\x00\x00", error="", exit_code=0),
            "NUL characters in the output",
        ),
        _pushed(
            wire.LOGS,
            her.log(
                "WARNING",
                "her-main",
                "clock text ends in Z",
                overrides={"timestamp": iso(her.pen.stamp()).replace("+00:00", "Z")},
            ),
            "timestamp ends in Z",
        ),
        _pushed(
            wire.EVENTS,
            her.interaction(
                OLD_FRIEND, "hi", "hello", overrides={"timestamp": iso(her.pen.stamp().replace(microsecond=0))}
            ),
            "timestamp without a fraction",
        ),
    ]
    late = iso(her.pen.stamp() - timedelta(milliseconds=3))
    planted.append(
        _pushed(
            wire.LOGS,
            her.log("WARNING", "her-main", "from another thread", {"timestamp": late}),
            "pushed three milliseconds out of order",
        )
    )
    for row in ("plain text row", '["an","array"]', '"a string"', "17", "null"):
        raw = row.encode()
        her.pen.push_raw(wire.LOGS, raw)
        planted.append(Planted(wire.LOGS, raw, "not an object: " + row))
    return planted


def _decisions(her: Writers) -> list[Planted]:
    task = her.canaries.word("task.name", "nightly_sync")
    old_job: Record = {"task": task, "type": "custom", "success": True, "error": "", "next_run": ""}
    reminder: Record = {
        "event": "reminder_state_change",
        "reminder_id": task,
        "old_status": "PENDING",
        "new_status": "RETRY",
        "retry_count": 1,
        "max_retries": 2,
        "last_error": "transient_error",
        "chat_id": int(her.world.people[0].user_id),
        "next_run": iso(her.pen.now()),
    }
    failed = reminder | {"old_status": "RETRY", "new_status": "FAILED", "last_error": "chat_not_found", "next_run": ""}
    odd_confidence: Record = {"verified": True, "confidence": 95.0, "notes": "given in percent"}
    shapes: list[tuple[str, str, str, Record, str]] = [
        ("scheduler_execution", "scheduler", "", old_job, "older build: `task` instead of `name`"),
        ("scheduler_execution", "scheduler", "", old_job | {"attempts": 2}, "older build: with `attempts`"),
        ("reminder_state_change", "scheduler", "", reminder, "older build: reminder goes to RETRY"),
        ("reminder_state_change", "scheduler", "", failed, "older build: reminder goes to FAILED"),
        ("autonomous_operator_action", "telegram", OLD_FRIEND, {"action": "restart"}, "older build: operator action"),
        ("unified_interpreter_decision", "telegram", OLD_FRIEND, {}, "unreachable at tip, empty details"),
        ("tool_result", "mcp_tools", "", {"tool": "web_search", "result_preview": "2 hits"}, "expected never"),
        ("verifier_result", "telegram", OLD_FRIEND, odd_confidence, "confidence is not clamped"),
        (
            "performance_timing",
            "telegram",
            OLD_FRIEND,
            {"stage": "tool_execution", "duration_ms": 41.5, "command": "ls", "exit_code": 0},
            "older build: tool_execution stage",
        ),
        (
            "performance_timing",
            "runtime",
            OLD_FRIEND,
            {"stage": "llm", "duration_ms": 9.5},
            "the logger's default source",
        ),
    ]
    return [
        _pushed(wire.DECISIONS, her.decision(kind, source, user_id=user, details=details), why)
        for kind, source, user, details, why in shapes
    ]


def _workflow(her: Writers) -> list[Planted]:
    """Streaming of sandbox output, as builds of 17 to 21 February did it."""
    flow = her.open_execution(OLD_FRIEND, "run it")
    ended: Record = {"command": "ls", "exit_code": 0, "duration_ms": 18.2, "tool_output": "a\nb\n", "tool_error": ""}
    steps: list[tuple[str, str, Record]] = [
        ("tool_execution_started", "running", {"command": "ls"}),
        ("tool_stdout", "running", {"line": "a", "stream": "stdout"}),
        ("tool_completed", "success", ended),
    ]
    return [
        _pushed(
            wire.WORKFLOW,
            her.workflow_event(kind, "tool_executor", status, details, execution=flow),
            "older build: sandbox output streamed",
        )
        for kind, status, details in steps
    ] + [
        _pushed(
            wire.WORKFLOW,
            her.workflow_event("message_received", "input", "success", {"message": "nobody opened this"}),
            "execution created implicitly",
        )
    ]


def _documents(her: Writers) -> list[Planted]:
    failed = {"mcp": {"status": "failed", "message": "bootstrap failed"}}
    capabilities = her.publish_capabilities(tool_count=0, capabilities={}, mcp_servers=failed)
    person = her.world.people[0]
    her.reflection(person)
    reflection = her.reflection(person)
    old_task: Record = {
        "name": her.canaries.word("task.name", "old_reminder"),
        "type": "reminder",
        "interval": "daily",
        "at": 930,
        "next_run": iso(her.pen.now()),
        "next_trigger_user_tz": "2026-02-21T09:30:00+01:00",
        "enabled": True,
    }
    state = her.publish_scheduler_state(
        throttled=False,
        overrides={
            "system_tz": ABSENT,
            "default_user_tz": ABSENT,
            "autonomy": ABSENT,
            "task_count": 1,
            "upcoming": [old_task],
        },
    )
    return [
        _pushed(wire.CAPABILITIES_HISTORY, capabilities, "capabilities {} and the pseudo server mcp"),
        _pushed(wire.REFLECTION_PREFIX + person.user_id, reflection, "identical neighbours"),
        _pushed(wire.SCHEDULER_STATE, state or {}, "older build: fewer fields, `at` is a number"),
    ]


def _lingering_keys(her: Writers) -> list[Planted]:
    client, minute = her.pen.client, int(her.pen.now().timestamp()) // 60
    override = encode({"tasks": [mark(her.canaries, "override", {"name": "old_task"})]})
    runtime = encode({"running": False})
    client.sadd("her:telegram:approved_users", OLD_FRIEND)
    her.pen.set_for(f"her:telegram:rate_limit:{OLD_FRIEND}:{minute}", 70, "3")
    client.set("her:scheduler:tasks_override", override)
    client.set("her:scheduler:runtime_state", runtime)
    return [
        Planted("her:telegram:approved_users", OLD_FRIEND.encode(), "set of an old bot module"),
        Planted("her:scheduler:tasks_override", override.encode(), "older build"),
        Planted("her:scheduler:runtime_state", runtime.encode(), "older build"),
        list_shaped_context(her),
    ]


def list_shaped_context(her: Writers) -> Planted:
    """A thread as a Redis list with one message per element, which readers tolerate; written once, for a day."""
    key = wire.CONTEXT_PREFIX + OLD_FRIEND
    rows = [
        encode({"role": role, "message": her.canaries.tail("context.message", text)}).encode()
        for role, text in (("user", "are you there?"), ("assistant", "I am."))
    ]
    client = her.pen.client
    if not client.exists(key):
        client.rpush(key, *rows)
        client.expire(key, wire.DAY_SECONDS)
    return Planted(key, rows[-1], "thread stored as a list")
