"""The statements about shapes can fail: each finds the change that breaks it, in a life that breaks none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporters.demo.postgres import Postgres
from tests.sigmasight.databases import Databases
from tests.sigmasight.shapes import WRONG, WRONG_IN_AI
from tests.sigmasight.test_simulate import wrong

ONE = "WHERE ctid = (SELECT min(ctid) FROM {table})"
CORE: dict[str, str] = {
    "an event nobody writes": "UPDATE user_activity_events SET event_type = 'chat.message_sent'",
    "a category that is not the type's beginning": "UPDATE user_activity_events SET event_category = 'auth'",
    "a session id": "UPDATE user_activity_events SET session_id = 'x'",
    "a user where nobody is logged in yet, or nobody where somebody is": "UPDATE user_activity_events"
    " SET user_id = CASE WHEN user_id IS NULL THEN gen_random_uuid() END",
    "a code off an error, or an error without": "UPDATE user_activity_events SET error_code = 'UNKNOWN_ERROR'",
    "an unknown code": "UPDATE user_activity_events SET error_code = 'ERR_1'",
    "event data of other keys": "UPDATE user_activity_events SET event_data = '{\"ip\": 1}'",
    "tokens in production": "UPDATE ai_request_metrics SET input_tokens = 0",
    "SQL NULL, or something else than an object of tools": "UPDATE ai_request_metrics SET tool_calls = NULL",
    "tools counted and not listed": "UPDATE ai_request_metrics SET tool_calls_count = tool_calls_count + 1",
    "no tools in an object": "UPDATE ai_request_metrics SET tool_calls = '{\"tools\": []}'",
    "a tool with more or less than name and id": "UPDATE ai_request_metrics"
    ' SET tool_calls = \'{"tools": [{"name": "a", "arguments": 1}]}\'',
    "an unknown error": "UPDATE ai_request_metrics SET error_type = 'timeout'",
    "a first token on an error": "UPDATE ai_request_metrics SET error_message = 'x', first_token_ms = 1",
    "an error that took no time": "UPDATE ai_request_metrics SET total_latency_ms = NULL",
    "a type without a message": "UPDATE ai_request_metrics SET error_type = 'api_failure', error_message = NULL",
    "the first token after the end": "UPDATE ai_request_metrics SET first_token_ms = 999999999",
    "two rows for one message": "UPDATE ai_request_metrics SET message_id = (SELECT message_id FROM"
    " ai_request_metrics ORDER BY ctid DESC LIMIT 1)",
    "a row before its request began": "UPDATE ai_request_metrics SET created_at = '1999-01-01', message_id ="
    " (SELECT id FROM agent_messages WHERE role = 'assistant' LIMIT 1)",
    "a finished answer whose tool calls are a list, or an open one whose are null": "UPDATE agent_messages"
    " SET latency_ms = 5, tool_calls = '[]'",
    "a message with tokens or an error": "UPDATE agent_messages SET total_tokens = 0",
    "a question without an answer row": "UPDATE agent_messages SET role = 'system'",
    "an unknown mode or provider": "UPDATE agent_conversations SET provider = 'other'",
    "a status nobody writes": "UPDATE batch_run_history SET status = 'queued'",
    "a running row with an end, durations or errors": "UPDATE batch_run_history SET status = 'running',"
    " completed_at = now()",
    "an ended row without an end": "UPDATE batch_run_history SET status = 'failed', completed_at = NULL",
    "a UUID run that is neither V2 nor a phantom": "UPDATE batch_run_history SET triggered_by = 'cron',"
    " batch_run_id = gen_random_uuid()",
    "another run id than of a second": "UPDATE batch_run_history SET batch_run_id = 'batch_1'",
    "a phantom with jobs or without a log": "UPDATE batch_run_history SET status = 'running', activity_log = NULL,"
    " batch_run_id = gen_random_uuid()",
    "a log on another row": "UPDATE batch_run_history SET status = 'completed', activity_log = '[]'",
    "a V2 row that runs, or was created before its end": "UPDATE batch_run_history SET triggered_by = 'v2_cron',"
    " status = 'running'",
    "a V2 row without its facts": "UPDATE batch_run_history SET triggered_by = 'v2_cron', error_summary = '{}'",
    "a V2 row whose failed jobs are not its errors": "UPDATE batch_run_history SET triggered_by = 'v2_cron',"
    " error_summary = '{}', failed_jobs = 3",
    "an orchestrator's total that is not completed + failed": "UPDATE batch_run_history"
    " SET triggered_by = 'cron', status = 'partial', total_jobs = 99",
    "phases nobody records": "UPDATE batch_run_history SET phase_durations = '{\"phase_2_pnl\": 1}'",
    "an ended orchestrator run without its total duration": "UPDATE batch_run_history"
    " SET triggered_by = 'cron', status = 'failed', phase_durations = '{}'",
    "another session than of eight hours": "UPDATE admin_sessions SET expires_at = created_at",
}
AI: dict[str, str] = {
    "a rating the API refuses": "UPDATE ai_feedback SET rating = 'meh'",
    "two rows for one message": "UPDATE ai_feedback SET message_id = (SELECT message_id FROM ai_feedback"
    " ORDER BY ctid DESC LIMIT 1)",
    "an unknown scope": "UPDATE ai_memories SET scope = 'team'",
    "a tenant": "UPDATE ai_memories SET tenant_id = id",
    "more than 50 memories of one user": "INSERT INTO ai_memories (user_id, scope, content)"
    " SELECT '00000000-0000-0000-0000-000000000000', 'user', 'x' FROM generate_series(1, 51)",
    "a source nobody is": 'UPDATE ai_memories SET tags = \'{"source": "me"}\'',
    "an unknown document": "UPDATE ai_kb_documents SET scope = 'team'",
    "an annotation the API refuses": "UPDATE ai_admin_annotations SET severity = 'bad'",
}


def test_a_change_is_known_for_every_statement() -> None:
    assert CORE.keys() == WRONG.keys()
    assert AI.keys() == WRONG_IN_AI.keys()


@pytest.fixture(scope="module")
def life(sigmasight_postgres: Postgres) -> Iterator[Databases]:
    """Five days without a fault."""
    with Databases(sigmasight_postgres) as databases:
        sigma = databases.sigma(seed=71)
        sigma.found(days_ago=5)
        sigma.backfill(5, stories_per_day=60)
        assert wrong(databases) == []
        yield databases


CHANGES = [("core", why, change) for why, change in CORE.items()] + [("ai", why, change) for why, change in AI.items()]


@pytest.mark.parametrize(("half", "why", "change"), CHANGES, ids=[f"{half}: {why}" for half, why, _ in CHANGES])
def test_a_change_of_one_row_is_found(life: Databases, half: str, why: str, change: str) -> None:
    side = life.side(half)
    one = ONE.format(table=change.split()[1]) if change.startswith("UPDATE") else ""
    where = (WRONG if half == "core" else WRONG_IN_AI)[why]
    with side.transaction(force_rollback=True):
        assert side.execute(f"{change} {one}".encode()).rowcount > 0
        assert life.number(f"SELECT count(*) FROM {where}", half=half) > 0  # noqa: S608 - literals of ours
