"""`her:reinforcement:events` -> Reinforcement.

{"timestamp":"2026-02-22T12:00:01.5+00:00","user_id":"5551001","score":-0.5,"label":"mild_dissatisfaction",
 "task_succeeded":true,"reasoning":["strong_user_dissatisfaction","concise_response"],
 "user_message_preview":"that is wrong","assistant_message_preview":"It is 5.",
 "concise":true,"helpful":true,"emotionally_aligned":true}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from exporters.her.record import load

MOST_REASONS = 16
"""HER gives four or five; a list of thousands would be somebody's mistake."""


@dataclass(frozen=True, slots=True)
class Reinforcement:
    """One score of one reply, from -1 to 1. The previews of the texts are never read."""

    at: datetime
    user_id: str = field(repr=False)
    score: float
    sentiment: str
    task_succeeded: bool
    reasons: tuple[str, ...]
    concise: bool
    helpful: bool
    emotionally_aligned: bool


def parse_reinforcement(raw: bytes) -> Reinforcement:
    """One entry of the list. Raises Rejected."""
    fields = load(raw)
    return Reinforcement(
        at=fields.at(),
        user_id=fields.need_name("user_id"),
        score=fields.need_number("score", -1.0, 1.0),
        sentiment=fields.need_name("label"),
        task_succeeded=fields.need_flag("task_succeeded"),
        reasons=fields.names("reasoning", MOST_REASONS),
        concise=fields.need_flag("concise"),
        helpful=fields.need_flag("helpful"),
        emotionally_aligned=fields.need_flag("emotionally_aligned"),
    )
