"""SigmaSight's pages: the folder SigmaSight, and the restricted set that shows text."""

from __future__ import annotations

from grafana.dashboards import (
    sigmasight_ai,
    sigmasight_batch,
    sigmasight_health,
    sigmasight_onboarding,
    sigmasight_overview,
    sigmasight_text,
    sigmasight_tuning,
)
from grafana.dashboards.panels import Board

BOARDS: tuple[Board, ...] = (
    sigmasight_overview.BOARD,
    sigmasight_ai.BOARD,
    sigmasight_onboarding.BOARD,
    sigmasight_batch.BOARD,
    sigmasight_tuning.BOARD,
    sigmasight_health.BOARD,
    sigmasight_text.LOG_LINES,
)
