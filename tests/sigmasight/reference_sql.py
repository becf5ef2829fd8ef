"""What the reference statements are made of: the two windows, and how the back end rounds."""

from __future__ import annotations

from typing import Literal, NamedTuple

W = "created_at >= %(now)s - %(days)s * interval '24 hours' AND created_at <= %(now)s"
"""Rolling multiples of 24 hours, both ends inclusive: AI requests and onboarding."""
G = "created_at >= %(now)s - %(days)s * interval '24 hours'"
"""The same without an end: rows of a clock ahead count. Batch, tuning, feedback."""
TODAY = "(%(now)s AT TIME ZONE 'UTC')::date"


class Statement(NamedTuple):
    """SQL with %(now)s and, mostly, %(days)s; `days` is what the endpoint takes when it is not told."""

    half: Literal["core", "ai"]
    sql: str
    days: int = 30


def rounded(column: str, digits: int) -> str:
    """`column` to `digits` decimals, half to even as Python's Decimal does; PostgreSQL's round() goes away from 0."""
    scale = 10**digits
    value = f"({column})::numeric"
    half = f"abs({value} * {scale} - trunc({value} * {scale})) = 0.5"
    return f"CASE WHEN {half} THEN 2 * round({value} * {scale} / 2) / {scale} ELSE round({value}, {digits}) END"


def average(column: str, digits: int = 1) -> str:
    """An average as the endpoints show it: one of exactly 0 is null to them."""
    return f"CASE WHEN {column} <> 0 THEN {rounded(column, digits)} END"


def share(part: str, whole: str, digits: int) -> str:
    """A percentage; 0 of nothing."""
    return f"CASE WHEN {whole} = 0 THEN 0 ELSE {rounded(f'{part} * 100.0 / nullif({whole}, 0)', digits)} END"
