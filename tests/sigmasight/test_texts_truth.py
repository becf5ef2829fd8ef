"""What pages show of SigmaSight's words is what its tables hold, by rules stated once more and differently."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from exporters.core.sql import newest
from exporters.demo.postgres import Postgres
from exporters.sigmasight.texts_chats import CONVERSATION_ROWS, FOUND_ROWS, MESSAGE_ROWS
from exporters.sigmasight.texts_cuts import LONGEST
from exporters.sigmasight.texts_learning import DOCUMENT_ROWS, REMEMBERED_ROWS
from exporters.sigmasight.texts_people import STEP_ROWS, USER_ROWS
from exporters.sigmasight.texts_tuning import ANNOTATION_ROWS, RATING_ROWS
from tests.sigmasight.databases import NOW, Databases
from tests.sigmasight.texts_house import Range, World, readers

pytestmark = pytest.mark.servers
ALL_OF_IT = 100_000


def test_users_and_how_far_they_came(world: World) -> None:
    found = {row["user"]: row for row in world.readers.dicts(newest(USER_ROWS).table(limit=ALL_OF_IT))}
    fetch = world.databases.dicts
    events, owned = fetch("SELECT * FROM user_activity_events"), fetch("SELECT * FROM portfolios")
    talks = fetch("SELECT * FROM agent_conversations")
    users = fetch("SELECT * FROM users")
    assert len(found) == len(users) > 40
    for user in users:
        (his, its, said) = ([row for row in rows if row["user_id"] == user["id"]] for rows in (events, owned, talks))
        kinds = {event["event_type"] for event in his}
        status = "signed up"
        if kinds & {"onboarding.portfolio_start", "onboarding.portfolio_error"}:
            status = "began"
        if its or "onboarding.portfolio_complete" in kinds:
            status = "portfolio"
        if said or any(event["event_category"] == "chat" for event in his):
            status = "chatted"
        moments = [user["created_at"], *(row["created_at"] for row in (*his, *its)), *(t["updated_at"] for t in said)]
        assert found[str(user["id"])] == {
            "user": str(user["id"]),
            "time": user["created_at"],
            "tier": user["tier"],
            "active": "yes" if user["is_active"] else "no",
            "status": status,
            "portfolios": sum(row["deleted_at"] is None for row in its),
            "conversations": len(said),
            "errors": sum(e["error_code"] is not None or e["event_type"].endswith("_error") for e in his),
            "last": max(moments),
        }
    assert len({row["status"] for row in found.values()}) > 1
    ((only,),) = world.readers.ask(newest(USER_ROWS).table(["user"]), typed={"user": world.user})
    assert only == world.user


def steps_of(world: World, user: str) -> list[tuple[Any, str, str | None]]:
    """(when, what, error), by rules of their own."""
    rows = world.databases.rows
    his = rows(
        "SELECT created_at, event_type, error_code, event_type LIKE '%%error' FROM user_activity_events"
        " WHERE user_id = %(user)s",
        {"user": user},
    )
    made = [(at, kind, code or ("error" if failed else None)) for at, kind, code, failed in his]
    facts = [(at, "signed up", "onboarding.register_complete") for (at,) in rows(
        "SELECT created_at FROM users WHERE id = %(user)s", {"user": user})]  # fmt: skip
    for made_at, gone_at in rows("SELECT created_at, deleted_at FROM portfolios WHERE user_id = %(u)s", {"u": user}):
        facts.append((made_at, "portfolio created", "onboarding.portfolio_complete"))
        if gone_at is not None:
            facts.append((gone_at, "portfolio deleted", ""))
    facts += [(at, "conversation began", "chat.session_start") for (at,) in rows(
        "SELECT created_at FROM agent_conversations WHERE user_id = %(user)s", {"user": user})]  # fmt: skip
    minute = timedelta(minutes=1)
    made += [
        (at, what, None)
        for at, what, event in facts
        if not any(kind == event and abs(then - at) <= minute for then, kind, _, _ in his)
    ]
    made += [(at, "request failed", error) for at, error in rows(
        "SELECT created_at, error_type FROM ai_request_metrics WHERE user_id = %(user)s AND error_type IS NOT NULL",
        {"user": user})]  # fmt: skip
    return made


def test_a_journey_is_what_the_user_did_with_the_time_between(world: World) -> None:
    users = [str(key) for (key,) in world.databases.rows("SELECT id FROM users ORDER BY id")]
    kinds: Counter[str] = Counter()
    for user in users:
        found = world.readers.dicts(
            newest(STEP_ROWS).table(oldest_first=True, before="step", limit=ALL_OF_IT), typed={"user": user}
        )
        assert Counter((row["time"], row["step"], row["error"]) for row in found) == Counter(steps_of(world, user))
        for earlier, later in pairwise(found):
            assert later["since"] == pytest.approx((later["time"] - earlier["time"]).total_seconds(), abs=1e-5)
        assert all(row["since"] is None for row in found[:1])
        kinds.update(row["step"] for row in found)
        for row in found:
            assert (row["lane"] == "error") == (row["error"] is not None)
            assert row["user"] == user
    assert {"signed up", "portfolio created", "request failed", "onboarding.portfolio_error"} <= kinds.keys()
    # Errors that belong to nobody stay with nobody.
    assert world.readers.ask(newest(STEP_ROWS).table(), typed={"user": str(uuid.uuid4())}) == []


def test_dots_are_the_steps(world: World) -> None:
    lanes = ["account", "portfolio", "chat", "other", "error"]
    dots = world.readers.ask(newest(STEP_ROWS).moments("lane", lanes), typed={"user": world.user})
    steps = world.readers.dicts(newest(STEP_ROWS).table(limit=ALL_OF_IT), typed={"user": world.user})
    drawn = Counter((row[0], next(lane for lane, n in zip(lanes, row[1:], strict=True) if n)) for row in dots)
    assert drawn == Counter((step["time"], step["lane"]) for step in steps)
    assert [row[0] for row in dots] == sorted(row[0] for row in dots), "a graph wants its times in order"


def test_a_range_of_time_is_kept(world: World) -> None:
    range_ = Range(NOW - timedelta(days=5), NOW - timedelta(days=2))
    for rows, typed in ((STEP_ROWS, {"user": world.user}), (CONVERSATION_ROWS, {}), (FOUND_ROWS, {})):
        table = newest(rows).table(limit=ALL_OF_IT)
        everything, some = (world.readers.dicts(table, when, typed) for when in (Range(), range_))
        inside = [row for row in everything if range_.start <= row["time"] <= range_.stop]
        assert some == inside
        assert 0 < len(some) < len(everything)
    his = world.readers.dicts(newest(CONVERSATION_ROWS).table(limit=ALL_OF_IT), range_, {"user": world.user})
    assert {row["user"] for row in his} == {world.user}
    assert all(range_.start <= row["time"] <= range_.stop for row in his)


CONVERSATIONS = """
SELECT c.id::text AS conversation, c.user_id::text AS user, c.mode, c.created_at AS time, max(m.created_at) AS last,
       count(m.id) AS messages, count(m.id) FILTER (WHERE m.role = 'assistant' AND m.latency_ms IS NULL) AS unfinished,
       (SELECT count(*) FROM ai_request_metrics r WHERE r.conversation_id = c.id AND r.error_type IS NOT NULL) AS failed
