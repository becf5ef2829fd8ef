"""Conversations, their messages, and the row that each answered request leaves in `ai_request_metrics`.

Both messages of a request are inserted when it starts; the assistant's is updated once, at the end. The metrics row is
written after the last chunk has left, by a task that nobody waits for.
"""

import uuid
from dataclasses import dataclass
from typing import Final, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight.simulate_events import event
from exporters.sigmasight.simulate_pen import JSON_NULL, Pen, Story
from exporters.sigmasight.simulate_people import Person

Ending = Literal["answered", "no_text", "untyped_error", "died", "disconnected"]
"""How a request ends when it does not end with an error type. `died`: an exception while streaming: no row at all.
`disconnected`: the reader left right at the end: an answer without a row."""

COUNT: Final = sql.SQL("""
    UPDATE users
    SET ai_messages_used = CASE WHEN date_trunc('month', ai_messages_reset_at, 'UTC')
                                     < date_trunc('month', %(now)s::timestamptz, 'UTC') THEN 1
                                ELSE ai_messages_used + 1 END,
        ai_messages_reset_at = greatest(ai_messages_reset_at, date_trunc('month', %(now)s::timestamptz, 'UTC'))
    WHERE id = %(user)s
""")
RETRY_SECONDS: Final = 4.0
LATE_ONE_IN: Final = 40


@dataclass(frozen=True, slots=True)
class Habits:
    """What differs between set-ups of SigmaSight.

    tokens: share of rows with token counts; production has none, because the upstream layer never sends them.
    models: model names; more than one only where default and fallback are configured.
    late_seconds: the longest a row's transaction stays open in real time. calm: little fails, as on most days;
    otherwise whatever can happen happens soon.
    """

    tokens: float = 0.0
    models: tuple[str, ...] = (names.MODEL,)
    late_seconds: float = 0.0
    calm: bool = False


def converse(pen: Pen, person: Person) -> tuple[uuid.UUID, str]:
    """A new conversation: (id, mode)."""
    mode = pen.rng.choice(names.MODES)
    at = pen.now()
    key = pen.insert(
        "agent_conversations",
        {
            "user_id": person.key,
            "mode": mode,
            "provider": "openai",
            "created_at": at,
            "updated_at": at,
            "metadata": Jsonb(
                {
                    "portfolio_ids": [str(key) for key in person.portfolios],
                    "page_hint": pen.canaries.text("agent_conversations.metadata", "portfolio"),
                }
            ),
        },
    )
    person.conversations.append((key, mode))
    event(pen, "chat.session_start", user=person.key, data={"conversation_id": str(key)})
    return key, mode


def ask(pen: Pen, person: Person, habits: Habits, ending: Ending = "answered", *, error: str | None = None) -> Story:
    """One request in the newest conversation, which is begun if need be; `error`: the type it fails with."""
    rng = pen.rng
    if not person.conversations or rng.random() < 0.3:
        converse(pen, person)
        yield rng.uniform(0.5, 5)
    if rng.random() < 0.05:
        switch_mode(pen, person)
    conversation, _ = person.conversations[-1]
    count_message(pen, person)
    answer = begin(pen, conversation)
    first, total, tools = pace(pen, ending, error)
    yield total / 1000
    if ending == "died":
        return
    failed = error is not None or ending == "untyped_error"
    spoken = None if failed or ending == "no_text" else first
    end(pen, conversation, answer, first_token_ms=spoken, latency_ms=total)
    if ending == "disconnected":
        return
    row = metrics_row(pen, habits, conversation, answer, person.key, (spoken, total), tools, error)
    if failed:
        row["error_message"] = pen.canaries.text(
            "ai_request_metrics.error_message", "upstream said: invalid key sk-…k4Yz of organisation org-invented"
        )
    late = rng.uniform(0, habits.late_seconds) if rng.randrange(LATE_ONE_IN) == 0 else 0.0
    yield from pen.insert_late("ai_request_metrics", row, late)
    remember_answer(person, answer)


def switch_mode(pen: Pen, person: Person) -> None:
    """A message that only changes the conversation's mode: no request, no row."""
    key, _ = person.conversations.pop()
    mode = pen.rng.choice(names.MODES)
    pen.update("agent_conversations", key, {"mode": mode, "updated_at": pen.now()})
    person.conversations.append((key, mode))


