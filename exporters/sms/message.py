"""What Alertmanager posts, as one short text.

{"version":"4","status":"firing","groupLabels":{"alertname":"HerSilent",…},"alerts":[{"status":"firing",
 "labels":{"alertname":"HerSilent",…},"annotations":{"summary":"HER (home) has stopped: …"}}],"truncatedAlerts":0}

firing: HER (home) has stopped: its once-a-minute sign of life is missing. [HerSilent]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LONGEST = 300
"""Characters: two messages of the telephone network. Providers bill each, and some cut the third."""


class NotAlertsError(Exception):
    """The body is not what Alertmanager posts. The message says what is missing, and repeats nothing of it."""


def message(body: bytes) -> str:
    """The text, at most LONGEST characters. Raises NotAlertsError."""
    try:
        posted: Any = json.loads(body)
    except ValueError:
        what = "not JSON"
        raise NotAlertsError(what) from None
    if not isinstance(posted, Mapping) or posted.get("status") not in {"firing", "resolved"}:
        what = "no status that is firing or resolved"
        raise NotAlertsError(what)
    status = str(posted["status"])
    given = posted.get("alerts")
    alerts = [alert for alert in given if isinstance(alert, Mapping)] if isinstance(given, list) else []
    # A group that still fires may hold alerts that have ended.
    alerts = [alert for alert in alerts if alert.get("status") == status]
    if not alerts:
        what = "no alert of that status"
        raise NotAlertsError(what)
    left_out = posted.get("truncatedAlerts")
    more = len(alerts) - 1 + (left_out if isinstance(left_out, int) and left_out > 0 else 0)
    end = f" [{_word(alerts[0], 'labels', 'alertname') or 'alert'}]" + (f" and {more} more" if more else "")
    start = f"{status}: {_word(alerts[0], 'annotations', 'summary')}"
    room = LONGEST - len(end)
    return (start if len(start) <= room else start[: room - 1] + "…") + end


def _word(alert: Mapping[str, Any], among: str, name: str) -> str:
    """One label or annotation on one line."""
    words = alert.get(among)
    return " ".join(str(words.get(name, "")).split()) if isinstance(words, Mapping) else ""