FROM agent_conversations c LEFT JOIN agent_messages m ON m.conversation_id = c.id
GROUP BY c.id ORDER BY c.created_at DESC"""


def by_key(rows: list[dict[str, Any]], key: str) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in rows}


def test_conversations(world: World) -> None:
    asked = newest(CONVERSATION_ROWS).table(limit=ALL_OF_IT)
    own = world.databases.dicts(CONVERSATIONS)
    found = world.readers.dicts(asked)
    assert by_key(found, "conversation") == by_key(own[: len(found)], "conversation")
    assert len(found) == min(300, len(own))
    assert sum(row["failed"] for row in found) > 0
    his = world.readers.dicts(asked, typed={"user": world.user})
    assert by_key(his, "conversation") == by_key([r for r in own if r["user"] == world.user], "conversation")
    message = world.databases.number(
        "SELECT max(id::text) FROM agent_messages WHERE conversation_id = %(id)s", {"id": world.conversation}
    )
    for key in (world.conversation, message):
        (one,) = world.readers.dicts(asked, Range(NOW, NOW), {"conversation": key})
        assert one == by_key(own, "conversation")[world.conversation]
        said = world.readers.ask(newest(MESSAGE_ROWS).table(limit=ALL_OF_IT), typed={"conversation": key})
        assert len(said) == one["messages"]


MESSAGES = f"""
SELECT m.created_at AS time, m.role, left(nullif(m.content, ''), {LONGEST}) AS words, m.first_token_ms AS first,
       m.latency_ms AS took, r.model,
       CASE WHEN r.error_type IS NOT NULL THEN r.error_type
            WHEN m.role = 'assistant' AND m.latency_ms IS NULL THEN 'unfinished' END AS error,
       m.conversation_id::text AS conversation, c.mode
