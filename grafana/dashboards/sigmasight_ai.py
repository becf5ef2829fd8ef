"""SigmaSight / AI performance: how fast, how good, how many tokens and tools, at which cost?"""

from __future__ import annotations

from exporters.core import llm
from exporters.core.flux import events
from exporters.core.metric import Not
from exporters.sigmasight import health_metrics as h
from exporters.sigmasight import labels as lb
from exporters.sigmasight import metrics as m
from exporters.sigmasight import tuning_metrics as t
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    ALTERNATIVE,
    COUNT,
    NUMBER,
    RATIO,
    SECONDS,
    YES_NO,
    Limits,
    column,
    event_table,
    gauge,
    heatmap,
    label_table,
    line,
    number,
    row,
    stat,
    timeseries,
)
from grafana.dashboards.sigmasight_pages import AI, NO_ERROR, NO_RATING, NO_TOKENS, RANGE, SIGMASIGHT, TOO_MANY, page
from grafana.dashboards.system_page import share

FAILED = {llm.ERROR_TYPE: Not((llm.NO_ERROR,))}
NO_PRICES = "there is no price table, or no row carries tokens."
NOBODY = "nobody asked anything."


EXACT = row(
    "SigmaSight's own numbers, exactly",
    label_table(
        "By window",
        "What do SigmaSight's own pages say of the last 1, 7, 14 and 30 days?",
        [
            column(w.DAYS, "Days"),
            number("Successes", w.REQUESTS.max(by=w.DAYS, where={lb.OUTCOME: "success"})),
            number("Failures", w.REQUESTS.max(by=w.DAYS, where={lb.OUTCOME: "error"})),
            number("Failed", w.ERROR_RATIO.max(by=w.DAYS), RATIO),
            number("Mean of all", w.MEAN_LATENCY.max(by=w.DAYS, where={w.ROWS: "all"}), SECONDS),
            number("p50", w.LATENCY.max(by=w.DAYS, where={w.STATISTIC: "p50"}), SECONDS),
            number("p95", w.LATENCY.max(by=w.DAYS, where={w.STATISTIC: "p95"}), SECONDS),
            number("p99", w.LATENCY.max(by=w.DAYS, where={w.STATISTIC: "p99"}), SECONDS),
            number("Timed", w.SAMPLES.max(by=w.DAYS)),
            number("First text", w.FIRST_CHUNK.max(by=w.DAYS), SECONDS),
            number("Tool calls", w.TOOL_CALLS.max(by=w.DAYS)),
            number("With tools", w.TOOL_CALLERS.max(by=w.DAYS)),
            number("Tools each", w.TOOLS_MEAN.max(by=w.DAYS), NUMBER),
            number("Computed", w.REQUESTS_COMPUTED.max(by=w.DAYS), words=YES_NO),
        ],
        sort_by="Days",
        height=7,
    ),
)

FAST = row(
    "How fast?",
    heatmap(
        "Durations",
        "How do the durations of requests spread?",
        llm.OPERATION_DURATION.distribution(where=SIGMASIGHT),
        SECONDS,
        width=8,
    ),
    timeseries(
        "Duration of requests",
        "How long do answers take? 50, 90, 95 and 99 of a hundred are faster.",
        *(
            line(llm.OPERATION_DURATION.quantile(q, where=SIGMASIGHT, window="30m"), f"p{q * 100:g}")
            for q in (0.5, 0.9, 0.95, 0.99)
        ),
        unit=SECONDS,
        width=8,
        height=9,
        may_be_empty=NOBODY,
    ),
    timeseries(
        "Time to the first text",
        "How long do people wait for the first word?",
        *(line(llm.FIRST_CHUNK.quantile(q, where=SIGMASIGHT, window="30m"), f"p{q * 100:g}") for q in (0.5, 0.95)),
        unit=SECONDS,
        width=8,
        height=9,
        may_be_empty=NOBODY,
    ),
)

