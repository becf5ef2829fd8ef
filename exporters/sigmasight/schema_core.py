"""SigmaSight's core database as its migrations leave it: tables, types, defaults and indexes.

No CHECK constraint, no enum type and no trigger: every set of values is a habit of the writers. `batch_run_history` and
`daily_metrics` have no default for their key, `created_at` of both may be NULL, and no run id is unique.
"""

from typing import Final, LiteralString

REVISION: Final = "s5t6u7v8w9x0"
"""Of the newest migration, as `alembic_version` says it."""

TABLES: Final[LiteralString] = """\
CREATE TABLE users (
    id                   uuid PRIMARY KEY,
    email                varchar(255) NOT NULL,
    hashed_password      varchar(255) NOT NULL,
    full_name            varchar(255) NOT NULL,
    is_active            boolean NOT NULL,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    clerk_user_id        varchar(255),
    tier                 varchar(20) NOT NULL DEFAULT 'free',
    invite_validated     boolean NOT NULL DEFAULT false,
    ai_messages_used     integer NOT NULL DEFAULT 0,
    ai_messages_reset_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX ix_users_email ON users (email);
CREATE UNIQUE INDEX ix_users_clerk_user_id ON users (clerk_user_id);

CREATE TABLE portfolios (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES users (id),
    name           varchar(255) NOT NULL,
    description    varchar(1000),
    currency       varchar(3) NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    deleted_at     timestamptz,
    equity_balance numeric(16,2),
    account_name   varchar(100) NOT NULL,
    account_type   varchar(20) NOT NULL,
    is_active      boolean NOT NULL DEFAULT true,
    CONSTRAINT uq_portfolio_user_account_name UNIQUE (user_id, account_name)
);
CREATE INDEX ix_portfolios_deleted_at ON portfolios (deleted_at);
CREATE INDEX ix_portfolios_user_id ON portfolios (user_id);

CREATE TABLE admin_users (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email           varchar(255) NOT NULL CONSTRAINT uq_admin_users_email UNIQUE,
    hashed_password varchar(255) NOT NULL,
    full_name       varchar(255) NOT NULL,
    role            varchar(50) NOT NULL DEFAULT 'admin',
    is_active       boolean NOT NULL DEFAULT true,
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now(),
    last_login_at   timestamptz
);
CREATE INDEX ix_admin_users_email ON admin_users (email);

CREATE TABLE admin_sessions (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    admin_user_id uuid NOT NULL REFERENCES admin_users (id) ON DELETE CASCADE,
    token_hash    varchar(255) NOT NULL,
    ip_address    varchar(45),
    user_agent    text,
    created_at    timestamptz DEFAULT now(),
    expires_at    timestamptz NOT NULL
);
CREATE INDEX ix_admin_sessions_admin_user_id ON admin_sessions (admin_user_id);
CREATE INDEX ix_admin_sessions_expires_at ON admin_sessions (expires_at);
CREATE INDEX ix_admin_sessions_token_hash ON admin_sessions (token_hash);

CREATE TABLE user_activity_events (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        uuid,
    session_id     varchar(255),
    event_type     varchar(100) NOT NULL,
    event_category varchar(50) NOT NULL,
    event_data     jsonb NOT NULL DEFAULT '{}',
    error_code     varchar(50),
    error_message  text,
    ip_address     varchar(45),
    user_agent     text,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_user_activity_events_user_id ON user_activity_events (user_id);
CREATE INDEX ix_user_activity_events_session_id ON user_activity_events (session_id);
CREATE INDEX ix_user_activity_events_event_type ON user_activity_events (event_type);
CREATE INDEX ix_user_activity_events_event_category ON user_activity_events (event_category);
CREATE INDEX ix_user_activity_events_error_code ON user_activity_events (error_code);
CREATE INDEX ix_user_activity_events_created_at ON user_activity_events (created_at);

CREATE TABLE ai_request_metrics (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id  uuid NOT NULL,
    message_id       uuid NOT NULL,
    user_id          uuid,
    model            varchar(100) NOT NULL,
    input_tokens     integer,
    output_tokens    integer,
    total_tokens     integer,
    first_token_ms   integer,
    total_latency_ms integer,
    tool_calls_count integer NOT NULL DEFAULT 0,
    tool_calls       jsonb,
    error_type       varchar(100),
    error_message    text,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_ai_request_metrics_conversation_id ON ai_request_metrics (conversation_id);
CREATE INDEX ix_ai_request_metrics_message_id ON ai_request_metrics (message_id);
CREATE INDEX ix_ai_request_metrics_user_id ON ai_request_metrics (user_id);
CREATE INDEX ix_ai_request_metrics_model ON ai_request_metrics (model);
CREATE INDEX ix_ai_request_metrics_error_type ON ai_request_metrics (error_type);
CREATE INDEX ix_ai_request_metrics_created_at ON ai_request_metrics (created_at);

CREATE TABLE batch_run_history (
    id              uuid PRIMARY KEY,
    batch_run_id    varchar(255) NOT NULL,
    triggered_by    varchar(255) NOT NULL,
    started_at      timestamptz NOT NULL,
    completed_at    timestamptz,
    status          varchar(50) NOT NULL,
    total_jobs      integer NOT NULL DEFAULT 0,
    completed_jobs  integer NOT NULL DEFAULT 0,
    failed_jobs     integer NOT NULL DEFAULT 0,
    phase_durations jsonb NOT NULL DEFAULT '{}',
    error_summary   jsonb,
    created_at      timestamptz DEFAULT now(),
    activity_log    jsonb,
    portfolio_id    uuid
);
CREATE INDEX ix_batch_run_history_batch_run_id ON batch_run_history (batch_run_id);
CREATE INDEX ix_batch_run_history_status ON batch_run_history (status);
CREATE INDEX ix_batch_run_history_started_at ON batch_run_history (started_at);
CREATE INDEX ix_batch_run_history_created_at ON batch_run_history (created_at);
CREATE INDEX ix_batch_run_history_portfolio_id ON batch_run_history (portfolio_id);

CREATE TABLE daily_metrics (
    id           uuid PRIMARY KEY,
    date         date NOT NULL,
    metric_type  varchar(100) NOT NULL,
    metric_value numeric(16,4) NOT NULL,
    dimensions   jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz DEFAULT now(),
    CONSTRAINT uq_daily_metrics_date_type_dims UNIQUE (date, metric_type, dimensions)
);
CREATE INDEX ix_daily_metrics_date ON daily_metrics (date);
CREATE INDEX ix_daily_metrics_metric_type ON daily_metrics (metric_type);
CREATE INDEX ix_daily_metrics_date_type ON daily_metrics (date, metric_type);

CREATE TABLE agent_conversations (
    id                 uuid PRIMARY KEY,
    user_id            uuid NOT NULL,
    mode               varchar(50) NOT NULL,
    provider           varchar(32) NOT NULL,
    provider_thread_id varchar(255),
    provider_run_id    varchar(255),
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    metadata           jsonb NOT NULL
);
CREATE INDEX idx_agent_conversations_user_id ON agent_conversations (user_id);
CREATE INDEX idx_agent_conversations_created_at ON agent_conversations (created_at);
CREATE INDEX idx_agent_conversations_provider_thread_id ON agent_conversations (provider_thread_id);

CREATE TABLE agent_messages (
    id                  uuid PRIMARY KEY,
    conversation_id     uuid NOT NULL REFERENCES agent_conversations (id) ON DELETE CASCADE,
    role                varchar(50) NOT NULL,
    content             text,
    tool_calls          jsonb NOT NULL,
    first_token_ms      integer,
    latency_ms          integer,
    prompt_tokens       integer,
    completion_tokens   integer,
    total_tokens        integer,
    provider_message_id varchar(255),
    created_at          timestamptz NOT NULL,
    error               jsonb
);
CREATE INDEX idx_agent_messages_conversation_id ON agent_messages (conversation_id);
CREATE INDEX idx_agent_messages_created_at ON agent_messages (created_at);
"""
