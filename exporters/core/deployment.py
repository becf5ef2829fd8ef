"""What every deployment of every system says of itself in the settings: its name, and how often it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import ConfigDict, Field, field_validator

from exporters.core.label import OTHER
from exporters.core.settings import Section

NAME_PATTERN = r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$"
"""It stands in label values, in Grafana's variables and in regular expressions made from them."""

SHORTEST_INTERVAL = 0.2


class DeploymentSettings(Section):
    """One deployment. intervals: stream or probe -> seconds between reads.

    They may be shorter than the declared ones, never longer: a longer one would lose entries of a capped list, or let
    an alert go blind. declared_intervals: those of the system.
    """

    model_config = ConfigDict(hide_input_in_errors=True)
    declared_intervals: ClassVar[Mapping[str, float]]

    deployment: str = Field("default", pattern=NAME_PATTERN)
    intervals: Mapping[str, float] = Field(default_factory=dict)

    @field_validator("deployment")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name == OTHER:
            msg = f"{OTHER!r} is what unknown label values become"
            raise ValueError(msg)
        return name

    @field_validator("intervals")
    @classmethod
    def _only_shorter(cls, given: Mapping[str, float]) -> Mapping[str, float]:
        declared = cls.declared_intervals
        legal = ", ".join(declared)
        problems = [f"there is no {name!r} (there are: {legal})" for name in given if name not in declared]
        problems += [
            f"{name} must lie in {SHORTEST_INTERVAL:g}..{declared[name]:g} seconds, not {seconds:g}"
            for name, seconds in given.items()
            if name in declared and not SHORTEST_INTERVAL <= seconds <= declared[name]
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return given

    def interval(self, name: str) -> float:
        """Seconds between reads of this stream or probe."""
        return self.intervals.get(name, self.declared_intervals[name])
