"""What SigmaSight's sources hold beside the append-only streams: the stream of batch runs, and every probe.

    core: streams (…, batch_stream(…)), probes core_probes(…)
    ai: probes (…, *ai_probes(…))
    beside them the source tuning_source.ratings_source(…), which asks both

interval: name -> seconds between reads, as the settings have them. What each probe reads is said where it is collected;
a missing table, view or permission fails the probe that needs it, and no other.
"""

from __future__ import annotations

from collections.abc import Callable

from exporters.core.contract import Probe
from exporters.core.in_parts import InParts
from exporters.readers.postgres_client import Connection
from exporters.sigmasight import (
    batch_metrics,
    batch_now,
    tuning_annotations,
    tuning_learning,
    tuning_metrics,
    tuning_ratings,
    windows_answers,
    windows_batch,
    windows_daily,
    windows_metrics,
    windows_onboarding,
    windows_people,
    windows_requests,
    windows_retention,
    windows_tuning,
)

Pace = Callable[[str], float]


def core_probes(interval: Pace) -> tuple[Probe[Connection], ...]:
    """Of the source `core`."""
    w = windows_metrics
    return (
        Probe(
            name="batch_now",
            interval=interval("batch_now"),
            collect=batch_now.collect,
            feeds=(batch_metrics.UNFINISHED_RUNS, batch_metrics.OLDEST_RUNNING, batch_metrics.ODD_ROWS),
        ),
        Probe(
            name="windows_requests",
            interval=interval("windows_requests"),
            collect=InParts(windows_requests.look),
            feeds=(
                w.REQUESTS,
                w.ERROR_RATIO,
                w.MEAN_LATENCY,
                w.LATENCY,
                w.SAMPLES,
                w.FIRST_CHUNK,
                w.TOKEN_SUM,
                w.TOKEN_MEAN,
                w.TOOL_CALLS,
                w.TOOL_CALLERS,
                w.TOOLS_MEAN,
                w.LISTED,
                w.BY_MODEL,
                w.MODEL_LATENCY,
                w.MODEL_TOKENS,
                w.BY_ERROR,
                w.REQUESTS_COMPUTED,
            ),
        ),
        Probe(
            name="windows_onboarding",
            interval=interval("windows_onboarding"),
            collect=InParts(windows_onboarding.look),
            feeds=(w.STEP_EVENTS, w.STEP_USERS, w.CONVERSION, w.STEP_ERRORS, w.ONBOARDING_COMPUTED),
        ),
        Probe(
            name="windows_batch",
            interval=interval("windows_batch"),
            collect=windows_batch.collect,
            feeds=(w.BATCH_RUNS, w.BATCH_SUCCESS, w.BATCH_DURATION, w.BATCH_RECENT, w.CONVERSATIONS),
        ),
        Probe(
            name="windows_answers",
            interval=interval("windows_answers"),
            collect=InParts(windows_answers.look),
            feeds=(w.ANSWERS, w.ANSWERS_COMPUTED),
        ),
        Probe(
            name="windows_daily",
            interval=interval("windows_daily"),
            collect=InParts(windows_daily.look),
            feeds=(w.DAY_REQUESTS, w.DAY_TOKENS, w.DAY_TOKENS_MEAN, w.DAY_EVENTS),
        ),
        Probe(
            name="retention",
            interval=interval("retention"),
            collect=windows_retention.collect,
            feeds=(
                w.TABLE_ROWS,
                w.TABLE_COUNTED,
                w.TABLE_RECENT,
                w.OVERDUE,
                w.OLDEST,
                w.DAYS_PRESENT,
                w.COVERAGE,
                w.NEWEST_DAY,
            ),
        ),
        Probe(
            name="people",
            interval=interval("people"),
            collect=windows_people.collect,
            feeds=(w.USERS, w.WITH_CLERK, w.SIGNED_UP, w.SIGNED_UP_BY_DAY, w.PORTFOLIOS, w.ADMIN_SESSIONS),
        ),
    )


def ai_probes(interval: Pace) -> tuple[Probe[Connection], ...]:
    """Of the source `ai`."""
    m, w = tuning_metrics, windows_metrics
    return (
        Probe(
            name="ratings",
            interval=interval("ratings"),
            collect=tuning_ratings.collect,
            feeds=(m.FEEDBACK, m.FEEDBACK_WITH),
        ),
        Probe(
            name="annotations",
            interval=interval("annotations"),
            collect=tuning_annotations.collect,
            feeds=(
                m.ANNOTATIONS,
                m.BY_SEVERITY,
                m.BY_SUGGESTION,
                m.BY_TAG,
                m.QUEUE,
                m.OLDEST_PENDING,
                m.LAST_CHANGE,
            ),
        ),
        Probe(
            name="windows_tuning",
            interval=interval("windows_tuning"),
            collect=windows_tuning.collect,
            feeds=(
                w.ANNOTATIONS,
                w.ANNOTATION_SEVERITY,
                w.ANNOTATION_STATUS,
                w.SUGGESTED,
                w.FEEDBACK,
                w.POSITIVE,
                w.FEEDBACK_WITH,
            ),
        ),
        Probe(
            name="learning",
            interval=interval("learning"),
            collect=tuning_learning.collect,
            feeds=(m.DOCUMENTS_MADE, m.NEWEST_DOCUMENT, m.MEMORY_USERS),
        ),
    )
