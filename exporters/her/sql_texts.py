"""HER's memories word for word, read where they are by the restricted Grafana alone: one statement for every shape.

    {"data": "Prefers short answers", "user_id": "5551001", "category": "profile_identity", "importance": 0.95,
     "created_at": "2026-02-22T01:15:02.118734-08:00"}

becomes the row 2026-02-22 09:15:02.118734+00 | 5551001 | profile_identity | 0.95 | Prefers short answers | payload.

Columns that a shape lacks are found one query level further out, where they are NULL. Nothing is converted that was
not looked at first, so that no payload can abort the statement. Whether there is a table at all is known before a
statement is parsed and not after; hence `query_to_xml`, which takes its statement as text. What it returns is cut at
tags and never parsed as XML, which could not hold every text; each row travels in hexadecimal.
"""

from __future__ import annotations

from exporters.core.sql import Column, TextRows

NEWEST = 1000
"""Memories that are looked through: more than a person reads."""

LARGEST_READ = 16 * 1024 * 1024
"""Bytes of the table that are read, from its end, as no index knows which memories are new: some 35 000 of them."""

LONGEST = 2000
"""Characters of a text that are shown and searched."""

TABLE_SETTING = "her.memories"
"""A parameter of the account: HER's MEMORY_COLLECTION_NAME, where it is not `memories`."""

_SHORT = 200
_MOMENT = (
    "^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    "([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)$"
)
"""A time with its offset. The day may still be one that its month lacks."""
_UNIT = "^[01]([.][0-9]{1,40})?$"

_STATEMENT = f"""\
SELECT encode(convert_to(jsonb_build_array(made, owner, category, score, words, kept_as)::text, 'UTF8'), 'hex')
  AS memory
FROM (
  SELECT
    CASE WHEN said ~ '{_MOMENT}' THEN
      CASE WHEN substr(said, 9, 2)::int <= extract(day FROM
        make_date(substr(said, 1, 4)::int, substr(said, 6, 2)::int, 1) + interval '1 month - 1 day')
      THEN CASE WHEN said::timestamptz < now() + interval '1 day' THEN said::timestamptz END END
    END AS made,
    left(owner, {_SHORT}) AS owner,
    left(category, {_SHORT}) AS category,
    CASE WHEN importance ~ '{_UNIT}' THEN
      CASE WHEN importance::numeric <= 1 THEN importance::numeric END
    END AS score,
    left(words, {LONGEST}) AS words,
    kept_as
  FROM (
    SELECT
      coalesce(nullif(own.created_at, ''), nullif(own.payload ->> 'created_at', '')) AS said,
      coalesce(nullif(own.user_id, ''), nullif(own.payload ->> 'user_id', '')) AS owner,
      coalesce(nullif(own.category, ''), nullif(own.payload ->> 'category', ''),
        nullif(own.payload -> 'metadata' ->> 'category', ''), 'uncategorized') AS category,
      coalesce(nullif(own.importance_score, ''), nullif(own.payload ->> 'importance', ''),
        nullif(own.payload -> 'metadata' ->> 'importance', '')) AS importance,
      coalesce(nullif(own.memory_text, ''), nullif(own.payload ->> 'data', ''), nullif(own.payload ->> 'memory', ''),
        nullif(own.payload ->> 'text', '')) AS words,
      CASE WHEN own.memory_text IS NULL AND own.payload IS NULL THEN 'neither'
        WHEN own.memory_text IS NULL THEN 'payload' WHEN own.payload IS NULL THEN 'columns' ELSE 'both' END AS kept_as
    FROM (
      SELECT NULL::jsonb AS payload, NULL::text AS memory_text, NULL::text AS user_id, NULL::text AS category,
        NULL::text AS importance_score, NULL::text AS created_at
    ) AS absent
    CROSS JOIN LATERAL (
      SELECT
        CASE WHEN pg_typeof(payload) = 'jsonb'::regtype THEN to_jsonb(payload) END AS payload,
        to_jsonb(memory_text) #>> '{{}}' AS memory_text,
        to_jsonb(user_id) #>> '{{}}' AS user_id,
        to_jsonb(category) #>> '{{}}' AS category,
        to_jsonb(importance_score) #>> '{{}}' AS importance_score,
        to_jsonb(created_at) #>> '{{}}' AS created_at
      FROM <table>
    ) AS own
  ) AS parts
) AS memories
ORDER BY made DESC NULLS LAST LIMIT {NEWEST}"""  # noqa: S608 - constants of our own

_TABLE = "<table>"


def _quoted(statement: str) -> str:
    """The statement as a text of SQL, the table's name put in where it is run."""
    before, after = (part.replace("'", "''") for part in statement.split(_TABLE))
    # Only the end of a large table. A view has no size, and no place for a row to be at.
    first = f"format('(%s,0)', (pg_relation_size(here.oid) - {LARGEST_READ}) / current_setting('block_size')::bigint)"
    large = f"pg_relation_size(here.oid) > {LARGEST_READ}"
    bound = f"CASE WHEN {large} THEN\n      format(' WHERE ctid >= %L::tid', {first}) ELSE '' END"
    return f"'{before}' || here.oid::text ||\n    {bound} || '{after}'"


MEMORY_ROWS = TextRows(
    "her",
    "her_memory_rows",
    "The newest long-term memories, as HER keeps them.",
    (
        Column("time", "time", "When it was made, if that can be read."),
        Column("owner", "text", "Whose it is: the user's id, or group: and the chat's, as HER has them."),
        Column("category", "text", "What it is about; uncategorized if nothing is said."),
        Column("importance", "number", "From 0 to 1, if that can be read."),
        Column("words", "text", f"The memory itself, its first {LONGEST} characters."),
        Column("kept_as", "text", "Where its text is: payload, columns, both or neither."),
    ),
    f"""\
SELECT (memory ->> 0)::timestamptz AS "time", memory ->> 1 AS "owner", memory ->> 2 AS "category",
  (memory ->> 3)::float8 AS "importance", memory ->> 4 AS "words", memory ->> 5 AS "kept_as"
FROM (
  SELECT to_regclass(coalesce(nullif(current_setting('{TABLE_SETTING}', true), ''), 'memories')) AS oid
) AS here
CROSS JOIN LATERAL unnest(string_to_array(query_to_xml(
  CASE WHEN here.oid IS NULL THEN 'SELECT 1 WHERE false' ELSE
    {_quoted(_STATEMENT)}
  END, false, true, '')::text, '<memory>')) WITH ORDINALITY AS piece (written, n)
CROSS JOIN LATERAL (
  -- Before the first there is the frame.
  SELECT CASE WHEN n > 1 THEN convert_from(decode(split_part(written, '<', 1), 'hex'), 'UTF8')::jsonb END AS memory
) AS read
WHERE n > 1""",  # noqa: S608 - constants of our own
    NEWEST,
    ("payload", "memory_text", "user_id", "category", "importance_score", "created_at", "ctid"),
)

TEXT_ROWS: tuple[TextRows, ...] = (MEMORY_ROWS,)
"""Everything of HER that is read as text in place."""
