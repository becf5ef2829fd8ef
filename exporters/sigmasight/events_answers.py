"""Answers that were looked up among the AI requests -> Answer. Stream `ai_messages`.

{"id":"6f1c…","at":"2026-01-12T09:14:57.800101+00:00","recorded":"no"}
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from exporters.sigmasight.record import load, text


class Answer(NamedTuple):
    """One finished answer. at: when its request began. recorded: has it a row? `unknown` if it is too old to say."""

    at: datetime
    recorded: str


def parse_answer(raw: bytes) -> Answer:
    """Raises Rejected."""
    at, row = load(raw)
    return Answer(at, text(row, "recorded"))
