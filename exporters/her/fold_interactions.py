"""Interaction -> effects, and the growth of HER's own counters -> the counters. Stream `interactions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exporters.core.contract import Effects
from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics
from exporters.her.events_interactions import Interaction

MESSAGES_KEY = "her:metrics:messages"
TOKENS_KEY = "her:metrics:tokens"


def settle(totals: Mapping[str, int | None], events: Sequence[Interaction]) -> Effects:
    """Count what HER counted: its counters know the entries nobody could read, too.

    None (the counter fell back: Redis came up with older data) leaves the entries themselves to count by.
    """
    effects = Effects()
    grown = totals.get(MESSAGES_KEY)
    effects.count(metrics.INTERACTIONS, amount=len(events) if grown is None else grown)
    tokens = totals.get(TOKENS_KEY)
    spent = sum(event.tokens_estimated for event in events)
    effects.count(metrics.TOKENS, amount=spent if tokens is None else tokens)
    return effects


def fold_interaction(state: None, event: Interaction, *, pseudonyms: Pseudonyms) -> tuple[None, Effects]:
    """What one entry shows beyond the counters: its size, and a point."""
    effects = Effects()
    effects.observe(metrics.INTERACTION_TOKENS, event.tokens_estimated)
    user = pseudonyms.of(event.user_id)
    effects.point(
        metrics.INTERACTION_POINT,
        event.at,
        {
            "tokens_estimated": event.tokens_estimated,
            "message_characters": event.message_characters,
            "reply_characters": event.reply_characters,
        },
        user=user,
    )
    texts = {name: text for name, text in (("message_text", event.message), ("reply_text", event.reply)) if text}
    if texts:
        effects.point(metrics.CHAT_TEXT, event.at, texts, user=user)
    return state, effects
