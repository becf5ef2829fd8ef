"""Every metric and measurement of HER. One owner per fact: each metric is fed by one stream or probe.

Source: what HER writes to Redis and PostgreSQL (see README.md beside this file for what is read and what never is).
"""

from __future__ import annotations

from exporters.core.llm import DURATION_EDGES, OPERATION_DURATION, TOKEN_EDGES, TOOL_DURATION
from exporters.core.measurement import Field, Measurement
from exporters.core.metric import Metric, counter, gauge, histogram
from exporters.her import labels as lb
from exporters.her.sql_metrics import SQL_METRICS
from exporters.her.system_metrics import SYSTEM_METRICS

BYTES_EDGES = (64.0, 1024.0, 16384.0, 262144.0, 1048576.0, 4194304.0, 16777216.0)
RATIO_EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

# her:metrics:* -- stream `interactions`, probe `users`

INTERACTIONS = counter("her_interactions_total", "Finished interactions: one user message and one reply.")
TOKENS = counter(
    "her_tokens_estimated_total",
    "Words and punctuation marks of messages and replies, which HER takes for tokens: an estimate.",
)
INTERACTION_TOKENS = histogram(
    "her_interaction_tokens_estimated", "Estimated tokens of one interaction, both texts together.", TOKEN_EDGES
)
USERS = gauge("her_users", "Distinct users that ever talked to HER.")

# her:logs -- stream `logs`

LOG_LINES = counter("her_log_lines_total", "Log lines by level and logger.", (lb.LEVEL, lb.LOGGER))
MCP_LOG_LINES = counter("her_mcp_log_lines_total", "Log lines about MCP or JSON-RPC, by level.", (lb.LEVEL,))
MCP_FAILURES = counter(
    "her_mcp_failures_total",
    "MCP server failures told by the log; one broken server writes two or three.",
    (lb.SERVER, lb.MCP_FAILURE),
)

# her:sandbox:executions -- stream `executions`

EXECUTIONS = counter(
    "her_sandbox_executions_total", "Sandbox commands by outcome.", (lb.EXECUTION_OUTCOME, lb.EXECUTION_KIND)
)
EXIT_CODES = counter("her_sandbox_exit_codes_total", "Sandbox commands by exit code.", (lb.EXIT_CODE,))
EXECUTION_OUTPUT = histogram("her_sandbox_output_bytes", "Size of a sandbox command's standard output.", BYTES_EDGES)

# her:scheduler:jobs -- stream `jobs`

JOBS = counter("her_jobs_total", "Finished runs of scheduled tasks.", (lb.JOB_TYPE, lb.OUTCOME))
JOB_SECONDS = histogram("her_job_seconds", "Time one run of a scheduled task took.", DURATION_EDGES, (lb.JOB_TYPE,))
JOB_RESULTS = counter("her_job_results_total", "Successful runs by what they said.", (lb.JOB_RESULT,))
JOB_ERRORS = counter(
    "her_job_errors_total", "Failed runs by what they said.", (lb.JOB_ERROR, lb.ERROR_REASON),
    start=(
        *((e, r) for e in ("reminder_retry", "reminder_failed", "proactive_send_failed")
          for r in ("missing_token", "chat_not_found", "forbidden", "transient_error")),
        ("chat_id_invalid", "none"), ("workflow_source_http", "none"), ("workflow_source_error", "none"),
        ("workflow_assertion_failed", "none"),
    ),
)  # fmt: skip

# her:scheduler:state -- probe `scheduler_state`; HER refreshes it about once an hour, hence its own time

SCHEDULER_STATE_TIME = gauge(
    "her_scheduler_state_timestamp_seconds", "When HER last published its schedule; it can be an hour old."
)
TASKS = gauge("her_scheduler_tasks", "Tasks in HER's schedule, enabled or not.")
UPCOMING = gauge("her_scheduler_upcoming", "Enabled tasks by type and state.", (lb.JOB_TYPE, lb.TASK_STATUS))
NEXT_RUN = gauge(
    "her_scheduler_next_run_timestamp_seconds",
    "Earliest next run per type; absent where none is planned.",
    (lb.JOB_TYPE,),
)
AUTONOMY_USERS = gauge("her_autonomy_users", "Users in the autonomy snapshot by HER's mood (30 at most).", (lb.MOOD,))
AUTONOMY_ENGAGEMENT = gauge(
    "her_autonomy_engagement_ratio", "Mean engagement score of the autonomy snapshot, 0.1 to 1."
)
AUTONOMY_INITIATIVE = gauge(
    "her_autonomy_initiative_ratio", "Mean initiative level of the autonomy snapshot, 0.1 to 1."
)
AUTONOMY_SENT_TODAY = gauge(
    "her_autonomy_messages_today",
    "Proactive messages of today, summed; not reset at midnight until a row is rewritten.",
)
AUTONOMY_TARGET = gauge("her_autonomy_daily_target", "Proactive messages HER aims at per day, summed over users.")

