"""The house vocabulary: layout, limits, marks, links; what a board says becomes what Grafana reads."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.core.errors import DeclarationError
from exporters.core.flux import events
from exporters.core.label import closed, opened
from exporters.core.measurement import Field, Measurement
from exporters.core.metric import Var, counter, gauge, histogram
from exporters.core.sql import Column, TextRows, newest
from grafana.dashboards._layout import lines, placed, stretched
from grafana.dashboards._look import Limits, mappings, meanings
from grafana.dashboards.panels import (
    AGE,
    BAD,
    COUNT,
    GOOD,
    NEUTRAL,
    RATIO,
    SECONDS,
    UP_DOWN,
    WARNING,
    Board,
    Panel,
    alerts,
    bar_gauge,
    board,
    choice,
    column,
    databases,
    deployments,
    event_table,
    foreign,
    foreign_rate,
    go,
    heatmap,
    label_table,
    line,
    logs,
    members,
    moments,
    number,
    offered,
    pages,
    row,
    row_table,
    search_box,
    stat,
    states,
    text,
    timeseries,
    to_json,
    totals_table,
)  # fmt: skip
from grafana.dashboards.panels import (
    gauge as dial,
)
from tests.dashboards.structure import problems

OUTCOME = closed("outcome", "How it ended.", "success", "failed")
TOOL = opened("tool", "Which tool.", 8)
RUNS = counter("x_runs_total", "Runs.", (OUTCOME, TOOL))
TOOK = histogram("x_took_seconds", "Time.", (0.5, 1.0), (TOOL,))
DEPTH = gauge("x_depth", "Waiting.")
RUN = Measurement("x", "x_run", "A run.", (OUTCOME,), (Field("took", "float", "Time.", "seconds"),))
SAID = Measurement("x", "x_said", "Said.", (OUTCOME,), (Field("line_text", "str", "What."),), "text")
LINES = TextRows(
    "x",
    "x_lines",
    "Lines.",
    (Column("at", "time", "When."), Column("words", "text", "What.")),
    "SELECT 1",
    9,
    ("words",),
)
WHY = "How many runs were there in this time range?"


def a_board(*made: Panel, **rest: Any) -> Board:
    rest.setdefault("variables", (deployments("x"),))
    return board(
        "A board", uid="a-board", system="x", page="a", description="What is it?", tags=("x",),
        rows=[row("Row", *made)], **rest,
    )  # fmt: skip


def drawn(made: Panel) -> dict[str, Any]:
    """The panel as it stands in the file."""
    panels: list[dict[str, Any]] = to_json(a_board(made))["panels"]
    return panels[1]


EVERY_KIND = [
    stat("Runs", WHY, RUNS.increase("$__range"), limits=Limits(bad_above=0), may_be_zero="nobody ran it."),
    stat("State", WHY, DEPTH.max(), words=UP_DOWN, trend=True),
    dial("Share", WHY, DEPTH.max(), unit=RATIO, limits=Limits(bad_below=0.5)),
    bar_gauge("Bars", WHY, line(RUNS.increase("$__range", by=TOOL), TOOL), colours={"a": GOOD}),
    timeseries("Lines", WHY, line(RUNS.rate(by=OUTCOME), OUTCOME), style="bars", limits=Limits(warn_above=3)),
    timeseries("Flux", WHY, line(events(RUN, "took").window("mean"), "took"), interval="1m", may_be_empty="it is new."),
    heatmap("Heat", WHY, TOOK.distribution(), SECONDS),
    states("States", WHY, line(DEPTH.max(), "x"), words=UP_DOWN),
    event_table(
        "Events", WHY, events(RUN).table(["outcome", "took"]), [column(OUTCOME, "How"), column("took", "Took")]
    ),
    label_table("Labels", WHY, [column(TOOL, "Tool"), number("Runs", RUNS.sum(by=TOOL)), number("Depth", DEPTH.max())]),
    label_table("Names", WHY, [column(TOOL, "Tool")], asked=RUNS.value()),
    totals_table(
        "Totals", WHY, OUTCOME, "How", [("Runs", events(RUN, "took").total("count", (OUTCOME,), name="Runs"))]
    ),
    logs("Log", WHY, events(SAID).table(["line_text", "outcome"]), ["line_text", "outcome"]),
    row_table("Rows", WHY, newest(LINES).table(["at", "words"]), [column("at", "At"), column("words", "Words")]),
    stat("Counted", WHY, newest(LINES).count("found", "looked through")),
    moments("Dots", WHY, newest(LINES).moments("words", ["good", "bad"]), {"good": GOOD, "bad": BAD}),
    text("Words", WHY, "Some *words*."),
    pages("Pages", WHY, "x"),
    alerts("Alerts", WHY, '{system="x"}'),
]


@pytest.mark.parametrize("made", EVERY_KIND, ids=lambda made: f"{made.kind}-{made.title}")
def test_every_kind_of_panel_is_sound(made: Panel) -> None:
    found = [p for p in problems(to_json(a_board(made))) if "no query uses it" not in p]
    assert found == []


def test_the_same_board_is_the_same_bytes() -> None:
    first, second = (json.dumps(to_json(a_board(*EVERY_KIND))) for _ in range(2))
    assert first == second


# Layout.

WIDTHS = st.lists(st.integers(1, 24), min_size=1, max_size=12)


@given(WIDTHS)
def test_a_line_fills_the_page(widths: list[int]) -> None:
    for found in lines([text("T", WHY, "", width=width) for width in widths]):
        assert sum(panel.width for panel in found) <= 24
        filled = stretched([panel.width for panel in found])
        assert sum(filled) == 24
        assert min(filled) >= 1


@given(st.lists(WIDTHS, min_size=1, max_size=4), st.integers(2, 12))
def test_nothing_overlaps_and_nothing_is_left_free(rows: list[list[int]], height: int) -> None:
    made = [
        row("R", *(text("T", WHY, "", width=width, height=height + i % 3) for i, width in enumerate(widths)))
        for widths in rows
    ]
    cells = [
        (x, y) for _, at in placed(made) for x in range(at.x, at.x + at.width) for y in range(at.y, at.y + at.height)
    ]
    assert len(cells) == len(set(cells)) == 24 * (max(y for _, y in cells) + 1)


def test_a_row_without_a_title_has_no_heading() -> None:
    assert [type(thing).__name__ for thing, _ in placed([row("", text("T", WHY, ""))])] == ["Panel"]


# Colours.


@pytest.mark.parametrize(
    ("limits", "colours"),
    [
        (Limits(bad_above=0), {0: GOOD, 1: BAD}),
        (Limits(warn_above=0, bad_above=10), {0: GOOD, 3: WARNING, 10: BAD}),
        (Limits(bad_below=1), {0: BAD, 1: GOOD}),
        (Limits(warn_below=0.9, bad_below=0.7), {0.5: BAD, 0.7: WARNING, 0.95: GOOD}),
    ],
)
def test_limits_colour_numbers(limits: Limits, colours: dict[float, str]) -> None:
    steps = limits.steps()
    assert steps[0]["value"] is None
    for value, colour in colours.items():
        reached = [s["color"] for s in steps if s["value"] is None or s["value"] <= value]
        assert reached[-1] == colour, value


def test_closed_labels_are_coloured_by_meaning_and_red_is_failure() -> None:
    overrides = drawn(timeseries("T", WHY, line(RUNS.rate(by=OUTCOME), OUTCOME)))["fieldConfig"]["overrides"]
    hues = {o["matcher"]["options"]: o["properties"][0]["value"]["fixedColor"] for o in overrides}
    assert hues["success"] == GOOD
    assert hues["failed"] == BAD


def test_closed_labels_without_a_meaning_are_never_red() -> None:
    shape = closed("shape", "A shape.", *(f"shape{n}" for n in range(20)))
    shapes = counter("x_shapes_total", "Shapes.", (shape,))
    overrides = drawn(timeseries("T", WHY, line(shapes.rate(by=shape), shape)))["fieldConfig"]["overrides"]
    hues = [o["properties"][0]["value"]["fixedColor"] for o in overrides]
    assert len(hues) == 21
    assert not {h for h in hues if "red" in h or "orange" in h}


def test_words_replace_numbers() -> None:
    (mapping,) = mappings(UP_DOWN)
    assert mapping["options"]["1"]["text"] == "Up"
    assert mapping["options"]["0"]["color"] == BAD
    assert meanings(("success", "nobody_knows")) == {}, "half-coloured columns mislead"


def test_a_single_line_is_of_one_colour_without_a_legend() -> None:
    made = drawn(timeseries("T", WHY, RUNS.rate()))
    assert made["fieldConfig"]["defaults"]["color"] == {"fixedColor": NEUTRAL, "mode": "fixed"}
    assert made["options"]["legend"]["showLegend"] is False


# What is asked.


def test_totals_are_asked_once_and_courses_over_time() -> None:
    assert drawn(stat("T", WHY, DEPTH.sum()))["targets"][0]["instant"] is True
    assert drawn(stat("T", WHY, DEPTH.sum(), trend=True))["targets"][0]["range"] is True
    assert drawn(timeseries("T", WHY, DEPTH.sum()))["targets"][0]["range"] is True
    assert drawn(heatmap("T", WHY, TOOK.distribution(), SECONDS))["targets"][0]["format"] == "heatmap"


def test_series_start_at_zero_and_axes_do_not_shrink() -> None:
    defaults = drawn(timeseries("T", WHY, RUNS.rate(), unit=COUNT))["fieldConfig"]["defaults"]
    assert defaults["min"] == 0
    assert defaults["custom"]["axisSoftMax"] == 1
    assert "decimals" not in defaults


def test_a_measurement_says_which_data_source_is_asked() -> None:
    assert line(events(RUN, "took").count()).source.uid == "influxdb"
    assert line(events(SAID).table()).source.uid == "influxdb-text"
    assert a_board(logs("T", WHY, events(SAID).table(), [])).restricted
    assert not a_board(timeseries("T", WHY, line(events(RUN, "took").count()))).restricted


def test_rows_of_a_database_are_of_the_restricted_set_and_shown_whole() -> None:
    asked = newest(LINES).totals("words")
    assert a_board(row_table("T", WHY, asked, [column("words", "W"), column("rows", "R")])).restricted
    with pytest.raises(DeclarationError, match=r"shows or leaves out \['rows'\]"):
        row_table("T", WHY, asked, [column("words", "W")])
    with pytest.raises(DeclarationError, match=r"shows or leaves out \['line'\]"):
        row_table("T", WHY, asked, [column("words", "W"), column("rows", "R"), column("line", "L")])
    assert drawn(stat("T", WHY, newest(LINES).count()))["options"]["textMode"] == "value_and_name"


def test_rows_say_which_variable_chooses_their_database() -> None:
    elsewhere = replace(LINES, database="other_database")
    assert line(newest(LINES).count()).source.uid == "${database}"
    assert line(newest(elsewhere).count()).source.uid == "${other_database}"
    chosen = databases("X texts", elsewhere.database)
    assert (chosen.name, chosen.json["regex"]) == ("other_database", "/^X texts: ${deployment:regex}$/")
    assert offered("w", "W", newest(elsewhere).options("words")).json["datasource"]["uid"] == "${other_database}"


def test_what_a_filter_offers_is_asked_again_where_the_range_counts() -> None:
    timed = replace(LINES, sql=f"{LINES.sql} WHERE true OR now() > <from>")
    for rows, refresh in ((LINES, 1), (timed, 2)):
        assert offered("w", "W", newest(rows).options("words")).json["refresh"] == refresh


def test_each_kind_of_moment_has_a_line_and_a_colour() -> None:
    made = drawn(moments("T", WHY, newest(LINES).moments("words", ["good", "bad"]), {"good": GOOD, "bad": BAD}))
    assert made["fieldConfig"]["defaults"]["custom"]["drawStyle"] == "points"
    assert made["fieldConfig"]["defaults"]["max"] > 2
    colours = {o["matcher"]["options"]: o["properties"][0]["value"] for o in made["fieldConfig"]["overrides"]}
    assert {name: colour["fixedColor"] for name, colour in colours.items()} == {"good": GOOD, "bad": BAD}


def test_a_column_may_be_of_one_colour_and_a_text_can_be_read_whole() -> None:
    shown = [column("at", "At"), column("words", "Words", colour=BAD, wrap=True)]
    made = drawn(row_table("T", WHY, newest(LINES).table(["at", "words"]), shown))
    properties = {one["id"]: one["value"] for one in made["fieldConfig"]["overrides"][-1]["properties"]}
    assert properties["color"] == {"fixedColor": BAD, "mode": "fixed"}
    assert properties["custom.cellOptions"]["type"] == "color-text"
    made = drawn(row_table("T", WHY, newest(LINES).table(["words"]), [column("words", "Words", wrap=True)]))
    properties = {one["id"]: one["value"] for one in made["fieldConfig"]["overrides"][-1]["properties"]}
    assert properties["custom.inspect"] is True


def test_a_flux_series_is_named_after_its_column() -> None:
    assert line(events(RUN, "took").count(), "runs").text.endswith('rename(columns: {_value: "runs"})')


def test_a_flux_series_of_several_tags_is_named_after_their_values() -> None:
    asked = events(Measurement("x", "x_sum", "A sum.", (OUTCOME, TOOL), (Field("cost", "float", "Money."),)), "cost")
    several = drawn(timeseries("T", WHY, line(asked.window("sum", by=(OUTCOME, TOOL)), (OUTCOME, TOOL))))
    named = "${__field.labels.outcome} · ${__field.labels.tool}"
    assert several["fieldConfig"]["defaults"]["displayName"] == named
    one = drawn(timeseries("T", WHY, line(asked.window("sum", by=(TOOL,)), TOOL)))
    assert "displayName" not in one["fieldConfig"]["defaults"], "Grafana finds a single tag by itself"


def test_a_table_shows_its_columns_and_no_other() -> None:
    made = drawn(label_table("T", WHY, [column(TOOL, "Tool"), number("Runs", RUNS.sum(by=TOOL))]))
    kept = next(t for t in made["transformations"] if t["id"] == "filterFieldsByName")
    assert kept["options"]["include"]["names"] == ["tool", "Value"]
    several = drawn(EVERY_KIND[9])
    assert [t["id"] for t in several["transformations"]] == ["merge", "filterFieldsByName", "organize"]
    renamed = several["transformations"][2]["options"]["renameByName"]
    assert renamed == {"tool": "Tool", "Value #A": "Runs", "Value #B": "Depth"}


def test_marks_stand_in_the_description() -> None:
    made = drawn(stat("T", WHY, DEPTH.sum(), may_be_zero="it is new.", may_be_empty="there is none."))
    assert made["description"] == f"{WHY}\n\nZero is normal: it is new.\n\nNothing to show is normal: there is none."


def test_what_stands_there_when_there_is_nothing() -> None:
    made = drawn(event_table("T", WHY, events(RUN).table(), [column("took", "Took")], nothing="Nobody ran it"))
    assert made["fieldConfig"]["defaults"]["noValue"] == "Nobody ran it"
    blank = made["fieldConfig"]["overrides"][0]
    assert blank["properties"] == [{"id": "noValue", "value": ""}], "but not in every empty cell"


# Variables, links, foreign series.


def test_links_keep_the_time_window_and_the_deployment() -> None:
    assert go("Jobs", "x-jobs", keep=("database",), type="a")["url"].endswith("&${database:queryparam}&var-type=a")
    assert go("Jobs", "x-jobs", type="a")["url"] == "/d/x-jobs?${__url_time_range}&${deployment:queryparam}&var-type=a"


def test_variables_offer_what_there_is() -> None:
    made = members(TOOL, "Tool", RUNS).json
    assert made["query"]["query"] == 'label_values(x_runs_total{deployment=~"$deployment"}, tool)'
    assert members(TOOL, "Tool", TOOK).json["query"]["query"].startswith("label_values(x_took_seconds_count{")
    assert choice(OUTCOME, "Outcome").json["query"] == "success,failed,other"
    assert deployments("x").json["query"]["query"] == 'label_values(observatory_source_up{system="x"}, deployment)'
    assert search_box().json["type"] == "textbox"


def test_a_variable_of_a_label_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no label 'outcome'"):
        members(OUTCOME, "Outcome", TOOK)
    with pytest.raises(ValueError, match="no closed set"):
        choice(TOOL, "Tool")


def test_foreign_series_are_declared_too() -> None:
    assert foreign("up", job="observatory").render is not None
    with pytest.raises(DeclarationError, match="not a known foreign series"):
        foreign("upp")
    with pytest.raises(DeclarationError, match="not a known foreign series"):
        foreign_rate("up", level="info")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"title": "T" * 41}, "1 to 40 characters"),
    ({"title": ""}, "1 to 40 characters"),
    ({"question": "Runs"}, "which question"),
    ({"width": 25}, "width lies in"),
    ({"may_be_zero": "because"}, "is a sentence"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_a_panel_refuses_to_be_wrong(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Panel(**{"kind": "stat", "title": "T", "question": WHY, **given})


def test_a_filter_is_a_variable_of_the_page() -> None:
    made = a_board(stat("T", WHY, RUNS.increase("1h", where={OUTCOME: Var("outcome")})))
    assert any("no variable $outcome" in problem for problem in problems(to_json(made)))
    filtered = a_board(*made.panels(), variables=(deployments("x"), choice(OUTCOME, "Outcome")))
    assert problems(to_json(filtered)) == []


def test_age_has_a_unit_of_time() -> None:
    assert drawn(stat("T", WHY, DEPTH.sum(), unit=AGE))["fieldConfig"]["defaults"]["unit"] == "s"
