"""What administrators noted about answers, and what users thought of them, read in the AI database.

Both name the answer by the message's id, which the core database knows.
"""

from __future__ import annotations

from exporters.core.sql import Column, TextRows
from exporters.sigmasight.texts_cuts import AI_DATABASE, LONGEST, cut, end_of

NEWEST_ANNOTATIONS = 1000
LONGEST_WAITING = 500
"""Pending ones that are looked through however old they are: the queue's end is what counts."""
NEWEST_RATINGS = 1000

_NOTE = "id, message_id, annotation_type, content, suggested_response, severity, tags, status, created_at, updated_at"

ANNOTATION_ROWS = TextRows(
    "sigmasight",
    "sigmasight_annotation_rows",
    "The newest annotations, and those that have been pending longest.",
    (
        Column("time", "time", "When it was made."),
        Column("changed", "moment", "When it was last edited."),
        Column("status", "text", "pending, reviewed or applied."),
        Column("waiting", "number", "Seconds since it was made, while it is pending."),
        Column("kind", "text", "correction, improvement, flag or approved."),
        Column("severity", "text", "minor, moderate or critical; none where nothing is said."),
        Column("tags", "list", "Words that administrators chose."),
        Column("words", "text", f"The annotation, its first {LONGEST} characters."),
        Column("suggested", "text", f"The response suggested instead, its first {LONGEST} characters."),
        Column("message", "text", "Id of the answer it is about."),
    ),
    f"""\
SELECT created_at AS "time", updated_at AS "changed", status::text AS "status",
  CASE WHEN status = 'pending' THEN extract(epoch FROM now() - created_at)::float8 END AS "waiting",
  annotation_type::text AS "kind", coalesce(nullif(severity, ''), 'none') AS "severity",
  CASE WHEN jsonb_typeof(tags) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(tags)) END AS "tags",
  {cut("content")} AS "words", {cut("suggested_response")} AS "suggested", message_id::text AS "message"
FROM (
  SELECT DISTINCT ON (id) * FROM (
    (SELECT {_NOTE} FROM public.ai_admin_annotations ORDER BY created_at DESC LIMIT {NEWEST_ANNOTATIONS})
    UNION ALL
    (SELECT {_NOTE} FROM (
       SELECT {_NOTE} FROM public.ai_admin_annotations WHERE status = 'pending' OFFSET 0
     ) AS queue
     ORDER BY created_at LIMIT {LONGEST_WAITING})
  ) AS notes
) AS annotations""",  # noqa: S608 - constants of our own
    NEWEST_ANNOTATIONS + LONGEST_WAITING,
    tuple(f"ai_admin_annotations.{name}" for name in _NOTE.split(", ")),
    database=AI_DATABASE,
)

RATING_ROWS = TextRows(
    "sigmasight",
    "sigmasight_rating_rows",
    "The newest ratings, with what users wrote.",
    (
        Column("time", "time", "When the answer was first rated; another rating keeps that."),
        Column("rating", "text", "up or down, as it is now."),
        Column("written", "text", "What was written with it: an edit, a comment, both or neither."),
        Column("edited", "text", f"The answer as the user would have it, its first {LONGEST} characters."),
        Column("remark", "text", f"The comment, its first {LONGEST} characters."),
        Column("message", "text", "Id of the answer."),
    ),
    f"""\
SELECT created_at AS "time", rating::text AS "rating",
  CASE WHEN edited_text <> '' AND comment <> '' THEN 'both' WHEN edited_text <> '' THEN 'edit'
    WHEN comment <> '' THEN 'comment' ELSE 'neither' END AS "written",
  {cut("edited_text")} AS "edited", {cut("comment")} AS "remark", message_id::text AS "message"
FROM public.ai_feedback WHERE {end_of("ai_feedback")}
ORDER BY created_at DESC LIMIT {NEWEST_RATINGS}""",  # noqa: S608 - constants of our own
    NEWEST_RATINGS,
    tuple(f"ai_feedback.{name}" for name in ("message_id", "rating", "edited_text", "comment", "created_at", "ctid")),
    database=AI_DATABASE,
)