# her:decision:logs -- stream `decisions`

_USUAL_PAIRS = (
    *((event, "telegram") for event in (
        "performance_timing", "assistant_response", "timezone_conversion", "internal_debate", "verifier_result",
        "agent_step", "natural_schedule_created", "schedule_add", "schedule_toggle", "schedule_interval_update",
        "schedule_run_now", "llm_failover")),
    ("assistant_response_api", "api"),
    ("autonomy_profile_updated", "autonomy"), ("proactive_outcome", "autonomy"),
    ("reinforcement_event", "reinforcement"),
    ("sandbox_execution", "sandbox_tools"),
    *((event, "scheduler") for event in (
        "scheduler_execution", "scheduler_system_job", "reflection", "proactive_followup_scheduled",
        "weekly_self_optimization")),
    ("capability_probe", "mcp_tools"), ("tool_call", "mcp_tools"), ("tool_result", "mcp_tools"),
    ("personality_adjustment", "personality_agent"),
)  # fmt: skip
DECISIONS = counter(
    "her_decisions_total",
    "Entries of the decision log, copies of executions, jobs and reinforcement included.",
    (lb.EVENT_TYPE, lb.SOURCE),
    start=_USUAL_PAIRS,
)
HEARTBEAT_TIME = gauge(
    "her_heartbeat_timestamp_seconds",
    "When the scheduler last gave its once-a-minute sign of life, by the exporter's clock.",
    lasting=True,
)
CLOCK_OFFSET = gauge(
    "her_clock_offset_seconds",
    "HER's clock minus the exporter's, at most one read too low; absent while HER gives no sign of life.",
)
STAGE_SECONDS = histogram("her_stage_seconds", "Time HER spent in one stage of a request.", DURATION_EDGES, (lb.STAGE,))
REPLIES = counter("her_replies_total", "Replies to chat messages, by channel and mode.", (lb.CHANNEL, lb.MODE))
REPLY_LANGUAGES = counter("her_reply_languages_total", "Replies by language.", (lb.LANGUAGE,))
DEBATES = counter("her_debates_total", "Internal debates: was the plan approved?", (lb.VERDICT,))
VERIFICATIONS = counter("her_verifications_total", "Verifier results: was the step verified?", (lb.VERDICT,))
VERIFIER_CONFIDENCE = histogram(
    "her_verifier_confidence_ratio", "Confidence the verifier model gave itself.", RATIO_EDGES
)
AGENT_STEPS = counter("her_agent_steps_total", "Steps taken by the action agent.")
ENGAGEMENT = histogram(
    "her_autonomy_update_engagement_ratio", "Engagement score at each update of an autonomy profile.", RATIO_EDGES
)
INITIATIVE = histogram(
    "her_autonomy_update_initiative_ratio", "Initiative level at each update of an autonomy profile.", RATIO_EDGES
)
USER_RESPONSE = histogram(
    "her_user_response_seconds", "How long a user took to answer HER.",
    (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0),
)  # fmt: skip
PROACTIVE = counter("her_proactive_messages_total", "Messages HER sent of its own accord.", (lb.OUTCOME,))
TOOL_CALLS = counter("her_tool_calls_total", "Calls of web search and MCP tools.", (lb.TOOL_CALLED,))
FAILOVERS = counter(
    "her_llm_failovers_total",
    "Model requests that moved to the fallback provider.",
    (lb.PRIMARY, lb.FALLBACK, lb.STATUS_CODE),
)
CAPABILITY_PROBES = counter(
    "her_capability_probes_total", "Capability probes at start, by result.", (lb.CAPABILITY, lb.VERDICT)
)

# her:reinforcement:* -- stream `reinforcement`, probe `profiles`

