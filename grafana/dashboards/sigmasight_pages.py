"""What every page of SigmaSight has in common: variables, links, annotations, and words for its numbers."""

from __future__ import annotations

from functools import partial

from exporters.core.label import SYSTEM
from exporters.core.metric import Where
from exporters.sigmasight import health_metrics as h
from exporters.sigmasight import metrics as m
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    NEUTRAL,
    WARNING,
    Annotation,
)
from grafana.dashboards.system_page import system_page

SYSTEM_NAME = "sigmasight"
SIGMASIGHT: Where = {SYSTEM: SYSTEM_NAME}
"""Only SigmaSight's series, in families that all systems share."""

OVERVIEW = "sigmasight-overview"
AI = "sigmasight-ai"
ONBOARDING = "sigmasight-onboarding"
BATCH = "sigmasight-batch"
TUNING = "sigmasight-tuning"
DATA_HEALTH = "sigmasight-health"
DAYS = "sigmasight-days"

RANGE = "$__range"
DAY, MONTH = "1", "30"
NO_RATING = "nobody rated anything yet."
NO_ERROR = "nothing failed."
TOO_MANY = "the window holds more than 50 000 rows, or none."
NO_TOKENS = "SigmaSight's rows carry no tokens in production."

MODEL_SWITCHED = Annotation("New model", m.AI_MODEL_SINCE.value() * 1000, NEUTRAL)
WARMED_UP = Annotation(
    "Back end warming up (a start or a deploy)",
    h.HEALTHY.value({h.ENDPOINT: "ready"}).equals(0).call("timestamp").subquery("max_over_time", "1h", "30s") * 1000,
    WARNING,
)


def within(days: str) -> Where:
    """A window of the back end's own."""
    return {w.DAYS: days}


page = partial(system_page, SYSTEM_NAME, "SigmaSight", annotations=(MODEL_SWITCHED, WARMED_UP))
"""A page of SigmaSight: title, uid, name, description, rows and the rest as `system_page` has them."""
