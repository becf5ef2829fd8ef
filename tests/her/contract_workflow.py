"""Workflow events and executions as the contract's sections 3.3 and 3.4 give them; imports nothing of the product."""

from __future__ import annotations

from datetime import timedelta

from tests.her.contract_shapes import (
    ContractError,
    Shape,
    anything,
    array,
    boolean,
    either,
    fields,
    integer,
    moment,
    null,
    number,
    one_of,
    real,
    require,
    stamp,
    text,
    true,
)

NODES = ("input", "intent_classifier", "memory_lookup", "tool_selector", "tool_executor", "llm", "response")
STATUSES = ("running", "success", "error")
HEX_32 = text(pattern=r"[0-9a-f]{32}")

PLANNER = fields({"tool_required": boolean, "action": text(), "assumptions": array(text()), "risk": text()})
SKEPTIC = fields(
    {
        "approved": boolean,
        "tool_needed": boolean,
        "assumption_safe": boolean,
        "hallucination_risk": text(),
        "notes": text(),
    }
)
VERIFIER = fields({"verified": boolean, "confidence": number(), "notes": text()})
VERDICT = one_of("approved", "rejected")

STEP = {"step_number": integer(0)}
# event_type -> (node, statuses, details) for every node that may emit it.
EVENTS: dict[str, list[tuple[str, tuple[str, ...], Shape]]] = {
    "message_received": [("input", ("success",), fields({"message": text()}, {"source": one_of("api")}))],
    "tool_execution_started": [
        ("memory_lookup", ("running",), fields({"phase": one_of("initial_context", "semantic_search")})),
    ],
    "tool_completed": [
        (
            "memory_lookup",
            ("success",),
            either(
                fields({"phase": one_of("initial_context"), "duration_ms": real(0), "context_size": integer(0)}),
                fields({"phase": one_of("semantic_search"), "duration_ms": real(0), "search_results": integer(0)}),
            ),
        )
    ],
    "intent_detected": [
        (
            "intent_classifier",
            ("success",),
            fields(
                {
                    "mode": one_of("CHAT_MODE", "ACTION_MODE"),
                    "action_confidence": one_of(0.0, 0.1, 0.95, 1.0),
                    "has_schedule_word": boolean,
                }
            ),
        )
    ],
    "tool_selected": [
        ("tool_selector", ("success",), fields({"selected": one_of("llm_chat", "execute_agent", "scheduler")})),
    ],
    "debate": [
        (
            "tool_selector",
            ("success",),
            fields({"event": text(), "planner": PLANNER, "skeptic": SKEPTIC, "decision": VERDICT}),
        ),
        ("tool_executor", ("success", "error"), fields({"event": text(), "verifier": VERIFIER, "decision": VERDICT})),
    ],
    "step_start": [
        ("tool_selector", ("running",), fields({**STEP, "action": one_of("plan")})),
        (
            "tool_executor",
            ("running",),
            fields({**STEP, "action": one_of("command", "write", "analysis"), "event": text()}),
        ),
    ],
    "step_complete": [
        (
            "tool_selector",
            ("success",),
            fields({**STEP, "action": one_of("plan"), "output_preview": text(most=180), "verified": boolean}),
        ),
        (
            "tool_executor",
            ("success",),
            fields(
                {
                    **STEP,
                    "action": one_of("command", "write", "synthesize"),
                    "output_preview": text(most=180),
                    "verified": boolean,
                    "event": text(),
                    "execution_ms": real(0),
                }
            ),
        ),
    ],
    "llm_started": [
        (
            "llm",
            ("running",),
            fields(
                {
                    "provider": one_of("ollama", "openai", "groq", "openrouter"),
                    "raw_messages": array(text(most=900), most=4),
                }
            ),
        )
    ],
    "llm_stream_token": [("llm", ("running",), fields({"token": text()}))],
    "llm_completed": [("llm", ("success", "error"), fields({"used_fallback": boolean, "duration_ms": real(0)}))],
    "error": [("response", ("error",), fields({"error": text(nonempty=True)}))],
    "response_sent": [
        (
            "response",
            ("success", "error"),
            fields(
                {"response_preview": text(most=500), "total_latency_ms": real(0)},
                {"debug": boolean, "direct_runtime_handler": true},
            ),
        )
    ],
}
# Builds of 17 to 21 February streamed the sandbox.
OLDER_EVENTS: dict[str, tuple[tuple[str, ...], Shape]] = {
    "tool_execution_started": (("running",), fields({"command": text()})),
    "tool_stdout": (("running",), fields({"line": text(), "stream": one_of("stdout", "stderr")})),
    "tool_completed": (
        ("success", "error"),
        fields(
            {
                "command": text(),
                "exit_code": integer(-1, 255),
                "duration_ms": real(0),
                "tool_output": text(most=1800),
                "tool_error": text(most=1800),
            }
        ),
    ),
}

