"""No canary planted in a free-text field reaches /metrics, another bucket, a log or an error message."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.demo.redis import Redis
from exporters.her.simulate import Her, connect
from tests.system.exporter import Exporter
from tests.system.test_torture import drained, standin

MAY_BE_SHOWN = ("server", "logger", "language", "tool", "type", "mcp_server")
"""Names that HER's configuration gives, which are labels by design; their canaries may be shown."""


def planted(server: Redis) -> tuple[Her, dict[str, str]]:
    """A HER whose every free-text field carries a canary, after a whole day's variety and some nonsense."""
    canaries: dict[str, str] = {}
    her = Her(connect("127.0.0.1", server.port, server.password), seed=31, canaries=canaries)
    her.startup()
    for _ in range(4):
        her.chat()
        her.api_chat()
        her.agent_request()
        her.schedule_command()
        her.tool_call()
        her.trouble()
        her.tick()
    for kind in range(6):
        her.trouble(kind)
    her.chat("error")
    her.api_chat("error")
    her.daily()
    her.older_shapes()
    her.poison(huge=False)
    return her, canaries


def leaked(canaries: dict[str, str], text: str) -> set[str]:
    """Fields whose canary stands in the text."""
    return {field for field, token in canaries.items() if len(token) >= 6 and token in text}


@pytest.mark.parametrize("texts_on", [False, True], ids=["texts off", "texts on"])
def test_no_canary_leaves(redis_server: Redis, tmp_path: Path, texts_on: bool) -> None:  # noqa: FBT001 - a parameter
    _, canaries = planted(redis_server)
    assert len(canaries) > 30
    text = dict.fromkeys(("chats", "executions", "logs", "decisions"), texts_on)
    with standin(tmp_path) as (influx, settings):
        with Exporter(tmp_path / "exporter", redis_server, influx=settings, text=text) as exporter:
            exporter.until_read()
            drained(exporter)
            metrics = exporter.scrape().text
        numbers = repr(influx.stored("her")) + repr(influx.stored("her_daily"))
        texts = repr(influx.stored("her_text"))
        state = b"".join(path.read_bytes() for path in (tmp_path / "exporter" / "state").iterdir())
    log = exporter.log.read_text()
    assert "her_interactions_total" in metrics
    assert "her_decision" in numbers
    assert leaked(canaries, metrics) == set()
    assert leaked(canaries, numbers) == set()
    assert leaked(canaries, log) == set()
    assert leaked(canaries, state.decode("latin-1")) == set(), "the state file keeps hashes, and no text after delivery"
    if texts_on:
        assert "her_chat" in texts
        secrets = {field for field in canaries if "secret" in field or "token" in field}
        assert leaked(canaries, texts), "what was switched on does arrive"
        assert leaked({field: canaries[field] for field in secrets}, texts) == set(), "redacted even there"
    else:
        assert texts == "{}"
