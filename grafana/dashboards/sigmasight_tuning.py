"""SigmaSight / AI tuning: are answers liked, what do administrators correct, and what is learned from it?"""

from __future__ import annotations

from exporters.sigmasight import labels as lb
from exporters.sigmasight import metrics as m
from exporters.sigmasight import tuning_metrics as t
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    AGE,
    RATIO,
    Limits,
    bar_gauge,
    column,
    gauge,
    label_table,
    line,
    number,
    row,
    stat,
    timeseries,
)
from grafana.dashboards.sigmasight_pages import MONTH, NO_RATING, TUNING, page, within
from grafana.dashboards.system_page import share

AGES = {
    "under-1d": "under a day",
    "1d-3d": "1 to 3 days",
    "3d-7d": "3 to 7 days",
    "7d-30d": "7 to 30 days",
    "over-30d": "over 30 days",
}
"""Age of an annotation -> in words, in their order."""
RECENT = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
NOTHING_WRITTEN = "nobody annotated anything yet."

RATINGS = row(
    "Are answers liked?",
    gauge(
        "Good ratings",
        "Which share of all ratings is good?",
        share(t.FEEDBACK.sum(where={t.RATING: "up"}), t.FEEDBACK.sum()),
        limits=Limits(warn_below=0.7, bad_below=0.4),
        may_be_empty=NO_RATING,
        may_be_zero=NO_RATING,
        height=8,
    ),
    label_table(
        "Ratings by mode",
        "In which mode of conversation are answers liked?",
        [
            column(t.MODE, "Mode"),
            number("Good", t.BY_MODE.sum(by=t.MODE, where={t.RATING: "up"})),
            number("Bad", t.BY_MODE.sum(by=t.MODE, where={t.RATING: "down"})),
            number(
                "Good share", share(t.BY_MODE.sum(by=t.MODE, where={t.RATING: "up"}), t.BY_MODE.sum(by=t.MODE)), RATIO
            ),
        ],
        sort_by="Good share",
        descending=True,
        may_be_zero=NO_RATING,
        width=6,
    ),
    timeseries(
        "Ratings",
        "How many ratings are there, good and bad? A changed rating is one rating.",
        line(t.FEEDBACK.sum(by=t.RATING), t.RATING),
        colours={"up": "green", "down": "orange"},
        may_be_zero=NO_RATING,
        width=6,
    ),
    label_table(
        "Ratings by window",
        "How many ratings were made in SigmaSight's windows?",
        [
            column(w.DAYS, "Days"),
            number("Good", w.FEEDBACK.max(by=w.DAYS, where={t.RATING: "up"})),
            number("Bad", w.FEEDBACK.max(by=w.DAYS, where={t.RATING: "down"})),
            number("Good share", w.POSITIVE.max(by=w.DAYS), RATIO),
            number("Edited", w.FEEDBACK_WITH.max(by=w.DAYS, where={t.PART: "edit", t.CONTENT: "not_empty"})),
        ],
        sort_by="Days",
        width=8,
    ),
    stat(
        "With an edit or a comment",
        "How many ratings say more than good or bad?",
        line(t.FEEDBACK_WITH.sum(by=t.PART, where={t.CONTENT: "not_empty"}), t.PART),
        may_be_zero=NO_RATING,
        width=8,
    ),
    stat(
        "Ratings looked up",
        "For how many ratings did the core database tell model, mode and duration?",
        t.LOOKED_UP.sum(),
        may_be_zero=NO_RATING,
    ),
    stat(
        "Rated, and gone",
        "Of how many rated answers has the core database no message or no request any more?",
        line(t.ORPHANS.sum(by=t.MISSING), t.MISSING),
        may_be_zero="all are there.",
        width=8,
    ),
)

