"""`/admin/ai/tuning`, `/admin/ai/knowledge` and `/admin/feedback`, from the AI database and two tables of core."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from tests.sigmasight.reference_sql import G, Statement, rounded

_RATINGS = """
    count(*) AS total, count(*) FILTER (WHERE rating = 'up') AS up, count(*) FILTER (WHERE rating = 'down') AS down
"""
_TEXTS = """
    count(*) FILTER (WHERE edited_text <> '') AS with_edits, count(*) FILTER (WHERE comment <> '') AS with_comments
"""


def _by(column: str, where: str = "true") -> Statement:
    return Statement(
        "ai",
        f"SELECT {column} AS value, count(*) AS count FROM ai_admin_annotations WHERE {G} AND {where}"
        " GROUP BY 1 ORDER BY 1",
    )


STATEMENTS = {
    "tuning_summary": Statement(
        "ai",
        f"SELECT count(*) AS total, count(suggested_response) AS with_suggestions FROM ai_admin_annotations WHERE {G}",
    ),
    "tuning_by_type": _by("annotation_type"),
    # No severity: in no line.
    "tuning_by_severity": _by("severity", "severity IS NOT NULL"),
    "tuning_by_status": _by("status"),
    "tuning_conversations": Statement(
        "core",
        f"""
        SELECT c.id::text, count(m.id) AS message_count, count(*) OVER () AS total
        FROM (SELECT id, updated_at FROM agent_conversations WHERE {G}) AS c
        LEFT JOIN agent_messages AS m ON m.conversation_id = c.id
        GROUP BY c.id, c.updated_at ORDER BY c.updated_at DESC, c.id""",
    ),
    # Texts of no characters count here …
    "knowledge_feedback": Statement(
        "ai",
        f"""
        WITH numbers AS (SELECT {_RATINGS}, count(edited_text) AS with_edits, count(comment) AS with_comments
                         FROM ai_feedback WHERE {G})
        SELECT total, up, down, CASE WHEN total = 0 THEN 0 ELSE {rounded("up / nullif(total, 0)::numeric", 3)} END
                   AS positive_ratio, with_edits, with_comments
        FROM numbers""",
    ),
    # … and not here, where the ratio is not rounded either.
    "feedback_summary": Statement(
        "ai",
        f"""
        WITH numbers AS (SELECT {_RATINGS}, {_TEXTS} FROM ai_feedback WHERE {G})
        SELECT total, up, down, CASE WHEN total = 0 THEN 0 ELSE up::float8 / nullif(total, 0) END AS positive_ratio,
               with_edits, with_comments
        FROM numbers""",
    ),
    "feedback_all_time": Statement("ai", f"SELECT {_RATINGS}, {_TEXTS} FROM ai_feedback"),
    "memories": Statement("ai", "SELECT count(*) AS total, count(DISTINCT user_id) AS users FROM ai_memories"),
    "memories_by_scope": Statement(
        "ai", "SELECT scope AS value, count(*) AS count FROM ai_memories GROUP BY 1 ORDER BY 1"
    ),
    # What the endpoint was meant to say; it answers 400.
    "documents": Statement("ai", "SELECT count(*) AS total FROM ai_kb_documents"),
    "documents_by_scope": Statement(
        "ai", "SELECT scope AS value, count(*) AS count FROM ai_kb_documents GROUP BY 1 ORDER BY 1"
    ),
}
