"""Streams of the core database: ai_requests, ai_messages and activity.

Each docstring shows its evidence: the table, one record, the exposition lines it becomes (`deployment` left out).
"""

from __future__ import annotations

from datetime import datetime

from exporters.core.contract import Stream
from exporters.core.prices import PriceTable
from exporters.core.pseudonym import Pseudonyms
from exporters.readers.postgres_client import Connection
from exporters.readers.postgres_rows import PostgresRows
from exporters.readers.postgres_table import Table
from exporters.sigmasight import metrics, tables
from exporters.sigmasight.events_activity import Activity, parse_activity
from exporters.sigmasight.events_ai_requests import AiRequest, parse_ai_request
from exporters.sigmasight.events_answers import Answer, parse_answer
from exporters.sigmasight.fold_activity import FoldActivity
from exporters.sigmasight.fold_ai_requests import FoldAiRequest
from exporters.sigmasight.fold_answers import fold_answer
from exporters.sigmasight.models import Models, decode_models, encode_models, models_view
from exporters.sigmasight.recorded_answers import RecordedAnswers
from exporters.sigmasight.settings import SigmaSightSettings


def ai_requests(
    settings: SigmaSightSettings, hash_key: bytes, ids: Pseudonyms, prices: PriceTable | None
) -> Stream[Connection, AiRequest, Models]:
    """`ai_request_metrics`, append-only, emptied of what is older than 30 days when somebody asks for it.

    ("6f1c…", 2026-01-12 09:15:02.118734 UTC, False, "71aa…", "gpt-5-mini", None, 820, 4310, None, None, None, 1,
     '[{"id": "call_1", "name": "get_company_profile"}]')

    sigmasight_ai_requests_total{gen_ai_request_model="gpt-5-mini",error_type=""} 1
    sigmasight_ai_requests_without_tokens_total{gen_ai_request_model="gpt-5-mini",outcome="success"} 1
    sigmasight_ai_requests_with_tools_total 1
    sigmasight_ai_tool_calls_total 1
    sigmasight_ai_tools_listed_total{tool="get_company_profile"} 1
    gen_ai_client_operation_duration_seconds_sum{system="sigmasight",gen_ai_provider_name="openai",
        gen_ai_operation_name="chat",gen_ai_request_model="gpt-5-mini",error_type=""} 4.31
    gen_ai_client_operation_time_to_first_chunk_seconds_sum{…} 0.82
    sigmasight_ai_model_first_request_timestamp_seconds{gen_ai_request_model="gpt-5-mini"} 1.768209302118734e+09
    """
    return Stream(
        name="ai_requests",
        interval=settings.interval("ai_requests"),
        reader=_rows(tables.AI_REQUESTS, settings, hash_key),
        parse=parse_ai_request,
        fold=FoldAiRequest(ids, prices),
        initial=dict,
        event_time=_own_time,
        view=models_view,
        encode=encode_models,
        decode=decode_models,
        feeds=(
            metrics.AI_REQUESTS,
            metrics.AI_WITHOUT_TEXT,
            metrics.AI_WITHOUT_TOKENS,
            metrics.AI_WITH_TOOLS,
            metrics.AI_TOOL_CALLS,
            metrics.AI_TOOLS_LISTED,
            metrics.AI_ODD_VALUES,
            metrics.AI_COST,
            metrics.AI_UNPRICED,
            metrics.AI_MODEL_SINCE,
            *metrics.SHARED,
        ),
    )


def ai_messages(settings: SigmaSightSettings, hash_key: bytes) -> Stream[Connection, Answer, None]:
    """`agent_messages`, the assistant's finished ones, looked up in `ai_request_metrics` by message_id.

    ("6f1c…", 2026-01-12 09:14:57.800101 UTC, False, "no")

    sigmasight_ai_messages_total{recorded="no"} 1
    """
    return Stream(
        name="ai_messages",
        interval=settings.interval("ai_messages"),
        reader=RecordedAnswers(rows=_rows(tables.ANSWERS, settings, hash_key)),
        parse=parse_answer,
        fold=fold_answer,
        initial=_nothing,
        event_time=_own_time,
        feeds=(metrics.AI_MESSAGES,),
    )


def activity(settings: SigmaSightSettings, hash_key: bytes, ids: Pseudonyms) -> Stream[Connection, Activity, None]:
    """`user_activity_events`, append-only, emptied as the requests are.

    ("6f1c…", 2026-01-12 09:15:02.118734 UTC, False, "71aa…", "onboarding.portfolio_error", "CSVValidationError")

    sigmasight_activity_events_total{event_type="onboarding.portfolio_error"} 1
    sigmasight_activity_errors_total{step="portfolio",error_code="CSVValidationError"} 1
    """
    return Stream(
        name="activity",
        interval=settings.interval("activity"),
        reader=_rows(tables.ACTIVITY, settings, hash_key),
        parse=parse_activity,
        fold=FoldActivity(ids),
        initial=_nothing,
        event_time=_own_time,
        feeds=(metrics.ACTIVITY_EVENTS, metrics.ACTIVITY_ERRORS),
    )


def _rows(table: Table, settings: SigmaSightSettings, hash_key: bytes) -> PostgresRows:
    windows = settings.windows
    return PostgresRows(table=table, hash_key=hash_key, narrow=windows.narrow, wide=windows.wide)


def _nothing() -> None:
    """The state of a stream whose every record stands for itself."""
    return


def _own_time(event: AiRequest | Activity | Answer) -> datetime:
    return event.at
