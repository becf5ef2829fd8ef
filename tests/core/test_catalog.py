"""The catalog: names are unique, and a query that names anything else is told so, with what it may have meant."""

from __future__ import annotations

import pytest

from exporters.core import health
from exporters.core.catalog import Catalog
from exporters.core.errors import DeclarationError
from exporters.core.flux import events
from exporters.core.label import closed, opened
from exporters.core.measurement import Field, Measurement
from exporters.core.metric import Metric, counter, gauge, histogram
from exporters.core.promql import DASHBOARD, RULE
from exporters.registry import MEASUREMENTS, METRICS

LEVEL = closed("level", "How bad.", "info", "error")
WHO = opened("who", "Who.", 8)
LINES = counter("x_lines_total", "Lines.", (LEVEL, WHO))
TOOK = histogram("x_took_seconds", "Time.", (0.5, 1.0, 2.5), (LEVEL,))
DEPTH = gauge("x_depth", "Waiting.")
SAID = Measurement("x", "x_said", "Said.", (LEVEL, WHO), (Field("words", "int", "How many."),))
TEXT = Measurement("x", "x_said_text", "Said.", (LEVEL,), (Field("line_text", "str", "What."),), "text")
CATALOG = Catalog([LINES, TOOK, DEPTH, *health.METRICS], [SAID, TEXT])

RIGHT = [
    "x_lines_total",
    'sum by (level) (rate(x_lines_total{level=~"info|error", who!=""}[$__rate_interval]))',
    'histogram_quantile(0.9, sum by (le) (rate(x_took_seconds_bucket{deployment=~"$deployment"}[5m])))',
    'x_took_seconds_bucket{le="1.0"} / ignoring (le) x_took_seconds_count',
    'x_took_seconds_bucket{le="+Inf"}',
    'x_lines_total{level="other"}',
    'x_lines_total{level=""}',
    'x_lines_total{level=~"inf.*"}',
    'x_lines_total{level=~"${level:regex}", who=~"[[who]]"}',
    'x_lines_total{who="whoever it may be", job="a", instance=~"b.*"}',
    'sum by (short) (label_replace(x_lines_total, "short", "$1", "who", "(.).*"))',
    'label_join(x_lines_total, "both", "-", "level", "who")',
    'count_values("depth", x_depth)',
    "topk(3, max_over_time(x_depth[1h:5m] offset 1d)) > bool 2 and on (deployment) group_left (level) x_lines_total",
    "x_depth @ end() unless x_lines_total # level=~nothing",
    "sum(x_depth) without (deployment) or vector(0) ^ 2e3 % 0x1F == inf",
    "label_values(x_lines_total, who)",
    'label_values(x_lines_total{level="info"}, deployment)',
    "query_result(topk(2, x_lines_total))",
    '{__name__=~"x_lines.*", level="info"}',
    'ALERTS{alertstate="firing"} * on (instance) up',
    "time() - max(observatory_stream_last_event_timestamp_seconds)",
    "sum(x_depth)by(deployment)",
    "x_depth{deployment='home'} - x_depth{deployment=`away`}",
]


@pytest.mark.parametrize("query", RIGHT)
def test_a_right_query_passes(query: str) -> None:
    assert CATALOG.promql(query) == []


WRONG = [
    ("x_line_total", "no metric 'x_line_total' (did you mean x_lines_total?)"),
    ("rate(x_took_seconds[5m])", "no metric 'x_took_seconds'"),
    ("x_lines", "no metric 'x_lines' (did you mean x_lines_total?)"),
    ("x_depth_total / x_depth", "no metric 'x_depth_total'"),
    ('x_lines_total{levle="info"}', "x_lines_total has no label 'levle' (it has: deployment, level, who)"),
    ("sum by (levle) (x_lines_total)", "x_lines_total has no label 'levle'"),
    ("sum(x_lines_total) by (level, le)", "x_lines_total has no label 'le'"),
    ("x_depth without (level)", "x_depth has no label 'level'"),
    ("x_depth * on (who) x_depth", "x_depth has no label 'who'"),
    ('x_lines_total{level="eror"}', "x_lines_total: label 'level' has no value 'eror' (it has: info, error, other)"),
    ('x_lines_total{level!="eror"}', "has no value 'eror'"),
    ('x_lines_total{level=~"info|eror"}', "has no value like 'eror'"),
    ('x_lines_total{level!~"warn.*"}', "has no value like 'warn.*'"),
    ('x_lines_total{level=~"("}', "has no value like '('"),
    ('x_took_seconds_bucket{le="0.3"}', "x_took_seconds has no bucket edge '0.3' (it has: 0.5, 1.0, 2.5, +Inf)"),
    ('x_took_seconds_bucket{le="1"}', "no bucket edge '1'"),
    ('x_took_seconds_count{le="1.0"}', "x_took_seconds has no label 'le'"),
    ('{__name__=~"y_.*"}', "no metric '{…}'"),
    ('{level="info"}', "no metric '{…}'"),
    ('label_replace(x_lines_total, "short", "$1", "whom", "(.).*")', "no label 'whom'"),
    ("label_values(x_lines_total, whom)", "no label 'whom'"),
    ("label_values(x_line_total, who)", "no metric 'x_line_total'"),
    ('up{level="info"}', "up has no label 'level'"),
    ("x:lines:rate5m", "no metric 'x:lines:rate5m'"),
]


@pytest.mark.parametrize(("query", "problem"), WRONG)
def test_a_wrong_query_is_told_what_is_wrong(query: str, problem: str) -> None:
    found = CATALOG.promql(query)
    assert len(found) == 1
    assert found[0].startswith(problem) or problem in found[0]


