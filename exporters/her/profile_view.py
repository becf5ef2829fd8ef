"""HER's reinforcement profiles as gauges: the probe profiles.

her:reinforcement:profile:5551001   hash   concise 0.5137  helpful 0.6  empathy 0.4789  initiative 0.55

-> her_reinforcement_profiles 12      her_reinforcement_profile_ratio{trait="concise"} 0.52
"""

from __future__ import annotations

import re
from datetime import datetime
from statistics import fmean

import redis

from exporters.core.contract import Sample
from exporters.her import metrics
from exporters.her.labels import TRAIT
from exporters.readers.redis_keyspace import Keyspace, hashes

PATTERN = "her:reinforcement:profile:*"
MOST_PROFILES = 2000
FIRST_PASS_STEPS = 25

_SHARE = re.compile(rb"[01](?:\.\d{1,18})?", re.ASCII)


class ProfileProbe:
    """Counts profiles and averages their traits; the first MOST_PROFILES of them. Used by its source's thread alone."""

    def __init__(self) -> None:
        self._keyspace = Keyspace(PATTERN, max_keys=MOST_PROFILES)

    def collect(self, connection: redis.Redis, _now: datetime) -> list[Sample]:
        """The gauges; none until all keys were looked through once. A value that is no share of 1 is left out.

        Raises StreamError, SourceDown.
        """
        for _ in range(1 if self._keyspace.complete else FIRST_PASS_STEPS):
            self._keyspace.advance(connection)
            if self._keyspace.complete:
                break
        if not self._keyspace.complete:
            return []
        profiles = hashes(connection, self._keyspace.keys).values()
        samples = [Sample(metrics.PROFILES, len(profiles))]
        for trait in TRAIT.values or ():
            told = [_share(profile.get(trait.encode())) for profile in profiles]
            values = [value for value in told if value is not None]
            if values:
                samples.append(Sample(metrics.PROFILE_TRAITS, fmean(values), (trait,)))
        return samples


def _share(text: bytes | None) -> float | None:
    if text is None or not _SHARE.fullmatch(text):
        return None
    value = float(text)
    return value if value <= 1 else None
