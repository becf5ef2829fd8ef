"""A nanosecond of its own for every point.

InfluxDB keeps one point per measurement, tag set and nanosecond: two events of the same microsecond would merge. A
point's time is therefore the event's own, plus an offset below the resolution the source writes: a hash of the raw
record (so that the same record always gets the same time), moved to the next free one if that is taken.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b

REMEMBERED = 256
"""Recent stamps kept per stream, 8 bytes each: enough for the writers' threads to be out of order by."""

_WIDTH = 8


class Stamps:
    """Recent stamps of one stream; `packed` is committed with the cursor."""

    def __init__(self, packed: bytes = b"") -> None:
        stamps = [packed[i : i + _WIDTH] for i in range(0, len(packed), _WIDTH)]
        self._recent: deque[bytes] = deque(stamps, maxlen=REMEMBERED)
        self._taken: set[bytes] = set(stamps)

    def assign(self, series: str, event_ns: int, resolution_ns: int, record: bytes) -> int:
        """The point's time in nanoseconds. series: measurement and tags, as they identify a point."""
        start = event_ns - event_ns % resolution_ns
        offset = int.from_bytes(blake2b(record, digest_size=_WIDTH).digest(), "big") % resolution_ns
        for step in range(resolution_ns):
            time_ns = start + (offset + step) % resolution_ns
            mark = blake2b(f"{series}\n{time_ns}".encode(errors="surrogatepass"), digest_size=_WIDTH).digest()
            if mark not in self._taken:
                break
        else:
            # As many points of one series in one tick as it has nanoseconds: the next tick is the honest neighbour.
            time_ns = start + resolution_ns
        self._taken.add(mark)
        self._recent.append(mark)
        return time_ns

    def packed(self) -> bytes:
        """The recent stamps as bytes; older ones are forgotten here, which is why it is called once per batch."""
        self._taken = set(self._recent)
        return b"".join(self._recent)