REINFORCEMENT = counter(
    "her_reinforcement_events_total", "Scores of replies; one or two per interaction.", (lb.SENTIMENT,)
)
REINFORCEMENT_REASONS = counter("her_reinforcement_reasons_total", "Reasons given for scores.", (lb.REASON_TOKEN,))
REINFORCED_TASKS = counter(
    "her_reinforcement_tasks_total", "Scored replies by whether the task succeeded.", (lb.OUTCOME,)
)
PROFILES = gauge("her_reinforcement_profiles", "Users with a reinforcement profile.")
PROFILE_TRAITS = gauge("her_reinforcement_profile_ratio", "Mean of a trait over all profiles, 0 to 1.", (lb.TRAIT,))

# her:workflow:events -- stream `workflow`

WORKFLOW_EVENTS = counter(
    "her_workflow_events_total", "Workflow events by kind, node and state.",
    (lb.WORKFLOW_EVENT, lb.NODE, lb.NODE_STATUS), start=(),
)  # fmt: skip
REQUESTS = counter(
    "her_requests_total", "Requests that ended, by channel and outcome.", (lb.CHANNEL, lb.REQUEST_OUTCOME)
)
REQUEST_SECONDS = histogram(
    "her_request_seconds", "Time from message to reply, as HER measured it.", DURATION_EDGES, (lb.CHANNEL,)
)
NODE_SECONDS = histogram(
    "her_workflow_node_seconds", "Time a workflow node worked, per phase.", DURATION_EDGES, (lb.NODE,)
)
INTENTS = counter("her_intents_total", "Messages by what HER took them for.", (lb.MODE,))
SELECTIONS = counter("her_tool_selections_total", "Choices of the tool selector.", (lb.SELECTED,))
IN_PROGRESS = gauge("her_requests_in_progress", "Requests begun and not ended within the last ten minutes.")
OLDEST_IN_PROGRESS = gauge(
    "her_request_oldest_timestamp_seconds",
    "When the oldest request in progress began; absent without one.",
)
NODE_RUNNING = gauge(
    "her_workflow_node_running", "Requests in progress by the node they were last seen at.", (lb.NODE,)
)

_USUAL_TRANSITIONS = (
    ("start", "input"),
    ("input", "memory_lookup"),
    ("memory_lookup", "intent_classifier"),
    ("memory_lookup", "llm"),
    ("memory_lookup", "response"),
    ("intent_classifier", "tool_selector"),
    ("tool_selector", "memory_lookup"),
    ("tool_selector", "tool_executor"),
    ("tool_selector", "llm"),
    ("tool_selector", "response"),
    ("tool_executor", "tool_selector"),
    ("tool_executor", "llm"),
    ("tool_executor", "response"),
    ("llm", "response"),
)
TRANSITIONS = counter(
    "her_workflow_transitions_total",
    "Requests that came from one node to another, in the order in which HER really worked.",
    (lb.SOURCE_NODE, lb.TARGET_NODE), start=_USUAL_TRANSITIONS,
)  # fmt: skip
TRANSITION_SECONDS = counter(
    "her_workflow_transition_seconds_total",
    "Time from a request's last sign at one node to its first at the next.",
    (lb.SOURCE_NODE, lb.TARGET_NODE), start=_USUAL_TRANSITIONS,
)  # fmt: skip
TRANSITION_ERRORS = counter(
    "her_workflow_transition_errors_total",
    "Requests that came from one node to another and failed there.",
    (lb.SOURCE_NODE, lb.TARGET_NODE), start=_USUAL_TRANSITIONS,
)  # fmt: skip

# The WebSocket of the workflow debugger -- probe `debugger` of the source `workflow`, where it is configured

LIVE_REQUESTS = gauge(
    "her_workflow_live_requests",
    "Requests in progress by node, as HER's debugger tells them, seconds before the list is read.",
    (lb.NODE,),
)
DEBUGGER_BUSY = gauge(
    "her_workflow_debugger_busy",
    "1 while HER's debugger is connected and answers nothing, as while HER waits for its model; 0 when it answers.",
)
DEBUGGER_LAST_FRAME = gauge(
    "her_workflow_debugger_last_frame_timestamp_seconds",
    "When HER's debugger last said anything at all; absent before it has.",
)

# her:runtime:capabilities and its history -- probe `capabilities`, stream `startups`

