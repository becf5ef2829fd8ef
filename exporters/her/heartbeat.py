"""HER's signs of life, timed by our clock: state of the stream `decisions`.

    heartbeat stamped 11:50:00 by HER, read 12:00:03, the next 11:51:00, read 12:01:03
    her_heartbeat_timestamp_seconds  12:01:03        it came now, whatever HER's clock says
    her_clock_offset_seconds         -603            HER's clock is ten minutes behind (and we look every few seconds)

Stamps are believed only for heartbeats that nobody saw come: what lay in the list at the first look, or piled up while
nobody could look. Even then it is their distance to the last one that was seen that counts, once there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from exporters.core.contract import Effects, Json, Sample
from exporters.her import metrics

SLACK = 90.0
"""Seconds by which HER's clock and ours may have moved on differently between two heartbeats: when the first of the two
was read it had waited for up to a minute."""

KEPT = 5
"""Heartbeats whose offsets are remembered. A heartbeat waits to be read, so each shows the clock too far behind; the
highest of a few is the truth but for one read."""

SILENCE = 300.0
"""Seconds without a sign of life after which HER's clock is not known any more."""


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """told: stamp of one just parsed, not timed yet. stamp: HER's, of the last one; not the latest, for a clock gone
    astray is corrected a minute later. read, heard: when it was read, and when it came, by our clock.

    offsets: HER's clock minus ours, as the last few showed it. All in seconds (since the epoch); None: none yet.
    """

    told: float | None = None
    stamp: float | None = None
    read: float | None = None
    heard: float | None = None
    offsets: tuple[float, ...] = ()

    def told_of(self, at: datetime) -> Heartbeats:
        """A heartbeat with this stamp was in the batch."""
        return replace(self, told=at.timestamp())


def hear(state: Heartbeats, now: datetime) -> tuple[Heartbeats, Effects]:
    """Time the newest heartbeat of the batch. Called once per read, before anything is stored."""
    stamp, present = state.told, now.timestamp()
    if stamp is None:
        return state, Effects()
    heard, offsets = _timed(state, stamp, present)
    return Heartbeats(None, stamp, present, heard, offsets), Effects()


def _timed(state: Heartbeats, stamp: float, present: float) -> tuple[float, tuple[float, ...]]:
    if state.stamp is None or state.read is None:
        # Nothing to compare with. Should HER live, its next heartbeat comes within a minute and is timed by us.
        return min(present, stamp), ()
    if abs((stamp - state.stamp) - (present - state.read)) <= SLACK:
        return present, (*state.offsets, stamp - present)[-KEPT:]
    if stamp < state.stamp:
        # Put back: whoever writes with such a clock writes now.
        return present, ()
    came = stamp - max(state.offsets, default=0.0)
    if came > present + SLACK:
        # Put forward.
        return present, ()
    # It piled up while nobody looked, and is older than now by as much as HER's clock says.
    known = state.heard if state.heard is not None and state.heard <= present else came
    return min(present, max(came, known)), state.offsets


def view(state: Heartbeats, now: datetime) -> list[Sample]:
    """When HER was last heard, and how far its clock is from ours while it is heard."""
    if state.heard is None:
        return []
    present = now.timestamp()
    samples = [Sample(metrics.HEARTBEAT_TIME, min(state.heard, present))]
    if state.offsets and present - state.heard <= SILENCE:
        samples.append(Sample(metrics.CLOCK_OFFSET, max(state.offsets)))
    return samples


def encode(state: Heartbeats) -> Json:
    """The state as JSON."""
    return {"heartbeat": state.stamp, "read": state.read, "heard": state.heard, "offsets": list(state.offsets)}


def decode(stored: Json) -> Heartbeats:
    """The state from JSON. Before it was timed by our clock, only HER's stamp was stored: it is what is known then."""
    stamp = stored["heartbeat"]
    return Heartbeats(
        stamp=stamp,
        read=stored.get("read", stamp),
        heard=stored.get("heard", stamp),
        offsets=tuple(stored.get("offsets", ())),
    )
