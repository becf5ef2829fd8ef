"""SigmaSight's pages are sound, ask for nothing undeclared, and for everything that is declared."""

from __future__ import annotations

import json

import pytest

from exporters.core import health, llm
from exporters.core.catalog import Catalog
from exporters.core.catalog_sql import sql_problems, unnamed_columns
from exporters.registry import MEASUREMENTS, METRICS
from exporters.sigmasight import metrics
from exporters.sigmasight.texts import TEXT_ROWS
from grafana.dashboards.panels import Board, to_json
from grafana.dashboards.sigmasight import BOARDS
from tests.dashboards.structure import problems, together

OWN = tuple(metric for metric in (*metrics.METRICS, *metrics.SHARED) if metric not in METRICS)
CATALOG = Catalog((*METRICS, *OWN), (*MEASUREMENTS, *(one for one in metrics.MEASUREMENTS if one not in MEASUREMENTS)))
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


def queries(board: Board, kind: str) -> list[str]:
    return [query.text for panel in board.panels() for query in panel.queries if query.source.type == kind]


@each_board
def test_it_is_sound(board: Board) -> None:
    assert problems(to_json(board)) == []


@each_board
def test_it_asks_for_nothing_undeclared(board: Board) -> None:
    asked = [target["expr"] for target in to_json(board)["annotations"]["list"] if target.get("expr")]
    assert len(asked) >= 2, "a switch of models, and a start of the back end"
    assert [problem for text in (*asked, *queries(board, "prometheus")) for problem in CATALOG.promql(text)] == []
    assert [problem for text in queries(board, "influxdb") for problem in CATALOG.flux(text)] == []
    assert [problem for text in queries(board, "postgres") for problem in sql_problems(text, TEXT_ROWS)] == []
    reads = "sigmasight_text" in json.dumps(to_json(board)) or bool(queries(board, "postgres"))
    assert reads == board.restricted == ("text" in board.tags)


def test_everything_is_asked_for() -> None:
    asked = {name for board in BOARDS for text in queries(board, "prometheus") for name in CATALOG.metrics_in(text)}
    asked |= {name for board in BOARDS for expr in to_json(board)["annotations"]["list"] if expr.get("expr")
              for name in CATALOG.metrics_in(expr["expr"])}  # fmt: skip
    stored = {name for board in BOARDS for text in queries(board, "influxdb") for name in CATALOG.measurements_in(text)}
    assert {metric.name for metric in (*metrics.METRICS, *metrics.SHARED)} - asked == set()
    assert {one.name for one in metrics.MEASUREMENTS} - stored == set()
    assert asked <= {metric.name for metric in (*metrics.METRICS, *llm.FAMILIES, *metrics.SHARED, *health.METRICS)}


def test_every_column_of_words_is_asked_for() -> None:
    assert unnamed_columns((text for board in BOARDS for text in queries(board, "postgres")), TEXT_ROWS) == []


@each_board
def test_nobody_asks_for_words_by_the_clock(board: Board) -> None:
    assert bool(queries(board, "postgres")) == (board.refresh == "")


def test_no_two_are_confused() -> None:
    others = {"uid": "observatory-home", "title": "Home"}
    assert together([others, *(to_json(board) for board in BOARDS)]) == []
