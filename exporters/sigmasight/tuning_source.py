"""Ratings by what only core knows of the rated answers: the source `ratings`, a connection to each database.

    AI:    the message and the rating of the newest ratings
    core:  for some hundred messages at a time, model and duration of their request, mode of the conversation

Nothing links the two databases, and they are not asked at the same moment. That core lacks an answer is normal: users
delete conversations, and requests are cleaned up before ratings are. The messages' ids go no further than this module.

In a set-up with one database both connections lead to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from exporters.core.contract import Probe, Sample, Source
from exporters.core.label import OTHER
from exporters.core.metric import Metric
from exporters.readers import postgres_client
from exporters.readers.postgres_account import log_in
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import names
from exporters.sigmasight import tuning_metrics as m
from exporters.sigmasight.databases import SYSTEM_NAME
from exporters.sigmasight.settings import SigmaSightSettings

SOURCE_NAME = "ratings"
PROBE_NAME = "ratings_by_model"
MOST = 20_000
AT_ONCE = 100
"""Messages of one statement: three index probes each, a few milliseconds together, 15 on a busy machine."""

_RATINGS = "SELECT message_id::text, rating FROM public.ai_feedback ORDER BY created_at DESC, id LIMIT %(most)s"
_ANSWERS = """
SELECT a.id::text, r.model, r.total_latency_ms, m.id IS NOT NULL, c.mode
FROM unnest(%(ids)s::uuid[]) AS a (id)
LEFT JOIN LATERAL (SELECT model, total_latency_ms FROM public.ai_request_metrics
                   WHERE message_id = a.id ORDER BY created_at DESC, id LIMIT 1) AS r ON true
LEFT JOIN public.agent_messages AS m ON m.id = a.id
LEFT JOIN public.agent_conversations AS c ON c.id = m.conversation_id
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A connection to each database."""

    core: Connection
    ai: Connection


class Answer(NamedTuple):
    """What core knows of one. model: None without a request. mode: None without a message."""

    model: str | None
    latency_ms: int | None
    mode: str | None


NOTHING = Answer(None, None, None)


def ratings_source(settings: SigmaSightSettings, interval: Callable[[str], float]) -> Source[Pair]:
    """One deployment's."""

    def both() -> Pair:
        core = log_in(settings.core)
        try:
            return Pair(core, log_in(settings.ai_database))
        except BaseException:
            postgres_client.close(core)
            raise

    return Source(
        system=SYSTEM_NAME,
        deployment=settings.deployment,
        name=SOURCE_NAME,
        connect=both,
        close=close,
        streams=(),
        probes=(
            Probe(
                name=PROBE_NAME,
                interval=interval(PROBE_NAME),
                collect=collect,
                feeds=(m.BY_MODEL, m.BY_MODE, m.ORPHANS, m.ANSWER_SECONDS, m.LOOKED_UP),
            ),
        ),
    )


def close(pair: Pair) -> None:
    """Close both. Never raises."""
    postgres_client.close(pair.core)
    postgres_client.close(pair.ai)


def collect(pair: Pair, _now: datetime) -> list[Sample]:
    """Both -> sigmasight_feedback_by_model{rating="up",gen_ai_request_model="gpt-5-mini"} 31 and the rest.

    Raises StreamError, SourceDown.
    """
    with reading(pair.ai) as cursor:
        ratings = cursor.execute(_RATINGS, {"most": MOST}).fetchall()
    answers = look_up(pair.core, sorted({message for message, _ in ratings}))
    models: Counter[tuple[str, str]] = Counter()
    modes: Counter[tuple[str, str]] = Counter({(rating, mode): 0 for rating in m.RATINGS for mode in m.MODES})
    orphans: Counter[str] = Counter(request=0, message=0)
    durations: dict[str, list[int]] = {}
    for message, given in ratings:
        rating, answer = m.RATING.clamp(given), answers.get(message, NOTHING)
        if answer.model is None:
            orphans["request"] += 1
        else:
            models[rating, names.model(answer.model)] += 1
            if answer.latency_ms is not None and answer.latency_ms >= 0:
                durations.setdefault(rating, []).append(answer.latency_ms)
        if answer.mode is None:
            orphans["message"] += 1
        else:
            modes[rating, m.MODE.clamp(answer.mode)] += 1
    return [
        Sample(m.LOOKED_UP, len(ratings)),
        *_samples(m.BY_MODEL, models),
        *_samples(m.BY_MODE, modes),
        *(Sample(m.ORPHANS, count, (missing,)) for missing, count in orphans.items()),
        *(Sample(m.ANSWER_SECONDS, sum(ms) / len(ms) / 1000, (rating,)) for rating, ms in durations.items()),
    ]


def look_up(core: Connection, messages: Sequence[str]) -> dict[str, Answer]:
    """Message id -> what core knows of it; a statement and a snapshot per AT_ONCE. Raises StreamError, SourceDown."""
    found: dict[str, Answer] = {}
    for start in range(0, len(messages), AT_ONCE):
        with reading(core) as cursor:
            cursor.execute(_ANSWERS, {"ids": list(messages[start : start + AT_ONCE])})
            for message, model, latency_ms, there, mode in cursor.fetchall():
                found[message] = Answer(model, latency_ms, (mode or OTHER) if there else None)
    return found


def _samples(metric: Metric, counts: Counter[tuple[str, str]]) -> list[Sample]:
    return [Sample(metric, count, labels) for labels, count in counts.items()]
