"""How often SigmaSight's state is read, in seconds: what has been written again in place, and what is asked whole."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CORE: Mapping[str, float] = MappingProxyType(
    {
        "batch_runs": 30.0,
        "batch_now": 60.0,
        "windows_requests": 120.0,
        "windows_onboarding": 120.0,
        "windows_batch": 120.0,
        "windows_answers": 300.0,
        "windows_daily": 300.0,
        "retention": 300.0,
        "people": 120.0,
        "days_requests": 900.0,
        "days_activity": 900.0,
        "days_batch": 900.0,
        "days_people": 900.0,
    }
)
"""The streams batch_runs and days_…, and probes, of the source `core`."""

AI: Mapping[str, float] = MappingProxyType(
    {"ratings": 60.0, "annotations": 120.0, "windows_tuning": 120.0, "learning": 300.0}
)
"""Probes of the source `ai`."""

RATINGS: Mapping[str, float] = MappingProxyType({"ratings_by_model": 300.0})
"""Probes of the source `ratings`, which asks both databases."""

BACKEND: Mapping[str, float] = MappingProxyType({"health": 30.0})
"""Probes of the source `backend`."""

LOG: Mapping[str, float] = MappingProxyType({"log": 5.0})
"""The stream of the source `log`."""

INTERVALS: Mapping[str, float] = MappingProxyType({**CORE, **AI, **RATINGS, **BACKEND, **LOG})