FROM agent_messages m JOIN agent_conversations c ON c.id = m.conversation_id
LEFT JOIN ai_request_metrics r ON r.message_id = m.id AND m.role = 'assistant'
WHERE (SELECT count(*) FROM ai_request_metrics x WHERE x.message_id = m.id) < 2
ORDER BY m.created_at DESC"""
"""Where two requests name one message, either may be shown."""


def test_messages(world: World) -> None:
    own = world.databases.dicts(MESSAGES)
    found = world.readers.dicts(newest(FOUND_ROWS).table(limit=ALL_OF_IT))
    assert len(found) == min(1000, world.databases.number("SELECT count(*) FROM agent_messages"))
    there = Counter(repr(row) for row in own)
    times = {row["time"] for row in own}
    strange = [row for row in found if row["time"] in times and not there[repr({k: row[k] for k in own[0]})]]
    twice = world.databases.number("SELECT count(*) - count(DISTINCT message_id) FROM ai_request_metrics")
    assert len(strange) <= twice
    assert {"unfinished", None} < {row["error"] for row in found}
    told = world.readers.dicts(
        newest(MESSAGE_ROWS).table(oldest_first=True, before="role", limit=ALL_OF_IT),
        typed={"conversation": world.conversation},
    )
    names = [column.name for column in MESSAGE_ROWS.columns]
    expected = [{k: row[k] for k in names} for row in own if row["conversation"] == world.conversation]
    assert sorted(map(repr, told)) == sorted(map(repr, expected))
    order = [(row["time"], row["role"] == "assistant") for row in told]
    assert order == sorted(order), "a question stands before its answer"


def test_annotations_and_the_queue(world: World) -> None:
    found = world.readers.dicts(newest(ANNOTATION_ROWS).table(limit=ALL_OF_IT))
    own = world.databases.dicts("SELECT * FROM ai_admin_annotations", half="ai")
    assert len(found) == len(own)
    key = ("time", "status", "words", "suggested", "message", "severity")
    expected = Counter(
        (
            *(row["created_at"], row["status"], row["content"][:LONGEST] or None),
            *((row["suggested_response"] or "")[:LONGEST] or None, str(row["message_id"]), row["severity"] or "none"),
        )
        for row in own
    )
    assert Counter(tuple(row[name] for name in key) for row in found) == expected
    tags = Counter(tag for row in own if isinstance(row["tags"], list) for tag in row["tags"])
    offered = world.readers.ask(newest(ANNOTATION_ROWS).options("tags"))
    assert {text for text, _ in offered} == set(tags)
    for tag, number in tags.items():
        chosen = newest(ANNOTATION_ROWS).chosen(tags="tag").count()
        assert world.readers.ask(chosen, tag=tag)[0][0] == number
    queue = world.readers.dicts(newest(ANNOTATION_ROWS).only(status="pending").table(oldest_first=True))
    assert len(queue) == sum(row["status"] == "pending" for row in own) > 5
    assert [row["waiting"] for row in queue] == sorted((row["waiting"] for row in queue), reverse=True)
    assert all(row["waiting"] is None for row in found if row["status"] != "pending")


def test_an_annotation_waits_however_many_came_after_it(sigmasight_postgres: Postgres) -> None:
    with Databases(sigmasight_postgres) as databases:
        insert = """INSERT INTO ai_admin_annotations (message_id, admin_user_id, annotation_type, content, status,
            created_at) SELECT gen_random_uuid(), gen_random_uuid(), 'flag', 'n' || n, CASE WHEN n = 1 THEN 'pending'
            ELSE 'applied' END, now() - (3000 - n) * interval '1 hour' FROM generate_series(1, 3000) AS numbers (n)"""
        databases.ai.execute(insert.encode())
        with readers(sigmasight_postgres, databases, "queue") as asking:
            ((found, examined),) = asking.ask(newest(ANNOTATION_ROWS).only(status="pending").count())
            assert (found, examined) == (1, 1001)


def test_ratings_documents_and_memories(world: World) -> None:
    own = world.databases.dicts("SELECT * FROM ai_feedback", half="ai")
    written = {(True, True): "both", (True, False): "edit", (False, True): "comment", (False, False): "neither"}
    found = world.readers.dicts(newest(RATING_ROWS).table(limit=ALL_OF_IT))
    assert Counter(
        (r["time"], r["rating"], r["written"], r["edited"], r["remark"], r["message"]) for r in found
    ) == Counter(
        (
            *(r["created_at"], r["rating"], written[bool(r["edited_text"]), bool(r["comment"])]),
            *(r["edited_text"] or None, r["comment"] or None, str(r["message_id"])),
        )
        for r in own
    )
    own = world.databases.dicts("SELECT * FROM ai_kb_documents", half="ai")
    found = world.readers.dicts(newest(DOCUMENT_ROWS).table(limit=ALL_OF_IT))
    assert Counter((r["time"], r["scope"], r["title"], r["words"], r["characters"]) for r in found) == Counter(
        (r["created_at"], r["scope"], r["title"], r["content"] or None, len(r["content"])) for r in own
    )
    own = world.databases.dicts("SELECT * FROM ai_memories", half="ai")
    tags = [row["tags"] if isinstance(row["tags"], dict) else {} for row in own]
    found = world.readers.dicts(newest(REMEMBERED_ROWS).table(limit=ALL_OF_IT))
    assert Counter(
        (r["time"], r["user"], r["scope"], r["category"], r["source"], r["words"]) for r in found
    ) == Counter(
        (
            *(r["created_at"], r["user_id"] and str(r["user_id"]), r["scope"], tag.get("category")),
            *(tag.get("source", "none"), r["content"] or None),
        )
        for r, tag in zip(own, tags, strict=True)
    )
    his = world.readers.ask(newest(REMEMBERED_ROWS).table(["words"], limit=ALL_OF_IT), typed={"user": world.user})
    assert len(his) == sum(str(r["user_id"]) == world.user for r in own) > 0
