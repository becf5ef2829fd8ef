"""Every metric that repeats a number of SigmaSight's own admin pages, exactly: rolling windows, retention, coverage.

A window is so many times 24 hours back from now, as the back end has it, and not calendar days. Numbers are rounded as
there, in its unit, and then shown in seconds and ratios: 9130.5 ms are 9.1305 s, 12.34 % are 0.1234. What the back end
shows as nothing is absent here. For trends use the counters and histograms: these gauges fall when rows leave a window.
"""

from __future__ import annotations

from exporters.core import llm
from exporters.core.label import closed
from exporters.core.metric import Metric, gauge
from exporters.sigmasight import labels as lb
from exporters.sigmasight import tuning_metrics as tuning

WINDOWS = (1, 7, 14, 30)
STEPS = ("register_start", "register_complete", "login_success", "portfolio_start", "portfolio_complete")
DAILY_EVENTS = (
    "onboarding.register_start",
    "onboarding.register_complete",
    "onboarding.login_success",
    "onboarding.login_error",
    "onboarding.portfolio_start",
    "onboarding.portfolio_complete",
)
TABLES = ("user_activity_events", "ai_request_metrics", "batch_run_history", "admin_sessions", "daily_metrics")
WINDOWED = ("ai_request_metrics", "user_activity_events", "agent_messages", "agent_conversations")
STATISTICS = ("p50", "p75", "p90", "p95", "p99", "min", "max")

DAYS = closed("days", "Length of the window: so many times 24 hours.", *(str(days) for days in WINDOWS))
ROWS = closed("rows", "Which requests: the back end's two averages differ in this.", "all", "successes")
STATISTIC = closed("statistic", "Percentile by linear interpolation, or an extreme.", *STATISTICS)
TOKENS = closed("kind", "Which column.", "input", "output", "total")
STEP = closed("step", "Step of the onboarding, an event.", *STEPS)
DAILY_EVENT = closed("event_type", "Kind of onboarding event that the daily table has.", *DAILY_EVENTS)
RUN_STATUS = closed(
    "status", "How the run ended, or that it says running.", "completed", "failed", "partial", "running"
)
RUNS = closed("rows", "All rows, as the back end divides, or those that have ended.", "all", "ended")
TABLE = closed("table", "Table that the clean-up or the aggregation looks after.", *TABLES)
PRESENCE = closed("state", "Whether the day has a row.", "present", "missing")
ANSWERED = closed("recorded", "Whether the answer has a row among the AI requests.", "yes", "no")
TIER = closed("tier", "What the user pays.", "free", "paid")
ACTIVE = closed("active", "Whether the account can be used.", "yes", "no")
PORTFOLIO_STATE = closed("state", "Whether the portfolio was deleted.", "kept", "deleted")
DAYS_AGO = closed("days_ago", "Whole days in UTC before today, which is 00.", *(f"{day:02}" for day in range(30)))

# ai_request_metrics -- probe `windows_requests`

REQUESTS = gauge("sigmasight_window_requests", "AI requests in the window.", (DAYS, lb.OUTCOME))
ERROR_RATIO = gauge("sigmasight_window_error_ratio", "Failed requests among all; 0 of nothing.", (DAYS,))
MEAN_LATENCY = gauge(
    "sigmasight_window_latency_mean_seconds", "Mean duration of requests; one of 0 is absent.", (DAYS, ROWS)
)
LATENCY = gauge("sigmasight_window_latency_seconds", "Duration of requests that succeeded, exactly.", (DAYS, STATISTIC))
SAMPLES = gauge("sigmasight_window_latency_samples", "Successes with a duration.", (DAYS,))
FIRST_CHUNK = gauge(
    "sigmasight_window_first_chunk_mean_seconds", "Mean time to the first piece of text, of successes.", (DAYS,)
)
TOKEN_SUM = gauge(
    "sigmasight_window_tokens", "Tokens; absent where no row has any, though the back end says 0.", (DAYS, TOKENS)
)
TOKEN_MEAN = gauge("sigmasight_window_tokens_mean", "Tokens per request that has a number of them.", (DAYS, TOKENS))
TOOL_CALLS = gauge("sigmasight_window_tool_calls", "Tool calls as the rows count them.", (DAYS,))
TOOL_CALLERS = gauge("sigmasight_window_requests_with_tools", "Requests that count at least one tool call.", (DAYS,))
TOOLS_MEAN = gauge("sigmasight_window_tools_mean", "Tool calls per request that has any; 0 of nothing.", (DAYS,))
LISTED = gauge(
    "sigmasight_window_tools_listed", "Tool calls as the rows list them; the 20 most frequent tools.", (DAYS, lb.TOOL)
)
BY_MODEL = gauge("sigmasight_window_requests_by_model", "AI requests by model.", (DAYS, llm.MODEL))
MODEL_LATENCY = gauge(
    "sigmasight_window_model_latency_mean_seconds", "Mean duration by model, failures included.", (DAYS, llm.MODEL)
)
MODEL_TOKENS = gauge("sigmasight_window_model_tokens_mean", "Mean total of tokens by model.", (DAYS, llm.MODEL))
BY_ERROR = gauge("sigmasight_window_errors", "Failed requests by type.", (DAYS, llm.ERROR_TYPE))
REQUESTS_COMPUTED = gauge(
    "sigmasight_window_requests_computed", "1 if the window's numbers are there, 0 if it has too many rows.", (DAYS,)
)

