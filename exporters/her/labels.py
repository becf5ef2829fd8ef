"""Every label and tag of HER's metrics, with its values."""

from __future__ import annotations

from exporters.core.label import closed, opened

EVENT_TYPES = (
    "performance_timing",
    "autonomy_profile_updated",
    "reinforcement_event",
    "assistant_response",
    "assistant_response_api",
    "sandbox_execution",
    "scheduler_execution",
    "scheduler_system_job",
    "timezone_conversion",
    "internal_debate",
    "verifier_result",
    "agent_step",
    "reflection",
    "proactive_outcome",
    "proactive_followup_scheduled",
    "weekly_self_optimization",
    "capability_probe",
    "natural_schedule_created",
    "schedule_add",
    "schedule_toggle",
    "schedule_interval_update",
    "schedule_run_now",
    "llm_failover",
    "personality_adjustment",
    "tool_call",
    "tool_result",
    "unified_interpreter_decision",
    "unified_interpreter_schedule",
    "unified_interpreter_sandbox",
    "reminder_state_change",
    "autonomous_operator_action",
)
SOURCES = (
    "telegram",
    "api",
    "scheduler",
    "autonomy",
    "reinforcement",
    "sandbox_tools",
    "mcp_tools",
    "personality_agent",
    "runtime",
)

