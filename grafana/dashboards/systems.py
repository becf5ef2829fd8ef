"""LLM systems side by side: the families every system shares, as OpenTelemetry names them."""

from __future__ import annotations

from exporters.core import llm
from exporters.core.label import SYSTEM
from exporters.core.metric import Not, Var, Where
from grafana.dashboards.panels import (
    COUNT,
    NUMBER,
    RATIO,
    SECONDS,
    Limits,
    bar_gauge,
    board,
    column,
    deployments,
    heatmap,
    home_link,
    label_table,
    line,
    members,
    number,
    pages_link,
    row,
    timeseries,
)

CALLS = llm.OPERATION_DURATION
TOOLS = llm.TOOL_DURATION
CHOSEN: Where = {SYSTEM: Var("system")}
FAILED: Where = {SYSTEM: Var("system"), llm.ERROR_TYPE: Not((llm.NO_ERROR,))}
RANGE = "$__range"
WINDOW = "10m"

BOARD = board(
    "LLM systems side by side",
    uid="observatory-systems",
    system="home",
    page="systems",
    description="How much do all systems ask of their models and tools, how long does it take, and what fails?",
    tags=("observatory",),
    links=(home_link(), pages_link("Observatory", ["observatory"])),
    variables=(deployments(), members(SYSTEM, "System", CALLS)),
    rows=[
        row(
            "Side by side",
            label_table(
                "Every system",
                "Which system asks most of its models in this time range, how fast are they, and what fails?",
                [
                    column(SYSTEM, "System"),
                    column(llm.PROVIDER, "Provider"),
                    column(llm.MODEL, "Model"),
                    number("Calls", CALLS.increase(RANGE, by=(SYSTEM, llm.PROVIDER, llm.MODEL), where=CHOSEN)),
                    number(
                        "Half faster than",
                        CALLS.quantile(0.5, by=(SYSTEM, llm.PROVIDER, llm.MODEL), where=CHOSEN, window=RANGE),
                        SECONDS,
                    ),
                    number(
                        "95 % faster than",
                        CALLS.quantile(0.95, by=(SYSTEM, llm.PROVIDER, llm.MODEL), where=CHOSEN, window=RANGE),
                        SECONDS,
                    ),
                    number(
                        "Failed",
                        CALLS.increase(RANGE, by=(SYSTEM, llm.PROVIDER, llm.MODEL), where=FAILED).either(
                            CALLS.increase(RANGE, by=(SYSTEM, llm.PROVIDER, llm.MODEL), where=CHOSEN) * 0
                        ),
                        limits=Limits(bad_above=0),
                    ),
                ],
                sort_by="Calls",
                descending=True,
                height=6,
            ),
        ),
        row(
            "Models",
            timeseries(
                "Calls per minute",
                "How much does each system ask of its models?",
                line(CALLS.rate(by=(SYSTEM, llm.OPERATION), where=CHOSEN) * 60, (SYSTEM, llm.OPERATION)),
                interval="1m",
                unit=NUMBER,
                style="stacked",
            ),
            timeseries(
                "95 % of calls are faster than",
                "How long do the slower calls of each system take?",
                line(CALLS.quantile(0.95, by=SYSTEM, where=CHOSEN, window=WINDOW), SYSTEM),
                unit=SECONDS,
            ),
            heatmap(
                "Durations of calls",
                "How do the durations of calls spread, over all systems chosen?",
                CALLS.distribution(where=CHOSEN),
                SECONDS,
            ),
            timeseries(
                "Share of failed calls",
                "Which share of the calls of ten minutes failed, by system?",
                line(
                    CALLS.increase(WINDOW, by=SYSTEM, where=FAILED)
                    / (CALLS.increase(WINDOW, by=SYSTEM, where=CHOSEN) > 0),
                    SYSTEM,
                ),
                unit=RATIO,
                highest=1,
                may_be_zero="no call failed.",
                may_be_empty="no call ever failed.",
                nothing="No call ever failed",
            ),
            bar_gauge(
                "Mean duration, by provider",
                "Which providers do systems wait for longest in this time range?",
                line(
                    CALLS.mean(by=(SYSTEM, llm.PROVIDER), where=CHOSEN, window=RANGE).topk(10), (SYSTEM, llm.PROVIDER)
                ),
                unit=SECONDS,
                width=12,
                height=6,
            ),
            bar_gauge(
                "Calls, by model",
                "Which models are asked most in this time range?",
                line(CALLS.increase(RANGE, by=(SYSTEM, llm.MODEL), where=CHOSEN).topk(10), (SYSTEM, llm.MODEL)),
                unit=COUNT,
                width=12,
                height=6,
            ),
        ),
        row(
            "Tools",
            timeseries(
                "Tool calls per minute",
                "How much does each system use its tools?",
                line(TOOLS.rate(by=(SYSTEM, llm.TOOL), where=CHOSEN) * 60, (SYSTEM, llm.TOOL)),
                interval="1m",
                unit=NUMBER,
                style="stacked",
            ),
            timeseries(
                "95 % of tool calls are faster than",
                "How long do the slower calls of each tool take?",
                line(TOOLS.quantile(0.95, by=(SYSTEM, llm.TOOL), where=CHOSEN, window=WINDOW), (SYSTEM, llm.TOOL)),
                unit=SECONDS,
            ),
            label_table(
                "Tools that failed",
                "Which tools failed in this time range, and how?",
                [
                    column(SYSTEM, "System"),
                    column(llm.TOOL, "Tool"),
                    column(llm.ERROR_TYPE, "Error"),
                    number("Times", TOOLS.increase(RANGE, by=(SYSTEM, llm.TOOL, llm.ERROR_TYPE), where=FAILED) > 0),
                ],
                sort_by="Times",
                descending=True,
                may_be_empty="no tool failed in this time range.",
                nothing="No tool failed in this time range",
            ),
        ),
    ],
)
