"""Tokens of a request -> token usage, cost, and what has no price."""

from __future__ import annotations

from exporters.core import llm
from exporters.core.contract import Effects, LabelValues
from exporters.core.measurement import FieldValue
from exporters.core.prices import Price, PriceTable
from exporters.sigmasight import metrics
from exporters.sigmasight.events_ai_requests import AiRequest

_INPUT, _OUTPUT = "input", "output"
_UNSPLIT = "unsplit"


def add_tokens(
    event: AiRequest,
    prices: PriceTable | None,
    effects: Effects,
    fields: dict[str, FieldValue],
    common: LabelValues,
) -> str:
    """Add them to `effects` and `fields`. Returns the currency of the cost, empty without one.

    common: the labels that all families of the request share.
    """
    read, written, total = event.input_tokens, event.output_tokens, event.total_tokens
    if read is None and written is None and total is None:
        effects.count(metrics.AI_WITHOUT_TOKENS, event.model, "error" if event.error_type else "success")
        return ""
    given = {"input_tokens": read, "output_tokens": written, "total_tokens": total}
    fields |= {column: value for column, value in given.items() if value is not None}
    if event.odd:
        read, written, total = (None if column in event.odd else given[column] for column in given)
    for kind, tokens in ((_INPUT, read), (_OUTPUT, written)):
        if tokens is not None:
            effects.observe(llm.TOKEN_USAGE, tokens, *common, kind)
    unsplit = max(0, (total or 0) - (read or 0) - (written or 0)) if read is None or written is None else 0
    if unsplit:
        effects.count(metrics.AI_UNPRICED, event.model, _UNSPLIT, _UNSPLIT, amount=unsplit)
    fields["unpriced_tokens"] = unsplit
    if read is None and written is None:
        return ""
    found = "no_table" if prices is None else prices.price(event.model, event.at)
    if not isinstance(found, Price):
        fields["unpriced_tokens"] = unsplit + (read or 0) + (written or 0)
        for kind, tokens in ((_INPUT, read), (_OUTPUT, written)):
            if tokens:
                effects.count(metrics.AI_UNPRICED, event.model, kind, found, amount=tokens)
        return ""
    # The table's columns say nothing of the provider's cache: cached tokens are priced as the others are.
    cost = found.cost(input_tokens=read or 0, output_tokens=written or 0)
    effects.count(metrics.AI_COST, event.model, _INPUT, cost.currency, amount=float(cost.input))
    effects.count(metrics.AI_COST, event.model, _OUTPUT, cost.currency, amount=float(cost.output))
    fields["cost"] = float(cost.total)
    return cost.currency
