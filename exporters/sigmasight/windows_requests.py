"""What `/admin/ai` computes from `ai_request_metrics`, by the same rules and windows: probe `windows_requests`.

    created_at >= now - N * 24 h AND created_at <= now        both ends inside
    mean duration                                             all rows, and once more those without an error type
    percentiles                                               linear interpolation over successes with a duration

A window's sums are those of the next shorter one and of the slice between their beginnings, so that no row is added up
twice. It is read in pieces of four days, each a read of its own. Percentiles are made here, of how often each duration
occurs: in one statement the server would have to sort all rows of a window.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from math import ceil, floor
from typing import Any, NamedTuple

from exporters.core.contract import Sample
from exporters.core.in_parts import Look
from exporters.core.label import OTHER
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import names
from exporters.sigmasight import windows_metrics as m
from exporters.sigmasight.windows_bounds import (
    MICROSECOND,
    PIECE,
    affordable,
    computed,
    mean,
    ratio,
    rounded,
    seconds,
    share,
    start,
)

TABLE = "ai_request_metrics"
MOST_TOOLS = 20
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
_SLICE = "created_at >= %(start)s AND created_at < %(end)s"
_SUMS = f"""
SELECT model, error_type, count(*), count(total_latency_ms), coalesce(sum(total_latency_ms), 0),
       count(first_token_ms) FILTER (WHERE total_latency_ms IS NOT NULL),
       coalesce(sum(first_token_ms) FILTER (WHERE total_latency_ms IS NOT NULL), 0),
       count(input_tokens), coalesce(sum(input_tokens), 0), count(output_tokens), coalesce(sum(output_tokens), 0),
       count(total_tokens), coalesce(sum(total_tokens), 0),
       coalesce(sum(tool_calls_count), 0), count(*) FILTER (WHERE tool_calls_count > 0)
FROM public.ai_request_metrics WHERE {_SLICE} GROUP BY 1, 2
"""  # noqa: S608 - literals of ours
_LATENCIES = f"""
SELECT total_latency_ms, count(*) FROM public.ai_request_metrics
WHERE {_SLICE} AND error_type IS NULL AND total_latency_ms IS NOT NULL GROUP BY 1
"""  # noqa: S608 - literals of ours
_TOOLS = f"""
SELECT left(coalesce(nullif(tool ->> 'name', ''), 'unknown'), 100), count(*)
FROM (SELECT tool_calls -> 'tools' AS tools FROM public.ai_request_metrics
      WHERE {_SLICE} AND jsonb_typeof(tool_calls) = 'object') AS called
CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(tools) = 'array' THEN tools ELSE '[]' END) AS tool
GROUP BY 1
"""  # noqa: S608 - literals of ours


class Sums(NamedTuple):
    """Sums over some rows. with_latency and the like: how many rows are not NULL in that column."""

    rows: int = 0
    with_latency: int = 0
    latency: int = 0
    with_first: int = 0
    first: int = 0
    with_input: int = 0
    input: int = 0
    with_output: int = 0
    output: int = 0
    with_total: int = 0
    total: int = 0
    tools: int = 0
    callers: int = 0


Group = tuple[str, str | None, Sums]
"""Model, error type as the rows have them."""


def look(connection: Connection, now: datetime) -> Look:
    """Every window that is affordable -> sigmasight_window_requests{days="7",outcome="success"} 1234 and the rest.

    Raises StreamError, SourceDown.
    """
    with reading(connection) as cursor:
        windows = affordable(cursor, TABLE, now)
    samples = list(computed(m.REQUESTS_COMPUTED, windows))
    groups: list[Group] = []
    tools: Counter[str] = Counter()
    latencies: Counter[int] = Counter()
    end = now + MICROSECOND
    for days in windows:
        while end > start(now, days):
            begin = max(start(now, days), end - PIECE)
            yield
            piece = {"start": begin, "end": end}
            end = begin
            with reading(connection) as cursor:
                groups += [(row[0], row[1], Sums(*row[2:])) for row in cursor.execute(_SUMS, piece).fetchall()]
                tools.update(dict(cursor.execute(_TOOLS, piece).fetchall()))
                latencies.update(dict(cursor.execute(_LATENCIES, piece).fetchall()))
        samples += _window(str(days), groups)
        samples += _statistics(str(days), latencies)
        samples += _tools(str(days), tools)
    return samples


def _window(days: str, groups: Sequence[Group]) -> Iterator[Sample]:
    every = _total(sums for _, _, sums in groups)
    good = _total(sums for _, error, sums in groups if error is None)
    failed = every.rows - good.rows
    yield Sample(m.REQUESTS, good.rows, (days, "success"))
    yield Sample(m.REQUESTS, failed, (days, "error"))
    yield Sample(m.ERROR_RATIO, ratio(share(failed, every.rows, 2)), (days,))
    yield Sample(m.SAMPLES, good.with_latency, (days,))
    for metric, labels, found in (
        (m.MEAN_LATENCY, (days, "all"), mean(every.latency, every.with_latency)),
        (m.MEAN_LATENCY, (days, "successes"), mean(good.latency, good.with_latency)),
        (m.FIRST_CHUNK, (days,), mean(good.first, good.with_first)),
    ):
        if found is not None:
            yield Sample(metric, seconds(found), labels)
    yield from _tokens(days, every)
    yield Sample(m.TOOL_CALLS, every.tools, (days,))
    yield Sample(m.TOOL_CALLERS, every.callers, (days,))
    per_caller = rounded(Decimal(every.tools) / every.callers, 2) if every.callers else Decimal(0)
    yield Sample(m.TOOLS_MEAN, float(per_caller), (days,))
    for model, sums in sorted(_by(groups, lambda group: names.model(group[0])).items()):
        yield Sample(m.BY_MODEL, sums.rows, (days, model))
        if (found := mean(sums.latency, sums.with_latency)) is not None:
            yield Sample(m.MODEL_LATENCY, seconds(found), (days, model))
        if (found := mean(sums.total, sums.with_total)) is not None:
            yield Sample(m.MODEL_TOKENS, float(found), (days, model))
    failures = [group for group in groups if group[1] is not None]
    for error, sums in sorted(_by(failures, lambda group: names.error_type(group[1])).items()):
        yield Sample(m.BY_ERROR, sums.rows, (days, error))


def _tokens(days: str, every: Sums) -> Iterator[Sample]:
    for kind, count, total in (
        ("input", every.with_input, every.input),
        ("output", every.with_output, every.output),
        ("total", every.with_total, every.total),
    ):
        if count:
            yield Sample(m.TOKEN_SUM, total, (days, kind))
        if kind != "total" and (found := mean(total, count)) is not None:
            yield Sample(m.TOKEN_MEAN, float(found), (days, kind))


def _statistics(days: str, latencies: Counter[int]) -> Iterator[Sample]:
    values = sorted(latencies)
    if not values:
        return
    up_to = list(accumulate(latencies[value] for value in values))
    found = [*(_percentile(values, up_to, share) for share in SHARES), Decimal(values[0]), Decimal(values[-1])]
    for statistic, value in zip(m.STATISTICS, found, strict=True):
        yield Sample(m.LATENCY, seconds(rounded(value, 1)), (days, statistic))


def _percentile(values: Sequence[int], up_to: Sequence[int], share: float) -> Decimal:
    """As percentile_cont has it, to its last bit. up_to: how many rows are at most as large as each value."""
    place = share * (up_to[-1] - 1)
    low, high = (values[bisect_right(up_to, row)] for row in (floor(place), ceil(place)))
    # PostgreSQL takes 15 digits of a float for exact.
    return Decimal(f"{low + (place - floor(place)) * (high - low):.15g}")


def _tools(days: str, called: Counter[str]) -> Iterator[Sample]:
    listed: Counter[str] = Counter()
    for tool, count in sorted(called.items(), key=lambda one: (-one[1], one[0])):
        known = names.member(tool)
        listed[known if known in listed or len(listed) < MOST_TOOLS else OTHER] += count
    return (Sample(m.LISTED, count, (days, tool)) for tool, count in listed.items())


def _by(groups: Sequence[Group], name: Callable[[Group], str]) -> dict[str, Sums]:
    found: dict[str, list[Sums]] = {}
    for group in groups:
        found.setdefault(name(group), []).append(group[2])
    return {key: _total(sums) for key, sums in found.items()}


def _total(sums: Any) -> Sums:
    return Sums(*(sum(column) for column in zip(*sums, strict=True)))
