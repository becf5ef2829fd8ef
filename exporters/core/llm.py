"""The families every LLM system shares: the OpenTelemetry GenAI metrics in their Prometheus form.

One set of edges per family for all systems, so that one dashboard shows every system side by side. Estimates of tokens
never enter these. Source: OpenTelemetry semantic conventions for generative AI, metrics.
"""

from __future__ import annotations

from exporters.core.label import SYSTEM, closed, opened
from exporters.core.metric import Metric, histogram

PROVIDER = opened("gen_ai_provider_name", "Who ran the model, as OpenTelemetry names it where it has a name.", 32)
OPERATION = closed(
    "gen_ai_operation_name",
    "What was asked for.",
    "chat",
    "text_completion",
    "generate_content",
    "embeddings",
    "execute_tool",
    "invoke_agent",
)
MODEL = opened("gen_ai_request_model", "The model asked for; `unknown` where the system does not record it.", 64)
TOKEN_TYPE = closed("gen_ai_token_type", "Tokens read or tokens written.", "input", "output")
TOOL = opened("gen_ai_tool_name", "The tool.", 64)
ERROR_TYPE = opened("error_type", "What went wrong; empty when nothing did, `_OTHER` when nobody knows.", 32)

UNKNOWN_MODEL = "unknown"
NO_ERROR = ""
UNNAMED_ERROR = "_OTHER"

DURATION_EDGES = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68,
)  # fmt: skip
FIRST_CHUNK_EDGES = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TOKEN_EDGES = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0)

OPERATION_DURATION = histogram(
    "gen_ai_client_operation_duration_seconds",
    "Time from asking a model to its complete answer, seen by the caller.",
    DURATION_EDGES,
    (SYSTEM, PROVIDER, OPERATION, MODEL, ERROR_TYPE),
)
TOOL_DURATION = histogram(
    "gen_ai_execute_tool_duration_seconds",
    "Time one tool call took.",
    DURATION_EDGES,
    (SYSTEM, TOOL, ERROR_TYPE),
)
FIRST_CHUNK = histogram(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "Time from asking a model to the first piece of its answer, seen by the caller.",
    FIRST_CHUNK_EDGES,
    (SYSTEM, PROVIDER, OPERATION, MODEL),
)
TOKEN_USAGE = histogram(
    "gen_ai_client_token_usage",
    "Tokens of one request, as the provider counted them; a request without a count is absent.",
    TOKEN_EDGES,
    (SYSTEM, PROVIDER, OPERATION, MODEL, TOKEN_TYPE),
)

FAMILIES: tuple[Metric, ...] = (OPERATION_DURATION, FIRST_CHUNK, TOKEN_USAGE, TOOL_DURATION)
