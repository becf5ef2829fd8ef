"""PromQL made from declared metrics: the text, for a dashboard and for a rule, and what is refused at import."""

from __future__ import annotations

import re
from collections.abc import Callable

import promql_parser
import pytest

from exporters.core.errors import DeclarationError
from exporters.core.label import DEPLOYMENT, closed, opened
from exporters.core.metric import Kind, Like, Metric, Not, Var, counter, gauge, histogram, info
from exporters.core.promql import DASHBOARD, RULE, Expr, Scope, hour, number, scalar, time

MODE = closed("mode", "How it was asked.", "chat", "action")
TOOL = opened("tool", "Which tool.", 16)
STRANGER = closed("stranger", "Belongs to another metric.", "a", "b")
REPLIES = counter("x_replies_total", "Replies.", (MODE,))
CALLS = counter("x_calls_total", "Calls.", (TOOL,))
LATENCY = histogram("x_reply_seconds", "Time to reply.", (0.5, 1.0, 30.0), (MODE,))
DEPTH = gauge("x_queue_depth", "Entries waiting.", (MODE,))
SEEN = gauge("x_seen_timestamp_seconds", "When it was seen.")
BUILD = info("x_build_info", "What runs.", (TOOL,))
PLAIN = Metric("y_total", "Nobody's deployment.", Kind.COUNTER, (MODE,))

HERE = '{deployment=~"$deployment"}'
PER = "sum by (deployment)"

CASES = [
    (
        REPLIES.rate(by=MODE),
        'sum by (mode) (rate(x_replies_total{deployment=~"$deployment"}[$__rate_interval]))',
        "sum by (deployment, mode) (rate(x_replies_total[5m]))",
    ),
    (
        REPLIES.increase("1h", where={MODE: "chat"}),
        'sum(increase(x_replies_total{deployment=~"$deployment", mode="chat"}[1h]))',
        'sum by (deployment) (increase(x_replies_total{mode="chat"}[1h]))',
    ),
    (
        REPLIES.value({MODE: Not(("chat",))}),
        'x_replies_total{deployment=~"$deployment", mode!="chat"}',
        'x_replies_total{mode!="chat"}',
    ),
    (
        REPLIES.value({MODE: ("chat", "action")}),
        'x_replies_total{deployment=~"$deployment", mode=~"chat|action"}',
        'x_replies_total{mode=~"chat|action"}',
    ),
    (
        CALLS.value({TOOL: ("a.b", "c")}),
        'x_calls_total{deployment=~"$deployment", tool=~"a\\\\.b|c"}',
        'x_calls_total{tool=~"a\\\\.b|c"}',
    ),
    (
        CALLS.value({TOOL: Like("web.*")}),
        'x_calls_total{deployment=~"$deployment", tool=~"web.*"}',
        'x_calls_total{tool=~"web.*"}',
    ),
    (
        REPLIES.rate(where={MODE: Var("mode")}),
        'sum(rate(x_replies_total{deployment=~"$deployment", mode=~"$mode"}[$__rate_interval]))',
        'sum by (deployment) (rate(x_replies_total{mode=~"$mode"}[5m]))',
    ),
    (
        LATENCY.quantile(0.95),
        f"histogram_quantile(0.95, sum by (le) (rate(x_reply_seconds_bucket{HERE}[$__rate_interval])))",
        "histogram_quantile(0.95, sum by (deployment, le) (rate(x_reply_seconds_bucket[5m])))",
    ),
    (
        LATENCY.mean(window="10m"),
        f"sum(rate(x_reply_seconds_sum{HERE}[10m])) / sum(rate(x_reply_seconds_count{HERE}[10m]))",
        f"{PER} (rate(x_reply_seconds_sum[10m])) / {PER} (rate(x_reply_seconds_count[10m]))",
    ),
    (
        LATENCY.share_within(1.0, window="1h"),
        (
            'sum(rate(x_reply_seconds_bucket{deployment=~"$deployment", le="1.0"}[1h]))'
            f" / sum(rate(x_reply_seconds_count{HERE}[1h]))"
        ),
        f'{PER} (rate(x_reply_seconds_bucket{{le="1.0"}}[1h])) / {PER} (rate(x_reply_seconds_count[1h]))',
    ),
    (
        LATENCY.rate(),
        'sum(rate(x_reply_seconds_count{deployment=~"$deployment"}[$__rate_interval]))',
        "sum by (deployment) (rate(x_reply_seconds_count[5m]))",
    ),
    (
        DEPTH.max(by=(MODE,)),
        'max by (mode) (x_queue_depth{deployment=~"$deployment"})',
        "max by (deployment, mode) (x_queue_depth)",
    ),
    (
        SEEN.age(),
        'time() - (max(x_seen_timestamp_seconds{deployment=~"$deployment"}))',
        "time() - (max by (deployment) (x_seen_timestamp_seconds))",
    ),
    (
        SEEN.age(oldest=True),
        'time() - (min(x_seen_timestamp_seconds{deployment=~"$deployment"}))',
        "time() - (min by (deployment) (x_seen_timestamp_seconds))",
    ),
    (
        SEEN.age(window="10m") > 60,
        '(time() - (max(last_over_time(x_seen_timestamp_seconds{deployment=~"$deployment"}[10m])))) > 60',
        "(time() - (max by (deployment) (last_over_time(x_seen_timestamp_seconds[10m])))) > 60",
    ),
    (
        DEPTH.over_time("min_over_time", "5m"),
        'min(min_over_time(x_queue_depth{deployment=~"$deployment"}[5m]))',
        "min by (deployment) (min_over_time(x_queue_depth[5m]))",
    ),
    (PLAIN.rate(), "sum(rate(y_total[$__rate_interval]))", "sum(rate(y_total[5m]))"),
    (BUILD.value(), 'x_build_info{deployment=~"$deployment"}', "x_build_info"),
]


