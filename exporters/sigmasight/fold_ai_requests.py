"""AiRequest -> effects. Each row stands for itself; remembered is only when each model was first asked.

What is NULL is absent, never 0. A row without an error type is a success, as the back end counts it, although it may
have failed: the upstream's error event need not carry a type, and then only `error_message` tells, which holds what the
provider said, fragments of keys included, and is therefore never read. What can be known without it: such a row has no
first piece of text. Successes without one are counted; failures among them are at most as many.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from exporters.core import llm
from exporters.core.contract import Effects, LabelValues, Point
from exporters.core.measurement import FieldValue
from exporters.core.prices import PriceTable
from exporters.core.pseudonym import Pseudonyms
from exporters.sigmasight import metrics
from exporters.sigmasight.events_ai_requests import AiRequest
from exporters.sigmasight.fold_tokens import add_tokens
from exporters.sigmasight.models import Models, noted

SYSTEM_NAME = "sigmasight"
PROVIDER = "openai"
"""The only one its conversations know."""

OPERATION = "chat"
_REMEMBERED = 4096


class _Labels(NamedTuple):
    """What all requests of one model with one ending have in common."""

    request: LabelValues
    duration: LabelValues
    first_chunk: LabelValues
    model: LabelValues
    request_tags: dict[str, str]
    tool_tags: dict[str, str]


# Made once per model and ending: this runs for every row there ever was.
@lru_cache(maxsize=_REMEMBERED)
def _labels(model: str, error: str) -> _Labels:
    common = (SYSTEM_NAME, PROVIDER, OPERATION, model)
    tags = {llm.MODEL.name: model}
    return _Labels(
        request=(model, error),
        duration=(*common, error),
        first_chunk=common,
        model=(model,),
        request_tags=tags | {llm.ERROR_TYPE.name: error} if error else tags,
        tool_tags=tags,
    )


@lru_cache(maxsize=_REMEMBERED)
def _tool_fields(tool: str) -> dict[str, FieldValue]:
    """The same object for each call of a tool, so that it is written once."""
    return {"tool": tool}


class FoldAiRequest:
    """The fold of one deployment. prices: None without a price table."""

    def __init__(self, pseudonyms: Pseudonyms, prices: PriceTable | None) -> None:
        self._user = lru_cache(maxsize=_REMEMBERED)(pseudonyms.of)
        self._prices = prices

    def __call__(self, state: Models, event: AiRequest) -> tuple[Models, Effects]:
        """Counts, observations and points of one request."""
        labels = _labels(event.model, event.error_type)
        odd = event.odd
        counts = [(metrics.AI_REQUESTS, labels.request, 1.0)]
        observations = []
        fields: dict[str, FieldValue] = {"requests": 1, "tool_calls": event.tool_calls}
        tags = labels.request_tags
        if event.latency_ms is not None:
            fields["latency_seconds"] = seconds = event.latency_ms / 1000
            if "total_latency_ms" not in odd:
                observations.append((llm.OPERATION_DURATION, labels.duration, seconds))
        if event.first_token_ms is not None:
            fields["first_chunk_seconds"] = seconds = event.first_token_ms / 1000
            if "first_token_ms" not in odd:
                observations.append((llm.FIRST_CHUNK, labels.first_chunk, seconds))
        elif not event.error_type:
            counts.append((metrics.AI_WITHOUT_TEXT, labels.model, 1.0))
        if event.tool_calls > 0:
            counts.append((metrics.AI_WITH_TOOLS, (), 1.0))
            counts.append((metrics.AI_TOOL_CALLS, (), event.tool_calls))
        if event.user:
            fields["user"] = self._user(event.user)
        counts += [(metrics.AI_ODD_VALUES, (column,), 1.0) for column in odd]
        counts += [(metrics.AI_TOOLS_LISTED, (tool,), 1.0) for tool in event.tools]
        effects = Effects(counts, observations)
        currency = add_tokens(event, self._prices, effects, fields, labels.first_chunk)
        if currency:
            tags = tags | {"currency": currency}
        effects.points.append(Point(metrics.AI_REQUEST_POINT, event.at, tags, fields))
        for tool in event.tools:
            effects.points.append(Point(metrics.AI_TOOL_POINT, event.at, labels.tool_tags, _tool_fields(tool)))
        return noted(state, event.model, event.at), effects
