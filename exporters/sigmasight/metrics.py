"""Every metric and measurement of SigmaSight. One owner per fact: each metric is fed by one stream or probe.

Source: rows of its two PostgreSQL databases (see `tables` for the columns that are read).
"""

from __future__ import annotations

from exporters.core import llm
from exporters.core.measurement import Field, Measurement
from exporters.core.metric import Metric, counter, gauge
from exporters.sigmasight import labels as lb
from exporters.sigmasight import probes_metrics

# ai_request_metrics -- stream `ai_requests`; it also feeds the shared GenAI families

AI_REQUESTS = counter(
    "sigmasight_ai_requests_total",
    "Requests to the model that left a row; without an error type they are successes, as the back end counts.",
    (llm.MODEL, llm.ERROR_TYPE),
)
AI_WITHOUT_TEXT = counter(
    "sigmasight_ai_requests_without_text_total",
    "Successes without a first piece of text: the model wrote none, or they failed with an error that had no type.",
    (llm.MODEL,),
)
AI_WITHOUT_TOKENS = counter(
    "sigmasight_ai_requests_without_tokens_total",
    "Requests whose row carries no count of tokens at all.",
    (llm.MODEL, lb.OUTCOME),
)
AI_WITH_TOOLS = counter("sigmasight_ai_requests_with_tools_total", "Requests whose row counts at least one tool call.")
AI_TOOL_CALLS = counter(
    "sigmasight_ai_tool_calls_total", "Tool calls as the rows count them, those of failed attempts included."
)
AI_TOOLS_LISTED = counter(
    "sigmasight_ai_tools_listed_total",
    "Tool calls as the rows list them by name, which need not be as many as they count.",
    (lb.TOOL,),
)
AI_ODD_VALUES = counter(
    "sigmasight_ai_odd_values_total",
    "Values of requests that enter no metric, as they cannot be meant: negative, above a day, of another shape.",
    (lb.COLUMN,),
)
AI_COST = counter(
    "sigmasight_ai_cost_total",
    "What requests cost by the price table, at the prices of their own time, in units of the currency.",
    (llm.MODEL, llm.TOKEN_TYPE, lb.CURRENCY),
)
AI_UNPRICED = counter(
    "sigmasight_ai_unpriced_tokens_total",
    "Tokens that have no price and are no part of the cost.",
    (llm.MODEL, lb.UNPRICED_TYPE, lb.UNPRICED_REASON),
)
AI_MODEL_SINCE = gauge(
    "sigmasight_ai_model_first_request_timestamp_seconds",
    "When a model was first asked, as far as rows tell: the moment of a switch to it.",
    (llm.MODEL,),
    lasting=True,
)

# agent_messages, looked up in ai_request_metrics -- stream `ai_messages`

AI_MESSAGES = counter(
    "sigmasight_ai_messages_total",
    "Finished answers since the exporter began to watch, by whether they left a row among the AI requests.",
    (lb.RECORDED,),
)

# user_activity_events -- stream `activity`

ACTIVITY_EVENTS = counter("sigmasight_activity_events_total", "What users did, by kind of event.", (lb.EVENT_TYPE,))
ACTIVITY_ERRORS = counter(
    "sigmasight_activity_errors_total",
    "Events with an error code, by the step that failed.",
    (lb.STEP, lb.ERROR_CODE),
)

# ai_kb_documents, ai_memories -- probe `knowledge`

KNOWLEDGE_DOCUMENTS = gauge(
    "sigmasight_knowledge_documents", "Documents of the knowledge base by scope.", (lb.DOCUMENT_SCOPE,)
)
MEMORIES = gauge("sigmasight_memories", "Memories by scope; 50 at most per user.", (lb.MEMORY_SCOPE,))

METRICS: tuple[Metric, ...] = (
    AI_REQUESTS, AI_WITHOUT_TEXT, AI_WITHOUT_TOKENS, AI_WITH_TOOLS, AI_TOOL_CALLS, AI_TOOLS_LISTED, AI_ODD_VALUES,
    AI_COST, AI_UNPRICED, AI_MODEL_SINCE,
    AI_MESSAGES,
    ACTIVITY_EVENTS, ACTIVITY_ERRORS,
    KNOWLEDGE_DOCUMENTS, MEMORIES,
    *probes_metrics.METRICS,
)  # fmt: skip

SHARED: tuple[Metric, ...] = (llm.OPERATION_DURATION, llm.FIRST_CHUNK, llm.TOKEN_USAGE)
"""Fed by the stream `ai_requests`."""

# InfluxDB: every row at its own time. Bucket `sigmasight`.

AI_REQUEST_POINT = Measurement(
    "sigmasight", "sigmasight_ai_request", "One request to the model, at its end.",
    (llm.MODEL, llm.ERROR_TYPE, lb.CURRENCY),
    (
        Field("requests", "int", "Always 1: every request has at least this field."),
        Field("latency_seconds", "float", "From the question to the end, tools and retries included.", "seconds"),
        Field("first_chunk_seconds", "float", "From the question to the first text; absent without one.", "seconds"),
        Field("input_tokens", "int", "Tokens read; absent where the row has none."),
        Field("output_tokens", "int", "Tokens written; absent where the row has none."),
        Field("total_tokens", "int", "Both, as the row says; absent where it has none."),
        Field("unpriced_tokens", "int", "Those of them that have no price; absent without a count."),
        Field("tool_calls", "int", "Tool calls as the row counts them."),
        # Not a tag: each user would be a series of their own for as long as the bucket lasts.
        Field("user", "str", "Keyed hash of the user's id; absent where there is none."),
        Field("cost", "float", "By the price of that time, in units of the tag `currency`; absent without a price."),
    ),
)  # fmt: skip
AI_TOOL_POINT = Measurement(
    "sigmasight", "sigmasight_ai_tool_call", "One tool call as its request lists it, at the request's end.",
    (llm.MODEL,),
    # No tag: a model can invent names, and each would be a series for as long as the bucket lasts.
    (Field("tool", "str", "Name of the tool."),),
)  # fmt: skip
ACTIVITY_POINT = Measurement(
    "sigmasight", "sigmasight_activity", "One thing a user did.",
    (lb.EVENT_TYPE,),
    (
        Field("events", "int", "Always 1."),
        Field("error_code", "str", "Code of the error; absent without one."),
        Field("user", "str", "Keyed hash of the user's id; absent before anybody is known."),
    ),
)  # fmt: skip

MEASUREMENTS: tuple[Measurement, ...] = (AI_REQUEST_POINT, AI_TOOL_POINT, ACTIVITY_POINT, *probes_metrics.MEASUREMENTS)
