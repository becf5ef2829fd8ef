"""A page of one system: what the pages of all systems have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporters.core.promql import Expr
from grafana.dashboards.panels import Annotation, Board, Json, Row, Variable, board, deployments, home_link, pages_link


def share(part: Expr, whole: Expr) -> Expr:
    """part / whole, and nothing at all (instead of 0/0) where there was no event."""
    return part / (whole > 0)


def system_page(
    system: str,
    shown: str,
    title: str,
    uid: str,
    name: str,
    description: str,
    rows: Sequence[Row],
    *variables: Variable,
    annotations: Sequence[Annotation],
    text: bool = False,
    links: Sequence[Json] = (),
    reads: Sequence[str] = (),
    **rest: Any,
) -> Board:
    """A page of a system. shown: the system's name for people.

    text: of the restricted set, whose Grafana has neither Home nor the main pages.
    links: buttons at the top, beside those that all pages have.
    reads: the parts that not every deployment has configured, and without which the page would be empty.
    """
    return board(
        f"{shown} / {title}",
        uid=uid,
        rows=rows,
        system=system,
        page=name,
        description=description,
        variables=(deployments(system), *variables),
        annotations=tuple(annotations),
        links=(*(() if text else (home_link(),)), pages_link(shown, [system]), *links),
        tags=(system, *(("text",) if text else ()), *(f"reads-{part}" for part in reads)),
        **rest,
    )
