"""Users with how far they have come, and what one of them did, step by step: ids and times, no names, no addresses.

Until somebody chooses, the one is who did something last. The live sign-up writes no event, and a portfolio made
through the JSON route writes none either: both are told by their own rows, unless an event of the same minute tells
them already.
"""

from __future__ import annotations

from exporters.core.sql import Column, TextRows

NEWEST_USERS = 300
"""Users who are looked through, the last to sign up: three look-ups by index for each."""

NEWEST_STEPS = 500
NEWEST_EVENTS = 2000
"""Of one user's up to the end of the range, from which the steps are made."""

NEWEST_WITH_NOBODY = 10_000
"""Events among which the last one with a user is looked for: errors of sign-up and login have none."""

STATUSES = ("signed up", "began", "portfolio", "chatted")
LANES = ("account", "portfolio", "chat", "other", "error")

_ERROR = "(error_code IS NOT NULL OR right(event_type, 6) = '_error')"

USER_ROWS = TextRows(
    "sigmasight",
    "sigmasight_user_rows",
    "The users who signed up last, with their onboarding status.",
    (
        Column("user", "text", "Id, as SigmaSight has it."),
        Column("time", "time", "When the user signed up."),
        Column("tier", "text", "What the user pays for."),
        Column("active", "text", "no after the user was deleted."),
        Column("status", "text", "The furthest step ever reached: signed up, began, portfolio or chatted."),
        Column("portfolios", "number", "Portfolios there are now."),
        Column("conversations", "number", "Conversations there are now."),
        Column("errors", "number", "Errors among the user's events."),
        Column("last", "moment", "When the user was last heard of."),
    ),
    f"""\
SELECT who.id::text AS "user", who.created_at AS "time", who.tier::text AS "tier",
  CASE WHEN who.is_active THEN 'yes' ELSE 'no' END AS "active",
  CASE WHEN talks.there > 0 OR acts.chatted THEN 'chatted' WHEN owned.ever > 0 OR acts.finished THEN 'portfolio'
    WHEN acts.began THEN 'began' ELSE 'signed up' END AS "status",
  owned.there AS "portfolios", talks.there AS "conversations", acts.errors AS "errors",
  greatest(who.created_at, owned.newest, talks.newest, acts.newest) AS "last"
FROM (
  SELECT id, created_at, tier, is_active FROM public.users
  WHERE NOT <user?> OR id = <user> ORDER BY created_at DESC LIMIT {NEWEST_USERS}
) AS who
CROSS JOIN LATERAL (
  SELECT count(*) AS ever, count(*) FILTER (WHERE deleted_at IS NULL) AS there, max(created_at) AS newest
  FROM public.portfolios WHERE user_id = who.id
) AS owned
CROSS JOIN LATERAL (
  SELECT count(*) AS there, max(updated_at) AS newest FROM public.agent_conversations WHERE user_id = who.id
) AS talks
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE {_ERROR}) AS errors, max(created_at) AS newest,
    bool_or(event_category = 'chat') AS chatted, bool_or(event_type = 'onboarding.portfolio_complete') AS finished,
    bool_or(left(event_type, 21) = 'onboarding.portfolio_') AS began
  FROM public.user_activity_events WHERE user_id = who.id
) AS acts""",  # noqa: S608 - constants of our own
    NEWEST_USERS,
    (
        *("users.id", "users.created_at", "users.tier", "users.is_active"),
        *("portfolios.user_id", "portfolios.created_at", "portfolios.deleted_at"),
        *("agent_conversations.user_id", "agent_conversations.updated_at"),
        *("user_activity_events.user_id", "user_activity_events.event_type", "user_activity_events.event_category"),
        *("user_activity_events.error_code", "user_activity_events.created_at"),
    ),
    ids=("user",),
)

# By two indexes on time: the live back end writes few events, and each conversation has a row. The range keeps a row
# with a stamp of the future from being the last for ever. Ties are broken, so that every panel chooses the same one.
_CHOSEN = f"""\
  SELECT CASE WHEN <user?> THEN <user> ELSE (
    SELECT user_id FROM (
      (SELECT user_id, created_at FROM (
         SELECT user_id, created_at FROM public.user_activity_events
         WHERE created_at >= <from> AND created_at <= <to> ORDER BY created_at DESC LIMIT {NEWEST_WITH_NOBODY}
       ) AS late
       WHERE user_id IS NOT NULL ORDER BY created_at DESC, user_id LIMIT 1)
      UNION ALL
      (SELECT user_id, created_at FROM public.agent_conversations
       WHERE created_at >= <from> AND created_at <= <to> ORDER BY created_at DESC, user_id LIMIT 1)
    ) AS last
    ORDER BY created_at DESC, user_id LIMIT 1
  ) END AS id"""  # noqa: S608 - constants of our own
_HIS = "user_id = (SELECT id FROM chosen)"

