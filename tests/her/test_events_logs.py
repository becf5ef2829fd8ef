"""Log lines: levels, loggers, and what they say about MCP servers."""

from __future__ import annotations

import pytest

from exporters.her.events_logs import LogLine, McpFailure, parse_log_line
from exporters.her.labels import MCP_FAILURE
from tests.her import sample_records as sample
from tests.her.sample_records import ABSENT, changed


def line(message: str, level: str = "ERROR") -> LogLine:
    return parse_log_line(changed(sample.LOG, message=message, level=level))


def test_a_log_line() -> None:
    event = parse_log_line(sample.LOG)
    assert (event.level, event.logger, event.characters) == ("warning", "her_mcp.manager", 48)
    assert event.about_mcp
    assert event.mcp_failure == McpFailure("skipped", "pdf")
    assert event.text == ""


def test_the_second_writer_omits_the_name_and_adds_fields() -> None:
    event = parse_log_line(changed(sample.LOG, name=ABSENT, message="write failed", component="api", attempt=2))
    assert (event.logger, event.mcp_failure) == ("", None)


@pytest.mark.parametrize(
    ("level", "expected"),
    [("INFO", "info"), ("warning", "warning"), ("CRITICAL", "critical"), ("Level 25", "level 25"), (ABSENT, "info")],
)
def test_levels(level: object, expected: str) -> None:
    assert parse_log_line(changed(sample.LOG, level=level)).level == expected


@pytest.mark.parametrize(
    ("message", "kind", "server"),
    [
        ("Failed to start MCP server 'pdf'", "start_failed", "pdf"),
        ("MCP server 'pdf' failed during initialization: connection closed", "initialization_failed", "pdf"),
        ("MCP server 'brave-search' startup timed out after 30s", "startup_timeout", "brave-search"),
        ("MCP server 'pdf' startup cancelled: ", "startup_cancelled", "pdf"),
        ("Skipping MCP server 'pdf': missing command 'npx'", "skipped", "pdf"),
        ("MCP server 'pdf' unavailable (failed): it's gone\nreally", "unavailable", "pdf"),
        ("MCP server 'my server' unavailable (unavailable): x", "unavailable", "my server"),
    ],
)
def test_the_forms_of_failing_servers(message: str, kind: str, server: str) -> None:
    for level in ("WARNING", "ERROR", "CRITICAL"):
        event = line(message, level)
        assert event.about_mcp
        assert event.mcp_failure == McpFailure(kind, server)
    assert MCP_FAILURE.values is not None
    assert kind in MCP_FAILURE.values


@pytest.mark.parametrize(
    "message",
    [
        "Failed to start MCP server 'pdf' again",
        "He said: Failed to start MCP server 'pdf'",
        "Failed to start MCP server pdf",
        "MCP server 'pdf' started",
        "MCP server '' unavailable (failed): x",
        f"MCP server '{'x' * 201}' unavailable (failed): x",
        "mcp tool call failed: connection closed",
        "Failed to parse JSONRPC message from server",
        "jsonrpc error",
    ],
)
def test_other_lines_about_mcp_name_no_server(message: str) -> None:
    event = line(message)
    assert event.about_mcp
    assert event.mcp_failure is None


def test_an_info_line_is_no_failure() -> None:
    assert line("Failed to start MCP server 'pdf'", "INFO").mcp_failure is None


def test_a_line_about_something_else() -> None:
    event = line("JSON-RPC is spelled otherwise", "WARNING")
    assert not event.about_mcp
