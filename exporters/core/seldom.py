"""Log lines about what may happen a thousand times a second: the first at once, the rest as a number, once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable


class Seldom:
    """Counts what happens by kind, and says when to tell it. Used by one thread. Kinds are few: they are kept."""

    def __init__(self, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kinds: dict[Hashable, tuple[float, int]] = {}

    def times(self, kind: Hashable) -> int:
        """How many times to tell now: since it was last told, this time included; 0: not now."""
        now = self._clock()
        told, waiting = self._kinds.get(kind, (float("-inf"), 0))
        if now - told < self._seconds:
            self._kinds[kind] = (told, waiting + 1)
            return 0
        self._kinds[kind] = (now, 0)
        return waiting + 1
