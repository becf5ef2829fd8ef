"""One record of each kind, as HER writes it: field names, types and forms are HER's, what they say is invented."""

from __future__ import annotations

import json
from typing import Any

INTERACTION = (
    b'{"timestamp":"2026-02-22T09:15:02.118734+00:00","user_id":"5551001","user_message":"is the backup done?",'
    b'"response_message":"Yes, it finished at nine.","token_estimate":12}'
)
LOG = (
    b'{"timestamp":"2026-02-22T09:15:02.000412+00:00","level":"WARNING","name":"her_mcp.manager",'
    b"\"message\":\"Skipping MCP server 'pdf': missing command 'npx'\"}"
)
EXECUTION = (
    b'{"timestamp":"2026-02-22T10:00:00.500100+00:00","command":"ping -c 4 example.org","success":false,"output":"",'
    b'"error":"ping: unknown host","exit_code":2,"execution_time":0.41,"user":"sandbox","workdir":"/workspace"}'
)
JOB = (
    b'{"timestamp":"2026-02-22T11:00:00.020011+00:00","name":"memory_reflection","type":"memory_reflection",'
    b'"success":true,"result":"memory_reflection_completed","error":"","execution_time":0.00002,'
    b'"next_run":"2026-02-22T12:00:00.000000+00:00"}'
)
DECISION = (
    b'{"timestamp":"2026-02-22T12:00:00.000001+00:00","event_type":"performance_timing","summary":"llm 812.44ms",'
    b'"user_id":"5551001","source":"telegram","details":{"stage":"llm","duration_ms":812.44,"used_fallback":false}}'
)
REINFORCEMENT = (
    b'{"timestamp":"2026-02-22T12:00:01.5+00:00","user_id":"5551001","score":-0.5,"label":"mild_dissatisfaction",'
    b'"task_succeeded":true,"reasoning":["strong_user_dissatisfaction","concise_response"],'
    b'"user_message_preview":"that is wrong","assistant_message_preview":"It is 5.","concise":true,"helpful":true,'
    b'"emotionally_aligned":true}'
)
SCHEDULER_STATE = (
    b'{"timestamp":"2026-02-22T12:00:02.000100+00:00","task_count":5,"system_tz":"UTC",'
    b'"default_user_tz":"Europe/Rome","upcoming":[{"name":"memory_reflection","type":"memory_reflection",'
    b'"interval":"hourly","timezone":"UTC","at":"","run_at":"","one_time":false,"max_retries":2,'
    b'"retry_delay_seconds":30,"status":"PENDING","retry_count":0,"last_error":"","chat_id":null,'
    b'"next_run":"2026-02-22T13:00:00+00:00","enabled":true}],"autonomy":[{"user_id":"5551001",'
    b'"engagement_score":0.61,"initiative_level":0.58,"messages_sent_today":0,"last_proactive_at":"",'
    b'"current_mood":"calm","mood_intensity":0.52,"daily_target":1}]}'
)
CAPABILITIES = (
    b'{"timestamp":"2026-02-22T08:00:00.250000+00:00","tool_count":14,"capabilities":{"internet":{"available":true,'
    b'"reason":"outbound TCP to example.com:443 works"},"sandbox":{"available":false,'
    b'"reason":"container \'her-sandbox\' not found"}},"mcp_servers":{"fetch":{"status":"running",'
    b'"message":"3 tools loaded"},"brave-search":{"status":"disabled","message":"server disabled in config"}}}'
)
REFLECTION = (
    b'{"date":"2026-02-22","engagement_trend":"stable","initiative_adjustment":0.0,"notes":"Engagement is steady.",'
    b'"confidence":"medium"}'
)
WORKFLOW = (
    b'{"timestamp":"2026-02-22T12:00:00.100200+00:00","event_type":"llm_completed",'
    b'"execution_id":"0f3b6a0c6b3d4d0e9f6c2f4a5b6c7d8e","node_id":"llm","status":"success",'
    b'"details":{"used_fallback":false,"duration_ms":843.2}}'
)

ABSENT = object()


def changed(record: bytes, **fields: Any) -> bytes:
    """The record with fields replaced or added; ABSENT removes one."""
    merged = json.loads(record) | fields
    return json.dumps({name: value for name, value in merged.items() if value is not ABSENT}).encode()


def decision(event_type: str, details: dict[str, Any], **fields: Any) -> bytes:
    """A decision of this type."""
    return changed(DECISION, event_type=event_type, details=details, **fields)
