"""What SigmaSight's back end says without a login: its health endpoints, and its log file where a path is given."""

from __future__ import annotations

from exporters.core.label import closed, opened
from exporters.core.measurement import Field, Measurement
from exporters.core.metric import Metric, counter, gauge

ENDPOINTS = ("health", "live", "ready", "status", "prerequisites")
LEVELS = ("debug", "info", "warning", "error", "critical")
LLM_ERRORS = (
    "rate_limit_exceeded",
    "quota_exceeded",
    "authentication_error",
    "internal_error",
    "api_failure",
    "incomplete_response",
    "continuation_failed",
    "continuation_exception",
    "STREAM_FAILED",
)
"""The types the back end knows; what is about the model and of none of them is `other`."""

ENDPOINT = closed("endpoint", "Health endpoint, by the last part of its path.", *ENDPOINTS)
LEVEL = closed("level", "Level of the log record.", *LEVELS)
LOGGER = opened("logger", "Part of the back end that logged, by the first two parts of its name.", 32)
ERROR = closed("error_type", "Type of the error, as the back end names it.", *LLM_ERRORS)

# HTTP -- probe `health` of the source `backend`

HEALTHY = gauge(
    "sigmasight_health",
    "1 if the endpoint answers 200 within 2 s, else 0; `ready` is 0 while caches warm.",
    (ENDPOINT,),
)
STATUS = gauge("sigmasight_health_http_status", "HTTP status of the last answer; absent without one.", (ENDPOINT,))
ANSWER_SECONDS = gauge("sigmasight_health_answer_seconds", "How long the last answer took.", (ENDPOINT,))

# The log file -- stream `log` of the source `log`

LINES = counter("sigmasight_log_records_total", "Log records by level.", (LEVEL,))
ERRORS = counter("sigmasight_log_errors_total", "Log records of level error and above, by who logged.", (LOGGER,))
LLM = counter("sigmasight_log_llm_errors_total", "Log records of level error and above about the model.", (ERROR,))
CONTINUED = counter("sigmasight_log_continued_lines_total", "Lines that belong to the record before: tracebacks.")

METRICS: tuple[Metric, ...] = (HEALTHY, STATUS, ANSWER_SECONDS, LINES, ERRORS, LLM, CONTINUED)

LOG_TEXT = Measurement(
    "sigmasight", "sigmasight_log_line", "A line of the log, redacted; only where the operator asks for it.",
    (LEVEL, LOGGER),
    (Field("line_text", "str", "The line without its time, redacted, 2000 characters at most."),),
    kind="text",
)  # fmt: skip
MEASUREMENTS: tuple[Measurement, ...] = (LOG_TEXT,)
