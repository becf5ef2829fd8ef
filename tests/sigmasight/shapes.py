"""What rows of SigmaSight must look like, stated over whole tables in SQL: each statement finds the rows that do not.

Nothing here uses the simulator's words: value sets and shapes are written down a second time.
"""

from __future__ import annotations

from collections.abc import Mapping

_UUID = "'^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'"
_REAL_ERRORS = """('rate_limit_exceeded', 'quota_exceeded', 'authentication_error', 'internal_error', 'api_failure',
    'incomplete_response', 'continuation_failed', 'continuation_exception', 'STREAM_FAILED')"""
_ERROR_CODES = """('USER_NOT_FOUND', 'USER_INACTIVE', 'INVALID_PASSWORD', 'EMAIL_EXISTS', 'DATABASE_ERROR',
    'InviteCodeError', 'UserExistsError', 'WeakPasswordError', 'InvalidFullNameError', 'UNKNOWN_ERROR',
    'CSVValidationError', 'PortfolioExistsError', 'InvalidAccountTypeError')"""
_ANONYMOUS = """('onboarding.register_start', 'onboarding.register_error', 'onboarding.login_error')"""
_KNOWN = """('onboarding.register_start', 'onboarding.register_complete', 'onboarding.register_error',
    'onboarding.login_success', 'onboarding.login_error', 'onboarding.portfolio_start',
    'onboarding.portfolio_complete', 'onboarding.portfolio_error', 'chat.session_start', 'chat.feedback_given',
    'auth.logout')"""