STARTUPS = counter("her_startups_total", "Starts of HER's process that published a snapshot.")
CAPABILITIES_TIME = gauge(
    "her_capabilities_timestamp_seconds", "When HER started last; what it found then does not change until it restarts."
)
CAPABILITY_AVAILABLE = gauge(
    "her_capability_available", "1 if the capability worked at HER's last start, 0 if not.", (lb.CAPABILITY,)
)
TOOLS = gauge("her_tools", "Tools HER had at its last start.")
MCP_SERVERS = gauge("her_mcp_servers", "MCP servers by state at HER's last start.", (lb.MCP_STATUS,))
MCP_SERVER_STATUS = gauge(
    "her_mcp_server_status", "1 for the state an MCP server had at HER's last start.", (lb.SERVER, lb.MCP_STATUS)
)

# her:context:* -- probe `contexts`

CONTEXT_THREADS = gauge("her_context_threads", "Conversations in short memory.", (lb.THREAD_KIND, lb.STORAGE))
CONTEXT_MESSAGES = gauge("her_context_messages", "Messages in short memory by role.", (lb.ROLE,))
CONTEXT_LARGEST = gauge("her_context_largest_messages", "Length of the largest conversations.", (lb.RANK,))
CONTEXT_LAST_ACTIVITY = gauge(
    "her_context_last_activity_timestamp_seconds", "When a conversation was last written to, from its time to live."
)

# her:reflection:* -- stream `reflections`

REFLECTIONS = counter("her_reflections_total", "Daily reflections by verdict.", (lb.TREND,))

# decision_logs, proactive_message_audit, autonomy_reflections -- source `postgres`, streams `decision_rows`,
# `proactive_audit`, `reflection_rows`. Redis owns what happened; these count what the database holds of it.

DECISION_ROWS = counter(
    "her_decision_rows_total",
    "Rows of the decision log in PostgreSQL, history included.",
    (lb.EVENT_TYPE, lb.SOURCE),
    start=_USUAL_PAIRS,
)
MISSING_COPIES = counter(
    "her_decision_copies_missing_total",
    "Decisions that one copy of the log has and the other lacks, compared while both are watched.",
    (lb.COPY,),
)
COMPARED_COPIES = counter(
    "her_decision_copies_compared_total", "Decisions of Redis that were compared with the rows of PostgreSQL."
)
PROACTIVE_ROWS = counter(
    "her_proactive_audit_rows_total",
    "Messages that HER wrote first, or failed to.",
    (lb.MESSAGE_KIND, lb.OUTCOME),
)
REFLECTION_ROWS = counter(
    "her_reflection_rows_total",
    "Days of users that HER reflected on, by the verdict first found; a second reflection of a day is the same row.",
    (lb.TREND,),
)

REDIS_METRICS: tuple[Metric, ...] = (
    INTERACTIONS, TOKENS, INTERACTION_TOKENS, USERS,
    LOG_LINES, MCP_LOG_LINES, MCP_FAILURES,
    EXECUTIONS, EXIT_CODES, EXECUTION_OUTPUT,
    JOBS, JOB_SECONDS, JOB_RESULTS, JOB_ERRORS,
    SCHEDULER_STATE_TIME, TASKS, UPCOMING, NEXT_RUN,
    AUTONOMY_USERS, AUTONOMY_ENGAGEMENT, AUTONOMY_INITIATIVE, AUTONOMY_SENT_TODAY, AUTONOMY_TARGET,
    DECISIONS, HEARTBEAT_TIME, CLOCK_OFFSET,
    STAGE_SECONDS, REPLIES, REPLY_LANGUAGES, DEBATES, VERIFICATIONS, VERIFIER_CONFIDENCE, AGENT_STEPS,
    ENGAGEMENT, INITIATIVE, USER_RESPONSE, PROACTIVE, TOOL_CALLS, FAILOVERS, CAPABILITY_PROBES,
    REINFORCEMENT, REINFORCEMENT_REASONS, REINFORCED_TASKS, PROFILES, PROFILE_TRAITS,
    WORKFLOW_EVENTS, REQUESTS, REQUEST_SECONDS, NODE_SECONDS, INTENTS, SELECTIONS, IN_PROGRESS, OLDEST_IN_PROGRESS,
    NODE_RUNNING, TRANSITIONS, TRANSITION_SECONDS, TRANSITION_ERRORS,
    LIVE_REQUESTS, DEBUGGER_BUSY, DEBUGGER_LAST_FRAME,
    STARTUPS, CAPABILITIES_TIME, CAPABILITY_AVAILABLE, TOOLS, MCP_SERVERS, MCP_SERVER_STATUS,
    CONTEXT_THREADS, CONTEXT_MESSAGES, CONTEXT_LARGEST, CONTEXT_LAST_ACTIVITY,
    REFLECTIONS,
)  # fmt: skip
"""Of the source `redis`. It also feeds the shared OPERATION_DURATION (`workflow`) and TOOL_DURATION (`executions`)."""

