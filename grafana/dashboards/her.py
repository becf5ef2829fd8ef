"""HER's pages: the folder HER, and the restricted set that shows text."""

from __future__ import annotations

from grafana.dashboards import (
    her_chats,
    her_copies,
    her_decisions,
    her_executors,
    her_jobs,
    her_logs,
    her_memory,
    her_memory_texts,
    her_overview,
    her_state,
    her_system,
    her_text,
    her_traffic,
    her_workflow,
)
from grafana.dashboards.panels import Board

BOARDS: tuple[Board, ...] = (
    her_overview.BOARD,
    her_logs.BOARD,
    her_chats.BOARD,
    her_executors.BOARD,
    her_jobs.BOARD,
    her_decisions.BOARD,
    her_traffic.BOARD,
    her_workflow.BOARD,
    her_memory.BOARD,
    her_state.BOARD,
    her_system.BOARD,
    her_copies.BOARD,
    her_text.LOG_LINES,
    her_text.CHATS,
    her_text.EXECUTIONS,
    her_text.DECISIONS,
    her_text.WORKFLOW,
    her_memory_texts.BOARD,
)