ANNOTATIONS = row(
    "What do administrators correct?",
    bar_gauge(
        "By type",
        "What did administrators do with answers?",
        line(t.ANNOTATIONS.sum(by=t.TYPE), t.TYPE),
        may_be_zero=NOTHING_WRITTEN,
        width=6,
    ),
    bar_gauge(
        "By severity",
        "How bad were the answers that were annotated?",
        line(t.BY_SEVERITY.sum(by=t.SEVERITY), t.SEVERITY),
        may_be_zero=NOTHING_WRITTEN,
        width=6,
    ),
    bar_gauge(
        "By status",
        "How far have annotations come?",
        line(t.ANNOTATIONS.sum(by=t.STATUS), t.STATUS),
        may_be_zero=NOTHING_WRITTEN,
        width=6,
    ),
    bar_gauge(
        "By tag",
        "What are annotations about?",
        line(t.BY_TAG.sum(by=t.TAG).topk(12), t.TAG),
        may_be_zero=NOTHING_WRITTEN,
        may_be_empty=NOTHING_WRITTEN,
        width=6,
    ),
    bar_gauge(
        "Waiting, by age",
        "How long do annotations wait that nobody reviewed?",
        *(line(t.QUEUE.sum(where={t.AGE: age}), words) for age, words in AGES.items()),
        may_be_zero="nothing waits.",
        width=8,
    ),
    stat(
        "Oldest waiting",
        "How long ago was the oldest annotation made that nobody reviewed?",
        t.OLDEST_PENDING.age(oldest=True),
        unit=AGE,
        nothing="nothing waits",
        may_be_empty="nothing waits.",
        height=8,
    ),
    stat(
        "Last change",
        "How long ago did anybody annotate?",
        t.LAST_CHANGE.age(),
        unit=AGE,
        may_be_empty=NOTHING_WRITTEN,
        height=8,
    ),
    bar_gauge(
        "With a suggestion",
        "How many annotations suggest a better response?",
        line(t.BY_SUGGESTION.sum(by=t.SUGGESTION), t.SUGGESTION),
        may_be_zero=NOTHING_WRITTEN,
        width=8,
    ),
    label_table(
        "Annotations by window",
        "How many annotations were made in SigmaSight's windows?",
        [
            column(w.DAYS, "Days"),
            number("All", w.ANNOTATIONS.sum(by=w.DAYS)),
            number("Critical", w.ANNOTATION_SEVERITY.max(by=w.DAYS, where={t.SEVERITY: "critical"})),
            number("Waiting", w.ANNOTATION_STATUS.max(by=w.DAYS, where={t.STATUS: "pending"})),
            number("With a suggestion", w.SUGGESTED.max(by=w.DAYS)),
        ],
        sort_by="Days",
        height=7,
    ),
)

LEARNING = row(
    "What is learned?",
    stat(
        "Documents",
        "How many documents has the knowledge base, by where they come from?",
        line(m.KNOWLEDGE_DOCUMENTS.sum(by=lb.DOCUMENT_SCOPE), lb.DOCUMENT_SCOPE),
        may_be_zero="it is empty.",
        width=8,
    ),
    stat(
        "Memories",
        "How many memories are there, by whom they are about?",
        line(m.MEMORIES.sum(by=lb.MEMORY_SCOPE), lb.MEMORY_SCOPE),
        may_be_zero="nothing is remembered.",
        width=8,
    ),
    stat(
        "People remembered",
        "About how many users is something remembered?",
        t.MEMORY_USERS.sum(),
        may_be_zero="nothing is remembered.",
    ),
    stat(
        "Newest document",
        "How long ago was the newest document made?",
        t.NEWEST_DOCUMENT.age(),
        unit=AGE,
        may_be_empty="the knowledge base is empty.",
    ),
    timeseries(
        "New documents",
        "How many documents were made in the last day, week and month?",
        *(line(t.DOCUMENTS_MADE.sum(where={t.RECENT: recent}), words) for recent, words in RECENT.items()),
        may_be_zero="none was made.",
    ),
    timeseries(
        "Conversations in 30 days",
        "How many conversations were begun, by mode?",
        line(w.CONVERSATIONS.max(by=t.MODE, where=within(MONTH)), t.MODE),
        may_be_zero="nobody talked.",
        may_be_empty="there are more than 50 000.",
    ),
)

BOARD = page(
    "AI tuning",
    TUNING,
    "tuning",
    "Are answers liked, what do administrators correct, and what is learned from it?",
    [RATINGS, ANNOTATIONS, LEARNING],
)