def bare(text: str) -> str:
    """Without parentheses that only help the reader, and without blanks."""
    return re.sub(r"[() ]", "", text)


@pytest.mark.parametrize(("expr", "dashboard", "rule"), CASES)
def test_it_is_written_for_the_place_that_asks(expr: Expr, dashboard: str, rule: str) -> None:
    assert bare(expr.render(DASHBOARD)) == bare(dashboard)
    assert bare(expr.render(RULE)) == bare(rule)


def parsed(text: str) -> promql_parser.Expr:
    for variable, value in (("$__rate_interval", "1m"), ("$__range", "1h"), ("$deployment", ".*"), ("$mode", ".*")):
        text = text.replace(variable, value)
    return promql_parser.parse(text)


COMPOSED = [
    (DEPTH.sum() / DEPTH.max()).or_zero(),
    DEPTH.value().both(REPLIES.value(), on=("mode",)),
    DEPTH.value().unless(REPLIES.value(), on=["deployment"]),
    DEPTH.value().either(REPLIES.value()),
    REPLIES.value().over(BUILD.value(), on=("deployment",)),
    REPLIES.rate(by=MODE).topk(3),
    DEPTH.value().equals(1).aggregate("count", ("mode",)),
    DEPTH.max().call("clamp_min", 0.5),
    BUILD.value().relabel("name", "$1", "tool", r"(.*)\.x"),
    REPLIES.rate().subquery("max_over_time", "1d", "5m"),
    REPLIES.increase("1h").ago("7d"),
    (REPLIES.rate() * 60 + 1 - scalar(0.25)) >= 2,
    DEPTH.sum().both(hour() < 6),
    LATENCY.distribution(),
    LATENCY.rate_of_sum(),
    time() - SEEN.max() < 3,
    DEPTH.avg(),
    DEPTH.min(),
    DEPTH.sum(),
]


@pytest.mark.parametrize("scope", [DASHBOARD, RULE], ids=["dashboard", "rule"])
@pytest.mark.parametrize("expr", [*(case[0] for case in CASES), *COMPOSED])
def test_it_is_promql(expr: Expr, scope: Scope) -> None:
    assert parsed(expr.render(scope)) is not None


def test_an_expression_remembers_what_it_reads() -> None:
    assert (REPLIES.rate() / LATENCY.mean()).metrics == {"x_replies_total", "x_reply_seconds"}


def test_composition_keeps_its_parentheses() -> None:
    """a / (b / c) is not (a / b) / c; precedence is written down, never left to PromQL."""
    nested = scalar(8) / (scalar(4) / scalar(2))
    assert nested.render(RULE) == "8 / (4 / 2)"
    assert ((scalar(8) / scalar(4)) / scalar(2)).render(RULE) == "(8 / 4) / 2"


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (0.25, "0.25"), (1e6, "1000000"), (-3, "-3")])
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


REFUSED: dict[str, tuple[Callable[[], Expr], str]] = {
    "a label it lacks": (lambda: REPLIES.rate(by=STRANGER), r"no label 'stranger' \(it has: deployment, mode\)"),
    "a matcher on a label it lacks": (lambda: REPLIES.value({STRANGER: "a"}), "no label 'stranger'"),
    "a value outside the closed set": (lambda: REPLIES.value({MODE: "chta"}), r"no value 'chta' \(it has: chat, actio"),
    "one wrong value of several": (lambda: REPLIES.value({MODE: ("chat", "b")}), "no value 'b'"),
    "the rate of a gauge": (lambda: DEPTH.rate(), "x_queue_depth is a gauge"),
    "the quantile of a counter": (lambda: REPLIES.quantile(0.9), "x_replies_total is a counter"),
    "a quantile that is none": (lambda: LATENCY.quantile(95), "between 0 and 1"),
    "an edge it lacks": (lambda: LATENCY.share_within(2.0), r"no bucket edge 2.0 \(it has: 0.5, 1, 30\)"),
    "the present value of a histogram": (lambda: LATENCY.value(), "is a histogram"),
    "the age of a number": (lambda: DEPTH.age(), "only a \\*_timestamp_seconds gauge has an age"),
    "an unknown function over time": (lambda: DEPTH.over_time("sum_over_time_", "5m"), "unknown function over time"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(DeclarationError, match=message):
        make()


def test_other_may_be_asked_for_although_nobody_declares_it() -> None:
    assert 'mode="other"' in REPLIES.value({MODE: "other"}).render(RULE)


def test_a_matcher_of_our_own_on_deployment_replaces_the_dashboards() -> None:
    assert REPLIES.value({DEPLOYMENT: "home"}).render(DASHBOARD) == 'x_replies_total{deployment="home"}'
