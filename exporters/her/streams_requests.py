"""How HER answers: the stream workflow.

The docstring shows its evidence: the key, one record, the exposition lines it becomes (`deployment` left out).
"""

from __future__ import annotations

from functools import partial

import redis

from exporters.core.contract import Stream
from exporters.core.llm import OPERATION_DURATION
from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics, workflow_requests
from exporters.her.events_workflow import WorkflowEvent, parse_workflow_event
from exporters.her.fold_workflow import expire, fold_workflow, view
from exporters.her.settings import HerSettings
from exporters.her.stateless import event_time
from exporters.her.workflow_requests import WorkflowState
from exporters.readers.redis_list import RedisList


def workflow(
    settings: HerSettings, hash_key: bytes, ids: Pseudonyms
) -> Stream[redis.Redis, WorkflowEvent, WorkflowState]:
    """`her:workflow:events`, 2000 entries, about ten per chat message. Its state is the requests that have not ended.

    {"timestamp":"2026-02-22T12:00:00.100200+00:00","event_type":"llm_completed",
     "execution_id":"0f3b6a0c6b3d4d0e9f6c2f4a5b6c7d8e","node_id":"llm","status":"success",
     "details":{"used_fallback":false,"duration_ms":843.2}}

    her_workflow_events_total{event_type="llm_completed",node="llm",status="success"} 1
    her_workflow_node_seconds_sum{node="llm"} 0.8432
    her_workflow_node_running{node="llm"} 1
    her_workflow_transitions_total{source_node="memory_lookup",target_node="llm"} 1   (of llm_started, before it)
    gen_ai_client_operation_duration_seconds_sum{system="her",gen_ai_provider_name="ollama",
        gen_ai_operation_name="chat",gen_ai_request_model="unknown",error_type=""} 0.8432
    """
    return Stream(
        name="workflow",
        interval=settings.interval("workflow"),
        reader=RedisList(key="her:workflow:events", cap=2000, hash_key=hash_key),
        parse=partial(parse_workflow_event, keep_text=settings.text.workflow, keep_chats=settings.text.chats),
        fold=partial(fold_workflow, pseudonyms=ids),
        initial=WorkflowState,
        event_time=event_time,
        expire=expire,
        view=view,
        encode=workflow_requests.encode,
        decode=workflow_requests.decode,
        feeds=(
            metrics.WORKFLOW_EVENTS,
            metrics.REQUESTS,
            metrics.REQUEST_SECONDS,
            metrics.NODE_SECONDS,
            metrics.INTENTS,
            metrics.SELECTIONS,
            metrics.IN_PROGRESS,
            metrics.OLDEST_IN_PROGRESS,
            metrics.NODE_RUNNING,
            metrics.TRANSITIONS,
            metrics.TRANSITION_SECONDS,
            metrics.TRANSITION_ERRORS,
            OPERATION_DURATION,
        ),
    )
