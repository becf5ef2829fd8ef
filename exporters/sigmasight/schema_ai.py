"""SigmaSight's AI database as its migrations leave it.

`ai_kb_documents.embedding` is `vector(1536)` there, with an HNSW index, of an extension that a plain PostgreSQL lacks.
It is text here: nothing but SigmaSight itself ever reads it. `ai_feedback` has no index on `created_at`.
"""

from typing import Final, LiteralString

REVISION: Final = "0002"
"""Of the newest migration, as `alembic_version` says it."""

TABLES: Final[LiteralString] = """\
CREATE TABLE ai_feedback (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id  uuid NOT NULL,
    rating      varchar(10) NOT NULL,
    edited_text text,
    comment     text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_ai_feedback_message_id ON ai_feedback (message_id);
CREATE INDEX ix_ai_feedback_rating ON ai_feedback (rating);

CREATE TABLE ai_memories (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid,
    tenant_id  uuid,
    scope      varchar(20) NOT NULL,
    content    text NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_ai_memories_scope ON ai_memories (scope);
CREATE INDEX ix_ai_memories_user_id ON ai_memories (user_id);
CREATE INDEX ix_ai_memories_tenant_id ON ai_memories (tenant_id);

CREATE TABLE ai_kb_documents (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    scope      varchar(100) NOT NULL,
    title      varchar(500) NOT NULL,
    content    text NOT NULL,
    metadata   jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    embedding  text
);
CREATE INDEX ix_ai_kb_documents_scope ON ai_kb_documents (scope);
CREATE INDEX ix_ai_kb_documents_created ON ai_kb_documents (created_at);

CREATE TABLE ai_admin_annotations (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id         uuid NOT NULL,
    admin_user_id      uuid NOT NULL,
    annotation_type    varchar(50) NOT NULL,
    content            text NOT NULL,
    suggested_response text,
    severity           varchar(20),
    tags               jsonb NOT NULL DEFAULT '[]',
    status             varchar(20) NOT NULL DEFAULT 'pending',
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_ai_admin_annotations_message_id ON ai_admin_annotations (message_id);
CREATE INDEX ix_ai_admin_annotations_admin_user_id ON ai_admin_annotations (admin_user_id);
CREATE INDEX ix_ai_admin_annotations_type ON ai_admin_annotations (annotation_type);
CREATE INDEX ix_ai_admin_annotations_status ON ai_admin_annotations (status);
CREATE INDEX ix_ai_admin_annotations_severity ON ai_admin_annotations (severity);
CREATE INDEX ix_ai_admin_annotations_created ON ai_admin_annotations (created_at);
"""
