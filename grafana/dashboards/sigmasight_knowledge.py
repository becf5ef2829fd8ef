"""SigmaSight / Knowledge and memories: what does the assistant know, and what does it remember of whom?"""

from __future__ import annotations

from exporters.core.sql import newest
from exporters.sigmasight.texts_cuts import LONGEST
from exporters.sigmasight.texts_learning import DOCUMENT_ROWS, NEWEST_DOCUMENTS, NEWEST_MEMORIES, REMEMBERED_ROWS
from grafana.dashboards.panels import (
    COUNT,
    RATIO,
    TEXT,
    column,
    offered,
    row,
    row_table,
    search_box,
    stat,
)
from grafana.dashboards.sigmasight_words import (
    AI,
    FULL_TEXT,
    ITS_USER,
    KNOWLEDGE,
    NOT_FOUND,
    at,
    words_page,
)

WHY_NOTHING = "nothing matches, or nothing was learned yet."

_DOCUMENTS = newest(DOCUMENT_ROWS).chosen(scope="scope").contains("search", "title", "words")
_MEMORIES = newest(REMEMBERED_ROWS).chosen(scope="about", source="source").contains("search", "words", "category")

KNOWN = row(
    "What does it know?",
    stat(
        "Documents found",
        f"How many documents match, of how many that were looked through? At {NEWEST_DOCUMENTS} there are older ones.",
        _DOCUMENTS.count("found", "looked through"),
        nothing="none",
        may_be_zero=WHY_NOTHING,
        width=8,
        height=6,
    ),
    row_table(
        "By scope",
        "Where do the documents that match come from?",
        _DOCUMENTS.totals("scope", name="documents"),
        [column("scope", "Scope"), column("documents", "Documents", wide=120)],
        may_be_empty=WHY_NOTHING,
        nothing=NOT_FOUND,
        width=16,
        height=6,
    ),
    row_table(
        "Documents",
        f"What is in the knowledge base, the newest first, whatever the time range? At most 200, the first {LONGEST} "
        f"characters of each. The title of a learned one quotes a user's question. {FULL_TEXT}",
        _DOCUMENTS.table(),
        [
            at("time", "Added"),
            at("changed", "Changed"),
            column("scope", "Scope", wide=190),
            column("title", "Title", wrap=True, wide=260),
            column("words", "Text", wrap=True),
            column("characters", "Characters", unit=COUNT, wide=110),
        ],
        may_be_empty=WHY_NOTHING,
        nothing=NOT_FOUND,
        height=14,
    ),
)

REMEMBERED = row(
    "What does it remember?",
    stat(
        "Memories found",
        f"How many memories match, of how many that were looked through? At {NEWEST_MEMORIES} there are older ones, "
        "which are found by their user's id.",
        _MEMORIES.count("found", "looked through"),
        nothing="none",
        may_be_zero=WHY_NOTHING,
        width=8,
        height=6,
    ),
    row_table(
        "By source",
        "How did the memories that match come about?",
        _MEMORIES.totals("source", name="memories"),
        [column("source", "Source"), column("memories", "Memories", wide=120)],
        may_be_empty=WHY_NOTHING,
        nothing=NOT_FOUND,
        width=16,
        height=6,
    ),
    row_table(
        "Memories",
        "What does the assistant remember, the newest first, whatever the time range, of the user in the box if there "
        f"is one? At most 200. {FULL_TEXT}",
        _MEMORIES.table(),
        [
            at("time", "Time"),
            column("scope", "About", wide=95),
            column("user", "User", unit=TEXT, wide=330, links=(ITS_USER,)),
            column("category", "Category", wide=150),
            column("source", "Source", wide=160),
            column("confidence", "Confidence", unit=RATIO, wide=115),
            column("words", "Memory", wrap=True),
        ],
        may_be_empty=WHY_NOTHING,
        nothing=NOT_FOUND,
        height=16,
    ),
)

BOARD = words_page(
    "Knowledge and memories",
    KNOWLEDGE,
    "knowledge",
    "What does the assistant know, and what does it remember of whom?",
    [KNOWN, REMEMBERED],
    AI,
    search_box("User", "user"),
    offered("scope", "Scope of documents", newest(DOCUMENT_ROWS).options("scope")),
    offered("about", "Scope of memories", newest(REMEMBERED_ROWS).options("scope")),
    offered("source", "Source of memories", newest(REMEMBERED_ROWS).options("source")),
    search_box(),
)
