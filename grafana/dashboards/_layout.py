"""Where panels stand: rows are filled from left to right, and each line is stretched to the whole width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from grafana.dashboards._panel import COLUMNS, Panel, Row


@dataclass(frozen=True, slots=True)
class Place:
    """A position on Grafana's grid: columns of 24, rows of 30 pixels."""

    x: int
    y: int
    width: int
    height: int


def placed(rows: Sequence[Row]) -> list[tuple[Row | Panel, Place]]:
    """Every heading and panel with its place, from top to bottom. A row without a title has no heading."""
    places: list[tuple[Row | Panel, Place]] = []
    top = 0
    for row in rows:
        if row.title:
            places.append((row, Place(0, top, COLUMNS, 1)))
            top += 1
        for line in lines(row.panels):
            height = max(panel.height for panel in line)
            left = 0
            for panel, width in zip(line, stretched([p.width for p in line]), strict=True):
                places.append((panel, Place(left, top, width, height)))
                left += width
            top += height
    return places


def lines(panels: Sequence[Panel]) -> list[list[Panel]]:
    """Panels by line: as many as fit the page with the widths they wish for."""
    result: list[list[Panel]] = []
    room = 0
    for panel in panels:
        if panel.width > room:
            result.append([])
            room = COLUMNS
        result[-1].append(panel)
        room -= panel.width
    return result


def stretched(widths: Sequence[int]) -> list[int]:
    """The widths in proportion, so that together they fill the page."""
    total = sum(widths)
    edges = [round(sum(widths[:i]) * COLUMNS / total) for i in range(len(widths) + 1)]
    return [right - left for left, right in pairwise(edges)]
