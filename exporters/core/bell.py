"""A bell between two sources: whoever sees news first rings it, and whoever reads the news properly answers.

The fast one never counts. A bell that nobody answers, or that is never rung, changes nothing but the delay.
"""

from __future__ import annotations

from collections.abc import Callable


class Bell:
    """Rung from any thread, as often as one likes; the loop that answers keeps its own pace."""

    __slots__ = ("_answer",)

    def __init__(self) -> None:
        self._answer: Callable[[], None] | None = None

    def answered_by(self, answer: Callable[[], None]) -> None:
        """Who comes when it rings. answer: quick, never raises."""
        self._answer = answer

    def ring(self) -> None:
        """There is news."""
        if self._answer is not None:
            self._answer()
