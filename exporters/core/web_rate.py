"""The rate limit of the web configuration file: one token bucket over all requests."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`burst` requests at once, then one each `interval_seconds`."""

    interval_seconds: float
    burst: int


class TokenBucket:
    """Counts requests against a RateLimit. Safe from any thread."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._tokens = float(limit.burst)
        self._seen = time.monotonic()

    def take(self) -> bool:
        """Whether one more request may pass now."""
        with self._lock:
            now = time.monotonic()
            gained = (now - self._seen) / self.limit.interval_seconds
            self._tokens = min(float(self.limit.burst), self._tokens + gained)
            self._seen = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
