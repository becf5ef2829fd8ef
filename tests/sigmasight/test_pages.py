"""What every page of SigmaSight marks in time, and which pages read text."""

from __future__ import annotations

import json

import pytest

from exporters.core.catalog import Catalog
from exporters.registry import MEASUREMENTS, METRICS
from exporters.sigmasight.health_metrics import HEALTHY
from exporters.sigmasight.metrics import AI_MODEL_SINCE
from grafana.dashboards.panels import Board, to_json
from grafana.dashboards.sigmasight import BOARDS

CATALOG = Catalog(METRICS, MEASUREMENTS)
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


@each_board
def test_it_marks_switches_of_models_and_starts_of_the_back_end(board: Board) -> None:
    asked = [target["expr"] for target in to_json(board)["annotations"]["list"] if target.get("expr")]
    named = {name for text in asked for name in CATALOG.metrics_in(text)}
    assert {AI_MODEL_SINCE.name, HEALTHY.name} <= named


@each_board
def test_texts_are_asked_for_on_restricted_pages_only(board: Board) -> None:
    assert ("sigmasight_text" in json.dumps(to_json(board))) <= board.restricted == ("text" in board.tags)


@each_board
def test_words_in_a_database_are_asked_for_by_people_and_no_clock(board: Board) -> None:
    asked = [query for panel in board.panels() for query in panel.queries if query.source.type == "postgres"]
    assert bool(asked) == (board.refresh == "")
    assert bool(asked) <= board.restricted


def test_what_the_menu_hands_from_page_to_page_means_the_same_there() -> None:
    """A value of another database, or of another column, would find nothing, or fail."""
    named: dict[str, set[str]] = {}
    for board in BOARDS:
        for variable in to_json(board)["templating"]["list"]:
            meaning = {key: variable.get(key) for key in ("type", "query", "regex", "allValue", "datasource")}
            named.setdefault(variable["name"], set()).add(json.dumps(meaning, sort_keys=True))
    assert {name for name, meanings in named.items() if len(meanings) > 1} == set()
    assert {"database", "ai_database", "user"} <= named.keys()


@each_board
def test_points_at_the_beginning_of_a_day_are_drawn_on_that_day_in_every_browser(board: Board) -> None:
    """West of UTC its midnight is an evening, and of the day before."""
    daily = {measurement.name for measurement in MEASUREMENTS if measurement.kind == "daily"}
    asked = {
        name for panel in board.panels() for query in panel.queries for name in CATALOG.measurements_in(query.text)
    }
    assert (to_json(board)["timezone"] == "utc") == bool(asked & daily)
