"""When to try InfluxDB again: doubling, with jitter, never before the server asked."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

_JITTER = random.SystemRandom()


@dataclass(slots=True)
class Backoff:
    """Times in seconds of the monotonic clock. first: before the second attempt; most: what doubling ends at.

    The jitter keeps exporters that lost the same server from coming back in step.
    """

    first: float
    most: float
    retry_after_most: float
    failures: int = 0
    _until: float = field(default=float("-inf"), init=False)

    def failed(self, now: float, retry_after: float | None = None) -> float:
        """Count a failure. Returns the seconds until the next attempt."""
        self.failures += 1
        delay = min(self.most, self.first * 2.0 ** min(self.failures - 1, 32)) * _JITTER.uniform(0.5, 1.0)
        if retry_after is not None:
            asked = min(retry_after, self.retry_after_most) + _JITTER.uniform(0, self.first / 10)
            delay = max(delay, asked)
        self._until = now + delay
        return delay

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failures = 0
        self._until = float("-inf")

    def remaining(self, now: float) -> float:
        """Seconds until the next attempt, 0 when it may be made."""
        return max(0.0, self._until - now)