def test_every_problem_is_told_once() -> None:
    assert len(CATALOG.promql('y + y + x_lines_total{level="eror"} + x_lines_total{level="eror"} + z')) == 3


def test_recording_rules_are_known_where_they_are_given() -> None:
    recorded = {"x:lines:rate5m": ("deployment", "level")}
    assert CATALOG.promql("sum by (level) (x:lines:rate5m)", recorded) == []
    (problem,) = CATALOG.promql("sum by (who) (x:lines:rate5m)", recorded)
    assert "no label 'who'" in problem


FLUX = """
from(bucket: "x")
  |> range(start: v.timeRangeStart, stop: v.timeRangeStop) // from here
  |> filter(fn: (r) => r._measurement == "x_said" and r["level"] == "info")
  |> filter(fn: (r) => r._field == "words" or r.who =~ /^(a|b\\/c).*$/)
  |> group(columns: ["level", "_time"])
  |> aggregateWindow(every: 1m, fn: sum, createEmpty: false)
  |> map(fn: (r) => ({r with twice: r._value * 2, why: "because"}))
  |> duplicate(column: "who", as: "whom")
  |> set(key: "colour", value: "red")
  |> keep(columns: ["_time", "twice", "whom", "colour", "why"])
"""


def test_right_flux_passes() -> None:
    assert CATALOG.flux(FLUX) == []
    assert CATALOG.flux("buckets()") == []


WRONG_FLUX = [
    ('bucket: "x"', 'bucket: "z"', "no bucket 'z'"),
    ('bucket: "x"', 'bucket: "x_text"', "x_said is in bucket x, not in x_text"),
    ('"x_said"', '"x_sayd"', "no measurement 'x_sayd' (did you mean x_said?)"),
    ('r._measurement == "x_said" and ', "", "names no measurement"),
    ('_field == "words"', '_field == "wrds"', "x_said has no field 'wrds' (it has: deployment, level, who, words)"),
    ('r["level"]', 'r["levle"]', "x_said has no tag or field 'levle'"),
    ('== "info"', '== "eror"', "x_said: tag 'level' has no value 'eror' (it has: info, error)"),
    ("r.who =~", "r.whom =~", ""),
    ('columns: ["level"', 'columns: ["lavel"', "no tag or field 'lavel'"),
    ('column: "who"', 'column: "woh"', "no tag or field 'woh'"),
    ('"twice", "whom"', '"thrice", "whom"', "no tag or field 'thrice'"),
]


@pytest.mark.parametrize(("right", "wrong", "problem"), WRONG_FLUX)
def test_wrong_flux_is_told_what_is_wrong(right: str, wrong: str, problem: str) -> None:
    assert right in FLUX
    found = CATALOG.flux(FLUX.replace(right, wrong))
    if not problem:
        assert found == [], "a column the text makes itself may be named anywhere in it"
    else:
        assert any(problem in told for told in found), found


def test_what_is_used_and_what_is_not() -> None:
    catalog = Catalog([LINES, TOOK, DEPTH], [SAID, TEXT])
    told = catalog.unused(["rate(x_took_seconds_bucket[5m]) + {__name__=~'x_lin.*'}"], [FLUX])
    assert [problem.split()[0] for problem in told] == ["x_depth", "x_said_text"]


def test_an_excuse_is_accepted_until_it_is_out_of_date() -> None:
    excused = gauge("x_spare", "Spare.", unused="read by scripts.")
    catalog = Catalog([excused], [])
    assert catalog.unused([], []) == []
    (problem,) = catalog.unused(["x_spare"], [])
    assert "says it is unused" in problem


TWICE: list[tuple[list[Metric], list[Measurement], str]] = [
    ([DEPTH, gauge("x_depth", "Again.")], [], "x_depth"),
    ([TOOK, gauge("x_took_seconds", "A gauge of a histogram's name.")], [], "x_took_seconds"),
    ([DEPTH], [SAID, Measurement("x", "x_said", "Again.", (), (Field("n", "int", "N."),))], "x_said"),
]


@pytest.mark.parametrize(("metrics", "measurements", "name"), TWICE)
def test_a_name_is_declared_once(metrics: list[Metric], measurements: list[Measurement], name: str) -> None:
    with pytest.raises(DeclarationError, match=f"declared twice: {name}"):
        Catalog(metrics, measurements)


def test_the_product_declares_every_name_once() -> None:
    Catalog(METRICS, MEASUREMENTS)


def test_what_metrics_make_always_passes() -> None:
    """The generator and the checker agree: every way to ask a metric names only what it declares."""
    catalog = Catalog(METRICS, MEASUREMENTS)
    for scope in (DASHBOARD, RULE):
        for metric in METRICS:
            by = metric.own_labels
            if metric.buckets:
                asked = [metric.quantile(0.5, by=by), metric.mean(by=by), metric.distribution(), metric.rate(by=by)]
                asked += [metric.share_within(edge) for edge in metric.buckets]
            else:
                asked = [metric.value(), metric.sum(by=by), metric.max()]
            for label in metric.labels:
                where = {label: label.values or ("some.thing", "else")}
                asked.append(metric.rate(where=where) if metric.buckets else metric.value(where))
            for expr in asked:
                assert catalog.promql(expr.render(scope)) == []
    for measurement in MEASUREMENTS:
        first = measurement.fields[0].name
        for flux in (events(measurement).table(), events(measurement, first).count(by=measurement.all_tags)):
            assert catalog.flux(flux.text) == []
