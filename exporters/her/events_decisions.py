"""`her:decision:logs` -> Decision.

    {"timestamp":"2026-02-22T12:00:00.000001+00:00","event_type":"performance_timing","summary":"llm 812.44ms",
     "user_id":"5551001","source":"telegram","details":{"stage":"llm","duration_ms":812.44,"used_fallback":false}}

The facts of each type are in `decision_facts`, its texts in `decision_texts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from exporters.her import texts
from exporters.her.decision_facts import Facts, facts_of
from exporters.her.decision_texts import detail_of
from exporters.her.record import Fields, load

DEFAULT_SOURCE = "runtime"


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry of the decision log. facts: what its type says, None where that is nothing to count by.

    summary, detail: only where asked for, redacted and cut; ids in them are still HER's own.
    """

    at: datetime
    event_type: str
    source: str
    user_id: str = field(repr=False)
    facts: Facts | None
    summary: str = field(default="", repr=False)
    detail: str = field(default="", repr=False)


def parse_decision(raw: bytes, *, keep_text: bool = False, keep_chats: bool = False) -> Decision:
    """One entry of the list. keep_chats: previews of replies may be part of `detail`. Raises Rejected.

    Copies of executions and jobs carry the whole original in `details`, megabytes of output included: not read here.
    """
    fields = load(raw)
    event_type, details = fields.need_name("event_type"), fields.fields("details")
    decision_texts = _texts(fields, event_type, details, keep_chats=keep_chats) if keep_text else ("", "")
    return Decision(
        at=fields.at(),
        event_type=event_type,
        source=fields.name("source", DEFAULT_SOURCE),
        user_id=fields.name("user_id"),
        facts=facts_of(event_type, details),
        summary=decision_texts[0],
        detail=decision_texts[1],
    )


def _texts(fields: Fields, event_type: str, details: Fields, *, keep_chats: bool) -> tuple[str, str]:
    return (
        texts.head(fields.text("summary"), texts.SUMMARY_CHARACTERS),
        texts.head(detail_of(event_type, details, chats=keep_chats), texts.DETAIL_CHARACTERS),
    )
