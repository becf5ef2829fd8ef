"""The tables of HER's database that the exporter reads, and the one they refer to, with HER's own indexes."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS users (
    user_id text PRIMARY KEY, username text, mode text, created_at timestamptz DEFAULT now(),
    last_interaction timestamptz, preferences jsonb
);
CREATE INDEX IF NOT EXISTS users_recent ON users (last_interaction DESC NULLS LAST, created_at DESC);

CREATE TABLE IF NOT EXISTS decision_logs (
    decision_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "timestamp" timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL, user_id text REFERENCES users, source text NOT NULL, summary text NOT NULL,
    details jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS decision_logs_by_type ON decision_logs (event_type, "timestamp" DESC);

CREATE TABLE IF NOT EXISTS proactive_message_audit (
    proactive_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text NOT NULL, scheduled_at timestamptz NOT NULL,
    sent_at timestamptz, message_kind text NOT NULL, mood text NOT NULL, success boolean NOT NULL,
    day_bucket date NOT NULL, daily_slot smallint CHECK (daily_slot BETWEEN 1 AND 3), details jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS proactive_by_user ON proactive_message_audit (user_id, sent_at DESC);
CREATE INDEX IF NOT EXISTS proactive_by_day ON proactive_message_audit (success, day_bucket);
CREATE UNIQUE INDEX IF NOT EXISTS proactive_slots ON proactive_message_audit (user_id, day_bucket, daily_slot)
    WHERE daily_slot IS NOT NULL;

CREATE TABLE IF NOT EXISTS autonomy_reflections (
    reflection_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text NOT NULL, reflection_date date NOT NULL,
    engagement_trend text NOT NULL, initiative_adjustment double precision NOT NULL, notes text NOT NULL,
    confidence text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (user_id, reflection_date)
);
"""
