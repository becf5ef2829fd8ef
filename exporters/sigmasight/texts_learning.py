"""What the assistant knows and remembers, read in the AI database. Vectors are nobody's.

A learned document quotes the question it comes from. Of a memory's tags only the category, the source and the
confidence are shown: others may be ids.
"""

from __future__ import annotations

from exporters.core.sql import Column, TextRows
from exporters.sigmasight.texts_cuts import AI_DATABASE, LONGEST, cut, end_of

NEWEST_DOCUMENTS = 500
NEWEST_MEMORIES = 1000

DOCUMENT_ROWS = TextRows(
    "sigmasight",
    "sigmasight_document_rows",
    "The newest documents of the knowledge base.",
    (
        Column("time", "time", "When it was added."),
        Column("changed", "moment", "When it was last changed."),
        Column("scope", "text", "Where it comes from."),
        Column("title", "text", "Its title; of a learned one, the user's question."),
        Column("words", "text", f"Its first {LONGEST} characters."),
        Column("characters", "number", "How long it is."),
    ),
    f"""\
SELECT created_at AS "time", updated_at AS "changed", scope::text AS "scope", title::text AS "title",
  {cut("content")} AS "words", length(content) AS "characters"
FROM public.ai_kb_documents ORDER BY created_at DESC LIMIT {NEWEST_DOCUMENTS}""",  # noqa: S608 - constants of our own
    NEWEST_DOCUMENTS,
    tuple(f"ai_kb_documents.{name}" for name in ("scope", "title", "content", "created_at", "updated_at")),
    database=AI_DATABASE,
)

_MEMORY = "user_id, scope, content, tags, created_at"

REMEMBERED_ROWS = TextRows(
    "sigmasight",
    "sigmasight_remembered_rows",
    "The newest memories; or those of the user chosen.",
    (
        Column("time", "time", "When it was made."),
        Column("user", "text", "Id of the user it is about, if it is about one."),
        Column("scope", "text", "user, portfolio or global."),
        Column("category", "text", "Its tag `category`."),
        Column("source", "text", "Its tag `source`: how it came about; none where nothing is said."),
        Column("confidence", "number", "Its tag `confidence`, from 0 to 1."),
        Column("words", "text", f"The memory, its first {LONGEST} characters."),
    ),
    f"""\
SELECT created_at AS "time", user_id::text AS "user", scope::text AS "scope",
  left(tags ->> 'category', 200) AS "category", coalesce(left(tags ->> 'source', 200), 'none') AS "source",
  CASE WHEN jsonb_typeof(tags -> 'confidence') = 'number' THEN
    CASE WHEN (tags ->> 'confidence')::numeric BETWEEN 0 AND 1 THEN round((tags ->> 'confidence')::numeric, 9)::float8
    END
  END AS "confidence",
  {cut("content")} AS "words"
FROM (
  SELECT {_MEMORY} FROM public.ai_memories WHERE NOT <user?> AND {end_of("ai_memories")}
  UNION ALL
  SELECT {_MEMORY} FROM public.ai_memories WHERE user_id = <user>
) AS memories
ORDER BY created_at DESC LIMIT {NEWEST_MEMORIES}""",  # noqa: S608 - constants of our own
    NEWEST_MEMORIES,
    tuple(f"ai_memories.{name}" for name in (*_MEMORY.split(", "), "ctid")),
    ids=("user",),
    database=AI_DATABASE,
)
