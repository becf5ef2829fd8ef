"""`her:logs` -> LogLine.

{"timestamp":"2026-02-22T09:15:02.000412+00:00","level":"WARNING","name":"her_mcp.manager",
 "message":"Skipping MCP server 'pdf': missing command 'npx'"}
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from exporters.her import texts
from exporters.her.record import load

_ABOUT_MCP = re.compile("mcp|jsonrpc", re.IGNORECASE)
_SERVER = "'(?P<server>[^'\n]{1,200})'"
# The forms HER's MCP manager writes. `start_failed` says nothing more: the exception's text is not in the line.
_FAILURES = (
    ("start_failed", re.compile(rf"Failed to start MCP server {_SERVER}\Z")),
    ("initialization_failed", re.compile(rf"MCP server {_SERVER} failed during initialization:")),
    ("startup_timeout", re.compile(rf"MCP server {_SERVER} startup timed out after ")),
    ("startup_cancelled", re.compile(rf"MCP server {_SERVER} startup cancelled:")),
    ("skipped", re.compile(rf"Skipping MCP server {_SERVER}:")),
    ("unavailable", re.compile(rf"MCP server {_SERVER} unavailable \(")),
)
_FAILING_LEVELS = frozenset({"warning", "error", "critical"})


@dataclass(frozen=True, slots=True)
class McpFailure:
    """What a line says about an MCP server. kind: a value of the label `failure`. server: as HER's YAML names it."""

    kind: str
    server: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record. level: lower case. logger: empty where the line has none. text: only where asked for."""

    at: datetime
    level: str
    logger: str
    characters: int
    about_mcp: bool
    mcp_failure: McpFailure | None
    text: str = field(default="", repr=False)


def parse_log_line(raw: bytes, *, keep_text: bool = False) -> LogLine:
    """One entry of the list. Raises Rejected.

    Without `level` it is INFO, as HER's own dashboard reads it; a second writer in HER's code omits `name`.
    """
    fields = load(raw)
    message = fields.need_text("message")
    level = fields.name("level", "INFO").lower()
    return LogLine(
        at=fields.at(),
        level=level,
        logger=fields.name("name"),
        characters=len(message),
        about_mcp=_ABOUT_MCP.search(message) is not None,
        mcp_failure=_failure(message) if level in _FAILING_LEVELS else None,
        text=texts.head(message, texts.LINE_CHARACTERS) if keep_text else "",
    )


def _failure(message: str) -> McpFailure | None:
    for kind, form in _FAILURES:
        found = form.match(message)
        if found:
            return McpFailure(kind, found["server"])
    return None
