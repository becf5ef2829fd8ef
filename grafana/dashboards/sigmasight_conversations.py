"""SigmaSight / Conversations: what do people ask, and what are they told? Read in the core database."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core.sql import newest
from exporters.sigmasight.texts_chats import (
    CONVERSATION_ROWS,
    FOUND_ROWS,
    MESSAGE_ROWS,
    MESSAGES_SHOWN,
    NEWEST_CONVERSATIONS,
    NEWEST_MESSAGES,
)
from exporters.sigmasight.texts_cuts import LONGEST
from grafana.dashboards.panels import (
    ALTERNATIVE,
    BAD,
    COUNT,
    NEUTRAL,
    TEXT,
    Column,
    Limits,
    Unit,
    Word,
    column,
    offered,
    row,
    row_table,
    search_box,
    stat,
)
from grafana.dashboards.sigmasight_words import (
    CONVERSATIONS,
    CORE,
    FULL_TEXT,
    HIS_MEMORIES,
    JOURNEY,
    NOT_FOUND,
    READ_ON,
    WHY_EMPTY,
    at,
    words_page,
)

NONE_CHOSEN = "No conversation chosen"
WHY_NONE = "none is chosen until an id stands in the box Conversation."
MILLISECONDS = Unit("ms", 1)

ROLE: Mapping[float | str, Word] = {"user": Word("user", NEUTRAL), "assistant": Word("assistant", ALTERNATIVE)}

_TALKS = newest(CONVERSATION_ROWS).chosen(mode="mode")
_FOUND = newest(FOUND_ROWS).chosen(mode="mode").contains("search", "words")


def _message() -> list[Column]:
    return [
        at("time", "Time"),
        column("role", "Who", words=ROLE, wide=100),
        column("words", "Words", wrap=True),
        column("error", "Error", colour=BAD, wide=170),
        column("first", "First piece", unit=MILLISECONDS, wide=115),
        column("took", "Took", unit=MILLISECONDS, wide=95),
        column("model", "Model", wide=120),
    ]


WHICH = row(
    "Which conversations?",
    row_table(
        "Conversations",
        "Which conversations began in the time range, the newest first? Of one user or in one mode if so chosen; or "
        f"the one whose id, or an id of whose messages, is in the box. At most {NEWEST_CONVERSATIONS}.",
        _TALKS.table(limit=NEWEST_CONVERSATIONS),
        [
            column("conversation", "Conversation", unit=TEXT, wide=330, links=(READ_ON,)),
            column("user", "User", unit=TEXT, wide=330, links=(JOURNEY, HIS_MEMORIES)),
            column("mode", "Mode", wide=90),
            at("time", "Began"),
            at("last", "Last message"),
            column("messages", "Messages", unit=COUNT, wide=105),
            column("failed", "Failed", unit=COUNT, limits=Limits(bad_above=0), wide=90),
            column("unfinished", "Unfinished", unit=COUNT, limits=Limits(warn_above=0)),
        ],
        may_be_empty=WHY_EMPTY,
        nothing=NOT_FOUND,
        height=12,
    ),
)

SAID = row(
    "What was said in the one chosen?",
    row_table(
        "The conversation",
        f"What was said in the conversation chosen, from the beginning? At most its last {MESSAGES_SHOWN} messages, "
        f"the first {LONGEST} characters of each. An answer without an end is being written, or never was. {FULL_TEXT}",
        newest(MESSAGE_ROWS).table(oldest_first=True, before="role", limit=MESSAGES_SHOWN),
        _message(),
        may_be_empty=WHY_NONE,
        nothing=NONE_CHOSEN,
        height=16,
    ),
)

SEARCH = row(
    "Which messages say it?",
    stat(
        "Messages found",
        f"How many messages match, of how many that were looked through? At {NEWEST_MESSAGES} there are older ones in "
        "the time range as well, and these are not searched.",
        _FOUND.count("found", "looked through"),
        nothing="none",
        may_be_zero=WHY_EMPTY,
        width=24,
        height=4,
    ),
    row_table(
        "Messages",
        f"What was said in the time range, the newest first? At most 200, the first {LONGEST} characters of each. "
        f"{FULL_TEXT}",
        _FOUND.table(limit=200, before="role"),
        [
            *_message(),
            column("mode", "Mode", wide=90),
            column("conversation", "Conversation", unit=TEXT, wide=330, links=(READ_ON,)),
        ],
        may_be_empty=WHY_EMPTY,
        nothing=NOT_FOUND,
        height=20,
    ),
)

BOARD = words_page(
    "Conversations",
    CONVERSATIONS,
    "conversations",
    "What do people ask, and what are they told?",
    [WHICH, SAID, SEARCH],
    CORE,
    search_box("User", "user"),
    search_box("Conversation", "conversation"),
    offered("mode", "Mode", newest(CONVERSATION_ROWS).options("mode")),
    search_box(),
)
