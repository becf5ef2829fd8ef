"""LogLine -> effects. Stream `logs`."""

from __future__ import annotations

from exporters.core.contract import Effects
from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics
from exporters.her.events_logs import LogLine
from exporters.her.names import UNNAMED, member


def fold_log_line(state: None, event: LogLine, *, pseudonyms: Pseudonyms) -> tuple[None, Effects]:
    """Count the line, what it says about MCP, and a point; its text only where it was kept."""
    effects = Effects()
    logger = member(event.logger) if event.logger else UNNAMED
    effects.count(metrics.LOG_LINES, event.level, logger)
    if event.about_mcp:
        effects.count(metrics.MCP_LOG_LINES, event.level)
    if event.mcp_failure is not None:
        effects.count(metrics.MCP_FAILURES, member(event.mcp_failure.server), event.mcp_failure.kind)
    tags = {"level": event.level, "logger": logger}
    effects.point(metrics.LOG_POINT, event.at, {"characters": event.characters}, **tags)
    if event.text:
        line = pseudonyms.disguise(event.text)
        effects.point(metrics.LOG_TEXT, event.at, {"line_text": line}, **tags)
    return state, effects
