"""What people and HER say, and what HER decides: streams interactions, logs, decisions and reinforcement.

Each docstring shows its evidence: the key, one record, the exposition lines it becomes (`deployment` left out).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import redis

from exporters.core.contract import Stream, StreamReader
from exporters.core.pseudonym import Pseudonyms
from exporters.her import heartbeat, metrics
from exporters.her.copies import Copies
from exporters.her.copies_watch import WatchedList, noting
from exporters.her.events_decisions import Decision, parse_decision
from exporters.her.events_interactions import Interaction, parse_interaction
from exporters.her.events_logs import LogLine, parse_log_line
from exporters.her.events_reinforcement import Reinforcement, parse_reinforcement
from exporters.her.fold_decisions import fold_decision
from exporters.her.fold_interactions import MESSAGES_KEY, TOKENS_KEY, fold_interaction, settle
from exporters.her.fold_logs import fold_log_line
from exporters.her.fold_reinforcement import fold_reinforcement
from exporters.her.heartbeat import Heartbeats
from exporters.her.settings import HerSettings
from exporters.her.stateless import event_time, stateless
from exporters.readers.redis_list import RedisList


def interactions(settings: HerSettings, hash_key: bytes, ids: Pseudonyms) -> Stream[redis.Redis, Interaction, None]:
    """`her:metrics:events`, 50 entries, with its exact counters `her:metrics:messages` and `her:metrics:tokens`.

        {"timestamp":"2026-02-22T09:15:02.118734+00:00","user_id":"5551001","user_message":"is the backup done?",
         "response_message":"Yes, it finished at nine.","token_estimate":12}

        her_interactions_total 1
        her_tokens_estimated_total 12
        her_interaction_tokens_estimated_bucket{le="16.0"} 1

    The counters hold what was trimmed before anybody read it; what is seen of each entry is its size.
    """
    return stateless(
        name="interactions",
        interval=settings.interval("interactions"),
        reader=RedisList(
            key="her:metrics:events", cap=50, hash_key=hash_key, companion=MESSAGES_KEY, accumulators=(TOKENS_KEY,)
        ),
        parse=partial(parse_interaction, keep_text=settings.text.chats),
        fold=partial(fold_interaction, pseudonyms=ids),
        settle=settle,
        feeds=(metrics.INTERACTIONS, metrics.TOKENS, metrics.INTERACTION_TOKENS),
    )


def logs(settings: HerSettings, hash_key: bytes, ids: Pseudonyms) -> Stream[redis.Redis, LogLine, None]:
    """`her:logs`, 200 entries.

    {"timestamp":"2026-02-22T09:15:02.000412+00:00","level":"WARNING","name":"her_mcp.manager",
     "message":"Skipping MCP server 'pdf': missing command 'npx'"}

    her_log_lines_total{level="warning",logger="her_mcp.manager"} 1
    her_mcp_log_lines_total{level="warning"} 1
    her_mcp_failures_total{server="pdf",failure="skipped"} 1
    """
    return stateless(
        name="logs",
        interval=settings.interval("logs"),
        reader=RedisList(key="her:logs", cap=200, hash_key=hash_key),
        parse=partial(parse_log_line, keep_text=settings.text.logs),
        fold=partial(fold_log_line, pseudonyms=ids),
        feeds=(metrics.LOG_LINES, metrics.MCP_LOG_LINES, metrics.MCP_FAILURES),
    )


def decisions(
    settings: HerSettings, hash_key: bytes, ids: Pseudonyms, copies: Copies | None
) -> Stream[redis.Redis, Decision, Heartbeats]:
    """`her:decision:logs`, 500 entries. Its state is the scheduler's last sign of life.

    {"timestamp":"2026-02-22T12:00:00.000001+00:00","event_type":"performance_timing","summary":"llm 812.44ms",
     "user_id":"5551001","source":"telegram","details":{"stage":"llm","duration_ms":812.44,"used_fallback":false}}

    her_decisions_total{event_type="performance_timing",source="telegram"} 1
    her_stage_seconds_sum{stage="llm"} 0.81244

    copies: where the rows of PostgreSQL are compared with these; None where they are not watched.
    """
    text = settings.text
    parse: Callable[[bytes], Decision] = partial(parse_decision, keep_text=text.decisions, keep_chats=text.chats)
    reader: StreamReader[redis.Redis] = RedisList(key="her:decision:logs", cap=500, hash_key=hash_key)
    if copies is not None:
        reader, parse = WatchedList(reader, copies), noting(copies, copies.redis, parse)
    return Stream(
        name="decisions",
        interval=settings.interval("decisions"),
        reader=reader,
        parse=parse,
        fold=partial(fold_decision, pseudonyms=ids),
        initial=Heartbeats,
        event_time=event_time,
        expire=heartbeat.hear,
        view=heartbeat.view,
        encode=heartbeat.encode,
        decode=heartbeat.decode,
        feeds=(
            metrics.DECISIONS,
            metrics.HEARTBEAT_TIME,
            metrics.CLOCK_OFFSET,
            metrics.STAGE_SECONDS,
            metrics.REPLIES,
            metrics.REPLY_LANGUAGES,
            metrics.DEBATES,
            metrics.VERIFICATIONS,
            metrics.VERIFIER_CONFIDENCE,
            metrics.AGENT_STEPS,
            metrics.ENGAGEMENT,
            metrics.INITIATIVE,
            metrics.USER_RESPONSE,
            metrics.PROACTIVE,
            metrics.TOOL_CALLS,
            metrics.FAILOVERS,
            metrics.CAPABILITY_PROBES,
        ),
    )


def reinforcement(settings: HerSettings, hash_key: bytes, ids: Pseudonyms) -> Stream[redis.Redis, Reinforcement, None]:
    """`her:reinforcement:events`, 1000 entries.

    {"timestamp":"2026-02-22T12:00:01.5+00:00","user_id":"5551001","score":-0.5,"label":"mild_dissatisfaction",
     "task_succeeded":true,"reasoning":["strong_user_dissatisfaction","concise_response"],
     "user_message_preview":"that is wrong","assistant_message_preview":"It is 5.",
     "concise":true,"helpful":true,"emotionally_aligned":true}

    her_reinforcement_events_total{label="mild_dissatisfaction"} 1
    her_reinforcement_reasons_total{reason="concise_response"} 1
    her_reinforcement_tasks_total{outcome="success"} 1
    """
    return stateless(
        name="reinforcement",
        interval=settings.interval("reinforcement"),
        reader=RedisList(key="her:reinforcement:events", cap=1000, hash_key=hash_key),
        parse=parse_reinforcement,
        fold=partial(fold_reinforcement, pseudonyms=ids),
        feeds=(metrics.REINFORCEMENT, metrics.REINFORCEMENT_REASONS, metrics.REINFORCED_TASKS),
    )