WRONG: Mapping[str, str] = {
    "an event nobody writes": f"user_activity_events WHERE event_type NOT IN {_KNOWN}",
    "a category that is not the type's beginning": "user_activity_events"
    " WHERE event_category <> split_part(event_type, '.', 1)",
    "a session id": "user_activity_events WHERE session_id IS NOT NULL",
    "a user where nobody is logged in yet, or nobody where somebody is": f"user_activity_events"
    f" WHERE (user_id IS NULL) <> (event_type IN {_ANONYMOUS})",
    "a code off an error, or an error without": "user_activity_events"
    " WHERE (error_code IS NOT NULL) <> (event_type LIKE '%_error')",
    "an unknown code": f"user_activity_events WHERE error_code NOT IN {_ERROR_CODES}",
    "event data of other keys": """user_activity_events WHERE (SELECT coalesce(array_agg(k ORDER BY k), '{}')
        FROM jsonb_object_keys(event_data) AS k) <> CASE event_type
            WHEN 'onboarding.portfolio_complete' THEN ARRAY['portfolio_id', 'portfolio_name', 'position_count']
            WHEN 'chat.session_start' THEN ARRAY['conversation_id']
            WHEN 'chat.feedback_given' THEN ARRAY['message_id', 'rating']
            WHEN 'onboarding.register_start' THEN ARRAY['email']
            WHEN 'onboarding.register_complete' THEN ARRAY['email']
            WHEN 'onboarding.register_error' THEN ARRAY['email']
            WHEN 'onboarding.login_error' THEN ARRAY['email']
            ELSE '{}' END""",
    "tokens in production": "ai_request_metrics WHERE coalesce(input_tokens, output_tokens, total_tokens) IS NOT NULL",
    "SQL NULL, or something else than an object of tools": "ai_request_metrics WHERE tool_calls IS NULL"
    " OR jsonb_typeof(tool_calls) NOT IN ('null', 'object')"
    " OR jsonb_typeof(tool_calls) = 'object' AND jsonb_typeof(tool_calls -> 'tools') <> 'array'",
    "tools counted and not listed": "ai_request_metrics WHERE tool_calls_count <>"
    " CASE WHEN jsonb_typeof(tool_calls) = 'object' THEN jsonb_array_length(tool_calls -> 'tools') ELSE 0 END",
    "no tools in an object": "ai_request_metrics"
    " WHERE jsonb_typeof(tool_calls) = 'object' AND jsonb_array_length(tool_calls -> 'tools') = 0",
    "a tool with more or less than name and id": """ai_request_metrics
        WHERE jsonb_typeof(tool_calls) = 'object' AND EXISTS (
            SELECT FROM jsonb_array_elements(tool_calls -> 'tools') AS t
            WHERE (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(t) AS k) <> ARRAY['id', 'name'])""",
    "an unknown error": f"ai_request_metrics WHERE error_type NOT IN {_REAL_ERRORS}",
    "a first token on an error": "ai_request_metrics WHERE error_message IS NOT NULL AND first_token_ms IS NOT NULL",
    "an error that took no time": "ai_request_metrics WHERE total_latency_ms IS NULL",
    "a type without a message": "ai_request_metrics WHERE error_type IS NOT NULL AND error_message IS NULL",
    "the first token after the end": "ai_request_metrics WHERE first_token_ms > total_latency_ms",
    "two rows for one message": "(SELECT message_id FROM ai_request_metrics GROUP BY 1 HAVING count(*) > 1) AS x",
    "a row before its request began": """ai_request_metrics AS r JOIN agent_messages AS m ON m.id = r.message_id
        WHERE r.created_at < m.created_at OR m.role <> 'assistant' OR m.latency_ms <> r.total_latency_ms""",
    "a finished answer whose tool calls are a list, or an open one whose are null": "agent_messages"
    " WHERE (jsonb_typeof(tool_calls) = 'null') <> (latency_ms IS NOT NULL)",
    "a message with tokens or an error": "agent_messages"
    " WHERE coalesce(prompt_tokens, completion_tokens, total_tokens) IS NOT NULL OR error IS NOT NULL",
    "a question without an answer row": """(SELECT conversation_id, created_at FROM agent_messages GROUP BY 1, 2
        HAVING count(*) FILTER (WHERE role = 'user') <> 1 OR count(*) FILTER (WHERE role = 'assistant') <> 1) AS x""",
    "an unknown mode or provider": "agent_conversations"
    " WHERE mode NOT IN ('green', 'blue', 'indigo', 'violet') OR provider <> 'openai'",
    "a status nobody writes": "batch_run_history WHERE status NOT IN ('running', 'completed', 'failed', 'partial')",
    "a running row with an end, durations or errors": "batch_run_history WHERE status = 'running'"
    " AND (completed_at IS NOT NULL OR phase_durations <> '{}' OR error_summary IS NOT NULL"
    " OR completed_jobs + failed_jobs > 0)",
    "an ended row without an end": "batch_run_history"
    " WHERE status <> 'running' AND (completed_at IS NULL OR completed_at < started_at OR error_summary IS NULL)",
    "a UUID run that is neither V2 nor a phantom": f"batch_run_history WHERE batch_run_id ~ {_UUID}"
    " AND triggered_by NOT IN ('v2_cron', 'v2_cron_portfolio', 'system', 'unknown') AND triggered_by NOT LIKE '%@%'",
    "another run id than of a second": f"batch_run_history WHERE batch_run_id !~ {_UUID}"
    " AND batch_run_id !~ '^batch_[0-9]{8}_[0-9]{6}$'",
    "a phantom with jobs or without a log": f"batch_run_history WHERE batch_run_id ~ {_UUID} AND status = 'running'"
    " AND (total_jobs > 0 OR jsonb_typeof(activity_log) IS DISTINCT FROM 'array')",
    "a log on another row": f"batch_run_history WHERE activity_log IS NOT NULL"
    f" AND (status <> 'running' OR batch_run_id !~ {_UUID})",
    "a V2 row that runs, or was created before its end": "batch_run_history WHERE triggered_by LIKE 'v2%'"
    " AND (status NOT IN ('completed', 'failed') OR created_at <> completed_at OR started_at >= created_at)",
    "a V2 row without its facts": "batch_run_history WHERE triggered_by LIKE 'v2%' AND (error_summary ->> 'batch_type'"
    " IS DISTINCT FROM CASE triggered_by WHEN 'v2_cron' THEN 'symbol_batch' ELSE 'portfolio_refresh' END"
    " OR error_summary ->> 'calc_date' !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$')",
    "a V2 row whose failed jobs are not its errors": "batch_run_history WHERE triggered_by LIKE 'v2%' AND"
    " failed_jobs <> CASE WHEN error_summary ? 'errors' THEN jsonb_array_length(error_summary -> 'errors') ELSE 0 END",
    "an orchestrator's total that is not completed + failed": "batch_run_history"
    " WHERE status <> 'running' AND triggered_by NOT LIKE 'v2%' AND total_jobs <> completed_jobs + failed_jobs",
    "phases nobody records": """batch_run_history, jsonb_object_keys(phase_durations) AS k WHERE k NOT IN (
        'phase_1_5_symbol_factors', 'phase_1_75_symbol_metrics', 'total_duration', 'phase_0_daily_valuations',
        'phase_1_market_data', 'phase_2_fundamentals', 'phase_3_factors', 'portfolio_refresh')""",
    "an ended orchestrator run without its total duration": "batch_run_history WHERE status <> 'running'"
    " AND (triggered_by LIKE 'v2%') = (phase_durations ? 'total_duration')",
    "another session than of eight hours": "admin_sessions"
    " WHERE expires_at - created_at NOT BETWEEN interval '8 hours' AND interval '9 hours'",
}
"""In core."""

WRONG_IN_AI: Mapping[str, str] = {
    "a rating the API refuses": "ai_feedback WHERE rating NOT IN ('up', 'down')",
    "two rows for one message": "(SELECT message_id FROM ai_feedback GROUP BY 1 HAVING count(*) > 1) AS x",
    "an unknown scope": "ai_memories WHERE scope NOT IN ('user', 'portfolio', 'global') OR length(content) > 500",
    "a tenant": "ai_memories WHERE tenant_id IS NOT NULL",
    "more than 50 memories of one user": "(SELECT user_id FROM ai_memories WHERE user_id IS NOT NULL GROUP BY 1"
    " HAVING count(*) > 50) AS x",
    "a source nobody is": "ai_memories"
    " WHERE tags ->> 'source' NOT IN ('auto_extraction', 'feedback_learning', 'pattern_analysis')",
    "an unknown document": "ai_kb_documents WHERE scope NOT IN ('global', 'feedback:positive_example')",
    "an annotation the API refuses": "ai_admin_annotations"
    " WHERE annotation_type NOT IN ('correction', 'improvement', 'flag', 'approved')"
    " OR severity NOT IN ('minor', 'moderate', 'critical') OR status NOT IN ('pending', 'reviewed', 'applied')"
    " OR jsonb_typeof(tags) <> 'array' OR updated_at < created_at",
}
"""In AI."""
