"""Annotations page by page, and what core knows of the answers they are about, read with the accounts for words.

    AI:    the next annotations by the time they were made, and by id where that is the same
    core:  for their answers, by id: the text, the question before it, mode of the conversation, model of the request

A page is bounded in rows and in bytes, and so is each look-up: memory stays flat however long the texts are. Every
statement has a short transaction of its own, of one snapshot, and none is open while a line is written: whoever reads
the lines may be slow. An annotation that is changed meanwhile comes as it is when its page is read, and once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from exporters.core.listing import Selection, Told
from exporters.readers.postgres_account import log_in
from exporters.readers.postgres_client import Connection, close, reading
from exporters.readers.postgres_settings import PostgresSettings
from exporters.sigmasight.settings import SigmaSightSettings
from exporters.sigmasight.text_accounts import text_databases

AT_ONCE = 100
"""Annotations of one page: 2 ms, and some 5 ms for what core knows of their answers."""

MOST_BYTES = 4 * 1024 * 1024
"""Texts of one statement, unless the first alone is longer."""

_ANNOTATIONS = """
SELECT id::text, message_id::text, annotation_type, severity, status, tags::text, content, suggested_response,
       created_at, CASE WHEN updated_at BETWEEN '0001-01-02Z' AND '9999-12-30Z' THEN updated_at END
FROM (
  SELECT *, row_number() OVER (ORDER BY created_at, id) AS place,
         sum(octet_length(content) + coalesce(octet_length(suggested_response), 0) + pg_column_size(tags))
           OVER (ORDER BY created_at, id) AS bytes
  FROM (
    SELECT id, message_id, annotation_type, severity, status, tags, content, suggested_response, created_at, updated_at
    FROM public.ai_admin_annotations
    WHERE created_at >= %(start)s AND created_at < coalesce(%(stop)s::timestamptz, '9999-12-30Z')
      AND (%(after)s::uuid IS NULL OR (created_at, id) > (%(start)s, %(after)s::uuid))
      AND (%(type)s::text[] IS NULL OR annotation_type = ANY(%(type)s))
      AND (%(severity)s::text[] IS NULL OR coalesce(severity, 'none') = ANY(%(severity)s))
      AND (%(status)s::text[] IS NULL OR status = ANY(%(status)s))
    ORDER BY created_at, id LIMIT %(rows)s
  ) AS page
) AS sized
WHERE bytes <= %(bytes)s OR place = 1
ORDER BY created_at, id
"""

# The planner would look for the question through the index on created_at, and read half the table: hence OFFSET 0.
_ANSWERS = """
SELECT role, mode, model, question, said, there
FROM (
  SELECT a.place, m.id IS NOT NULL AS there, m.role, c.mode, r.model, q.content AS question, m.content AS said,
         sum(coalesce(octet_length(m.content), 0) + coalesce(octet_length(q.content), 0))
           OVER (ORDER BY a.place) AS bytes
  FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS a (id, place)
  LEFT JOIN public.agent_messages AS m ON m.id = a.id
  LEFT JOIN public.agent_conversations AS c ON c.id = m.conversation_id
  LEFT JOIN LATERAL (SELECT model FROM public.ai_request_metrics
                     WHERE message_id = a.id ORDER BY created_at DESC, id LIMIT 1) AS r ON true
  LEFT JOIN LATERAL (
    SELECT content FROM (
      SELECT content, created_at, id FROM public.agent_messages
      WHERE conversation_id = m.conversation_id AND role = 'user' AND created_at <= m.created_at AND m.role <> 'user'
      OFFSET 0
    ) AS before ORDER BY created_at DESC, id LIMIT 1
  ) AS q ON true
) AS answers
WHERE bytes <= %(bytes)s OR place = 1
ORDER BY place
"""


class Annotation(NamedTuple):
    """A row. tags: JSON, as PostgreSQL writes it. updated_at: None for a time that no calendar has."""

    id: str
    message_id: str
    type: str
    severity: str | None
    status: str
    tags: str
    content: str
    suggested_response: str | None
    created_at: datetime
    updated_at: datetime | None


class Answer(NamedTuple):
    """What core knows of an answer. there: whether it still has it."""

    role: str | None
    mode: str | None
    model: str | None
    question: str | None
    message: str | None
    there: bool


def lines(settings: SigmaSightSettings, selection: Selection, told: Told) -> Iterator[str]:
    """One object per annotation, as a line of JSON, oldest first. told: how many there were, and of answers long gone.

    Raises ConfigError at once without accounts for words; SourceDown and StreamError as they are read.
    """
    core, ai = text_databases(settings)
    return _lines(settings.deployment, core, ai, selection, told)


def _lines(
    deployment: str, core: PostgresSettings, ai: PostgresSettings, selection: Selection, told: Told
) -> Iterator[str]:
    count = orphans = 0
    with ExitStack() as stack:
        of_ai, of_core = (stack.enter_context(_opened(database)) for database in (ai, core))
        for page in _pages(of_ai, selection):
            for annotation, answer in zip(page, _answers(of_core, [row.message_id for row in page]), strict=True):
                count += 1
                orphans += not answer.there
                yield _line(deployment, annotation, answer)
    told(f"{deployment}: {count} annotations, {orphans} of them of messages that core no longer has")


@contextmanager
def _opened(database: PostgresSettings) -> Iterator[Connection]:
    connection = log_in(database)
    try:
        yield connection
    finally:
        close(connection)


def _pages(connection: Connection, selection: Selection) -> Iterator[list[Annotation]]:
    asked: dict[str, Any] = dict.fromkeys(("type", "severity", "status"))
    asked |= {name: sorted(values) for name, values in selection.only.items()}
    asked |= {"start": selection.start, "stop": selection.stop, "after": None, "rows": AT_ONCE, "bytes": MOST_BYTES}
    while True:
        with reading(connection) as cursor:
            page = [Annotation(*row) for row in cursor.execute(_ANNOTATIONS, asked).fetchall()]
        if not page:
            return
        yield page
        asked |= {"start": page[-1].created_at, "after": page[-1].id}


def _answers(connection: Connection, messages: Sequence[str]) -> Iterator[Answer]:
    """In the order of the messages, one of which may come twice."""
    while messages:
        with reading(connection) as cursor:
            cursor.execute(_ANSWERS, {"ids": messages, "bytes": MOST_BYTES})
            found = [Answer(*row) for row in cursor.fetchall()]
        yield from found
        messages = messages[len(found) :]


def _line(deployment: str, annotation: Annotation, answer: Answer) -> str:
    fields: dict[str, object] = {"deployment": deployment, **annotation._asdict()}
    fields |= {"created_at": _iso(annotation.created_at), "updated_at": _iso(annotation.updated_at)}
    fields |= {name: value for name, value in answer._asdict().items() if name != "there"}
    written = {name: json.dumps(value, ensure_ascii=False) for name, value in fields.items()}
    # As the database has them: a number of theirs may be larger than any of ours.
    written["tags"] = annotation.tags
    return "{" + ", ".join(f'"{name}": {value}' for name, value in written.items()) + "}"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