FAILING = row(
    "What fails?",
    timeseries(
        "Failed requests in the last hour",
        "How many requests failed in the hour before each moment, and how?",
        line(m.AI_REQUESTS.increase("1h", by=llm.ERROR_TYPE, where=FAILED) > 0, llm.ERROR_TYPE),
        style="stacked",
        may_be_empty=NO_ERROR,
        nothing="Nothing failed",
        width=8,
        height=10,
    ),
    label_table(
        "Errors",
        "Which requests failed: in this time range, and in 30 days, exactly? What did the back end log of the model?",
        [
            column(llm.ERROR_TYPE, "Error", wide=200),
            number("In range", m.AI_REQUESTS.increase(RANGE, by=llm.ERROR_TYPE, where=FAILED) > 0),
            number("30 days", w.BY_ERROR.max(by=llm.ERROR_TYPE, where={w.DAYS: "30"})),
            number("In the log", h.LLM.increase(RANGE, by=h.ERROR) > 0),
        ],
        sort_by="30 days",
        descending=True,
        may_be_empty=NO_ERROR,
        nothing="Nothing failed",
        width=10,
        height=10,
    ),
    stat(
        "Without text",
        "How many successes of this time range have no first text? Failures without a type are among them.",
        m.AI_WITHOUT_TEXT.increase(RANGE),
        may_be_zero="every answer had text.",
        height=10,
        width=3,
    ),
    stat(
        "Odd values",
        "How many values of this time range cannot be meant, by column?",
        m.AI_ODD_VALUES.increase(RANGE),
        limits=Limits(warn_above=0),
        may_be_zero="all rows are sound.",
        height=10,
        width=3,
    ),
)

TOKENS = row(
    "How many tokens, at which cost?",
    timeseries(
        "Tokens in the last hour",
        "How many tokens went in and out in the hour before each moment?",
        line(llm.TOKEN_USAGE.rate_of_sum(by=llm.TOKEN_TYPE, where=SIGMASIGHT, window="1h") * 3600, llm.TOKEN_TYPE),
        style="stacked",
        may_be_empty=NO_TOKENS,
        may_be_zero=NO_TOKENS,
        width=8,
    ),
    gauge(
        "Without tokens",
        "Which share of the requests of this time range carries no count of tokens?",
        share(m.AI_WITHOUT_TOKENS.increase(RANGE), m.AI_REQUESTS.increase(RANGE)),
        may_be_zero="every row carries tokens.",
        may_be_empty=NOBODY,
        height=8,
        width=4,
    ),
    timeseries(
        "Cost in the last hour",
        "What did the requests of the hour before each moment cost, by model and currency?",
        line(m.AI_COST.increase("1h", by=(llm.MODEL, lb.CURRENCY)), (llm.MODEL, lb.CURRENCY)),
        unit=NUMBER,
        style="stacked",
        may_be_zero=NO_PRICES,
        may_be_empty=NO_PRICES,
        width=8,
    ),
    stat(
        "Without a price",
        "How many tokens of this time range are in no cost, and why?",
        line(m.AI_UNPRICED.increase(RANGE, by=lb.UNPRICED_REASON), lb.UNPRICED_REASON),
        limits=Limits(warn_above=0),
        nothing="none",
        may_be_zero="every token has a price.",
        may_be_empty=NO_TOKENS,
        height=8,
        width=4,
    ),
    label_table(
        "Tokens by window",
        "How many tokens were there in SigmaSight's windows, and how many per request that counts them?",
        [
            column(w.DAYS, "Days"),
            number("Read", w.TOKEN_SUM.max(by=w.DAYS, where={w.TOKENS: "input"})),
            number("Written", w.TOKEN_SUM.max(by=w.DAYS, where={w.TOKENS: "output"})),
            number("Both", w.TOKEN_SUM.max(by=w.DAYS, where={w.TOKENS: "total"})),
            number("Read per request", w.TOKEN_MEAN.max(by=w.DAYS, where={w.TOKENS: "input"}), NUMBER),
            number("Written per request", w.TOKEN_MEAN.max(by=w.DAYS, where={w.TOKENS: "output"}), NUMBER),
        ],
        sort_by="Days",
        may_be_empty=NO_TOKENS,
        nothing="No row carries tokens",
        height=7,
    ),
)

