"""Conversations, and what was said in them, read in the core database.

Both messages of a request are written when it starts, the assistant's finished at the end: one without a duration is
still being written, or never was.
"""

from __future__ import annotations

from exporters.core.sql import Column, TextRows
from exporters.sigmasight.texts_cuts import LONGEST, cut

NEWEST_CONVERSATIONS = 300
NEWEST_MESSAGES = 1000
"""Messages of the time range that are searched."""
MESSAGES_SHOWN = 500
"""Of one conversation, the last ones."""

_TALK = "id, user_id, mode, created_at"
# One branch per way to choose, so that each is read by its own index.
_TALKS = f"""\
  (SELECT {_TALK} FROM public.agent_conversations
   WHERE NOT <conversation?> AND NOT <user?> AND created_at >= <from> AND created_at <= <to>
   ORDER BY created_at DESC LIMIT {NEWEST_CONVERSATIONS})
  UNION ALL
  (SELECT {_TALK} FROM (
     SELECT {_TALK} FROM public.agent_conversations WHERE NOT <conversation?> AND user_id = <user> OFFSET 0
   ) AS his
   WHERE created_at >= <from> AND created_at <= <to> ORDER BY created_at DESC LIMIT {NEWEST_CONVERSATIONS})
  UNION ALL
  SELECT {_TALK} FROM public.agent_conversations
  WHERE id = coalesce((SELECT conversation_id FROM public.agent_messages WHERE id = <conversation>), <conversation>)"""  # noqa: S608 - constants of our own

CONVERSATION_ROWS = TextRows(
    "sigmasight",
    "sigmasight_conversation_rows",
    "Conversations that began within the time range; or the one chosen, by its id or by a message's.",
    (
        Column("conversation", "text", "Id."),
        Column("user", "text", "Whose it is."),
        Column("mode", "text", "The colour of the assistant."),
        Column("time", "time", "When it began."),
        Column("last", "moment", "When its last message was written."),
        Column("messages", "number", "Messages in it."),
        Column("unfinished", "number", "Answers that are being written, or never were."),
        Column("failed", "number", "Requests that failed."),
    ),
    f"""\
SELECT talk.id::text AS "conversation", talk.user_id::text AS "user", talk.mode::text AS "mode",
  talk.created_at AS "time", said.newest AS "last", said.there AS "messages", said.unfinished AS "unfinished",
  failed.there AS "failed"
FROM (
{_TALKS}
) AS talk
CROSS JOIN LATERAL (
  SELECT count(*) AS there, max(created_at) AS newest,
    count(*) FILTER (WHERE role = 'assistant' AND latency_ms IS NULL) AS unfinished
  FROM public.agent_messages WHERE conversation_id = talk.id
) AS said
CROSS JOIN LATERAL (
  SELECT count(error_type) AS there FROM public.ai_request_metrics WHERE conversation_id = talk.id
) AS failed""",  # noqa: S608 - constants of our own
    NEWEST_CONVERSATIONS,
    (
        *("agent_conversations.id", "agent_conversations.user_id", "agent_conversations.mode"),
        *("agent_conversations.created_at", "agent_messages.id", "agent_messages.conversation_id"),
        *("agent_messages.created_at", "agent_messages.role", "agent_messages.latency_ms"),
        *("ai_request_metrics.conversation_id", "ai_request_metrics.error_type"),
    ),
    ids=("user", "conversation"),
)

_MESSAGE_COLUMNS = (
    Column("time", "time", "When the request began."),
    Column("role", "text", "Who said it: user or assistant."),
    Column("words", "text", f"What was said, its first {LONGEST} characters."),
    Column("first", "number", "Milliseconds to the first piece of the answer."),
    Column("took", "number", "Milliseconds to its end."),
    Column("model", "text", "Which model was asked."),
    Column("error", "text", "Type of the error; unfinished for an answer that has no end."),
)
_MESSAGE = f"""\
said.created_at AS "time", said.role::text AS "role", {cut("said.content")} AS "words",
  said.first_token_ms AS "first", said.latency_ms AS "took", request.model AS "model",
  coalesce(request.error_type, CASE WHEN said.role = 'assistant' AND said.latency_ms IS NULL THEN 'unfinished' END)
    AS "error\""""
