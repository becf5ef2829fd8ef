"""HER / Recent chats: is history being persisted, what does HER remember, what happened in chats? No texts here."""

from __future__ import annotations

from exporters.core import health
from exporters.core.flux import events
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import CHATS, DECISIONS, LOGS, newest, page, stream
from grafana.dashboards.panels import (
    AGE,
    NUMBER,
    Limits,
    bar_gauge,
    column,
    event_table,
    go,
    line,
    row,
    stat,
    timeseries,
)

TRACE = (
    "assistant_response",
    "assistant_response_api",
    "tool_call",
    "tool_result",
    "natural_schedule_created",
    "reinforcement_event",
    "scheduler_execution",
)
"""What belongs to the story of a chat. The API's replies too, which the old dashboard left out."""

PERSISTED = row(
    "Is history being persisted?",
    stat("Newest interaction", "How long ago did HER record a finished interaction?", newest("interactions"), unit=AGE),
    stat(
        "Newest memory",
        "How long ago did HER write to a conversation in short memory? It may only trail the newest interaction.",
        m.CONTEXT_LAST_ACTIVITY.age(),
        unit=AGE,
        nothing="no conversation",
    ),
    stat(
        "Interactions",
        "How many interactions did HER record in this time range?",
        m.INTERACTIONS.increase("$__range"),
        may_be_zero="nobody talked to HER.",
    ),
    stat(
        "Lost",
        "How many interactions passed unread in this time range? Exact: HER counts them.",
        health.STREAM_LOST.increase("$__range", where=stream("interactions")),
        limits=Limits(bad_above=0),
        may_be_zero="nothing was lost.",
    ),
    timeseries(
        "Interactions in the last hour",
        "How many messages did HER answer in the hour before each moment?",
        m.INTERACTIONS.increase("1h"),
    ),
    timeseries(
        "Interactions by hour",
        "How many messages did HER answer in each hour, by their own time?",
        line(events(m.INTERACTION_POINT, "tokens_estimated").count(every="1h"), "interactions"),
        style="bars",
        colours={"interactions": "blue"},
    ),
)

MEMORY = row(
    "What is in short memory?",
    stat(
        "Conversations",
        "How many conversations does HER remember word for word?",
        line(m.CONTEXT_THREADS.sum(by=lb.THREAD_KIND), lb.THREAD_KIND),
        width=6,
    ),
    stat(
        "Messages",
        "How many messages does HER remember, by who wrote them?",
        line(m.CONTEXT_MESSAGES.sum(by=lb.ROLE), lb.ROLE),
        width=6,
    ),
    stat(
        "Kept as",
        "How does HER keep conversations in Redis? Lists are left over from older builds.",
        line(m.CONTEXT_THREADS.sum(by=lb.STORAGE), lb.STORAGE),
        may_be_zero="older builds left nothing.",
        width=6,
    ),
    timeseries(
        "Messages remembered",
        "Does short memory grow, or does it expire?",
        line(m.CONTEXT_MESSAGES.sum(by=lb.ROLE), lb.ROLE),
        style="stacked",
        width=14,
    ),
    bar_gauge(
        "Longest conversations",
        "How long are the ten longest conversations? A user's is cut at 20 messages, a group's at 120.",
        line(m.CONTEXT_LARGEST.max(by=lb.RANK).call("sort_desc"), "#{{rank}}"),
        width=10,
    ),
)

RECENT = row(
    "Recent interactions",
    event_table(
        "Interactions",
        "Who talked to HER, when, and how long were message and reply? Users are keyed hashes.",
        events(m.INTERACTION_POINT).table(
            ["user", "tokens_estimated", "message_characters", "reply_characters"], limit=200
        ),
        [
            column("user", "User"),
            column("tokens_estimated", "Tokens (estimate)"),
            column("message_characters", "Message characters"),
            column("reply_characters", "Reply characters"),
        ],
        may_be_empty="nobody talked to HER in this time range.",
        nothing="Nobody talked to HER in this time range",
    ),
)

STORY = row(
    "What happened in chats?",
    event_table(
        "Trace",
        "Which replies, tool calls, tasks and judgements came one after the other?",
        events(m.DECISION_POINT)
        .where({lb.EVENT_TYPE: TRACE})
        .table(["event_type", "source", "user", "confidence", "scheduled_tasks", "score"], limit=300),
        [
            column("event_type", "Event", links=(go("Decisions", DECISIONS), go("Logs", LOGS))),
            column("source", "Source"),
            column("user", "User"),
            column("confidence", "Confidence", unit=NUMBER),
            column("scheduled_tasks", "Tasks created"),
            column("score", "Score", unit=NUMBER),
        ],
        height=12,
    ),
)

BOARD = page(
    "Recent chats",
    CHATS,
    "chats",
    "Is history being persisted, what does HER remember, and what happened in chats? Texts are in the restricted set.",
    [PERSISTED, MEMORY, RECENT, STORY],
)