TOOLS = row(
    "Which tools and models?",
    label_table(
        "Tools",
        "Which tools did requests list: in this time range, and in 30 days, exactly?",
        [
            column(lb.TOOL, "Tool", wide=260),
            number("In range", m.AI_TOOLS_LISTED.increase(RANGE, by=lb.TOOL) > 0),
            number("30 days", w.LISTED.max(by=lb.TOOL, where={w.DAYS: "30"})),
        ],
        sort_by="30 days",
        descending=True,
        may_be_empty="no tool was used.",
        nothing="No tool was used",
        height=11,
        width=10,
    ),
    timeseries(
        "Tool calls in the last hour",
        "How many tool calls do the rows count, and how many requests make any?",
        line(m.AI_TOOL_CALLS.increase("1h"), "calls"),
        line(m.AI_WITH_TOOLS.increase("1h"), "requests"),
        colours={"calls": "blue", "requests": ALTERNATIVE},
        may_be_zero="no tool was used.",
        height=11,
        width=14,
    ),
    label_table(
        "Models in 30 days",
        "How much, how fast and how liked is each model? Ratings are of answers whose request is still there.",
        [
            column(llm.MODEL, "Model"),
            number("Requests", w.BY_MODEL.max(by=llm.MODEL, where={w.DAYS: "30"})),
            number("Mean", w.MODEL_LATENCY.max(by=llm.MODEL, where={w.DAYS: "30"}), SECONDS),
            number("Tokens each", w.MODEL_TOKENS.max(by=llm.MODEL, where={w.DAYS: "30"}), NUMBER),
            number("Good", t.BY_MODEL.max(by=llm.MODEL, where={t.RATING: "up"})),
            number("Bad", t.BY_MODEL.max(by=llm.MODEL, where={t.RATING: "down"})),
        ],
        sort_by="Requests",
        descending=True,
        may_be_empty=TOO_MANY,
        width=16,
        height=6,
    ),
    stat(
        "Rated answers took",
        "How long did answers take that people liked, and those they did not?",
        line(t.ANSWER_SECONDS.max(by=t.RATING), t.RATING),
        unit=SECONDS,
        may_be_empty=NO_RATING,
        width=8,
        height=6,
    ),
    event_table(
        "Requests, one by one",
        "How did each request end, how long did it take, and what did it use?",
        events(m.AI_REQUEST_POINT).table(
            [
                "gen_ai_request_model",
                "error_type",
                "latency_seconds",
                "first_chunk_seconds",
                "total_tokens",
                "tool_calls",
            ]
        ),
        [
            column("gen_ai_request_model", "Model"),
            column("error_type", "Error"),
            column("latency_seconds", "Duration", unit=SECONDS),
            column("first_chunk_seconds", "First text", unit=SECONDS),
            column("total_tokens", "Tokens", unit=COUNT),
            column("tool_calls", "Tools", unit=COUNT),
        ],
        may_be_empty=NOBODY,
        width=16,
    ),
    event_table(
        "Tool calls, one by one",
        "Which tools were called when?",
        events(m.AI_TOOL_POINT).table(["tool"]),
        [column("tool", "Tool")],
        may_be_empty="no tool was used.",
        width=8,
    ),
)

BOARD = page(
    "AI performance",
    AI,
    "ai",
    "How fast are answers, what fails, what do tokens and tools cost, and which model is liked?",
    [EXACT, FAST, FAILING, TOKENS, TOOLS],
)
