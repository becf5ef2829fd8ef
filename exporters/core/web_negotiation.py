"""Which of the two text formats a scraper gets, and whether compressed (RFC 9110, sections 12.4 and 12.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")


@dataclass(frozen=True, slots=True)
class _Offer:
    kind: str
    subtype: str
    version: str


_TEXT = _Offer("text", "plain", "0.0.4")
_OPENMETRICS = _Offer("application", "openmetrics-text", "1.0.0")


@dataclass(frozen=True, slots=True)
class _Range:
    """One element of an Accept header: what it covers and how much the client wants it (0 to 1)."""

    kind: str
    subtype: str
    version: str | None
    weight: float

    def closeness(self, offer: _Offer) -> int | None:
        """How closely it names the offer: 3 with its version, 0 for `*/*`; None when it does not cover it."""
        if self.version not in (None, offer.version):
            return None
        named = 1 if self.version else 0
        match (self.kind, self.subtype):
            case (offer.kind, offer.subtype):
                return 2 + named
            case (offer.kind, "*"):
                return 1
            case ("*", "*"):
                return 0
        return None


def wants_openmetrics(accept: str | None) -> bool:
    """Whether this Accept header prefers OpenMetrics 1.0.0 to Prometheus text 0.0.4.

    Equal weights: the more closely named format, then the one named first, then text, which every client reads.
    A client that accepts neither gets text as well: a scrape always gets its metrics.
    """
    if not accept:
        return False
    ranges = list(_ranges(accept))
    return _standing(ranges, _OPENMETRICS) > _standing(ranges, _TEXT)


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether this Accept-Encoding header allows gzip and does not prefer the plain body."""
    if not accept_encoding:
        return False
    weights: dict[str, float] = {}
    for element in _split(accept_encoding, ","):
        coding, *parameters = _split(element, ";")
        weight = _weight(_pairs(parameters))
        if weight is not None:
            weights[coding.strip().lower()] = weight
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _standing(ranges: list[_Range], offer: _Offer) -> tuple[float, int, int]:
    """Weight, closeness and place of the closest range that covers the offer; sorts as preference does."""
    best = (-1, 0.0, 0)
    for place, element in enumerate(ranges):
        closeness = element.closeness(offer)
        if closeness is not None:
            # The closest range decides, even with a lower weight: that is how `q=0` excludes one format.
            best = max(best, (closeness, element.weight, -place))
    closeness, weight, place = best
    return (weight, closeness, place) if weight > 0 else (0.0, 0, 0)


def _ranges(accept: str) -> Iterator[_Range]:
    for element in _split(accept, ","):
        media, *rest = _split(element, ";")
        kind, slash, subtype = media.strip().lower().partition("/")
        parameters = _pairs(rest)
        weight = _weight(parameters)
        if slash and kind and subtype and weight is not None:
            yield _Range(kind, subtype, parameters.get("version"), weight)


def _weight(parameters: Mapping[str, str]) -> float | None:
    """The element's `q`, 1 when absent, None when malformed: such an element says nothing and is skipped."""
    text = parameters.get("q", "1")
    return float(text) if _WEIGHT.match(text) else None


def _pairs(parameters: list[str]) -> dict[str, str]:
    pairs = (parameter.partition("=") for parameter in parameters)
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that is not inside a quoted string; one pass, whatever the client sends."""
    if '"' not in text:
        return text.split(separator)
    parts: list[str] = []
    start, quoted, escaped = 0, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return parts
