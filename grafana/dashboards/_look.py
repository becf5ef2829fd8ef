"""How things look: units, colours by meaning, limits. Colours are names from Grafana's palette: they suit both themes.

Red means failure, wherever a colour means something. Only the members of open sets (loggers, tools, streams), which
nobody can colour in advance, are told apart by Grafana's own palette.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

GOOD = "green"
WARNING = "orange"
BAD = "red"
WORST = "dark-red"
NEUTRAL = "blue"
ALTERNATIVE = "purple"
QUIET = "#8e8e9c"
"""What is neither good nor bad; a grey that is readable on white and on black."""

SERIES = (
    "blue",
    "purple",
    "super-light-green",
    "light-yellow",
    "light-blue",
    "light-purple",
    "dark-blue",
    "dark-purple",
)
"""For the members of a closed set that mean nothing good or bad, in their declared order."""


@dataclass(frozen=True, slots=True)
class Unit:
    """grafana: the name Grafana knows. decimals: None lets Grafana choose by the size of the number."""

    grafana: str
    decimals: int | None = None


COUNT = Unit("locale", 0)
"""A whole number with its thousands apart."""
NUMBER = Unit("short", 2)
SECONDS = Unit("s", 2)
AGE = Unit("s", 1)
BYTES = Unit("bytes", 1)
RATIO = Unit("percentunit", 0)
FINE_RATIO = Unit("percentunit", 1)
SCORE = Unit("none", 2)
PER_SECOND = Unit("cps", 2)
PER_HOUR = Unit("short", 0)
FROM_NOW = Unit("dateTimeFromNow")
"""A moment in milliseconds since the epoch, told as `in 5 minutes` or `2 hours ago`."""
MOMENT = Unit("dateTimeAsIso")
TEXT = Unit("string")

MEANING: Mapping[str, str] = {
    # how it ended
    "success": GOOD,
    "failed": BAD,
    "error": BAD,
    "timeout": WARNING,
    "abandoned": WARNING,
    "not_found": "dark-orange",
    "never_ran": ALTERNATIVE,
    "yes": GOOD,
    "no": WARNING,
    # log levels
    "critical": WORST,
    "warning": WARNING,
    "info": NEUTRAL,
    "debug": QUIET,
    # states
    "running": GOOD,
    "disabled": QUIET,
    "unavailable": WARNING,
    "pending": NEUTRAL,
    "sent": GOOD,
    "retry": WARNING,
    # judgements
    "strong_approval": GOOD,
    "mild_approval": "light-green",
    "neutral": QUIET,
    "mild_dissatisfaction": WARNING,
    "failure_or_correction": BAD,
    "stable": GOOD,
    "over_initiating": WARNING,
    "under_engaged": "light-blue",
    "friction": "dark-orange",
    "other": QUIET,
}
"""Values of closed labels that mean the same wherever they stand."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a number turns from good to a warning to bad. Above: the larger, the worse; below: the reverse."""

    warn_above: float | None = None
    bad_above: float | None = None
    warn_below: float | None = None
    bad_below: float | None = None

    def steps(self) -> list[Json]:
        """Grafana's threshold steps: from each value on, that colour."""
        if self.warn_below is not None or self.bad_below is not None:
            worst_first = [(self.bad_below, BAD), (self.warn_below, WARNING)]
            given = [(limit, colour) for limit, colour in worst_first if limit is not None]
            ends = [*[colour for _, colour in given], GOOD]
            return [_step(None, ends[0]), *(_step(v, c) for (v, _), c in zip(given, ends[1:], strict=True))]
        worse = [(self.warn_above, WARNING), (self.bad_above, BAD)]
        return [_step(None, GOOD), *(_step(_just_above(v), c) for v, c in worse if v is not None)]


def _just_above(limit: float) -> float:
    """A step begins at its value; "above 0" begins just after it."""
    return limit + 1e-6 if limit == 0 else limit


def _step(value: float | None, colour: str) -> Json:
    return {"color": colour, "value": value}


def only(colour: str) -> list[Json]:
    """Threshold steps that never change."""
    return [_step(None, colour)]


@dataclass(frozen=True, slots=True)
class Word:
    """What a number (or a text) is called in a panel, and its colour."""

    text: str
    colour: str


YES_NO: Mapping[float | str, Word] = {1: Word("Yes", GOOD), 0: Word("No", BAD)}
UP_DOWN: Mapping[float | str, Word] = {1: Word("Up", GOOD), 0: Word("Down", BAD)}


def mappings(words: Mapping[float | str, Word]) -> list[Json]:
    """Grafana's value mappings."""
    options = {
        (f"{value:g}" if isinstance(value, int | float) else value): {
            "color": word.colour,
            "index": index,
            "text": word.text,
        }
        for index, (value, word) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}] if options else []


def meanings(values: tuple[str, ...]) -> Mapping[float | str, Word]:
    """The words of a label's values in their colours; nothing unless every one of them means something."""
    if not all(value in MEANING for value in values):
        return {}
    return {value: Word(value.replace("_", " "), MEANING[value]) for value in values}
