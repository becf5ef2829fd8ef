"""Startup -> effects (stream `startups`) and gauges (probe `capabilities`)."""

from __future__ import annotations

from collections import Counter

from exporters.core.contract import Effects, Sample
from exporters.core.label import OTHER
from exporters.core.measurement import FieldValue
from exporters.her import metrics
from exporters.her.events_startups import Startup
from exporters.her.labels import CAPABILITY, MCP_STATUS
from exporters.her.names import member

_BROKEN = ("failed", "unavailable")


def fold_startup(state: None, event: Startup) -> tuple[None, Effects]:
    """Count the start; what it found is a point."""
    effects = Effects()
    effects.count(metrics.STARTUPS)
    states = Counter(event.servers.values())
    fields: dict[str, FieldValue] = {
        "tools": event.tools,
        "mcp_running": states["running"],
        "mcp_total": len(event.servers),
        "mcp_failed": sum(states[state] for state in _BROKEN),
    }
    # A capability that was not probed has no value: a bootstrap that failed is not a missing internet.
    fields |= {name: int(event.capabilities[name]) for name in CAPABILITY.values or () if name in event.capabilities}
    effects.point(metrics.STARTUP_POINT, event.at, fields)
    return state, effects


def capability_samples(snapshot: Startup) -> list[Sample]:
    """The snapshot as gauges: true of HER's last start, and of nothing later."""
    states = Counter(MCP_STATUS.clamp(status) for status in snapshot.servers.values())
    shown = (*(MCP_STATUS.values or ()), *((OTHER,) if states[OTHER] else ()))
    return [
        Sample(metrics.CAPABILITIES_TIME, snapshot.at.timestamp()),
        Sample(metrics.TOOLS, snapshot.tools),
        *(Sample(metrics.CAPABILITY_AVAILABLE, int(up), (name,)) for name, up in snapshot.capabilities.items()),
        *(Sample(metrics.MCP_SERVERS, states[status], (status,)) for status in shown),
        *(Sample(metrics.MCP_SERVER_STATUS, 1, (member(name), s)) for name, s in snapshot.servers.items()),
    ]