# user_activity_events -- probe `windows_onboarding`

STEP_EVENTS = gauge("sigmasight_window_onboarding_events", "Events of each step, as the back end counts.", (DAYS, STEP))
STEP_USERS = gauge(
    "sigmasight_window_onboarding_users", "Distinct users of each step; the first step knows none.", (DAYS, STEP)
)
CONVERSION = gauge(
    "sigmasight_window_onboarding_conversion_ratio",
    "Events of a step per start, as the back end divides: it can pass 1; 0 without starts.",
    (DAYS, STEP),
)
STEP_ERRORS = gauge(
    "sigmasight_window_onboarding_errors",
    "Events with an error code, of any category.",
    (DAYS, lb.ERROR_CODE, lb.EVENT_TYPE),
)

ONBOARDING_COMPUTED = gauge(
    "sigmasight_window_onboarding_computed", "1 if the window's numbers are there, 0 if it has too many rows.", (DAYS,)
)

# batch_run_history, agent_conversations, agent_messages -- probes `windows_batch`, `windows_answers`

BATCH_RUNS = gauge(
    "sigmasight_window_batch_runs", "Runs in the window, phantoms and future ones included.", (DAYS, RUN_STATUS)
)
BATCH_SUCCESS = gauge(
    "sigmasight_window_batch_success_ratio",
    "Completed runs among all rows, as the back end says (1 of nothing), or among those that have ended.",
    (DAYS, RUNS),
)
BATCH_DURATION = gauge("sigmasight_window_batch_duration_mean_seconds", "Mean duration of completed runs.", (DAYS,))
BATCH_RECENT = gauge(
    "sigmasight_batch_newest_start_timestamp_seconds", "Latest start of any run, future ones included."
)
CONVERSATIONS = gauge(
    "sigmasight_window_conversations", "Conversations begun in the window; absent above 50 000.", (DAYS, tuning.MODE)
)
ANSWERS = gauge("sigmasight_window_answers", "Finished answers, by whether they left a row.", (DAYS, ANSWERED))
ANSWERS_COMPUTED = gauge(
    "sigmasight_window_answers_computed", "1 if the window's numbers are there, 0 if it has too many rows.", (DAYS,)
)

# Day by day -- probe `windows_daily`

DAY_REQUESTS = gauge("sigmasight_day_requests", "AI requests of a day, UTC.", (DAYS_AGO,))
DAY_TOKENS = gauge("sigmasight_day_tokens", "Tokens of a day; absent where no row has any.", (DAYS_AGO, TOKENS))
DAY_TOKENS_MEAN = gauge(
    "sigmasight_day_tokens_mean", "Tokens per request that has a number of them.", (DAYS_AGO, TOKENS)
)
DAY_EVENTS = gauge("sigmasight_day_events", "Onboarding events of a day.", (DAYS_AGO, DAILY_EVENT))

# AI database -- probe `windows_tuning`