_REQUEST = """\
LEFT JOIN LATERAL (
  SELECT model::text, error_type::text FROM public.ai_request_metrics
  WHERE said.role = 'assistant' AND message_id = said.id LIMIT 1
) AS request ON true"""
_SAID = "id, conversation_id, role, content, first_token_ms, latency_ms, created_at"
_MESSAGE_READS = (
    *("agent_messages.id", "agent_messages.conversation_id", "agent_messages.role", "agent_messages.content"),
    *("agent_messages.first_token_ms", "agent_messages.latency_ms", "agent_messages.created_at"),
    *("ai_request_metrics.message_id", "ai_request_metrics.model", "ai_request_metrics.error_type"),
)

# Each way to choose by its own index. `OFFSET 0` keeps max() from the index on time, from everybody's messages; ties
# are broken, so that the same one is chosen each time.
_CHOSEN = f"""\
  SELECT CASE
    WHEN <conversation?> THEN
      coalesce((SELECT conversation_id FROM public.agent_messages WHERE id = <conversation>), <conversation>)
    WHEN <user?> THEN (
      SELECT talk.id FROM (
        SELECT id FROM (
          SELECT id, created_at FROM public.agent_conversations WHERE user_id = <user> OFFSET 0
        ) AS his
        WHERE created_at <= <to> ORDER BY created_at DESC LIMIT {NEWEST_CONVERSATIONS}
      ) AS talk
      CROSS JOIN LATERAL (
        SELECT max(created_at) AS newest FROM (
          SELECT created_at FROM public.agent_messages WHERE conversation_id = talk.id OFFSET 0
        ) AS its
        WHERE created_at >= <from> AND created_at <= <to>
      ) AS said
      WHERE newest IS NOT NULL ORDER BY newest DESC, talk.id LIMIT 1
    )
    ELSE (
      SELECT conversation_id FROM public.agent_messages WHERE created_at >= <from> AND created_at <= <to>
      ORDER BY created_at DESC, conversation_id LIMIT 1
    ) END AS id"""  # noqa: S608 - constants of our own

MESSAGE_ROWS = TextRows(
    "sigmasight",
    "sigmasight_message_rows",
    "What was said in one conversation, chosen by its id or by a message's; until then in the one where somebody spoke "
    "last within the time range.",
    (*_MESSAGE_COLUMNS, Column("conversation", "text", "Id of the conversation.")),
    f"""\
WITH chosen AS MATERIALIZED (
{_CHOSEN}
)
SELECT {_MESSAGE},
  said.conversation_id::text AS "conversation"
FROM (
  SELECT {_SAID} FROM (
    SELECT {_SAID} FROM public.agent_messages WHERE conversation_id = (SELECT id FROM chosen) OFFSET 0
  ) AS all_of_it
  ORDER BY created_at DESC LIMIT {MESSAGES_SHOWN}
) AS said
{_REQUEST}""",  # noqa: S608 - constants of our own
    MESSAGES_SHOWN,
    (*_MESSAGE_READS, "agent_conversations.id", "agent_conversations.user_id", "agent_conversations.created_at"),
    ids=("user", "conversation"),
)

FOUND_ROWS = TextRows(
    "sigmasight",
    "sigmasight_found_rows",
    "The newest messages of the time range, of every conversation, to be searched.",
    (
        *_MESSAGE_COLUMNS,
        Column("conversation", "text", "Id of the conversation."),
        Column("mode", "text", "The colour of the assistant."),
    ),
    f"""\
SELECT {_MESSAGE},
  said.conversation_id::text AS "conversation", talk.mode::text AS "mode"
FROM (
  SELECT {_SAID} FROM public.agent_messages WHERE created_at >= <from> AND created_at <= <to>
  ORDER BY created_at DESC LIMIT {NEWEST_MESSAGES}
) AS said
LEFT JOIN LATERAL (
  -- LIMIT keeps it a look-up: joined, the table would be read through.
  SELECT mode FROM public.agent_conversations WHERE id = said.conversation_id LIMIT 1
) AS talk ON true
{_REQUEST}""",  # noqa: S608 - constants of our own
    NEWEST_MESSAGES,
    (*_MESSAGE_READS, "agent_conversations.id", "agent_conversations.mode"),
)
