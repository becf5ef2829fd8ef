"""The laid-out Alertmanager, running: who gets which mail, and what keeps quiet while something graver speaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporters.demo.alertmanager import Alertmanager
from exporters.demo.smtp import MailSink
from tests.servers.fixtures import StartAlertmanager
from tests.stack.checkout import make_checkout

HER = {"system": "her", "deployment": "default"}
OTHER = {"system": "her", "deployment": "second"}


def alert(name: str, labels: dict[str, str], **further: str) -> dict[str, Any]:
    return {"labels": {"alertname": name, **labels, **further}, "annotations": {"summary": f"{name} is so"}}


def until(holds: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "nothing of the kind came"
        time.sleep(0.1)
    return found


@pytest.fixture
def alertmanager(tmp_path: Path, smtp_sink: MailSink, alertmanager_server: StartAlertmanager) -> Alertmanager:
    """As in production, except that it does not wait for more before it mails."""
    checkout = make_checkout(tmp_path / "checkout")
    checkout.lay_out(
        environment={
            "ALERT_EMAIL_TO": "all@example.org",
            "ALERT_EMAIL_CRITICAL_TO": "night@example.org",
            "ALERT_EMAIL_FROM": "observatory@example.org",
            "SMTP_SMARTHOST": f"127.0.0.1:{smtp_sink.port}",
            "SMTP_REQUIRE_TLS": "false",
        }
    )
    config = checkout.document("alertmanager/alertmanager.yml")
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    return alertmanager_server(config)


def test_a_mail_says_in_its_subject_what_happened_where(alertmanager: Alertmanager, smtp_sink: MailSink) -> None:
    alertmanager.post(
        [alert("HerJobsFail", HER, severity="critical"), alert("HerLogErrors", OTHER, severity="warning")]
    )
    mails = {
        str(mail["Delivered-To"]): mail for mail in until(lambda: len(smtp_sink.mails()) == 2 and smtp_sink.mails())
    }
    assert mails["night@example.org"]["Subject"] == "[firing] HerJobsFail (default): HerJobsFail is so"
    assert mails["all@example.org"]["Subject"] == "[firing] HerLogErrors (second): HerLogErrors is so"
    assert mails["all@example.org"]["From"] == "observatory@example.org"


def test_its_end_is_mailed_too(alertmanager: Alertmanager, smtp_sink: MailSink) -> None:
    fired = alert("HerJobsFail", HER, severity="critical")
    alertmanager.post([fired])
    until(smtp_sink.mails)
    alertmanager.post([{**fired, "endsAt": "2020-01-01T00:00:00Z"}])
    resolved = until(lambda: len(smtp_sink.mails()) == 2 and smtp_sink.mails())[1]
    assert str(resolved["Subject"]).startswith("[resolved] HerJobsFail (default)")


def test_a_blind_exporter_keeps_silence_alerts_of_its_own_deployment_quiet(alertmanager: Alertmanager) -> None:
    alertmanager.post(
        [
            alert("ObservatorySourceBlind", HER, severity="critical"),
            alert("HerSilent", HER, severity="critical"),
            alert("HerIdle", HER, severity="info"),
            alert("HerNeverSeen", HER, severity="warning"),
            alert("HerSilent", OTHER, severity="critical"),
            # What is read elsewhere anyway leaves nothing unknown.
            alert("ObservatoryOptionalSourceAway", OTHER, severity="warning"),
            alert("HerJobsFail", HER, severity="warning"),
        ]
    )

    def quiet() -> set[tuple[str, str]]:
        found = [held for held in alertmanager.alerts() if held["status"]["inhibitedBy"]]
        return {(held["labels"]["alertname"], held["labels"]["deployment"]) for held in found}

    until(lambda: len(alertmanager.alerts()) == 7 and quiet())
    assert quiet() == {(name, "default") for name in ("HerSilent", "HerIdle", "HerNeverSeen")}


def test_the_graver_of_two_levels_of_one_alert_is_enough(alertmanager: Alertmanager) -> None:
    alertmanager.post(
        [
            alert("HerErrors", HER, severity="critical"),
            alert("HerErrors", HER, severity="warning"),
            alert("HerErrors", OTHER, severity="warning"),
        ]
    )

    def quiet() -> list[dict[str, Any]]:
        return [held["labels"] for held in alertmanager.alerts() if held["status"]["inhibitedBy"]]

    until(lambda: len(alertmanager.alerts()) == 3 and quiet())
    assert quiet() == [{"alertname": "HerErrors", **HER, "severity": "warning"}]
