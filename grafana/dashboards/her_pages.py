"""What every page of HER has in common: its variables, links, annotations, and words for its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    Board,
    Json,
    Row,
    Variable,
    Word,
    board,
    deployments,
    home_link,
    pages_link,
)

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
    links: Sequence[Json] = (),
    reads: Sequence[str] = (),
    **rest: Any,
) -> Board:
    """A page of HER. text: of the restricted set, whose Grafana has neither Home nor the main pages.

    links: buttons at the top, beside those that all pages have.
    reads: the sources that not every HER has, and without which the page would be empty.
    """
    return board(
        f"HER / {title}",
        uid=uid,
        rows=rows,
        system=SYSTEM_NAME,
        page=name,
        description=description,
        variables=(deployments(SYSTEM_NAME), *variables),
        annotations=(STARTED,),
        links=(*(() if text else (home_link(),)), pages_link("HER", [SYSTEM_NAME]), *links),
        tags=(SYSTEM_NAME, *(("text",) if text else ()), *(f"reads-{source}" for source in reads)),
        **rest,
    )
