"""Which models were asked, and since when: the state of the stream `ai_requests`.

A model that was never asked before is a switch of models, which nothing in SigmaSight's databases records.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from exporters.core.contract import Json, Sample
from exporters.sigmasight import metrics

Models = Mapping[str, datetime]
"""Model -> time of its oldest request."""

MOST: Final = 64
"""As many as the label has values: a model's name is whatever stands in a row."""


def noted(models: Models, model: str, at: datetime) -> Models:
    """The models after a request. History comes in no order of time, hence the oldest and not the first that came."""
    first = models.get(model)
    if first is None:
        return {**models, model: at} if len(models) < MOST else models
    return models if first <= at else {**models, model: at}


def models_view(models: Models, now: datetime) -> list[Sample]:
    """Since when each model is asked. A row of a clock that is ahead is shown as now."""
    return [Sample(metrics.AI_MODEL_SINCE, min(at, now).timestamp(), (model,)) for model, at in models.items()]


def encode_models(models: Models) -> Json:
    """{"gpt-5-mini": "2026-01-12T09:15:02.118734+00:00"}."""
    return {model: at.isoformat() for model, at in models.items()}


def decode_models(stored: Json) -> Models:
    """Back again."""
    return {model: datetime.fromisoformat(at) for model, at in stored.items()}
