"""The odd rows of the AI database."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from psycopg.types.json import Jsonb

from exporters.sigmasight.simulate_pen import Pen

MICROSECOND: Final = timedelta(microseconds=1)
HOUR: Final = timedelta(hours=1)
FEEDBACK: Final[tuple[tuple[str, str | None, str | None, str], ...]] = (
    ("up", "", None, "an edit of no characters: not null"),
    ("down", None, "", "a comment of no characters: not null"),
    ("up", "better", "thanks", "an edit and a comment"),
    ("down", None, None, "a rating alone"),
    ("sideways", None, None, "an unknown rating"),
)
ANNOTATIONS: Final[tuple[tuple[str, str | None, str, str], ...]] = (
    ("correction", None, "pending", "no severity: left out of the counts by severity"),
    ("flag", "", "pending", "a severity of no characters"),
    ("praise", "enormous", "forgotten", "unknown in every column"),
)
WINDOWS: Final = (7, 30, 90, 365)


def ai_edges(pen: Pen, now: datetime) -> Iterator[tuple[str, uuid.UUID, str]]:
    """Plant them and tell (table, id, what is odd). Messages they are about do not exist: orphans are normal."""
    words = pen.canaries.text
    for days in WINDOWS:
        for delta, why in ((timedelta(0), "inside"), (-MICROSECOND, "outside"), (MICROSECOND, "inside")):
            at = now - timedelta(days=days) + delta
            yield "ai_feedback", _feedback(pen, at), f"{days} d ago, {why}"
            yield "ai_admin_annotations", _annotation(pen, at), f"{days} d ago, {why}"
    yield "ai_feedback", _feedback(pen, now + 5 * HOUR), "ahead of time: inside a window without an end"
    for rating, edited, comment, why in FEEDBACK:
        edit = words("ai_feedback.edited_text", edited) if edited else edited
        note = words("ai_feedback.comment", comment) if comment else comment
        key = _feedback(pen, now - HOUR, rating=rating, edited_text=edit, comment=note)
        yield "ai_feedback", key, why
    message = pen.new_id()
    for rating in ("up", "down"):
        yield "ai_feedback", _feedback(pen, now - HOUR, rating=rating, message_id=message), "two for one message"
    for kind, severity, status, why in ANNOTATIONS:
        key = _annotation(pen, now - HOUR, annotation_type=kind, severity=severity, status=status)
        yield "ai_admin_annotations", key, why
    tags = Jsonb({"not": "a list"})
    yield "ai_admin_annotations", _annotation(pen, now - HOUR, tags=tags), "tags that are no list"
    suggested = words("ai_admin_annotations.suggested_response", "shorter")
    changes: dict[str, object] = {"suggested_response": suggested, "updated_at": now - timedelta(days=400)}
    yield "ai_admin_annotations", _annotation(pen, now - HOUR, **changes), "changed before it was made"
    content = words("ai_memories.content", "odd")
    for user, scope, why in ((None, "global", "nobody's memory"), (pen.new_id(), "galaxy", "an unknown scope")):
        row = {"user_id": user, "scope": scope, "content": content, "tags": Jsonb([]), "created_at": now - HOUR}
        yield "ai_memories", pen.insert("ai_memories", row), why
    row = {
        "scope": "team:9",
        "title": words("ai_kb_documents.title", "odd"),
        "content": words("ai_kb_documents.content", "odd"),
        "metadata": Jsonb(None),
        "embedding": None,
        "created_at": now - HOUR,
        "updated_at": now - HOUR,
    }
    yield "ai_kb_documents", pen.insert("ai_kb_documents", row), "an unknown scope, no vector"


def _feedback(pen: Pen, at: datetime, **changes: object) -> uuid.UUID:
    row: dict[str, object] = {"message_id": pen.new_id(), "rating": "up", "created_at": at, **changes}
    return pen.insert("ai_feedback", row)


def _annotation(pen: Pen, at: datetime, **changes: object) -> uuid.UUID:
    row: dict[str, object] = {
        "message_id": pen.new_id(),
        "admin_user_id": pen.new_id(),
        "annotation_type": "improvement",
        "content": pen.canaries.text("ai_admin_annotations.content", "odd"),
        "severity": "minor",
        "tags": Jsonb(["tone"]),
        "status": "pending",
        "created_at": at,
        "updated_at": at,
        **changes,
    }
    return pen.insert("ai_admin_annotations", row)
