"""A nanosecond of its own for every point.

InfluxDB keeps one point per measurement, tag set and nanosecond: two events of the same microsecond would merge. A
point's time is therefore the event's own, plus an offset below the resolution the source writes: a hash of the raw
record (so that the same record always gets the same time), moved to the next free one if that is taken.
"""

from __future__ import annotations

import struct
from collections import deque
from zlib import crc32

REMEMBERED = 256
"""Recent stamps kept per stream, 8 bytes each: enough for the writers' threads to be out of order by."""

_WIDTH = 8
_BITS = 2**64 - 1
_SPREAD = 0x9E3779B97F4A7C15
"""An odd number without a pattern (2^64 over the golden ratio): series whose checksums are near become far apart."""


class Stamps:
    """Recent stamps of one stream; `packed` is committed with the cursor.

    A checksum is enough: two marks that are equal by accident cost one nanosecond's step, and nothing else.
    """

    def __init__(self, packed: bytes = b"") -> None:
        marks = struct.unpack(f"<{len(packed) // _WIDTH}Q", packed)
        self._recent: deque[int] = deque(marks, maxlen=REMEMBERED)
        self._taken: set[int] = set(marks)
        self._bases: dict[str, int] = {}

    def assign(self, series: str, event_ns: int, resolution_ns: int, record: bytes) -> int:
        """The point's time in nanoseconds. series: measurement and tags, as they identify a point."""
        base = self._bases.get(series)
        if base is None:
            base = self._bases[series] = crc32(series.encode(errors="surrogatepass")) * _SPREAD
        start = event_ns - event_ns % resolution_ns
        offset = crc32(record) % resolution_ns
        for step in range(resolution_ns):
            time_ns = start + (offset + step) % resolution_ns
            mark = (base + time_ns) & _BITS
            if mark not in self._taken:
                break
        else:
            # As many points of one series in one tick as it has nanoseconds: the next tick is the honest neighbour.
            time_ns = start + resolution_ns
            mark = (base + time_ns) & _BITS
        self._taken.add(mark)
        self._recent.append(mark)
        return time_ns

    def packed(self) -> bytes:
        """The recent stamps as bytes; older ones are forgotten here, which is why it is called once per batch."""
        self._taken = set(self._recent)
        return struct.pack(f"<{len(self._recent)}Q", *self._recent)
