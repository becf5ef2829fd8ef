"""The AI database: feedback, memories, the knowledge base, annotations. Its times are the database's own.

A second rating overwrites the first in place and keeps `created_at`; there is no `updated_at`. Memories are capped at
50 per user: the oldest makes room.
"""

import uuid
from typing import Final, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight.simulate_events import event
from exporters.sigmasight.simulate_pen import Pen
from exporters.sigmasight.simulate_people import People, Person

Rating = Literal["up", "down"]

EXPECTED_DOCUMENTS: Final = names.SEEDED_DOCUMENTS


def rate(
    pen: Pen, person: Person, message: uuid.UUID, rating: Rating, *, edited: str | None, comment: str | None
) -> None:
    """A rating submitted, the first or another one: one row per message, one event per submission."""
    given = {
        "rating": rating,
        "edited_text": pen.canaries.text("ai_feedback.edited_text", edited) if edited else edited,
        "comment": pen.canaries.text("ai_feedback.comment", comment) if comment else comment,
    }
    if message in person.rated:
        pen.update("ai_feedback", person.rated[message], given)
    else:
        person.rated[message] = pen.insert_stamped("ai_feedback", {"message_id": message, **given})
    event(pen, "chat.feedback_given", user=person.key, data={"message_id": str(message), "rating": rating})


def opinion(pen: Pen, person: Person, *, liked: float = 0.7) -> None:
    """Somebody rates a recent answer, changes a rating, or takes it back. An edit can be an empty string.

    liked: share of good ratings.
    """
    rng = pen.rng
    if not person.answers:
        return
    if person.rated and rng.random() < 0.1:
        _, row = person.rated.popitem()
        pen.delete("ai_feedback", row)
        return
    changes = bool(person.rated) and rng.random() < 0.25
    message = rng.choice(list(person.rated)) if changes else rng.choice(person.answers)
    rating: Rating = "up" if rng.random() < liked else "down"
    edited = rng.choice((None, None, None, "", "A shorter answer."))
    rate(pen, person, message, rating, edited=edited, comment=rng.choice((None, None, "", "Too long.")))
    if rating == "up" and rng.random() < 0.2:
        learn_document(pen)


def remember(pen: Pen, person: Person) -> uuid.UUID:
    """A memory; the oldest of more than 50 is deleted."""
    rng = pen.rng
    scope = rng.choice(names.MEMORY_SCOPES)
    tags: dict[str, object] = {"source": rng.choice(names.MEMORY_SOURCES), "confidence": round(rng.random(), 2)}
    tags["category"] = pen.canaries.text("ai_memories.tags", "preference")
    text = pen.canaries.text("ai_memories.content", rng.choice(names.MEMORIES), 500)
    row = {"user_id": None if scope == "global" else person.key, "scope": scope, "content": text, "tags": Jsonb(tags)}
    key = pen.insert_stamped("ai_memories", row)
    if scope != "global":
        person.memories.append(key)
        if len(person.memories) > names.MEMORIES_PER_USER:
            pen.delete("ai_memories", person.memories.pop(0))
    return key


def forget(pen: Pen, person: Person) -> None:
    """The user deletes all memories."""
    pen.run("ai_memories", sql.SQL("DELETE FROM ai_memories WHERE user_id = %(user)s"), {"user": person.key})
    person.memories.clear()


def seed_documents(pen: Pen) -> int:
    """The web process starts: with fewer than 36 documents it inserts its own again, duplicates included."""
    found = pen.ai.execute("SELECT count(*) FROM ai_kb_documents").fetchone()
    if found and found[0] >= EXPECTED_DOCUMENTS:
        return 0
    for number in range(EXPECTED_DOCUMENTS):
        _document(pen, "global", f"Topic {number + 1}", names.TALK[number % len(names.TALK)][1], embedded=True)
    return EXPECTED_DOCUMENTS


def learn_document(pen: Pen) -> uuid.UUID:
    """A rated answer becomes knowledge: the title quotes the user's question."""
    question, answer = pen.rng.choice(names.TALK)
    return _document(pen, names.LEARNED_SCOPE, question, answer, embedded=pen.rng.random() < 0.8)


def _document(pen: Pen, scope: str, title: str, text: str, *, embedded: bool) -> uuid.UUID:
    return pen.insert_stamped(
        "ai_kb_documents",
        {
            "scope": scope,
            "title": pen.canaries.text("ai_kb_documents.title", title, 500),
            "content": pen.canaries.text("ai_kb_documents.content", text),
            "metadata": Jsonb({"origin": pen.canaries.text("ai_kb_documents.metadata", "invented")}),
            "embedding": "[0.1,0.2]" if embedded else None,
        },
    )


def annotate(pen: Pen, people: People, message: uuid.UUID) -> uuid.UUID:
    """An administrator's note about an answer."""
    rng = pen.rng
    words = pen.canaries.text
    tags = rng.sample(names.TAGS, rng.randrange(3))
    kind = rng.choice(names.ANNOTATION_TYPES)
    note, better = names.NOTES[kind]
    suggested = words("ai_admin_annotations.suggested_response", better) if better and rng.random() < 0.6 else None
    return pen.insert_stamped(
        "ai_admin_annotations",
        {
            "message_id": message,
            "admin_user_id": rng.choice(people.admins),
            "annotation_type": kind,
            "content": words("ai_admin_annotations.content", note),
            "suggested_response": suggested,
            "severity": rng.choice(names.SEVERITIES) if better else None,
            "tags": Jsonb(tags),
            "status": "pending",
        },
    )


def review(pen: Pen, annotation: uuid.UUID, status: str) -> None:
    """An edit: `updated_at` moves, by the database's clock."""
    pen.update("ai_admin_annotations", annotation, {"status": status, "updated_at": pen.db_now()})
