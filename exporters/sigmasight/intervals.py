"""How often each stream and probe of SigmaSight is read, in seconds.

Rows are read by a moving window, so that no interval loses any. What an interval costs the database is a few
milliseconds per read, whatever the table's size; it bounds how late a number is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from exporters.sigmasight import probes_intervals

CORE: Mapping[str, float] = MappingProxyType({"ai_requests": 15.0, "ai_messages": 30.0, "activity": 15.0})
"""Streams of the source `core` whose rows are only added."""

AI: Mapping[str, float] = MappingProxyType({"knowledge": 60.0})
"""Probes of the source `ai`."""

INTERVALS: Mapping[str, float] = MappingProxyType({**CORE, **AI, **probes_intervals.INTERVALS})
