"""HER / Memory: what does HER remember for good, of whom, since when, and what does it remember word for word?"""

from __future__ import annotations

from collections.abc import Mapping

from exporters.her import labels as lb
from exporters.her import metrics as m
from exporters.her import sql_metrics as s
from grafana.dashboards.her_pages import MEMORY, page
from grafana.dashboards.panels import (
    AGE,
    BAD,
    GOOD,
    QUIET,
    RATIO,
    WARNING,
    Word,
    bar_chart,
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

SHAPES: Mapping[float | str, Word] = {
    "mem0": Word("Mem0: a payload", GOOD),
    "legacy": Word("legacy: columns", WARNING),
    "hybrid": Word("hybrid: both", WARNING),
    "none": Word("no table", BAD),
}
EXAMINED: Mapping[float | str, Word] = {1.0: Word("all of it", GOOD), 0.0: Word("too large: estimated", WARNING)}
NO_TABLE = "no table"

KNOWN = row(
    "What does HER remember for good?",
    stat(
        "Memories",
        "How many long-term memories are there now? HER adds, rewrites and deletes them.",
        s.MEMORIES.sum(),
        nothing=NO_TABLE,
    ),
    stat(
        "Made in 24 h",
        "How many of today's memories were made in the last 24 hours?",
        s.MEMORY_CREATED.sum(where={s.WINDOW: "24h"}),
        nothing=NO_TABLE,
        may_be_zero="nothing worth remembering was said for a day.",
    ),
    stat(
        "Newest",
        "How long ago was the newest memory made?",
        s.MEMORY_NEWEST.age(),
        unit=AGE,
        nothing="none",
    ),
    stat(
        "Whose",
        "How many users, and how many groups in older builds, have memories?",
        line(s.MEMORY_OWNERS.sum(by=lb.THREAD_KIND), lb.THREAD_KIND),
        nothing=NO_TABLE,
    ),
    gauge(
        "Mean importance",
        "How important does HER take its memories, on average, from 0 to 1? Those without an importance are left out.",
        s.MEMORY_IMPORTANCE.avg(),
        unit=RATIO,
        nothing="unknown",
    ),
    stat(
        "Left behind",
        "How many memories of an older build lie in memories_legacy? HER copies none of them.",
        s.MEMORY_LEGACY.sum(),
        colour=QUIET,
        nothing="none",
        may_be_empty="HER has no table memories_legacy unless it was an older build once.",
    ),
)

GROWTH = row(
    "Does it grow?",
    bar_chart(
        "Made per day",
        "On which of the last 30 days (UTC) were the memories made that exist now? Today is 00, on the right.",
        s.MEMORY_DAYS.sum(by=s.DAYS_AGO),
        s.DAYS_AGO,
        axis="Days ago",
        name="Memories",
        backwards=True,
        width=14,
    ),
    timeseries(
        "Memories",
        "How many memories are there at each moment? A step down is a forgetting.",
        line(s.MEMORIES.sum(), "memories"),
        width=10,
    ),
    stat(
        "Made in 7 and 30 days",
        "How many of today's memories were made in the last week, and in the last 30 days?",
        *(line(s.MEMORY_CREATED.sum(where={s.WINDOW: window}), window) for window in ("7d", "30d")),
        nothing=NO_TABLE,
        width=8,
        height=5,
    ),
    label_table(
        "The table",
        "In which of its three shapes does HER keep memories, and could all of it be read?",
        [
            column(s.SHAPE, "Shape", words=SHAPES),
            number("Deployments", s.MEMORY_SHAPE.sum(by=s.SHAPE) > 0),
        ],
        width=8,
        height=5,
    ),
    stat(
        "Read through",
        "Was the whole table read for these numbers? Above 64 MB only the server's own estimate of its rows is shown.",
        s.MEMORY_EXAMINED.min(),
        words=EXAMINED,
        nothing=NO_TABLE,
        width=8,
        height=5,
    ),
)

KINDS = row(
    "What kind of memories?",
    bar_gauge(
        "Categories",
        "What are the memories about? Today's HER writes two categories; older ones left more.",
        line(s.MEMORY_CATEGORIES.sum(by=s.CATEGORY).topk(12).call("sort_desc"), s.CATEGORY),
        nothing=NO_TABLE,
        width=9,
        height=10,
    ),
    bar_chart(
        "Importance",
        "How is importance spread? Each bar counts the memories up to its number, above the one before.",
        s.MEMORY_BANDS.sum(by=s.BAND),
        s.BAND,
        axis="Up to",
        name="Memories",
        colour="purple",
        width=9,
        height=10,
    ),
    bar_gauge(
        "Incomplete",
        "Of how many memories is a part missing or unreadable? They count in every number that does not need it.",
        line(s.MEMORY_WITHOUT.sum(by=s.PART).call("sort_desc"), s.PART),
        colour="orange",
        may_be_zero="every memory is whole.",
        nothing=NO_TABLE,
        width=6,
        height=10,
    ),
)

WHOSE = row(
    "Of whom? No names",
    bar_gauge(
        "Owners by number of memories",
        "How many users and groups have one memory, two to five, and so on?",
        *(line(s.MEMORY_OWNER_SIZES.sum(where={s.SIZE: size}), size) for size in s.SIZE.values or ()),
        nothing=NO_TABLE,
    ),
    bar_gauge(
        "Most remembered",
        "How many memories do the ten users or groups with the most have?",
        line(s.MEMORY_LARGEST.max(by=lb.RANK).call("sort_desc"), "#{{rank}}"),
        nothing=NO_TABLE,
    ),
    timeseries(
        "Owners",
        "Of how many users and groups does HER remember anything?",
        line(s.MEMORY_OWNERS.sum(by=lb.THREAD_KIND), lb.THREAD_KIND),
        width=8,
    ),
)

SHORT = row(
    "And word for word?",
    stat(
        "Conversations",
        "How many conversations does HER keep in short memory, for a day after their last message?",
        line(m.CONTEXT_THREADS.sum(by=lb.THREAD_KIND), lb.THREAD_KIND),
        width=5,
        height=8,
    ),
    stat(
        "Messages",
        "Who wrote the messages in short memory?",
        line(m.CONTEXT_MESSAGES.sum(by=lb.ROLE), lb.ROLE),
        width=5,
        height=8,
    ),
    timeseries(
        "Messages remembered",
        "Does short memory grow, or does it expire?",
        line(m.CONTEXT_MESSAGES.sum(by=lb.ROLE), lb.ROLE),
        style="stacked",
        width=7,
    ),
    bar_gauge(
        "Longest conversations",
        "How long are the ten longest conversations? A user's is cut at 20 messages, a group's at 120.",
        line(m.CONTEXT_LARGEST.max(by=lb.RANK).call("sort_desc"), "#{{rank}}"),
        width=7,
    ),
)

BOARD = page(
    "Memory",
    MEMORY,
    "memory",
    "What does HER remember for good, of whom, since when, and what does it remember word for word?",
    [KNOWN, GROWTH, KINDS, WHOSE, SHORT],
    reads=("postgres",),
)
