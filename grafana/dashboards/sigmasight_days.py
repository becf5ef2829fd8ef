"""SigmaSight / Day by day: what every day was, for as long as it is watched; kept when the rows themselves are gone."""

from __future__ import annotations

from exporters.core import llm
from exporters.core.flux import events
from exporters.core.measurement import Measurement
from exporters.sigmasight import days_metrics as d
from exporters.sigmasight import labels as lb
from grafana.dashboards.panels import COUNT, NUMBER, QUIET, SECONDS, Query, line, row, timeseries
from grafana.dashboards.sigmasight_pages import DAYS, NO_ERROR, NO_TOKENS, page

NO_DAY = "no day is over since SigmaSight is watched."
NO_PRICES = "there is no price table, or no row carries tokens."
NO_RUN = "no batch ran."
NO_USE = "nobody used it."


def by_day(measurement: Measurement, field: str, legend: str) -> Query:
    """One number of each day; of several deployments their sum."""
    return line(events(measurement, field).window("sum", every="1d"), legend)


def slowest(measurement: Measurement, field: str, legend: str) -> Query:
    """One duration of each day; of several deployments the longest."""
    return line(events(measurement, field).window("max", every="1d"), legend)


USE = row(
    "How much was it used?",
    timeseries(
        "Requests by day",
        "How many requests were there, and how many failed?",
        by_day(d.DAY_REQUESTS, "requests", "requests"),
        by_day(d.DAY_REQUESTS, "errors", "failed"),
        colours={"failed": "red"},
        may_be_empty=NO_DAY,
        may_be_zero=NO_USE,
    ),
    timeseries(
        "Requests by day and model",
        "Which models were asked?",
        line(events(d.DAY_MODEL, "requests").window("sum", by=(llm.MODEL,), every="1d"), llm.MODEL),
        style="bars",
        may_be_empty=NO_DAY,
    ),
    timeseries(
        "People by day",
        "How many users were active, and how many signed up?",
        by_day(d.DAY_ACTIVITY, "active_users", "active"),
        by_day(d.DAY_SIGN_UPS, "sign_ups", "signed up"),
        may_be_empty=NO_DAY,
        may_be_zero=NO_USE,
        width=8,
    ),
    timeseries(
        "Activity by day",
        "How many events were there, and how many of them errors?",
        by_day(d.DAY_ACTIVITY, "events", "events"),
        by_day(d.DAY_ACTIVITY, "errors", "errors"),
        colours={"errors": "red"},
        may_be_empty=NO_DAY,
        may_be_zero=NO_USE,
        width=8,
    ),
    timeseries(
        "Activity by day and kind",
        "What did users do, by kind of event?",
        line(events(d.DAY_EVENTS, "events").window("sum", by=(lb.EVENT_TYPE,), every="1d"), lb.EVENT_TYPE),
        style="bars",
        may_be_empty=NO_DAY,
        may_be_zero=NO_USE,
        width=8,
    ),
)

SPEED = row(
    "How well did it answer?",
    timeseries(
        "Duration by day",
        "How long did requests take, failed ones included, as SigmaSight's own aggregation has it?",
        *(slowest(d.DAY_REQUESTS, f"latency_p{p}_seconds", f"p{p}") for p in d.PERCENTILES),
        slowest(d.DAY_REQUESTS, "latency_mean_seconds", "mean"),
        unit=SECONDS,
        may_be_empty=NO_DAY,
    ),
    timeseries(
        "First text by day",
        "How long did it take until the first text came, on average?",
        slowest(d.DAY_REQUESTS, "first_chunk_mean_seconds", "mean"),
        unit=SECONDS,
        may_be_empty=NO_DAY,
        width=6,
    ),
    timeseries(
        "Failed by day and model",
        "Which models failed?",
        line(events(d.DAY_MODEL, "errors").window("sum", by=(llm.MODEL,), every="1d"), llm.MODEL),
        style="bars",
        may_be_empty=NO_DAY,
        may_be_zero=NO_ERROR,
        width=6,
    ),
)

COST = row(
    "What did it cost?",
    timeseries(
        "Tokens by day",
        "How many tokens were read and written, and how many as the rows add them up?",
        by_day(d.DAY_REQUESTS, "input_tokens", "read"),
        by_day(d.DAY_REQUESTS, "output_tokens", "written"),
        by_day(d.DAY_REQUESTS, "total_tokens", "total"),
        may_be_empty=NO_TOKENS,
        width=8,
    ),
    timeseries(
        "Cost by day",
        "What did the requests to each model cost, by the price table?",
        line(
            events(d.DAY_COST, "cost").window("sum", by=(llm.MODEL, lb.CURRENCY), every="1d"), (llm.MODEL, lb.CURRENCY)
        ),
        unit=NUMBER,
        style="bars",
        may_be_empty=NO_PRICES,
        width=8,
    ),
    timeseries(
        "Unpriced tokens by day",
        "How many tokens have no price and are in no cost?",
        line(events(d.DAY_MODEL, "unpriced_tokens").window("sum", by=(llm.MODEL,), every="1d"), llm.MODEL),
        style="bars",
        may_be_empty=NO_TOKENS,
        may_be_zero="every token has its price.",
        width=4,
    ),
    timeseries(
        "Tool calls by day",
        "How many tools were called?",
        by_day(d.DAY_REQUESTS, "tool_calls", "calls"),
        may_be_empty=NO_DAY,
        may_be_zero="no tool was called.",
        width=4,
    ),
)

NIGHTS = row(
    "Did the batches run?",
    timeseries(
        "Runs by day",
        "How did the runs end that began on a day? The difference to all of them are phantoms, or run still.",
        by_day(d.DAY_RUNS, "runs", "all"),
        by_day(d.DAY_RUNS, "completed", "completed"),
        by_day(d.DAY_RUNS, "partial", "partial"),
        by_day(d.DAY_RUNS, "failed", "failed"),
        colours={"all": QUIET, "completed": "green", "partial": "orange", "failed": "red"},
        may_be_empty=NO_DAY,
        may_be_zero=NO_RUN,
        width=8,
    ),
    timeseries(
        "Mean duration of runs by day",
        "How long did the runs of a day take?",
        slowest(d.DAY_RUNS, "duration_mean_seconds", "mean"),
        unit=SECONDS,
        may_be_empty=NO_RUN,
        width=8,
    ),
    timeseries(
        "Jobs by day",
        "How many jobs did SigmaSight add up, each kind of run in its own unit?",
        by_day(d.DAY_RUNS, "jobs_total", "planned"),
        by_day(d.DAY_RUNS, "jobs_completed", "done"),
        by_day(d.DAY_RUNS, "jobs_failed", "failed"),
        unit=COUNT,
        colours={"failed": "red"},
        may_be_empty=NO_DAY,
        may_be_zero=NO_RUN,
        width=8,
    ),
)

BOARD = page(
    "Day by day",
    DAYS,
    "days",
    "What was every day like? One point per day of UTC, kept for ever; today is not over.",
    [USE, SPEED, COST, NIGHTS],
    start="now-90d",
    refresh="15m",
    utc=True,
)
