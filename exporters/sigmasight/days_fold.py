"""A day of a table -> the points of that day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from exporters.core import llm
from exporters.core.contract import Effects
from exporters.core.errors import Rejected
from exporters.core.measurement import FieldValue
from exporters.core.prices import Price, PriceTable
from exporters.sigmasight import days_metrics as m
from exporters.sigmasight import names
from exporters.sigmasight.labels import CURRENCY, EVENT_TYPE

_TOKENS = ("input_tokens", "output_tokens", "total_tokens")
_RUN_FIELDS = (
    *("runs", "completed", "failed", "partial", "duration_mean_seconds", "jobs_total", "jobs_completed", "jobs_failed"),
)


class Day(NamedTuple):
    """A day that is over. at: its beginning. found: what `days_sums` says of it."""

    at: datetime
    found: Mapping[str, Any]


def parse_day(record: bytes) -> Day:
    """Our own reader's record. Raises Rejected."""
    try:
        found = json.loads(record)
        return Day(datetime.fromisoformat(found.pop("day")).replace(tzinfo=UTC), found)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Rejected("not_json", "day") from None


class FoldRequests:
    """Of `ai_request_metrics`. prices: None without a price table."""

    def __init__(self, prices: PriceTable | None) -> None:
        self._prices = prices

    def __call__(self, state: None, day: Day) -> tuple[None, Effects]:
        """The whole day, and each model's."""
        effects = Effects()
        every: Counter[str] = Counter()
        models: dict[str, Counter[str]] = {}
        costs: dict[tuple[str, str], Decimal] = {}
        for begin, parts in day.found["parts"]:
            for raw, sums in parts.items():
                model = names.model(raw)
                of_model = models.setdefault(model, Counter())
                # Not `+`, which loses what is 0: a sum of 0 is no absence.
                every.update(sums)
                of_model.update(sums)
                self._add_cost(model, datetime.fromisoformat(begin), sums, costs, of_model)
        effects.point(m.DAY_REQUESTS, day.at, _whole(every, day.found["percentiles"]))
        for model, sums in models.items():
            fields: dict[str, FieldValue] = {"requests": sums["requests"], "errors": sums["errors"]}
            if sums["token_rows"]:
                fields["unpriced_tokens"] = sums["unpriced"]
            effects.point(m.DAY_MODEL, day.at, fields, **{llm.MODEL.name: model})
        for (model, currency), cost in costs.items():
            tags = {llm.MODEL.name: model, CURRENCY.name: currency}
            effects.point(m.DAY_COST, day.at, {"cost": float(cost)}, **tags)
        return state, effects

    def _add_cost(
        self, model: str, at: datetime, sums: Mapping[str, int], costs: dict[tuple[str, str], Decimal], to: Counter[str]
    ) -> None:
        """At the prices of one moment, which are those of the whole part."""
        if not sums["token_rows"]:
            return
        read, written = sums["read"], sums["written"]
        price = None if self._prices is None else self._prices.price(model, at)
        to["unpriced"] += sums["unsplit"]
        if not isinstance(price, Price):
            to["unpriced"] += read + written
        elif read or written:
            key = (model, price.currency)
            cost = price.cost(input_tokens=read, output_tokens=written)
            costs[key] = costs.get(key, Decimal(0)) + cost.total


def _whole(every: Counter[str], percentiles: list[float] | None) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {name: every[name] for name in ("requests", "errors", "tool_calls")}
    fields |= {name: every[name] for name in _TOKENS if name in every}
    for name, rows, milliseconds in (
        ("latency_mean_seconds", every["latency_rows"], every["latency_ms"]),
        ("first_chunk_mean_seconds", every["first_rows"], every["first_ms"]),
    ):
        if rows:
            fields[name] = milliseconds / rows / 1000
    for percent, value in zip(m.PERCENTILES, percentiles or (), strict=False):
        fields[f"latency_p{percent}_seconds"] = value / 1000
    return fields


def fold_activity(state: None, day: Day) -> tuple[None, Effects]:
    """Of `user_activity_events`: every kind of event, those that did not happen too."""
    effects = Effects()
    kinds: Counter[str] = Counter(dict.fromkeys(EVENT_TYPE.values or (), 0))
    errors = 0
    for kind, (count, failed) in day.found["events"].items():
        kinds[EVENT_TYPE.clamp(kind)] += count
        errors += failed
    fields: dict[str, FieldValue] = {"events": kinds.total(), "errors": errors}
    if day.found["users"] is not None:
        fields["active_users"] = day.found["users"]
    effects.point(m.DAY_ACTIVITY, day.at, fields)
    for kind, count in kinds.items():
        effects.point(m.DAY_EVENTS, day.at, {"events": count}, **{EVENT_TYPE.name: kind})
    return state, effects


def fold_runs(state: None, day: Day) -> tuple[None, Effects]:
    """Of `batch_run_history`."""
    effects = Effects()
    told = zip(_RUN_FIELDS, day.found["runs"], strict=True)
    effects.point(m.DAY_RUNS, day.at, {name: value for name, value in told if value is not None})
    return state, effects


def fold_sign_ups(state: None, day: Day) -> tuple[None, Effects]:
    """Of `users`."""
    effects = Effects()
    effects.point(m.DAY_SIGN_UPS, day.at, {"sign_ups": day.found["sign_ups"]})
    return state, effects