ANNOTATIONS = gauge("sigmasight_window_annotations", "Annotations made in the window.", (DAYS, tuning.TYPE))
ANNOTATION_SEVERITY = gauge(
    "sigmasight_window_annotations_by_severity", "The same by severity.", (DAYS, tuning.SEVERITY)
)
ANNOTATION_STATUS = gauge("sigmasight_window_annotations_by_status", "The same by status.", (DAYS, tuning.STATUS))
SUGGESTED = gauge("sigmasight_window_annotations_with_suggestion", "Those with a suggested response.", (DAYS,))
FEEDBACK = gauge("sigmasight_window_feedback", "Ratings made in the window, as they are now.", (DAYS, tuning.RATING))
POSITIVE = gauge("sigmasight_window_feedback_positive_ratio", "Good ratings among all; 0 of nothing.", (DAYS,))
FEEDBACK_WITH = gauge(
    "sigmasight_window_feedback_with", "Ratings with an edit or a comment, by both definitions.",
    (DAYS, tuning.PART, tuning.CONTENT),
)  # fmt: skip

# Retention and coverage -- probe `retention`

TABLE_ROWS = gauge("sigmasight_table_rows", "Rows; the planner's estimate beyond 50 000.", (TABLE,))
TABLE_COUNTED = gauge("sigmasight_table_rows_counted", "1 if the rows were counted, 0 if estimated.", (TABLE,))
TABLE_RECENT = gauge("sigmasight_table_rows_recent", "Rows of the last 24 hours, and of the future.", (TABLE,))
OVERDUE = gauge(
    "sigmasight_table_rows_overdue",
    "Rows that the clean-up would remove: above 30 days old, sessions 7 days after their end; 50 001 at most.",
    (TABLE,),
)
OLDEST = gauge(
    "sigmasight_table_oldest_timestamp_seconds", "Time of the oldest row, for sessions of their end.", (TABLE,)
)
DAYS_PRESENT = gauge(
    "sigmasight_daily_metrics_days", "Days of the window with aggregates, and without.", (DAYS, PRESENCE)
)
COVERAGE = gauge("sigmasight_daily_metrics_coverage_ratio", "Days with aggregates per day; can pass 1.", (DAYS,))
NEWEST_DAY = gauge("sigmasight_daily_metrics_newest_timestamp_seconds", "Midnight UTC of the newest aggregated day.")

# users, portfolios, admin_sessions -- probe `people`

USERS = gauge("sigmasight_users", "Users by what they pay, and whether their account is active.", (TIER, ACTIVE))
WITH_CLERK = gauge("sigmasight_users_with_clerk", "Users who sign in by Clerk, which writes no events.")
SIGNED_UP = gauge(
    "sigmasight_users_signed_up", "Users who signed up in the window and are still there.", (tuning.RECENT,)
)
SIGNED_UP_BY_DAY = gauge("sigmasight_users_signed_up_by_day", "The same by day, UTC.", (DAYS_AGO,))
PORTFOLIOS = gauge("sigmasight_portfolios", "Portfolios; deleted ones stay as rows.", (PORTFOLIO_STATE,))
ADMIN_SESSIONS = gauge("sigmasight_admin_sessions", "Administrators' sessions that have not expired.")

METRICS: tuple[Metric, ...] = (
    REQUESTS, ERROR_RATIO, MEAN_LATENCY, LATENCY, SAMPLES, FIRST_CHUNK, TOKEN_SUM, TOKEN_MEAN, TOOL_CALLS, TOOL_CALLERS,
    TOOLS_MEAN, LISTED, BY_MODEL, MODEL_LATENCY, MODEL_TOKENS, BY_ERROR,
    REQUESTS_COMPUTED,
    STEP_EVENTS, STEP_USERS, CONVERSION, STEP_ERRORS, ONBOARDING_COMPUTED,
    BATCH_RUNS, BATCH_SUCCESS, BATCH_DURATION, BATCH_RECENT, CONVERSATIONS, ANSWERS, ANSWERS_COMPUTED,
    DAY_REQUESTS, DAY_TOKENS, DAY_TOKENS_MEAN, DAY_EVENTS,
    ANNOTATIONS, ANNOTATION_SEVERITY, ANNOTATION_STATUS, SUGGESTED, FEEDBACK, POSITIVE, FEEDBACK_WITH,
    TABLE_ROWS, TABLE_COUNTED, TABLE_RECENT, OVERDUE, OLDEST, DAYS_PRESENT, COVERAGE, NEWEST_DAY,
    USERS, WITH_CLERK, SIGNED_UP, SIGNED_UP_BY_DAY, PORTFOLIOS, ADMIN_SESSIONS,
)  # fmt: skip
