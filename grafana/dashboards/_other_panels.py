"""Panels that are neither numbers, curves nor tables: log lines, text, lists of dashboards and of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporters.core.flux import Flux
from grafana.dashboards._panel import Panel
from grafana.dashboards._query import line


def logs(
    title: str, question: str, asked: Flux, columns: Sequence[str], *, nothing: str = "", height: int = 20, **marks: Any
) -> Panel:
    """Log lines, newest first, coloured by the column `level`. columns: the text first, then the level."""
    return Panel(
        kind="logs",
        title=title,
        question=question,
        queries=(line(asked),),
        width=24,
        height=height,
        options={
            "dedupStrategy": "none",
            "enableLogDetails": True,
            "prettifyLogMessage": False,
            "showCommonLabels": False,
            "showLabels": False,
            "showTime": True,
            "sortOrder": "Descending",
            "wrapLogMessage": True,
        },
        transformations=(
            # The first column of text is taken for the line.
            {
                "id": "organize",
                "options": {
                    "excludeByName": {},
                    "includeByName": {},
                    "indexByName": {name: index for index, name in enumerate(("_time", *columns))},
                    "renameByName": {},
                },
            },
        ),
        nothing=nothing,
        **marks,
    )


def text(title: str, question: str, content: str, *, width: int = 24, height: int = 3) -> Panel:
    """A few words in Markdown."""
    return Panel(
        kind="text",
        title=title,
        question=question,
        width=width,
        height=height,
        options={"content": content, "mode": "markdown"},
    )


def pages(title: str, question: str, *tags: str, width: int = 24, height: int = 8) -> Panel:
    """The dashboards that carry these tags (all of them, if none is given), as links that keep the time range."""
    return Panel(
        kind="dashlist",
        title=title,
        question=question,
        width=width,
        height=height,
        options={
            "folderUID": "",
            "includeVars": False,
            "keepTime": True,
            "maxItems": 50,
            "query": "",
            "showFolderNames": False,
            "showHeadings": False,
            "showRecentlyViewed": False,
            "showSearch": True,
            "showStarred": False,
            "tags": list(tags),
        },
    )


def alerts(title: str, question: str, labels: str = "", *, width: int = 24, height: int = 8) -> Panel:
    """Alerts that fire or are about to, Prometheus's and Grafana's. labels: only those with these, `{a="b"}`."""
    return Panel(
        kind="alertlist",
        title=title,
        question=question,
        width=width,
        height=height,
        options={
            "alertInstanceLabelFilter": labels,
            "alertName": "",
            "dashboardAlerts": False,
            "groupBy": [],
            "groupMode": "default",
            "maxItems": 20,
            "sortOrder": 3,
            "stateFilter": {"error": True, "firing": True, "noData": False, "normal": False, "pending": True},
            "viewMode": "list",
        },
    )