ROW_METRICS: tuple[Metric, ...] = (
    DECISION_ROWS, MISSING_COPIES, COMPARED_COPIES, PROACTIVE_ROWS, REFLECTION_ROWS,
)  # fmt: skip
"""Of the source `postgres`, whose probes feed SQL_METRICS."""

METRICS: tuple[Metric, ...] = (*REDIS_METRICS, *ROW_METRICS, *SQL_METRICS, *SYSTEM_METRICS)

SHARED: tuple[Metric, ...] = (OPERATION_DURATION, TOOL_DURATION)

# InfluxDB: every event at its own time. Bucket `her`; text only in `her_text`, and only where switched on.

INTERACTION_POINT = Measurement(
    "her", "her_interaction", "One finished interaction.", (lb.USER,),
    (
        Field("tokens_estimated", "int", "Estimated tokens of both texts."),
        Field("message_characters", "int", "Length of the user's message."),
        Field("reply_characters", "int", "Length of the reply."),
    ),
)  # fmt: skip
LOG_POINT = Measurement(
    "her", "her_log", "One log line, without its text.", (lb.LEVEL, lb.LOGGER),
    (Field("characters", "int", "Length of the line."),),
)  # fmt: skip
EXECUTION_POINT = Measurement(
    "her", "her_execution", "One sandbox command, without its text.", (lb.EXECUTION_OUTCOME, lb.EXECUTION_KIND),
    (
        Field("duration_seconds", "float", "Wall-clock time.", "seconds"),
        Field("exit_code", "int", "Exit code."),
        Field("output_bytes", "int", "Size of standard output.", "bytes"),
        Field("error_bytes", "int", "Size of standard error.", "bytes"),
    ),
)  # fmt: skip
JOB_POINT = Measurement(
    "her", "her_job", "One finished run of a scheduled task.", (lb.JOB_TYPE, lb.OUTCOME, lb.TASK),
    (
        Field("duration_seconds", "float", "Time the run took.", "seconds"),
        Field("next_run_seconds", "float", "Next run, seconds since the epoch; absent for a finished one-shot."),
        Field("phrase", "str", "Family of the result or of the error."),
    ),
)  # fmt: skip
DECISION_POINT = Measurement(
    "her", "her_decision", "One entry of the decision log; fields as its type has them.",
    (lb.EVENT_TYPE, lb.SOURCE, lb.STAGE, lb.MOOD, lb.VERDICT, lb.USER),
    (
        Field("entries", "int", "Always 1: every decision has at least this field."),
        Field("duration_seconds", "float", "performance_timing: time of the stage.", "seconds"),
        Field("engagement_score", "float", "autonomy_profile_updated.", "ratio"),
        Field("initiative_level", "float", "autonomy_profile_updated, proactive_outcome.", "ratio"),
        Field("mood_intensity", "float", "autonomy_profile_updated.", "ratio"),
        Field("response_seconds", "float", "autonomy_profile_updated: how long the user took.", "seconds"),
        Field("score", "float", "reinforcement_event; average of a weekly_self_optimization."),
        Field("confidence", "float", "verifier_result, assistant_response: the model's own figure."),
        Field("step", "int", "agent_step: number of the step."),
        Field("scheduled_tasks", "int", "assistant_response: tasks the reply created."),
        Field("initiative_adjustment", "float", "reflection."),
    ),
)  # fmt: skip
DECISION_ROW_POINT = Measurement(
    "her", "her_decision_row", "One row of the decision log in PostgreSQL; the only one that holds its history.",
    (lb.EVENT_TYPE, lb.SOURCE),
    (
        Field("rows", "int", "Always 1."),
        Field("late", "bool", "Whether only the wider look back found it."),
    ),
)  # fmt: skip
REINFORCEMENT_POINT = Measurement(
    "her", "her_reinforcement", "One score of a reply.", (lb.SENTIMENT, lb.USER),
    (
        Field("score", "float", "From -1 to 1."),
        Field("task_succeeded", "bool", "Did the task succeed?"),
        Field("concise", "bool", "Was the reply concise?"),
        Field("helpful", "bool", "Was it helpful?"),
        Field("emotionally_aligned", "bool", "Did it meet the user's mood?"),
    ),
)  # fmt: skip
REQUEST_POINT = Measurement(
    "her", "her_request", "One request that ended.", (lb.CHANNEL, lb.REQUEST_OUTCOME),
    (
        Field("duration_seconds", "float", "From message to reply.", "seconds"),
        Field("llm_seconds", "float", "Part of it spent waiting for the model.", "seconds"),
        Field("events", "int", "Workflow events of the request."),
        Field("execution", "str", "Keyed hash of the execution's id."),
        Field("last_node", "str", "Node it was last seen at."),
        *(Field(f"at_{node}_seconds", "float", f"Time its steps at {node} took.", "seconds") for node in lb.NODES),
    ),
)  # fmt: skip
STEP_POINT = Measurement(
    "her", "her_workflow_step", "One workflow event of one request.", (lb.NODE, lb.WORKFLOW_EVENT, lb.NODE_STATUS),
    (
        Field("execution", "str", "Keyed hash of the execution's id."),
        Field("step_seconds", "float", "Time since the request's event before: what the step took.", "seconds"),
        Field("elapsed_seconds", "float", "Time since the request's beginning, where that was seen.", "seconds"),
        Field("duration_seconds", "float", "HER's own measure of the work that ended here.", "seconds"),
    ),
)  # fmt: skip
STARTUP_POINT = Measurement(
    "her", "her_startup", "One start of HER: what it found.", (),
    (
        Field("tools", "int", "Tools available."),
        Field("internet", "int", "1 if the internet was reachable, 0 if not; absent if not probed."),
        Field("sandbox", "int", "1 if the sandbox worked, 0 if not; absent if not probed."),
        Field("mcp_running", "int", "MCP servers running."),
        Field("mcp_total", "int", "MCP servers configured, disabled ones included."),
        Field("mcp_failed", "int", "MCP servers failed or unavailable."),
    ),
)  # fmt: skip
CHAT_TEXT = Measurement(
    "her", "her_chat", "Texts of one interaction.", (lb.USER,),
    (
        Field("message_text", "str", "What the user wrote."),
        Field("reply_text", "str", "What HER answered."),
    ),
    "text",
)  # fmt: skip
LOG_TEXT = Measurement(
    "her", "her_log_line", "A log line, redacted.", (lb.LEVEL, lb.LOGGER),
    (Field("line_text", "str", "The line after redaction."),),
    "text",
)  # fmt: skip
EXECUTION_TEXT = Measurement(
    "her", "her_execution_detail", "Command and output of a sandbox command, redacted and cut.",
    (lb.EXECUTION_OUTCOME, lb.EXECUTION_KIND),
    (
        Field("command_text", "str", "The command."),
        Field("output_text", "str", "The end of its standard output."),
        Field("error_text", "str", "The end of its standard error."),
        Field("exit_code", "int", "Exit code."),
        Field("duration_seconds", "float", "Wall-clock time.", "seconds"),
    ),
    "text",
)  # fmt: skip
DECISION_TEXT = Measurement(
    "her", "her_decision_detail", "HER's own sentence about a decision, redacted.",
    (lb.EVENT_TYPE, lb.SOURCE, lb.VERDICT, lb.USER),
    (Field("summary_text", "str", "HER's summary."), Field("detail_text", "str", "Plan, objections or notes.")),
    "text",
)  # fmt: skip

WORKFLOW_TEXT = Measurement(
    "her", "her_workflow_console", "What went to the model and to tools, and what came back; redacted and cut.",
    (lb.NODE, lb.WORKFLOW_EVENT, lb.NODE_STATUS),
    (
        Field("console_text", "str", "Prompts, plans, commands, outputs and errors of one workflow event."),
        Field("execution", "str", "Keyed hash of the execution's id."),
    ),
    "text",
)  # fmt: skip

MEASUREMENTS: tuple[Measurement, ...] = (
    INTERACTION_POINT, LOG_POINT, EXECUTION_POINT, JOB_POINT, DECISION_POINT, DECISION_ROW_POINT, REINFORCEMENT_POINT,
    REQUEST_POINT, STEP_POINT, STARTUP_POINT, CHAT_TEXT, LOG_TEXT, EXECUTION_TEXT, DECISION_TEXT, WORKFLOW_TEXT,
)  # fmt: skip
