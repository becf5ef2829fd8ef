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
from exporters.readers.postgres_client import Connection
from exporters.sigmasight import (
    batch_metrics,
    batch_now,
    tuning_annotations,
    tuning_learning,
    tuning_metrics,
    tuning_ratings,
)

Pace = Callable[[str], float]


def core_probes(interval: Pace) -> tuple[Probe[Connection], ...]:
    """Of the source `core`."""
    return (
        Probe(
            name="batch_now",
            interval=interval("batch_now"),
            collect=batch_now.collect,
            feeds=(batch_metrics.UNFINISHED_RUNS, batch_metrics.OLDEST_RUNNING, batch_metrics.ODD_ROWS),
        ),
    )


def ai_probes(interval: Pace) -> tuple[Probe[Connection], ...]:
    """Of the source `ai`."""
    m = tuning_metrics
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
            name="learning",
            interval=interval("learning"),
            collect=tuning_learning.collect,
            feeds=(m.DOCUMENTS_MADE, m.NEWEST_DOCUMENT, m.MEMORY_USERS),
        ),
    )