_EVENT = fields(
    {
        "timestamp": stamp,
        "event_type": text(nonempty=True),
        "execution_id": HEX_32,
        "node_id": one_of(*NODES),
        "status": one_of(*STATUSES),
        "details": anything,
    }
)


def workflow_event(path: str, value: object, *, older: bool = False) -> None:
    _EVENT(path, value)
    if not isinstance(value, dict):
        return
    kind, node = value["event_type"], value["node_id"]
    if older and node == "tool_executor" and kind in OLDER_EVENTS:
        known = [(node, *OLDER_EVENTS[kind])]
    else:
        known = [row for row in EVENTS.get(kind, []) if row[0] == node]
    require(path, (kind, node), holds=bool(known), rule="is an event of this node")
    _, statuses, details = known[0]
    one_of(*statuses)(f"{path}.status", value["status"])
    details(f"{path}.details", value["details"])
    for name, inner in value["details"].items():
        if isinstance(inner, str) and name not in {"tool_output", "tool_error"}:
            uncut = len(inner) <= 500 or (len(inner) == 503 and inner.endswith("..."))
            require(f"{path}.details.{name}", len(inner), holds=uncut, rule="is cut at 500 characters + ...")


NODE = fields(
    {
        "node_id": one_of(*NODES),
        "status": one_of("idle", *STATUSES),
        "started_at": either(null, stamp),
        "ended_at": either(null, stamp),
        "duration_ms": real(0),
        "stdout": array(text(), most=200),
    }
)


def execution(path: str, value: object, *, older: bool = False) -> None:
    """The stored snapshot, with its latencies recomputed from its own times."""

    def inner_event(where: str, event: object) -> None:
        workflow_event(where, event, older=older)

    fields(
        {
            "execution_id": HEX_32,
            "user_id": text(nonempty=True),
            "message": text(),
            "started_at": stamp,
            "total_latency_ms": real(0),
            "nodes": fields(dict.fromkeys(NODES, NODE)),
            "last_error": text(),
            "events": array(inner_event, most=800),
        }
    )(path, value)
    if not isinstance(value, dict):
        return
    own = [event for event in value["events"] if event["execution_id"] == value["execution_id"]]
    require(path, len(own), holds=len(own) == len(value["events"]), rule="holds its own events only")
    times = [moment(path, event["timestamp"]) for event in value["events"]]
    require(path, "events", holds=times == sorted(times), rule="events are oldest first")
    _latencies(path, value)


def _latencies(path: str, value: dict[str, object]) -> None:
    nodes, ends = value["nodes"], []
    if not isinstance(nodes, dict):
        raise ContractError(path, "must have an object of nodes", nodes)
    for name, node in nodes.items():
        require(f"{path}.nodes.{name}", node["node_id"], holds=node["node_id"] == name, rule="names itself")
        spent = timedelta(0)
        if node["ended_at"] is not None:
            ends.append(moment(path, node["ended_at"]))
            spent = ends[-1] - moment(path, node["started_at"])
        _is_close(f"{path}.nodes.{name}.duration_ms", node["duration_ms"], spent)
    total = max(ends) - moment(path, value["started_at"]) if ends else timedelta(0)
    _is_close(f"{path}.total_latency_ms", value["total_latency_ms"], total)


def _is_close(path: str, claimed: object, spent: timedelta) -> None:
    """Milliseconds with two decimals."""
    wanted = spent.total_seconds() * 1000
    close = isinstance(claimed, float) and abs(claimed - wanted) < 0.011
    require(path, claimed, holds=close, rule=f"is {wanted:.2f} ms by its own times")
