"""Where the InfluxDB stand-in keeps points: merged by series and time, with one type per field for ever."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.standins.line_parser import FieldValue, Point

PointKey = tuple[str, tuple[tuple[str, str], ...], int]
"""measurement, tags sorted by key, time in ns."""

Stored = dict[PointKey, dict[str, FieldValue]]

MAX_STRING_BYTES = 1_048_576
_TYPES = {float: "float", int: "integer", bool: "boolean", str: "string"}


@dataclass(slots=True)
class Bucket:
    """A bucket. retention_seconds: 0 keeps for ever."""

    id: str
    name: str
    retention_seconds: int
    description: str = ""
    points: Stored = field(default_factory=dict)
    _types: dict[tuple[str, str], type] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def snapshot(self) -> Stored:
        """A copy of all points."""
        with self._lock:
            return {key: dict(fields) for key, fields in self.points.items()}

    def write(self, points: Sequence[Point], unit_ns: int, now_ns: int) -> str:
        """Store what can be stored. Returns the server's words about the rest, or nothing."""
        reasons: list[str] = []
        too_old = 0
        with self._lock:
            for point in points:
                time_ns = now_ns if point.time_ns is None else point.time_ns * unit_ns
                if self.retention_seconds and time_ns < now_ns - self.retention_seconds * 10**9:
                    too_old += 1
                    continue
                refused = self._refuse(point)
                if refused:
                    reasons.append(refused)
                    continue
                for name, value in point.fields.items():
                    self._types[point.measurement, name] = type(value)
                key = (point.measurement, tuple(sorted(point.tags.items())), time_ns)
                self.points.setdefault(key, {}).update(point.fields)
        if reasons:
            return f"{reasons[0]} dropped={len(reasons)}"
        if too_old:
            return (
                f"dropped {too_old} points outside retention policy of duration {self.retention_seconds}s"
                f" dropped={too_old} for database: {self.id} for retention policy: autogen"
            )
        return ""

    def _refuse(self, point: Point) -> str:
        for name, value in point.fields.items():
            where = f'input field "{name}" on measurement "{point.measurement}"'
            if name == "time":
                return f"invalid field name: {where} is invalid"
            if isinstance(value, str) and len(value.encode("utf-8", "surrogateescape")) > MAX_STRING_BYTES:
                return f"{where} is too long, {len(value)} > {MAX_STRING_BYTES}"
            known = self._types.get((point.measurement, name), type(value))
            if known is not type(value):
                is_, was = _TYPES[type(value)], _TYPES[known]
                return f"field type conflict: {where} is type {is_}, already exists as type {was}"
        return ""
