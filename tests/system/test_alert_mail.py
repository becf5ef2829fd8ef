"""A HER that broke becomes a mail, and a HER that was mended another one.

Everything on the way is real: Redis, `observatory serve`, Prometheus with the generated rules, Alertmanager with the
laid-out routing, SMTP. Only the waiting is shortened.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from exporters.demo.mails import text_of
from exporters.demo.redis import Redis
from exporters.demo.services import RECIPIENT
from exporters.demo.smtp import MailSink
from exporters.her.simulate import Her, connect
from tests.system.alerting import alerting, until
from tests.system.exporter import Exporter
from tests.system.test_secrets import leaked


def dead_for_ten_minutes(server: Redis, canaries: dict[str, str]) -> None:
    """A HER that started with an MCP server failing, lived a while, and wrote its last word ten minutes ago.

    Every free text carries a canary, the reason of the MCP failure too.
    """
    ago = datetime.now(UTC) - timedelta(minutes=10)
    client = connect("127.0.0.1", server.port, server.password)
    her = Her(client, seed=61, clock=lambda: ago, canaries=canaries)
    her.startup("initialization")
    her.chat()
    her.agent_request()
    her.heartbeat()


def about(sink: MailSink, status: str, alert: str) -> list[EmailMessage]:
    """The mails whose subject says that this alert is in that state."""
    return [mail for mail in sink.mails() if str(mail["Subject"]).startswith(f"[{status}] {alert} ")]


@pytest.mark.timeout(120)
def test_a_broken_her_is_mailed_and_its_cure_too(redis_server: Redis, smtp_sink: MailSink, tmp_path: Path) -> None:
    canaries: dict[str, str] = {}
    dead_for_ten_minutes(redis_server, canaries)
    exporter = Exporter(tmp_path / "exporter", redis_server)
    links = {"grafana": "https://observatory.example.org:3002/", "runbooks": "https://git.example.org/docs/runbooks.md"}
    with exporter, alerting(tmp_path, exporter, smtp_sink, waits=60, links=links):
        (silent,) = until(lambda: about(smtp_sink, "firing", "HerSilent"), "a mail that HER is silent")
        (failed,) = until(lambda: about(smtp_sink, "firing", "HerMcpServerFailed"), "a mail about the MCP server")
        assert silent["Subject"] == (
            "[firing] HerSilent (default): HER (default) has stopped: its once-a-minute sign of life is missing."
        )
        assert failed["Subject"] == "[firing] HerMcpServerFailed (default): MCP server pdf did not start (default)."
        her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=62)
        her.startup("none")
        her.heartbeat()
        (cured,) = until(lambda: about(smtp_sink, "resolved", "HerSilent"), "a mail that HER speaks again")
    assert str(cured["Subject"]).startswith("[resolved] HerSilent (default): HER (default) has stopped")
    for mail in (silent, failed, cured):
        assert mail["Delivered-To"] == RECIPIENT
    told = text_of(silent)
    assert "severity = critical" in told
    assert "wrote no heartbeat for more than five minutes" in told
    assert "first_steps = Look: HER / Overview" in told
    assert "Do: restart HER if the process is gone or stuck." in told
    assert "runbook_url = https://git.example.org/docs/runbooks.md#hersilent" in told
    assert "dashboard = https://observatory.example.org:3002/d/her-overview?var-deployment=default" in told
    assert "localhost:3002" not in silent.as_string()
    assert len(canaries) > 15
    everything = "\n".join(mail.as_string() + text_of(mail) for mail in smtp_sink.mails())
    assert leaked(canaries, everything) == set()
    assert redis_server.password is not None
    assert redis_server.password not in everything
    assert not about(smtp_sink, "firing", "ObservatorySourceBlind")
