"""Dead, blocked, at work, idle, out of sight: HER as one word."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core import health
from exporters.core.label import DEPLOYMENT, SYSTEM
from exporters.core.metric import By, Not
from exporters.core.promql import Expr
from exporters.her import labels as lb
from exporters.her import metrics as m
from exporters.her import sql_metrics as s
from grafana.dashboards.her_pages import SYSTEM_NAME
from grafana.dashboards.panels import BAD, GOOD, NEUTRAL, QUIET, WARNING, Word

LATE = 90
"""Seconds: the sign of life comes once a minute, is read within fifteen seconds and scraped within fifteen more."""
SILENT = 180
"""Two signs of life have failed to come."""
GIVEN_UP = 600
"""What a request keeps busy for so long does not come back."""
PICTURES: Mapping[float | str, Word] = {
    1.0: Word("Silent", BAD),
    2.0: Word("Blocked in a request", WARNING),
    3.0: Word("At work", GOOD),
    4.0: Word("Idle", NEUTRAL),
    5.0: Word("Out of sight", QUIET),
}


def picture() -> Expr:
    """1 silent, 2 blocked, 3 at work, 4 idle, 5 out of sight, per deployment; absent before any sign of life.

    HER may answer a request in the thread that also writes its signs of life: while a model thinks, both are late, and
    its debugger, where it is watched, answers nothing. A request at a model or a tool tells that from a HER that is
    gone. One that stopped at the memory lookup (a rate limit, a group's chatter) never ends, and tells nothing.
    """
    out_of_sight = _reached("redis").equals(0)
    at_work = working(by=DEPLOYMENT) > 0
    unanswered = m.DEBUGGER_BUSY.max(by=DEPLOYMENT).equals(1)
    age = _sign_of_life()
    silent = (age > SILENT).unless(at_work.either(unanswered)).either(age > GIVEN_UP)
    blocked = at_work.both(age > LATE).either(unanswered)
    shown = out_of_sight * 0 + 5
    for value, is_so in enumerate((silent, blocked, at_work, age), start=1):
        shown = shown.either(is_so * 0 + value)
    return shown


def working(by: By = ()) -> Expr:
    """Requests that HER works on: those in progress that did not stop at the memory lookup."""
    return m.NODE_RUNNING.sum(by=by, where={lb.NODE: Not(("memory_lookup",))})


def _sign_of_life() -> Expr:
    """Seconds since the newer of HER's two signs of life: the decision in Redis, the lock in PostgreSQL.

    Of a store that can be read: the times outlast that, and would make a HER look dead that nobody looks at.
    """
    redis = m.HEARTBEAT_TIME.age(by=DEPLOYMENT).both(_reached("redis").equals(1))
    postgres = s.LOCK_TIME.age(by=DEPLOYMENT).both(_reached("postgres").equals(1))
    return (redis < postgres).either(postgres).either(redis)


def _reached(source: str) -> Expr:
    return health.SOURCE_UP.min(by=DEPLOYMENT, where={SYSTEM: SYSTEM_NAME, health.SOURCE: source})
