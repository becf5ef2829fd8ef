"""One workflow execution as HER keeps it in memory: node states, events, and the snapshot it stores under its id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from exporters.her.simulate_wire import Record, iso

NODES: Final = ("input", "intent_classifier", "memory_lookup", "tool_selector", "tool_executor", "llm", "response")
PERSIST_ALWAYS: Final = frozenset({"tool_completed", "llm_completed", "response_sent", "error"})
PERSIST_INTERVAL: Final = timedelta(seconds=2)
MAX_EVENTS: Final = 800
DETAIL_CHARS: Final = 500
PROMPTS: Final = 4
PROMPT_CHARS: Final = 900
OUTPUT_TAIL_CHARS: Final = 1800


def cut_details(details: Mapping[str, object]) -> Record:
    """HER's cuts: top-level strings at 500 characters + `...`, prompts to 4 of 900, tool output to its last 1800."""
    cut: Record = {}
    for name, value in details.items():
        if name in {"tool_output", "tool_error"} and isinstance(value, str):
            cut[name] = value[-OUTPUT_TAIL_CHARS:]
        elif name == "raw_messages" and isinstance(value, list):
            cut[name] = [str(prompt)[:PROMPT_CHARS] for prompt in value[:PROMPTS]]
        elif isinstance(value, str) and len(value) > DETAIL_CHARS:
            cut[name] = value[:DETAIL_CHARS] + "..."
        else:
            cut[name] = value
    return cut


@dataclass(slots=True)
class Node:
    """State of one node. `duration_ms` runs from the first start to the last end, whatever happened between."""

    status: str = "idle"
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def apply(self, status: str, at: datetime) -> None:
        self.status = status
        if status == "running":
            self.started_at = self.started_at or at
        else:
            self.started_at = self.started_at or at
            self.ended_at = at

    def document(self, node_id: str) -> Record:
        spent = (self.ended_at - self.started_at) if self.started_at and self.ended_at else timedelta(0)
        return {
            "node_id": node_id,
            "status": self.status,
            "started_at": iso(self.started_at) if self.started_at else None,
            "ended_at": iso(self.ended_at) if self.ended_at else None,
            "duration_ms": round(spent.total_seconds() * 1000, 2),
            "stdout": [],
        }


@dataclass(slots=True)
class Execution:
    """One request on its way through HER. `user_id` is `unknown` when an event named an id nobody had opened."""

    execution_id: str
    user_id: str
    message: str
    started_at: datetime
    nodes: dict[str, Node] = field(default_factory=lambda: {node: Node() for node in NODES})
    events: list[Record] = field(default_factory=list)
    last_error: str = ""
    persisted_at: datetime | None = None

    def apply(self, event: Record, at: datetime) -> None:
        """Take in one event that happened at `at`."""
        node = self.nodes.get(str(event["node_id"]))
        if node is not None:
            node.apply(str(event["status"]), at)
        details = event["details"]
        if event["event_type"] == "error" and isinstance(details, dict):
            self.last_error = str(details.get("error", ""))
        self.events = [*self.events, event][-MAX_EVENTS:]

    def persist_now(self, event_type: str, at: datetime) -> bool:
        """Whether this event rewrites the stored snapshot: ends always do, others at most every two seconds."""
        due = self.persisted_at is None or at - self.persisted_at >= PERSIST_INTERVAL
        if event_type in PERSIST_ALWAYS or due:
            self.persisted_at = at
            return True
        return False

    def snapshot(self) -> Record:
        """The stored object; `total_latency_ms` is the latest node end minus the start, 0.0 before anything ended."""
        ends = [node.ended_at for node in self.nodes.values() if node.ended_at is not None]
        spent = (max(ends) - self.started_at) if ends else timedelta(0)
        return {
            "execution_id": self.execution_id,
            "user_id": self.user_id,
            "message": self.message,
            "started_at": iso(self.started_at),
            "total_latency_ms": round(spent.total_seconds() * 1000, 2),
            "nodes": {name: node.document(name) for name, node in self.nodes.items()},
            "last_error": self.last_error,
            "events": self.events,
        }