# `OFFSET 0` keeps the order out of the choice of the index: for a user with few rows the one on time would be read
# through to the end. What came after the range must not use up the bounds; an event of the next minute still tells
# what a row of the last one would.
_EVENTS = f"""\
  SELECT created_at AS at, event_type::text AS step, coalesce(error_code, CASE WHEN {_ERROR} THEN 'error' END) AS error,
    CASE WHEN {_ERROR} THEN 'error' WHEN event_category = 'chat' THEN 'chat'
      WHEN left(event_type, 21) = 'onboarding.portfolio_' THEN 'portfolio'
      WHEN event_category IN ('auth', 'onboarding') THEN 'account' ELSE 'other' END AS lane
  FROM (
    SELECT created_at, event_type, event_category, error_code FROM public.user_activity_events
    WHERE {_HIS} OFFSET 0
  ) AS his
  WHERE created_at <= <to>::timestamptz + interval '1 minute' ORDER BY created_at DESC LIMIT {NEWEST_EVENTS}"""  # noqa: S608 - constants of our own

STEP_ROWS = TextRows(
    "sigmasight",
    "sigmasight_step_rows",
    "What one user did, step by step, within the time range: the one chosen, or until then who did something last.",
    (
        Column("time", "time", "When."),
        Column("since", "number", "Seconds since the step before."),
        Column("lane", "text", "What it is about: account, portfolio, chat, other; or that it is an error."),
        Column("step", "text", "The event, as SigmaSight names it, or what a row tells."),
        Column("error", "text", "Code of the error."),
        Column("source", "text", "The table that tells it."),
        Column("conversation", "text", "Id of the conversation, where it is known."),
        Column("user", "text", "Whose steps these are."),
    ),
    f"""\
WITH chosen AS MATERIALIZED (
{_CHOSEN}
), events AS MATERIALIZED (
{_EVENTS}
), facts AS (
  SELECT created_at AS at, 'signed up' AS step, 'account' AS lane, 'users' AS source, NULL::uuid AS conversation,
    'onboarding.register_complete' AS told
  FROM public.users WHERE id = (SELECT id FROM chosen)
  UNION ALL
  SELECT created_at, 'portfolio created', 'portfolio', 'portfolios', NULL, 'onboarding.portfolio_complete'
  FROM public.portfolios WHERE {_HIS}
  UNION ALL
  SELECT deleted_at, 'portfolio deleted', 'portfolio', 'portfolios', NULL, NULL
  FROM public.portfolios WHERE {_HIS} AND deleted_at IS NOT NULL
  UNION ALL
  (SELECT created_at, 'conversation began', 'chat', 'agent_conversations', id, 'chat.session_start'
   FROM (SELECT id, created_at FROM public.agent_conversations WHERE {_HIS} OFFSET 0) AS his
   WHERE created_at <= <to> ORDER BY created_at DESC LIMIT {NEWEST_STEPS})
), steps AS (
  SELECT at, step, error, lane, 'user_activity_events' AS source, NULL::uuid AS conversation FROM events
  UNION ALL
  SELECT at, step, NULL, lane, source, conversation FROM facts
  WHERE NOT EXISTS (
    SELECT FROM events WHERE events.step = told
      AND events.at BETWEEN facts.at - interval '1 minute' AND facts.at + interval '1 minute'
  )
  UNION ALL
  (SELECT created_at, 'request failed', error_type, 'error', 'ai_request_metrics', conversation_id
   FROM (
     SELECT created_at, error_type, conversation_id FROM public.ai_request_metrics
     WHERE {_HIS} AND error_type IS NOT NULL OFFSET 0
   ) AS his
   WHERE created_at <= <to> ORDER BY created_at DESC LIMIT {NEWEST_STEPS})
)
SELECT at AS "time", since AS "since", lane AS "lane", step AS "step", error AS "error", source AS "source",
  conversation::text AS "conversation", (SELECT id FROM chosen)::text AS "user"
FROM (
  -- Of the same moment, `signed up` comes first.
  SELECT *, extract(epoch FROM at - lag(at) OVER (ORDER BY at, step DESC))::float8 AS since FROM steps
) AS one
WHERE at >= <from> AND at <= <to>
ORDER BY at DESC LIMIT {NEWEST_STEPS}""",  # noqa: S608 - constants of our own
    NEWEST_STEPS,
    (
        *("users.id", "users.created_at", "portfolios.user_id", "portfolios.created_at", "portfolios.deleted_at"),
        *("agent_conversations.id", "agent_conversations.user_id", "agent_conversations.created_at"),
        *("user_activity_events.user_id", "user_activity_events.event_type", "user_activity_events.event_category"),
        *("user_activity_events.error_code", "user_activity_events.created_at"),
        *("ai_request_metrics.user_id", "ai_request_metrics.conversation_id", "ai_request_metrics.error_type"),
        "ai_request_metrics.created_at",
    ),
    ids=("user",),
)