EVENT_TYPE = closed("event_type", "Kind of decision, as HER names it.", *EVENT_TYPES)
SOURCE = closed("source", "Which part of HER wrote the decision.", *SOURCES)
LEVEL = closed("level", "Python's log level.", "debug", "info", "warning", "error", "critical")
LOGGER = opened("logger", "The Python logger's name; `unnamed` where the line has none.", 48)
SERVER = opened("server", "MCP server, as HER's configuration names it.", 48)
MCP_FAILURE = closed(
    "failure",
    "How an MCP server failed, from the form of the log line.",
    "start_failed",
    "initialization_failed",
    "startup_timeout",
    "startup_cancelled",
    "skipped",
    "unavailable",
)
MCP_STATUS = closed(
    "status", "State of an MCP server at HER's last start.", "running", "disabled", "unavailable", "failed"
)
CAPABILITY = closed("capability", "What HER probes at start.", "internet", "sandbox")
OUTCOME = closed("outcome", "How it ended.", "success", "failed")
EXECUTION_OUTCOME = closed(
    "outcome",
    "How the sandbox command ended: exit code 0; another one; 124; 127; -1, which means it never ran.",
    "success",
    "failed",
    "timeout",
    "not_found",
    "never_ran",
)
EXECUTION_KIND = closed(
    "kind", "A command somebody wanted, or the writing, running and removing of a script.", "command", "housekeeping"
)
EXIT_CODE = opened("exit_code", "Exit code of the sandbox command.", 48)
JOB_TYPE = opened("type", "Type of the scheduled task, from HER's configuration.", 48)
JOB_RESULT = closed(
    "result",
    "Family of the machine phrase a job left behind; `text` is a workflow's free text.",
    "memory_reflection_completed",
    "custom_task_processed",
    "self_optimization",
    "autonomy_reflections",
    "proactive_scheduled",
    "proactive_sent",
    "proactive_disabled",
    "proactive_opt_out",
    "proactive_blocked",
    "proactive_daily_cap",
    "reminder_sent",
    "already_terminal",
    "workflow_completed",
    "workflow_skipped",
    "text",
    "none",
)
JOB_ERROR = closed(
    "error",
    "Family of a job's error phrase.",
    "reminder_retry",
    "reminder_failed",
    "chat_id_invalid",
    "workflow_source_http",
    "workflow_source_error",
    "workflow_assertion_failed",
    "proactive_send_failed",
)
ERROR_REASON = closed(
    "reason",
    "Why a message could not be sent.",
    "missing_token",
    "chat_not_found",
    "forbidden",
    "transient_error",
    "none",
)
TASK_STATUS = closed("status", "State of an upcoming task.", "pending", "sent", "retry", "failed")
STAGE = closed("stage", "Stage that HER timed.", "memory_lookup", "llm", "scheduler", "tool_execution")
CHANNEL = closed("channel", "Where the request came from.", "telegram", "api")
MODE = closed("mode", "What HER took the message for.", "chat", "action")
LANGUAGE = opened("language", "Language HER answered in.", 32)
MOOD = closed("mood", "HER's mood towards a user.", "calm", "reflective", "supportive", "curious", "playful")
VERDICT = closed("verdict", "What the debate or the verifier said.", "yes", "no")
TREND = closed(
    "engagement_trend", "Verdict of a daily reflection.", "stable", "over_initiating", "under_engaged", "friction"
)
MESSAGE_KIND = closed(
    "message_kind",
    "What HER wrote first about.",
    "checkin",
    "follow_up",
    "fact",
    "support",
    "curiosity",
    "reflection",
    "joke",
)
SENTIMENT = closed(
    "label",
    "How the user's next message judged the reply.",
    "strong_approval",
    "mild_approval",
    "neutral",
    "mild_dissatisfaction",
    "failure_or_correction",
)
REASON_TOKEN = closed(
    "reason",
    "Why a reply was scored as it was.",
    "task_failed",
    "strong_user_approval",
    "mild_user_approval",
    "strong_user_dissatisfaction",
    "mild_user_dissatisfaction",
    "user_correction_detected",
    "concise_response",
    "non_concise_response",
    "helpful_response",
    "low_helpfulness",
    "emotional_alignment",
    "emotional_misalignment",
)
TRAIT = closed("trait", "Trait of a reinforcement profile.", "concise", "helpful", "empathy", "initiative")
TOOL_CALLED = opened("tool", "Tool called: `web_search` or `<server>.<tool>`.", 64)
PRIMARY = opened("primary", "Provider that failed.", 16)
FALLBACK = opened("fallback", "Provider that answered instead.", 16)
STATUS_CODE = opened("status_code", "HTTP status that made HER change the provider.", 16)
NODES = ("input", "intent_classifier", "memory_lookup", "tool_selector", "tool_executor", "llm", "response")
NODE = closed("node", "Node of the workflow graph.", *NODES)
SOURCE_NODE = closed(
    "source_node", "Node that a request came from; `start` where it had just been received.", "start", *NODES
)
TARGET_NODE = closed("target_node", "Node that a request came to.", *NODES)
WORKFLOW_EVENTS = (
    "message_received",
    "tool_execution_started",
    "tool_completed",
    "intent_detected",
    "tool_selected",
    "debate",
    "step_start",
    "step_complete",
    "llm_started",
    "llm_stream_token",
    "llm_completed",
    "error",
    "response_sent",
    "tool_stdout",
)
WORKFLOW_EVENT = closed("event_type", "Kind of workflow event.", *WORKFLOW_EVENTS)
NODE_STATUS = closed("status", "State a workflow event reports.", "running", "success", "error")
REQUEST_OUTCOME = closed(
    "outcome",
    "How a request ended; `abandoned` ended with no answer within ten minutes.",
    "success",
    "error",
    "abandoned",
)
SELECTED = closed("selected", "What the tool selector chose.", "llm_chat", "execute_agent", "scheduler")
THREAD_KIND = closed("kind", "Conversation with one user, or a group.", "user", "group")
STORAGE = closed("storage", "Redis type that holds the thread: string today, list in older builds.", "string", "list")
ROLE = closed("role", "Who wrote the message.", "user", "assistant")
RANK = closed("rank", "1 is the largest.", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
COPY = closed("copy", "Which copy of the decision log lacks them.", "redis", "postgres")
ENDPOINT = closed(
    "endpoint", "Port of HER's: 8000 liveness, 8081 workflow debugger, 8082 API.", "liveness", "debugger", "api"
)
ENDPOINT_STATE = closed(
    "state",
    "How a port was found: `busy` accepts and does not answer in time, as while HER waits for its model; `failing`"
    " answers with an error, `foreign` answers as HER does not.",
    "answers",
    "busy",
    "failing",
    "foreign",
    "unreachable",
)
VERSION = opened("version", "Version a server gives itself.", 16)
EVICTION = opened("eviction", "Which keys go when memory is full: Redis' `maxmemory-policy`.", 8)
CLIENT_STATE = closed("state", "All connections, or those that wait for something.", "connected", "blocked")
SAVE_METHOD = closed("method", "Every write at once, or the whole now and then.", "aof", "snapshot")
CONNECTION_STATE = closed(
    "state",
    "What a connection does; `hidden` where PostgreSQL does not tell our account.",
    "active",
    "idle",
    "idle_in_transaction",
    "hidden",
)
ZONE = opened("zone", "Time zone of HER's machine, as HER publishes it.", 16)
USER_ZONE = opened("user_zone", "Time zone HER assumes of users who named none.", 16)
CONTENT = closed(
    "content", "Kind of text, as the setting `text` has it.", "chats", "executions", "logs", "decisions", "workflow"
)
USER = opened("user", "Keyed hash of the user id; InfluxDB only.", 10_000)
TASK = opened("task", "Keyed hash of a task's name; InfluxDB only.", 10_000)
