"""HER / Memories: what does HER remember, word for word? Read in HER's own database; nothing of it is ever copied."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core.sql import newest
from exporters.her.sql_texts import LONGEST, MEMORY_ROWS, NEWEST
from grafana.dashboards.her_pages import MEMORY_TEXTS, page
from grafana.dashboards.panels import (
    BAD,
    GOOD,
    RATIO,
    TEXT,
    WARNING,
    Word,
    column,
    databases,
    offered,
    row,
    row_table,
    search_box,
    stat,
)

NOT_FOUND = "No memory found"
WHY_EMPTY = "nothing is found, or HER has no memories yet."

KEPT: Mapping[float | str, Word] = {
    "payload": Word("payload", GOOD),
    "columns": Word("columns", WARNING),
    "both": Word("both", WARNING),
    "neither": Word("neither", BAD),
}

_FOUND = newest(MEMORY_ROWS).chosen(owner="owner", category="category").contains("search", "words")

HOW_MANY = row(
    "How many?",
    stat(
        "Found",
        f"How many memories match, of how many that were looked through? At {NEWEST} there are older ones as well, "
        "and these are not searched. Memories whose time cannot be read count as the oldest.",
        _FOUND.count("found", "looked through"),
        nothing="none",
        may_be_zero=WHY_EMPTY,
        width=6,
        height=8,
    ),
    row_table(
        "Categories found",
        "What are the memories that match about?",
        _FOUND.totals("category", name="memories", limit=50),
        [column("category", "Category", unit=TEXT), column("memories", "Memories", wide=110)],
        may_be_empty=WHY_EMPTY,
        nothing=NOT_FOUND,
        width=10,
        height=8,
    ),
    row_table(
        "Kept as",
        "In which shape does HER keep the texts that match: Mem0's payload, columns of older builds, or both?",
        _FOUND.totals("kept_as", name="memories"),
        [column("kept_as", "Kept as", words=KEPT), column("memories", "Memories", wide=110)],
        may_be_empty=WHY_EMPTY,
        nothing=NOT_FOUND,
        width=8,
        height=8,
    ),
)

WHICH = row(
    "Which?",
    row_table(
        "Memories",
        f"What does HER remember, the newest first, whatever the time range? At most 200, the first {LONGEST} "
        "characters of each. Users are as HER has them, and nothing is redacted.",
        _FOUND.table(["time", "owner", "category", "importance", "words", "kept_as"]),
        [
            column("time", "Time", wide=180),
            column("owner", "User", unit=TEXT, wide=170),
            column("category", "Category", wide=180),
            column("importance", "Importance", unit=RATIO, wide=125),
            column("words", "Memory", wrap=True),
            column("kept_as", "Kept as", words=KEPT, wide=100),
        ],
        may_be_empty=WHY_EMPTY,
        nothing=NOT_FOUND,
    ),
)

BOARD = page(
    "Memories",
    MEMORY_TEXTS,
    "memories",
    "What does HER remember, word for word? Read in HER's own database when the page is opened or something is typed.",
    [HOW_MANY, WHICH],
    databases("HER memories"),
    offered("owner", "User", newest(MEMORY_ROWS).options("owner")),
    offered("category", "Category", newest(MEMORY_ROWS).options("category")),
    search_box(),
    text=True,
    reads=("postgres",),
    # Each look reads a part of the table that no index serves: people ask for it, and no clock.
    refresh="",
)
