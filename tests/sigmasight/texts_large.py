"""Tables of SigmaSight as large as a busy year leaves them, made inside the server in a moment."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from exporters.sigmasight.simulate_bulk import fill
from tests.sigmasight.databases import NOW, Databases

USERS = 2000
CONVERSATIONS = 20_000
MESSAGES = 60_000
ROWS = 50_000
LARGE = {
    *("user_activity_events", "agent_conversations", "agent_messages", "ai_request_metrics"),
    *("ai_admin_annotations", "ai_feedback", "ai_memories", "ai_kb_documents"),
}
"""Tables that no look may read from one end to the other."""
USER, CONVERSATION = "md5('user' || {} % {})::uuid", "md5('conversation' || {} % {})::uuid"
_WHEN = "timestamptz '{now}' - ({rows} - n) * interval '90 days' / {rows}"


def _when(rows: int) -> str:
    return _WHEN.format(now=NOW.isoformat(), rows=rows)


def enlarge(databases: Databases) -> None:
    """Rows of ninety days, texts included, and statistics about them."""
    core, ai = databases.core.execute, databases.ai.execute
    core(
        f"""INSERT INTO users (id, email, hashed_password, full_name, is_active, created_at, updated_at)
            SELECT {USER.format("n", USERS)}, n || '@mail.invalid', 'x', 'x', true, {_when(USERS)}, now()
            FROM generate_series(1, {USERS}) AS numbers (n)""".encode()
    )
    core(
        f"""INSERT INTO portfolios (id, user_id, name, currency, created_at, updated_at, account_name, account_type)
            SELECT gen_random_uuid(), {USER.format("n", USERS)}, 'x', 'USD', {_when(USERS)}, now(), 'x', 'taxable'
            FROM generate_series(1, {USERS}) AS numbers (n)""".encode()
    )
    core(
        f"""INSERT INTO user_activity_events (user_id, event_type, event_category, error_code, created_at)
            SELECT {USER.format("n", USERS)}, 'chat.session_start', 'chat', CASE WHEN n % 50 = 0 THEN 'X' END,
                   {_when(ROWS)}
            FROM generate_series(1, {ROWS}) AS numbers (n)""".encode()
    )
    core(
        f"""INSERT INTO agent_conversations (id, user_id, mode, provider, created_at, updated_at, metadata)
            SELECT {CONVERSATION.format("n", CONVERSATIONS)}, {USER.format("n", USERS)}, 'green', 'openai',
                   {_when(CONVERSATIONS)}, now(), '{{}}'
            FROM generate_series(1, {CONVERSATIONS}) AS numbers (n)""".encode()
    )
    core(
        f"""INSERT INTO agent_messages (id, conversation_id, role, content, tool_calls, latency_ms, created_at)
            SELECT md5('message' || n)::uuid, {CONVERSATION.format("n", CONVERSATIONS)},
                   CASE WHEN n % 2 = 0 THEN 'user' ELSE 'assistant' END, repeat('word ', 60), '[]', 100,
                   {_when(MESSAGES)}
            FROM generate_series(1, {MESSAGES}) AS numbers (n)""".encode()
    )
    fill(databases.core, ROWS, until=NOW, days=90)
    ai(
        f"""INSERT INTO ai_admin_annotations (message_id, admin_user_id, annotation_type, content, status, created_at)
            SELECT md5('message' || n)::uuid, gen_random_uuid(), 'flag', repeat('word ', 60),
                   CASE WHEN n % 200 = 0 THEN 'pending' ELSE 'applied' END, {_when(ROWS)}
            FROM generate_series(1, {ROWS}) AS numbers (n)""".encode()
    )
    ai(
        f"""INSERT INTO ai_feedback (message_id, rating, comment, created_at)
            SELECT md5('message' || n)::uuid, 'up', repeat('word ', 200), {_when(ROWS)}
            FROM generate_series(1, {ROWS}) AS numbers (n)""".encode()
    )
    ai(
        f"""INSERT INTO ai_memories (user_id, scope, content, created_at)
            SELECT {USER.format("n", USERS)}, 'user', repeat('word ', 100), {_when(ROWS)}
            FROM generate_series(1, {ROWS}) AS numbers (n)""".encode()
    )
    ai(
        f"""INSERT INTO ai_kb_documents (scope, title, content, created_at)
            SELECT 'global', 'Topic ' || n, repeat('word ', 200), {_when(ROWS)}
            FROM generate_series(1, {ROWS}) AS numbers (n)""".encode()
    )
