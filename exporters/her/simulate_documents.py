"""Writers of HER's documents: capabilities, scheduler state, and the short-term memory threads."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from exporters.her import simulate_wire as wire
from exporters.her.simulate_entries import EntryWriter
from exporters.her.simulate_marks import mark
from exporters.her.simulate_process import NONE, Overrides, changed
from exporters.her.simulate_schedule import upcoming
from exporters.her.simulate_wire import Record, iso

STATE_INTERVAL: Final = timedelta(seconds=10)
AUTONOMY_CACHE: Final = timedelta(seconds=60)


def probes(*, internet: bool = True, sandbox: bool = True) -> Record:
    """The two capabilities as a start-up finds them."""
    return {
        "internet": {
            "available": internet,
            "reason": "outbound TCP to example.com:443 " + ("works" if internet else "timed out"),
        },
        "sandbox": {
            "available": sandbox,
            "reason": "container 'her-sandbox' is running" if sandbox else "container 'her-sandbox' not found",
        },
    }


def servers(**broken: tuple[str, str]) -> Record:
    """MCP servers: two running, one disabled, and `broken` ones as name=(status, message)."""
    healthy = {
        "fetch": ("running", "3 tools loaded"),
        "filesystem": ("running", "11 tools loaded"),
        "brave-search": ("disabled", "server disabled in config"),
    }
    return {name: {"status": status, "message": message} for name, (status, message) in (healthy | broken).items()}


class DocumentWriter(EntryWriter):
    """The keys that are overwritten rather than pushed to."""

    _state_at: datetime | None = None
    _autonomy: tuple[datetime, list[Record]] | None = None

    def publish_capabilities(
        self,
        *,
        tool_count: int = 14,
        capabilities: Mapping[str, object] | None = None,
        mcp_servers: Mapping[str, object] | None = None,
        overrides: Overrides = NONE,
    ) -> Record:
        """The start-up snapshot: the document, then the same object into its history."""
        document = changed(
            {
                "timestamp": iso(self.pen.stamp()),
                "tool_count": tool_count,
                "capabilities": mark(self.canaries, "capabilities", probes() if capabilities is None else capabilities),
                "mcp_servers": mark(self.canaries, "mcp", servers() if mcp_servers is None else mcp_servers),
            },
            overrides,
        )
        self.pen.keep(wire.CAPABILITIES, document)
        self.pen.push(wire.CAPABILITIES_HISTORY, document)
        return document

    def publish_scheduler_state(
        self, *, running: bool = True, throttled: bool = True, overrides: Overrides = NONE
    ) -> Record | None:
        """The scheduler's state; None when dropped because the last one is less than 10 s old."""
        now = self.pen.now()
        if throttled and self._state_at is not None and timedelta(0) <= now - self._state_at < STATE_INTERVAL:
            return None
        at = self.pen.stamp()
        self._state_at = at
        document = changed(
            {
                "timestamp": iso(at),
                "task_count": len(self.tasks),
                "system_tz": "UTC",
                "default_user_tz": "Europe/Rome",
                "upcoming": upcoming(self.tasks, self.minute, at, running=running),
                "autonomy": self._autonomy_rows(at),
            },
            overrides,
        )
        self.pen.keep(wire.SCHEDULER_STATE, document)
        return document

    def forget(self) -> None:
        """What a new process does not know: threads it has not read yet, and who is active: the list starts empty."""
        self._threads.clear()
        self._implicit.clear()
        self._autonomy = (self.pen.now(), [])

    def _autonomy_rows(self, at: datetime) -> list[Record]:
        if self._autonomy is not None and timedelta(0) <= at - self._autonomy[0] < AUTONOMY_CACHE:
            return self._autonomy[1]
        rows: list[Record] = [
            {
                "user_id": who.user_id,
                "engagement_score": round(who.engagement, 3),
                "initiative_level": round(who.initiative, 3),
                "messages_sent_today": who.messages_sent_today,
                "last_proactive_at": who.last_proactive_at,
                "current_mood": who.mood,
                "mood_intensity": round(who.mood_intensity, 3),
                "daily_target": 1 + int(who.engagement > 0.6),
            }
            for who in self.world.people
            if who.active
        ]
        self._autonomy = (at, rows[:30])
        return rows[:30]

    def append_context(
        self, thread: str | int, role: str, message: str, *, group: bool = False, overrides: Overrides = NONE
    ) -> Record:
        """One message into a thread: the whole array is written again. `thread` is a user id, or a group's chat id."""
        key = f"{wire.GROUP_CONTEXT_PREFIX if group else wire.CONTEXT_PREFIX}{thread}"
        entry = changed({"role": role, "message": self.canaries.tail("context.message", message)}, overrides)
        if key not in self._threads:
            self._threads[key] = self._remembered(key)
        cap = wire.GROUP_CONTEXT_CAP if group else wire.USER_CONTEXT_CAP
        # The process keeps the array: a thread that expired in Redis comes back whole with its next message.
        self._threads[key] = [*self._threads[key], entry][-cap:]
        self.pen.keep_for_a_day(key, self._threads[key])
        return entry

    def _remembered(self, key: str) -> list[Record]:
        if self.pen.client.type(key) not in (b"string", "string"):
            return []
        stored = self.pen.client.get(key)
        return wire.decode_thread(stored) if stored is not None else []
