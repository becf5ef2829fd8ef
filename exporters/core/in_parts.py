"""A probe that reads in parts, written as a generator: each `yield` lets what is due of the source be read first.

    def look(connection, now):
        with reading(connection) as cursor: …
        yield
        with reading(connection) as cursor: …
        return samples

    Probe(…, collect=InParts(look))

Nothing may be open at a `yield`. The parts are of different moments, and of one `now`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime
from typing import Generic, TypeVar

from exporters.core.contract import Sample

C = TypeVar("C")
Look = Generator[None, None, list[Sample]]


class InParts(Generic[C]):
    """`collect` of one probe of one source. A look that fails, or whose connection ended, begins anew."""

    def __init__(self, look: Callable[[C, datetime], Look]) -> None:
        self._look = look
        self._going: tuple[C, Look] | None = None

    def __call__(self, connection: C, now: datetime) -> list[Sample] | None:
        """The samples, or None after a part that was not the last. Raises what the look raises."""
        going, self._going = self._going, None
        if going is None or going[0] is not connection:
            going = (connection, self._look(connection, now))
        try:
            next(going[1])
        except StopIteration as ended:
            samples: list[Sample] = ended.value
            return samples
        self._going = going
        return None
