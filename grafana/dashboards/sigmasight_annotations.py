"""SigmaSight / Annotations and feedback: which answers were wrong, and what was said instead?"""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core.sql import newest
from exporters.sigmasight.texts_cuts import LONGEST
from exporters.sigmasight.texts_tuning import ANNOTATION_ROWS, NEWEST_ANNOTATIONS, NEWEST_RATINGS, RATING_ROWS
from grafana.dashboards.panels import (
    AGE,
    BAD,
    GOOD,
    NEUTRAL,
    QUIET,
    TEXT,
    WARNING,
    Column,
    Limits,
    Word,
    column,
    offered,
    row,
    row_table,
    search_box,
    stat,
)
from grafana.dashboards.sigmasight_words import (
    AI,
    ANNOTATIONS,
    FULL_TEXT,
    ITS_CONVERSATION,
    NOT_FOUND,
    at,
    words_page,
)

WEEK = 7 * 86400
WHY_NOTHING = "nothing matches, or nobody wrote anything yet."
NOTHING_WAITS = "nothing waits."

STATUS: Mapping[float | str, Word] = {
    "pending": Word("pending", WARNING),
    "reviewed": Word("reviewed", NEUTRAL),
    "applied": Word("applied", GOOD),
}
SEVERITY: Mapping[float | str, Word] = {
    "critical": Word("critical", BAD),
    "moderate": Word("moderate", WARNING),
    "minor": Word("minor", NEUTRAL),
    "none": Word("none", QUIET),
}
RATING: Mapping[float | str, Word] = {"up": Word("up", GOOD), "down": Word("down", WARNING)}

_MATCHING = newest(ANNOTATION_ROWS).chosen(kind="kind", severity="severity", tags="tag")
_MATCHING = _MATCHING.contains("search", "words", "suggested")
_NOTES = _MATCHING.chosen(status="status")
_RATINGS = newest(RATING_ROWS).chosen(rating="rating", written="written").contains("search", "edited", "remark")


def _note(*first: Column) -> list[Column]:
    return [
        *first,
        column("severity", "Severity", words=SEVERITY, wide=100),
        column("kind", "Type", wide=120),
        column("tags", "Tags", unit=TEXT, wide=150),
        column("words", "Annotation", wrap=True),
        column("suggested", "Suggested instead", wrap=True),
        column("message", "Answer", unit=TEXT, wide=330, links=(ITS_CONVERSATION,)),
    ]


QUEUE = row(
    "What waits?",
    row_table(
        "Queue",
        "Which annotations are pending, the oldest first, whatever the time range and the status chosen? Red after a "
        f"week. The first {LONGEST} characters of each text. {FULL_TEXT}",
        _MATCHING.only(status="pending").table(
            ["waiting", "severity", "kind", "tags", "words", "suggested", "message"], oldest_first=True
        ),
        _note(column("waiting", "Waits", unit=AGE, limits=Limits(warn_above=WEEK / 7, bad_above=WEEK), wide=110)),
        may_be_empty=NOTHING_WAITS,
        nothing="Nothing waits",
        height=12,
    ),
)

NOTES = row(
    "What was annotated?",
    stat(
        "Annotations found",
        f"How many annotations match, of how many that were looked through? These are the newest {NEWEST_ANNOTATIONS}, "
        "and what has been pending longest.",
        _NOTES.count("found", "looked through"),
        nothing="none",
        may_be_zero=WHY_NOTHING,
        width=6,
        height=8,
    ),
    *(
        row_table(
            title,
            question,
            _NOTES.totals(name, name="annotations"),
            [column(name, heading, **look), column("annotations", "Annotations", wide=120)],
            may_be_empty=WHY_NOTHING,
            nothing=NOT_FOUND,
            width=6,
            height=8,
        )
        for name, title, heading, question, look in (
            ("status", "By status", "Status", "How far are those that match?", {"words": STATUS}),
            ("kind", "By type", "Type", "What kinds of annotations match?", {}),
            ("severity", "By severity", "Severity", "How grave are those that match?", {"words": SEVERITY}),
        )
    ),
    row_table(
        "Annotations",
        "What did administrators note about answers, the newest first, whatever the time range? At most 200, the first "
        f"{LONGEST} characters of each text. {FULL_TEXT}",
        _NOTES.table(["time", "changed", "status", "severity", "kind", "tags", "words", "suggested", "message"]),
        _note(
            at("time", "Time"),
            at("changed", "Last edited"),
            column("status", "Status", words=STATUS, wide=100),
        ),
        may_be_empty=WHY_NOTHING,
        nothing=NOT_FOUND,
        height=16,
    ),
)

FEEDBACK = row(
    "What did users think?",
    stat(
        "Ratings found",
        f"How many ratings match, of how many that were looked through? At {NEWEST_RATINGS} there are older ones.",
        _RATINGS.count("found", "looked through"),
        nothing="none",
        may_be_zero=WHY_NOTHING,
        width=8,
        height=6,
    ),
    row_table(
        "By rating",
        "Were the answers liked?",
        _RATINGS.totals("rating", name="ratings"),
        [column("rating", "Rating", words=RATING), column("ratings", "Ratings", wide=110)],
        may_be_empty=WHY_NOTHING,
        nothing=NOT_FOUND,
        width=8,
        height=6,
    ),
    row_table(
        "By what was written",
        "Did users write anything with their ratings?",
        _RATINGS.totals("written", name="ratings"),
        [column("written", "Written"), column("ratings", "Ratings", wide=110)],
        may_be_empty=WHY_NOTHING,
        nothing=NOT_FOUND,
        width=8,
        height=6,
    ),
    row_table(
        "Ratings",
        "How were answers rated, and what did users write with it, the newest first, whatever the time range? Another "
        f"rating of an answer replaces the first and keeps its time. At most 200. {FULL_TEXT}",
        _RATINGS.table(),
        [
            at("time", "First rated"),
            column("rating", "Rating", words=RATING, wide=90),
            column("written", "Written", wide=100),
            column("remark", "Comment", wrap=True),
            column("edited", "As the user would have it", wrap=True),
            column("message", "Answer", unit=TEXT, wide=330, links=(ITS_CONVERSATION,)),
        ],
        may_be_empty=WHY_NOTHING,
        nothing=NOT_FOUND,
        height=16,
    ),
)

BOARD = words_page(
    "Annotations and feedback",
    ANNOTATIONS,
    "annotations",
    "Which answers were wrong, and what was said instead?",
    [QUEUE, NOTES, FEEDBACK],
    AI,
    offered("status", "Status", newest(ANNOTATION_ROWS).options("status")),
    offered("kind", "Type", newest(ANNOTATION_ROWS).options("kind")),
    offered("severity", "Severity", newest(ANNOTATION_ROWS).options("severity")),
    offered("tag", "Tag", newest(ANNOTATION_ROWS).options("tags")),
    offered("rating", "Rating", newest(RATING_ROWS).options("rating")),
    offered("written", "Written", newest(RATING_ROWS).options("written")),
    search_box(),
)
