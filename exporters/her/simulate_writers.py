"""All of HER's writers in one class; here the last of them, the workflow events with their stored executions."""

import uuid
from collections.abc import Mapping

from exporters.her import simulate_wire as wire
from exporters.her.simulate_documents import DocumentWriter
from exporters.her.simulate_marks import mark
from exporters.her.simulate_process import NONE, Overrides, changed
from exporters.her.simulate_wire import Record, iso
from exporters.her.simulate_workflow import Execution, cut_details

LISTED_EXECUTIONS = 80


class Writers(DocumentWriter):
    """One method per fact HER leaves in Redis. Each returns what it wrote; overrides replace fields verbatim."""

    def open_execution(self, user_id: str, message: str) -> Execution:
        """A new execution; nothing is written before its first event."""
        at = self.pen.stamp()
        # The start is mixed in: a simulator restarted with the same seed must not reuse ids.
        number = self.rng.getrandbits(128) ^ int(at.timestamp() * 1_000_000)
        execution_id = uuid.UUID(int=number, version=4).hex
        return Execution(execution_id, user_id, self.canaries.tail("workflow.message", message), at)

    def workflow_event(
        self,
        event_type: str,
        node_id: str,
        status: str = "success",
        details: Mapping[str, object] | None = None,
        *,
        execution: Execution | None = None,
        overrides: Overrides = NONE,
    ) -> Record:
        """One workflow event, and the execution's snapshot when due. Without an execution HER opens a nameless one."""
        flow = execution or self._nameless(str(overrides.get("execution_id", "")))
        at = self.pen.stamp()
        event = changed(
            {
                "timestamp": iso(at),
                "event_type": event_type,
                "execution_id": flow.execution_id,
                "node_id": node_id,
                "status": status,
                "details": cut_details(mark(self.canaries, "workflow", details or {})),
            },
            overrides,
        )
        flow.apply(event, at)
        self.pen.push(wire.WORKFLOW, event)
        if flow.persist_now(event_type, at):
            self.pen.keep_for_a_day(wire.EXECUTION_PREFIX + flow.execution_id, flow.snapshot())
        if self.told is not None:
            self.told(flow, event)
        return event

    def _nameless(self, execution_id: str) -> Execution:
        if execution_id not in self._implicit:
            fresh = self.open_execution("unknown", "")
            fresh.execution_id = execution_id or fresh.execution_id
            self._implicit = dict([*self._implicit.items(), (fresh.execution_id, fresh)][-LISTED_EXECUTIONS:])
            return fresh
        return self._implicit[execution_id]
