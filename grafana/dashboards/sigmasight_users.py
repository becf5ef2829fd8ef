"""SigmaSight / Users and journeys: how far did each user come, and what did one of them do? Ids and times, no names."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core.sql import newest
from exporters.sigmasight.texts_people import LANES, NEWEST_STEPS, NEWEST_USERS, STEP_ROWS, USER_ROWS
from grafana.dashboards.panels import (
    AGE,
    ALTERNATIVE,
    BAD,
    COUNT,
    GOOD,
    NEUTRAL,
    QUIET,
    TEXT,
    WARNING,
    Limits,
    Word,
    column,
    moments,
    offered,
    row,
    row_table,
    search_box,
    stat,
)
from grafana.dashboards.sigmasight_words import (
    CORE,
    HIS_CONVERSATIONS,
    HIS_MEMORIES,
    JOURNEY,
    NOT_FOUND,
    READ_ON,
    USERS,
    at,
    words_page,
)

NOBODY_CHOSEN = "No user chosen, or no step in the time range"
WHY_NO_STEP = "nobody is chosen until an id stands in the box User."
WHY_NOBODY = "nobody has signed up, or nobody matches."

STATUS: Mapping[float | str, Word] = {
    "signed up": Word("signed up", QUIET),
    "began": Word("began a portfolio", WARNING),
    "portfolio": Word("has a portfolio", NEUTRAL),
    "chatted": Word("chatted", GOOD),
}
ACTIVE: Mapping[float | str, Word] = {"yes": Word("yes", GOOD), "no": Word("no", QUIET)}
COLOURS = dict(zip(LANES, (NEUTRAL, GOOD, ALTERNATIVE, QUIET, BAD), strict=True))
LANE: Mapping[float | str, Word] = {lane: Word(lane, colour) for lane, colour in COLOURS.items()}

_USERS = newest(USER_ROWS).chosen(status="reached")
_STEPS = newest(STEP_ROWS)

WHO = row(
    "How far did they come?",
    stat(
        "Users found",
        f"How many users match, of how many that were looked through? At {NEWEST_USERS} there are others who signed up "
        "earlier; they are found by their id.",
        _USERS.count("found", "looked through"),
        nothing="none",
        may_be_zero=WHY_NOBODY,
        width=8,
    ),
    row_table(
        "By status",
        "How far did the users that match ever come?",
        _USERS.totals("status", name="users"),
        [column("status", "Status", words=STATUS), column("users", "Users", wide=110)],
        may_be_empty=WHY_NOBODY,
        nothing=NOT_FOUND,
        width=16,
        height=6,
    ),
    row_table(
        "Users",
        "Who signed up, the last first, whatever the time range, and how far did each come? The status is the furthest "
        "step ever reached: the live sign-up writes no event, so that it follows from portfolios and conversations as "
        "well. Errors are those of events, without sign-up and login, which belong to nobody; a journey shows failed "
        "requests, too.",
        _USERS.table(limit=NEWEST_USERS),
        [
            column("user", "User", unit=TEXT, wide=330, links=(JOURNEY, HIS_CONVERSATIONS, HIS_MEMORIES)),
            at("time", "Signed up"),
            at("last", "Last seen"),
            column("status", "Status", words=STATUS, wide=150),
            column("portfolios", "Portfolios", unit=COUNT, wide=105),
            column("conversations", "Conversations", unit=COUNT, wide=135),
            column("errors", "Errors", unit=COUNT, limits=Limits(bad_above=0), wide=95),
            column("tier", "Tier", wide=85),
            column("active", "Active", words=ACTIVE),
        ],
        may_be_empty=WHY_NOBODY,
        nothing=NOT_FOUND,
        height=11,
    ),
)

WHAT = row(
    "What did the user do?",
    moments(
        "Journey",
        "When did the user chosen do what, and where were the errors?",
        _STEPS.moments("lane", LANES, limit=NEWEST_STEPS),
        COLOURS,
        may_be_empty=WHY_NO_STEP,
        nothing=NOBODY_CHOSEN,
    ),
    row_table(
        "Steps",
        f"What did the user chosen do in the time range, step by step, and how long after the step before? The last "
        f"{NEWEST_STEPS}. Events, and what tables tell where no event of the same minute does.",
        _STEPS.table(oldest_first=True, before="step", limit=NEWEST_STEPS),
        [
            at("time", "Time"),
            column("since", "After the step before", unit=AGE, wide=175),
            column("lane", "About", words=LANE, wide=110),
            column("step", "Step", wide=280),
            column("error", "Error", colour=BAD, wide=230),
            column("conversation", "Conversation", unit=TEXT, links=(READ_ON,), wide=330),
            column("source", "Told by"),
        ],
        may_be_empty=WHY_NO_STEP,
        nothing=NOBODY_CHOSEN,
        height=16,
    ),
)

BOARD = words_page(
    "Users and journeys",
    USERS,
    "users",
    "How far did each user come, and what did one of them do?",
    [WHO, WHAT],
    CORE,
    search_box("User", "user"),
    offered("reached", "Status", newest(USER_ROWS).options("status")),
)