def count_message(pen: Pen, person: Person) -> None:
    """The month's count of the user's messages; what is left of an older month goes when the next message comes."""
    pen.run("users", COUNT, {"user": person.key, "now": pen.now()})


def remember_answer(person: Person, answer: uuid.UUID) -> None:
    """Remember the answer, for feedback and annotations."""
    person.answers.append(answer)
    del person.answers[:-20]


def begin(pen: Pen, conversation: uuid.UUID) -> uuid.UUID:
    """The question and the empty answer, inserted together; returns the answer's id."""
    at = pen.now()
    whole = {
        "conversation_id": conversation,
        "tool_calls": Jsonb([]),
        "created_at": at,
    }
    answer = pen.new_id()
    text = pen.canaries.text("agent_messages.content", talk_about(answer)[0])
    pen.insert("agent_messages", {**whole, "role": "user", "content": text})
    return pen.insert("agent_messages", {"id": answer, **whole, "role": "assistant", "content": ""})


def talk_about(answer: uuid.UUID) -> tuple[str, str]:
    """What was asked and what is answered: an answer fits its question, whoever writes it when."""
    return names.TALK[answer.int % len(names.TALK)]


def end(pen: Pen, conversation: uuid.UUID, answer: uuid.UUID, *, first_token_ms: int | None, latency_ms: int) -> None:
    """The answer's only update. Its tool calls become JSON null; token columns stay NULL."""
    text = pen.canaries.text("agent_messages.content", talk_about(answer)[1])
    pen.update(
        "agent_messages",
        answer,
        {
            "content": "" if first_token_ms is None else text,
            "tool_calls": JSON_NULL,
            "first_token_ms": first_token_ms,
            "latency_ms": latency_ms,
            "provider_message_id": f"msg_{pen.rng.getrandbits(64):016x}",
        },
    )
    pen.update("agent_conversations", conversation, {"updated_at": pen.now()})


def pace(pen: Pen, ending: Ending, error: str | None) -> tuple[int, int, list[str]]:
    """(first token ms, total ms, tools called). Refusals come at once, other errors after the retries."""
    rng = pen.rng
    if error in names.REFUSED:
        return 0, rng.randrange(120, 600), []
    first = int(min(rng.lognormvariate(7.0, 0.5), 30_000))
    calls = min(int(rng.expovariate(0.8)), 6) if ending != "no_text" else 1
    tools = [rng.choice(names.TOOLS[: 1 + rng.randrange(len(names.TOOLS))]) for _ in range(calls)]
    if calls and rng.random() < 0.02:
        tools[-1] = rng.choice((names.UNKNOWN_TOOL, names.INVENTED_TOOL))
    total = first + int(rng.lognormvariate(8.2, 0.6)) + calls * rng.randrange(300, 2500)
    if error is not None or ending == "untyped_error":
        total += int(RETRY_SECONDS * 1000 * rng.randrange(1, 4))
    return first, min(total, 300_000), tools


def metrics_row(
    pen: Pen,
    habits: Habits,
    conversation: uuid.UUID,
    answer: uuid.UUID,
    user: uuid.UUID,
    milliseconds: tuple[int | None, int],
    tools: list[str],
    error: str | None,
) -> dict[str, object]:
    """The row, stamped with the end of the request. No tool was called: JSON null, not NULL."""
    rng = pen.rng
    listed = [{"name": name, "id": f"call_{rng.getrandbits(48):012x}"} for name in tools]
    row: dict[str, object] = {
        "conversation_id": conversation,
        "message_id": answer,
        "user_id": user,
        "model": rng.choice(habits.models),
        "first_token_ms": milliseconds[0],
        "total_latency_ms": milliseconds[1],
        "tool_calls_count": len(tools),
        "tool_calls": Jsonb({"tools": listed}) if tools else JSON_NULL,
        "error_type": error,
        "error_message": None,
        "created_at": pen.now(),
    }
    if error is None and rng.random() < habits.tokens:
        given, made = rng.randrange(200, 9000), rng.randrange(20, 1500)
        row |= {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    return row


def delete_conversation(pen: Pen, person: Person) -> None:
    """The user deletes the oldest conversation: messages go with it, metrics and feedback stay as orphans."""
    if len(person.conversations) > 1:
        pen.delete("agent_conversations", person.conversations.pop(0)[0])
