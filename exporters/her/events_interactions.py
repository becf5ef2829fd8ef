"""`her:metrics:events` -> Interaction.

{"timestamp":"2026-02-22T09:15:02.118734+00:00","user_id":"5551001","user_message":"is the backup done?",
 "response_message":"Yes, it finished at nine.","token_estimate":12}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from exporters.her import texts
from exporters.her.record import load


@dataclass(frozen=True, slots=True)
class Interaction:
    """One user message and its reply. Sizes in characters; the texts only where asked for, redacted and cut."""

    at: datetime
    user_id: str = field(repr=False)
    tokens_estimated: int
    message_characters: int
    reply_characters: int
    message: str = field(default="", repr=False)
    reply: str = field(default="", repr=False)


def parse_interaction(raw: bytes, *, keep_text: bool = False) -> Interaction:
    """One entry of the list. Raises Rejected."""
    fields = load(raw)
    message, reply = fields.need_text("user_message"), fields.need_text("response_message")
    return Interaction(
        at=fields.at(),
        user_id=fields.need_name("user_id"),
        tokens_estimated=fields.need_integer("token_estimate", low=0),
        message_characters=len(message),
        reply_characters=len(reply),
        message=texts.head(message, texts.CHAT_CHARACTERS) if keep_text else "",
        reply=texts.head(reply, texts.CHAT_CHARACTERS) if keep_text else "",
    )
