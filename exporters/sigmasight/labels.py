"""Every label and tag of SigmaSight's metrics, with its values."""

from __future__ import annotations

from exporters.core.label import closed, opened
from exporters.core.prices import MISSING_PRICES

EVENT_TYPES = (
    "onboarding.register_start",
    "onboarding.register_complete",
    "onboarding.register_error",
    "onboarding.login_success",
    "onboarding.login_error",
    "onboarding.portfolio_start",
    "onboarding.portfolio_complete",
    "onboarding.portfolio_error",
    "chat.session_start",
    "chat.feedback_given",
    "auth.logout",
)
"""Those the back end emits; it declares two more that nothing emits."""

STEPS = ("register", "login", "portfolio")
REQUEST_COLUMNS = (
    "first_token_ms",
    "total_latency_ms",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "tool_calls_count",
    "tool_calls",
)

OUTCOME = closed("outcome", "Whether the request failed, as the back end counts it.", "success", "error")
TOOL = opened("tool", "Tool that the model asked for; a model can invent names.", 48)
COLUMN = closed("column", "Column of a request's row.", *REQUEST_COLUMNS)
CURRENCY = opened("currency", "Currency of the price table.", 8)
UNPRICED_TYPE = closed(
    "gen_ai_token_type", "Tokens read, tokens written, or a total that nobody split.", "input", "output", "unsplit"
)
UNPRICED_REASON = closed(
    "reason",
    "Why tokens have no price: no price table, none for the model, none yet at that time, or only a total is known.",
    *MISSING_PRICES,
    "unsplit",
)
RECORDED = closed(
    "recorded",
    "Whether the answer has a row among the AI requests; unknown where a clean-up may have removed it.",
    "yes",
    "no",
    "unknown",
)
EVENT_TYPE = closed("event_type", "Kind of user activity, as SigmaSight names it.", *EVENT_TYPES)
STEP = closed("step", "Step of the onboarding that failed.", *STEPS)
ERROR_CODE = opened("error_code", "Code of the error, mostly the name of an exception class.", 48)
DOCUMENT_SCOPE = closed(
    "scope", "Where a document of the knowledge base comes from.", "global", "feedback:positive_example"
)
MEMORY_SCOPE = closed("scope", "Whom a memory is about.", "user", "portfolio", "global")
