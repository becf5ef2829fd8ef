"""What every page of HER has in common: its variables, links, annotations, and words for its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from exporters.core import health
from exporters.core.label import SYSTEM
from exporters.core.metric import Where
from exporters.core.promql import Expr
from exporters.her import metrics as m
from grafana.dashboards.panels import (
    BAD,
    GOOD,
    NEUTRAL,
    QUIET,
    Annotation,
    Word,
)
from grafana.dashboards.system_page import system_page

SYSTEM_NAME = "her"
HER: Where = {SYSTEM: SYSTEM_NAME}
"""Only HER's series, in families that all systems share."""

OVERVIEW = "her-overview"
LOGS = "her-logs"
CHATS = "her-chats"
EXECUTORS = "her-executors"
JOBS = "her-jobs"
DECISIONS = "her-decisions"
TRAFFIC = "her-traffic"
WORKFLOW = "her-workflow"
MEMORY = "her-memory"
STATE = "her-state"
SYSTEM_HEALTH = "her-system"
MEMORY_TEXTS = "her-memory-texts"
COPIES = "her-copies"

WORKS: Mapping[float | str, Word] = {1: Word("Works", GOOD), 0: Word("Does not work", BAD)}
FOUND: Mapping[float | str, Word] = {1: Word("yes", GOOD), 0: Word("no", BAD)}
TRUE_FALSE: Mapping[float | str, Word] = {"true": Word("yes", GOOD), "false": Word("no", QUIET)}

STARTED = Annotation("HER started", m.CAPABILITIES_TIME.value() * 1000, NEUTRAL)


def stream(name: str) -> Where:
    """One stream of HER's Redis, in the exporter's own health metrics."""
    return {SYSTEM: SYSTEM_NAME, health.STREAM: name}


def newest(name: str) -> Expr:
    """Seconds since the newest entry of a stream, by its own time."""
    return health.STREAM_LAST_EVENT.age(where=stream(name))


def per_minute(rate: Expr) -> Expr:
    """Events per minute from events per second."""
    return rate * 60


page = partial(system_page, SYSTEM_NAME, "HER", annotations=(STARTED,))
"""A page of HER: title, uid, name, description, rows and the rest as `system_page` has them."""
