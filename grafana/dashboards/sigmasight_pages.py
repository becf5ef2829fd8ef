"""What every page of SigmaSight has in common: variables, links, annotations, and words for its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporters.core.label import SYSTEM
from exporters.core.metric import Where
from exporters.core.promql import Expr
from exporters.sigmasight import health_metrics as h
from exporters.sigmasight import metrics as m
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    NEUTRAL,
    WARNING,
    Annotation,
    Board,
    Row,
    Variable,
    board,
    deployments,
    home_link,
    pages_link,
)

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


def share(part: Expr, whole: Expr) -> Expr:
    """part / whole, and nothing at all (instead of 0/0) where there was no event."""
    return part / (whole > 0)


def page(
    title: str,
    uid: str,
    name: str,
    description: str,
    rows: Sequence[Row],
    *variables: Variable,
    text: bool = False,
    reads: Sequence[str] = (),
    **rest: Any,
) -> Board:
    """A page of SigmaSight. text: of the restricted set, whose Grafana has neither Home nor the main pages.

    reads: the parts that not every SigmaSight has configured, and without which the page would be empty.
    """
    return board(
        f"SigmaSight / {title}",
        uid=uid,
        rows=rows,
        system=SYSTEM_NAME,
        page=name,
        description=description,
        variables=(deployments(SYSTEM_NAME), *variables),
        annotations=(MODEL_SWITCHED, WARMED_UP),
        links=(*(() if text else (home_link(),)), pages_link("SigmaSight", [SYSTEM_NAME])),
        tags=(SYSTEM_NAME, *(("text",) if text else ()), *(f"reads-{part}" for part in reads)),
        **rest,
    )
