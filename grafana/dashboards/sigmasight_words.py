"""What the pages have in common that show SigmaSight's own words, read in its databases when somebody looks."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.sigmasight.texts_cuts import AI_DATABASE
from grafana.dashboards.panels import MOMENT, Board, Column, Row, Variable, column, databases, go
from grafana.dashboards.sigmasight_pages import page

USERS = "sigmasight-users"
CONVERSATIONS = "sigmasight-conversations"
ANNOTATIONS = "sigmasight-annotations"
KNOWLEDGE = "sigmasight-knowledge"

CORE = "SigmaSight core texts"
AI = "SigmaSight ai texts"
"""What the data sources are called, without the deployment."""

NOT_FOUND = "Nothing found"
WHY_EMPTY = "nothing matches, or nobody wrote anything in the time range."
FULL_TEXT = "Nothing is redacted."

JOURNEY = go("Journey", USERS, keep=("database",), user="${__value.raw}")
HIS_CONVERSATIONS = go("Conversations", CONVERSATIONS, keep=("database",), user="${__value.raw}")
HIS_MEMORIES = go("Memories", KNOWLEDGE, user="${__value.raw}")
READ_ON = go("What was said", CONVERSATIONS, keep=("database",), conversation="${__value.raw}")
ITS_CONVERSATION = go("Its conversation", CONVERSATIONS, conversation="${__value.raw}")
"""From the AI database: which answer it is stands in the core database."""
ITS_USER = go("Journey", USERS, user="${__value.raw}")


def at(name: str, title: str) -> Column:
    """A column of times, to the second: by itself Grafana shows more where two are close, and then cuts it off."""
    return column(name, title, unit=MOMENT, wide=175)


def words_page(
    title: str, uid: str, name: str, description: str, rows: Sequence[Row], kind: str, *variables: Variable
) -> Board:
    """A page over one of the databases. kind: CORE or AI."""
    return page(
        title,
        uid,
        name,
        f"{description} Read in SigmaSight's own database when the page is opened or something is typed.",
        rows,
        databases(kind, AI_DATABASE) if kind == AI else databases(kind),
        *variables,
        text=True,
        # People ask for it, and no clock.
        refresh="",
        # What a clean-up leaves; links from page to page keep it.
        start="now-30d",
    )
