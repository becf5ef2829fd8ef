"""SigmaSight's pages: the folder SigmaSight, and the restricted set that shows text."""

from __future__ import annotations

from grafana.dashboards import (
    sigmasight_ai,
    sigmasight_annotations,
    sigmasight_batch,
    sigmasight_conversations,
    sigmasight_days,
    sigmasight_health,
    sigmasight_knowledge,
    sigmasight_onboarding,
    sigmasight_overview,
    sigmasight_text,
    sigmasight_tuning,
    sigmasight_users,
)
from grafana.dashboards.panels import Board

BOARDS: tuple[Board, ...] = (
    sigmasight_overview.BOARD,
    sigmasight_ai.BOARD,
    sigmasight_onboarding.BOARD,
    sigmasight_batch.BOARD,
    sigmasight_tuning.BOARD,
    sigmasight_days.BOARD,
    sigmasight_health.BOARD,
    sigmasight_text.LOG_LINES,
    sigmasight_users.BOARD,
    sigmasight_conversations.BOARD,
    sigmasight_annotations.BOARD,
    sigmasight_knowledge.BOARD,
)
