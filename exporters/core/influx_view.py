"""What the drainer is told, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporters.core.influx_post import PostOutcome
from exporters.core.outbox import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainerSettings:
    """How lines are sent. Sizes in lines and in bytes before compression, times in seconds.

    linger: a post waits this long for company unless a full one is ready. retention: per bucket, how old a point may
    be; 0 or absent is for ever.
    """

    max_lines: int = 5000
    max_bytes: int = 4 * 1024 * 1024
    linger: float = 0.25
    backoff_first: float = 1.0
    backoff_most: float = 60.0
    retry_after_most: float = 300.0
    retention: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BucketView:
    """One bucket as it stands. ledger: see outbox. last_success: Unix seconds of the last settled post, or None.

    failures: posts in a row that came to nothing. backoff_seconds: until the next attempt, 0 when none is pending.
    """

    ledger: Ledger
    oldest_age_seconds: float
    failures: int
    backoff_seconds: float
    last_success: float | None


@dataclass(frozen=True, slots=True)
class DrainerView:
    """Counters and gauges at one moment. posts has every outcome, zero included.

    partial_unknown: partial writes whose number of lost points the server did not say (each counted as one).
    defects: rounds ended by an error of this program or of the state file.
    """

    buckets: Mapping[str, BucketView]
    posts: Mapping[PostOutcome, int]
    partial_unknown: int
    defects: int
    running: bool
