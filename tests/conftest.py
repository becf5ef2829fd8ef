"""What every test can use, and what the report says about the machine it ran on."""

from __future__ import annotations

import pytest

from tests.servers.present import OPTIONAL, SERVER_FIXTURES

pytest_plugins = ["tests.servers.fixtures"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the servers they start, so that `-m 'not servers'` and the like need no hand-kept list."""
    markers = {server.fixture: server.marker for server in OPTIONAL}
    for item in items:
        used = SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if used:
            item.add_marker("servers")
        for fixture in used & markers.keys():
            item.add_marker(markers[fixture])
    # Whole systems over minutes of their lives: begun first, they run beside everything else and not after it.
    items.sort(key=lambda item: "system" not in item.path.parts)


def pytest_report_header() -> list[str]:
    present = [server.fixture for server in OPTIONAL if not server.missing]
    return [f"servers a machine may lack, here: {', '.join(present) or 'none'}"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which real servers were missing, and how many tests that cost, where nobody can overlook it."""
    missing = [server for server in OPTIONAL if server.missing]
    if not missing:
        return
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    terminalreporter.write_sep("=", "real servers missing here", yellow=True)
    for server in missing:
        count = sum(server.reason in text for text in skipped)
        terminalreporter.write_line(f"{server.fixture}: {server.reason} ({count} skipped)")
