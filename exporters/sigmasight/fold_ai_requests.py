"""AiRequest -> effects. Each row stands for itself: nothing is remembered.

What is NULL is absent, never 0. A row without an error type is a success, as the back end counts it, although it may
have failed: the upstream's error event need not carry a type, and then only `error_message` tells, which holds what the
provider said, fragments of keys included, and is therefore never read. What can be known without it: such a row has no
first piece of text. Successes without one are counted; failures among them are at most as many.
"""

from __future__ import annotations

from dataclasses import dataclass

from exporters.core import llm
from exporters.core.contract import Effects
from exporters.core.measurement import FieldValue
from exporters.core.prices import Price, PriceTable
from exporters.core.pseudonym import Pseudonyms
from exporters.sigmasight import metrics
from exporters.sigmasight.events_ai_requests import AiRequest

SYSTEM_NAME = "sigmasight"
PROVIDER = "openai"
"""The only one its conversations know."""

OPERATION = "chat"
_INPUT, _OUTPUT = "input", "output"
_UNSPLIT = "unsplit"


@dataclass(frozen=True, slots=True)
class FoldAiRequest:
    """The fold of one deployment. prices: None without a price table."""

    pseudonyms: Pseudonyms
    prices: PriceTable | None

    def __call__(self, state: None, event: AiRequest) -> tuple[None, Effects]:
        """Counts, observations and points of one request."""
        effects = Effects()
        model, error, odd = event.model, event.error_type, event.odd
        effects.count(metrics.AI_REQUESTS, model, error)
        fields: dict[str, FieldValue] = {"requests": 1, "tool_calls": event.tool_calls}
        common = (SYSTEM_NAME, PROVIDER, OPERATION, model)
        if event.latency_ms is not None:
            fields["latency_seconds"] = seconds = event.latency_ms / 1000
            if "total_latency_ms" not in odd:
                effects.observe(llm.OPERATION_DURATION, seconds, *common, error)
        if event.first_token_ms is not None:
            fields["first_chunk_seconds"] = seconds = event.first_token_ms / 1000
            if "first_token_ms" not in odd:
                effects.observe(llm.FIRST_CHUNK, seconds, *common)
        elif not error:
            effects.count(metrics.AI_WITHOUT_TEXT, model)
        currency = self._tokens(event, effects, fields, common)
        if event.tool_calls > 0:
            effects.count(metrics.AI_WITH_TOOLS)
            effects.count(metrics.AI_TOOL_CALLS, amount=event.tool_calls)
        for column in odd:
            effects.count(metrics.AI_ODD_VALUES, column)
        effects.point(
            metrics.AI_REQUEST_POINT,
            event.at,
            fields,
            gen_ai_request_model=model,
            error_type=error,
            currency=currency,
            user=self.pseudonyms.of(event.user),
        )
        for tool in event.tools:
            effects.count(metrics.AI_TOOLS_LISTED, tool)
            effects.point(metrics.AI_TOOL_POINT, event.at, {"tool": tool}, gen_ai_request_model=model)
        return state, effects

    def _tokens(
        self, event: AiRequest, effects: Effects, fields: dict[str, FieldValue], common: tuple[str, ...]
    ) -> str:
        """Tokens and what they cost. Returns the currency of the cost, empty without one."""
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
        found = "no_table" if self.prices is None else self.prices.price(event.model, event.at)
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
