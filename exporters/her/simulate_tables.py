"""HER's tables with HER's own indexes, as its start-up script and its libraries create them.

The vectors are arrays of `real` here: HER's `vector` type is an extension that a plain PostgreSQL lacks, and nothing
but HER itself ever reads them.
"""

from typing import Final, Literal, LiteralString

MemoryShape = Literal["mem0", "legacy", "hybrid"]

STATE_TABLES: Final[LiteralString] = """
CREATE TABLE IF NOT EXISTS users (
    user_id text PRIMARY KEY,
    username text,
    mode text,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_interaction timestamptz,
    preferences jsonb
);
CREATE INDEX IF NOT EXISTS users_last_interaction
    ON users (last_interaction DESC NULLS LAST, created_at DESC);
CREATE TABLE IF NOT EXISTS autonomy_profiles (
    user_id text PRIMARY KEY REFERENCES users,
    engagement_score double precision NOT NULL CHECK (engagement_score BETWEEN 0.1 AND 1.0),
    initiative_level double precision NOT NULL CHECK (initiative_level BETWEEN 0.1 AND 1.0),
    last_proactive_at timestamptz,
    messages_sent_today integer NOT NULL DEFAULT 0,
    proactive_day date,
    error_count_today integer NOT NULL DEFAULT 0,
    last_user_message_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS emotional_states (
    user_id text PRIMARY KEY REFERENCES users,
    current_mood text NOT NULL,
    mood_intensity double precision NOT NULL,
    last_updated timestamptz NOT NULL DEFAULT now(),
    shift_date date,
    shifts_today integer NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS scheduler_job_locks (
    lock_name text PRIMARY KEY,
    holder text NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS apscheduler_jobs (
    id varchar(191) PRIMARY KEY,
    next_run_time double precision,
    job_state bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_apscheduler_jobs_next_run_time ON apscheduler_jobs (next_run_time);
"""

COPY_TABLES: Final[LiteralString] = """
CREATE TABLE IF NOT EXISTS decision_logs (
    decision_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL,
    user_id text REFERENCES users,
    source text NOT NULL,
    summary text NOT NULL,
    details jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS decision_logs_by_type ON decision_logs (event_type, "timestamp" DESC);
CREATE TABLE IF NOT EXISTS proactive_message_audit (
    proactive_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id text NOT NULL,
    scheduled_at timestamptz NOT NULL,
    sent_at timestamptz,
    message_kind text NOT NULL,
    mood text NOT NULL,
    success boolean NOT NULL,
    day_bucket date NOT NULL,
    daily_slot smallint CHECK (daily_slot BETWEEN 1 AND 3),
    details jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS proactive_by_user ON proactive_message_audit (user_id, sent_at DESC);
CREATE INDEX IF NOT EXISTS proactive_by_day ON proactive_message_audit (success, day_bucket);
CREATE UNIQUE INDEX IF NOT EXISTS proactive_slots ON proactive_message_audit (user_id, day_bucket, daily_slot)
    WHERE daily_slot IS NOT NULL;
CREATE TABLE IF NOT EXISTS autonomy_reflections (
    reflection_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id text NOT NULL,
    reflection_date date NOT NULL,
    engagement_trend text NOT NULL,
    initiative_adjustment double precision NOT NULL,
    notes text NOT NULL,
    confidence text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, reflection_date)
);
"""

SCHEMA: Final[LiteralString] = STATE_TABLES + COPY_TABLES
"""All that HER makes at every start; the table of memories is made by `start_memory`, for it has had several shapes."""

MEM0: Final[LiteralString] = """
CREATE TABLE IF NOT EXISTS memories (id uuid PRIMARY KEY, vector real[], payload jsonb)
"""
LEGACY: Final[LiteralString] = """
CREATE TABLE memories (
    memory_id uuid PRIMARY KEY,
    user_id text,
    memory_text text NOT NULL,
    embedding real[],
    category text,
    importance_score real,
    created_at timestamptz NOT NULL DEFAULT now(),
    metadata jsonb
);
CREATE INDEX memories_user_id ON memories (user_id);
CREATE INDEX memories_created_at ON memories (created_at);
CREATE INDEX memories_importance ON memories (importance_score);
"""
HYBRID: Final[LiteralString] = """
ALTER TABLE memories
    ADD COLUMN memory_text text,
    ADD COLUMN user_id text,
    ADD COLUMN category text,
    ADD COLUMN importance_score real,
    ADD COLUMN created_at timestamptz
"""
OUT_OF_THE_WAY: Final[LiteralString] = "ALTER TABLE memories RENAME TO memories_legacy"
"""What HER does at start to a table in the legacy shape, if the name is free. No row is copied."""
