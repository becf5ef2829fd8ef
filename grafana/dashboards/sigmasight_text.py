"""The restricted set: what SigmaSight's back end logged, redacted, where that was switched on."""

from __future__ import annotations

from exporters.core.flux import events
from exporters.core.metric import Var
from exporters.sigmasight import health_metrics as h
from grafana.dashboards.panels import choice, counts_table, line, logs, row, search_box, timeseries
from grafana.dashboards.sigmasight_pages import page

NOT_FOUND = "Nothing found. Is log.text switched on in the exporter's settings?"
WHY_EMPTY = "log lines are kept only where that was switched on."

_LINES = events(h.LOG_TEXT, "line_text").where({h.LEVEL: Var("level")}).contains("search", "line_text")

LOG_LINES = page(
    "Log lines",
    "sigmasight-log-lines",
    "log-lines",
    "What did SigmaSight's back end log? Redacted; names and addresses can still stand there.",
    [
        row(
            "How many?",
            timeseries(
                "Lines found",
                "When were lines logged that match the filters and the search?",
                line(_LINES.count(by=(h.LEVEL,)), h.LEVEL),
                style="bars",
                interval="1m",
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                width=24,
                height=6,
            ),
        ),
        row(
            "Which lines?",
            logs(
                "Lines",
                "What did the back end log, line by line?",
                events(h.LOG_TEXT)
                .where({h.LEVEL: Var("level")})
                .contains("search", "line_text")
                .table(["line_text", "level", "logger"], limit=500),
                ["line_text", "level", "logger"],
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
            ),
            counts_table(
                "Most frequent lines",
                "Which lines come again and again?",
                "line_text",
                "Line",
                _LINES.frequent("line_text", limit=20),
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                width=24,
            ),
        ),
    ],
    choice(h.LEVEL, "Level"),
    search_box(),
    text=True,
    reads=("log",),
)
