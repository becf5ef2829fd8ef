"""What Alertmanager posts becomes one short line, or is refused without being repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporters.sms.message import LONGEST, NotAlertsError, message


def alert(name: str, summary: str, status: str = "firing") -> dict[str, Any]:
    return {"status": status, "labels": {"alertname": name}, "annotations": {"summary": summary}}


def posted(*alerts: dict[str, Any], status: str = "firing", **further: Any) -> bytes:
    return json.dumps({"version": "4", "status": status, "alerts": alerts, **further}).encode()


def test_one_alert() -> None:
    body = posted(alert("HerSilent", "HER (home) has\n stopped."))
    assert message(body) == "firing: HER (home) has stopped. [HerSilent]"


def test_its_end() -> None:
    body = posted(alert("HerSilent", "HER (home) has stopped.", "resolved"), status="resolved")
    assert message(body) == "resolved: HER (home) has stopped. [HerSilent]"


def test_a_group_that_still_fires_does_not_tell_what_has_ended() -> None:
    body = posted(alert("A", "Ended.", "resolved"), alert("A", "One."), alert("A", "Two."), truncatedAlerts=3)
    assert message(body) == "firing: One. [A] and 4 more"


def test_it_is_short_and_still_says_which_alert() -> None:
    text = message(posted(alert("HerSilent", "x" * 1000), alert("HerSilent", "y")))
    assert len(text) == LONGEST
    assert text.endswith("x… [HerSilent] and 1 more")


@pytest.mark.parametrize(
    "body",
    [b"", b"hunter2", b"[]", b"\xff", b'{"status":"hunter2"}', posted(), b'{"status":"firing","alerts":"hunter2"}',
     posted(alert("A", "x", "resolved")), b'{"status":"firing","alerts":[1]}'],
)  # fmt: skip
def test_what_is_none_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(NotAlertsError) as refused:
        message(body)
    assert "hunter2" not in str(refused.value)


def test_an_alert_without_words_is_told_all_the_same() -> None:
    assert message(b'{"status":"firing","alerts":[{"status":"firing","labels":1}]}') == "firing:  [alert]"
