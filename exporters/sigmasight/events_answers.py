"""Answers that were looked up among the AI requests -> Answer. Stream `ai_messages`.

("6f1c…", 2026-01-12 09:14:57.800101 UTC, False, "no")
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from exporters.readers.postgres_table import Row
from exporters.sigmasight.record import load, text

COLUMNS = ("recorded",)


class Answer(NamedTuple):
    """One finished answer. at: when its request began. recorded: has it a row? `unknown` if it is too old to say."""

    at: datetime
    recorded: str


def parse_answer(record: Row) -> Answer:
    """Raises Rejected."""
    at, row = load(record, COLUMNS)
    return Answer(at, text(row, "recorded"))
