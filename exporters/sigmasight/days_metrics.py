"""One point per day, kept for ever: what a day was when it was over, and what became of it by late rows.

Days are those of UTC, from midnight to midnight, and a point stands at its day's beginning. The numbers are those of
the back end's own aggregation: rows with errors are part of every mean and percentile, and a running batch counts to
the day it began. It writes 0 where there is nothing to say; here that is absent.
"""

from __future__ import annotations

from exporters.core import llm
from exporters.core.measurement import Field, Measurement
from exporters.sigmasight import labels as lb

PERCENTILES = (50, 75, 90, 95, 99)
_SYSTEM = "sigmasight"

DAY_REQUESTS = Measurement(
    _SYSTEM, "sigmasight_daily_requests", "AI requests of a day.", (),
    (
        Field("requests", "int", "How many there were."),
        Field("errors", "int", "How many of them have an error type."),
        Field("latency_mean_seconds", "float", "Mean duration; absent where no row has any.", "seconds"),
        *(
            Field(
                f"latency_p{p}_seconds", "float",
                f"{p} % were as fast; absent where no row has a duration, and above 50 000 rows.", "seconds",
            )
            for p in PERCENTILES
        ),
        Field("first_chunk_mean_seconds", "float", "Mean time to the first text; absent without any.", "seconds"),
        Field("input_tokens", "int", "Tokens read; absent where no row has any."),
        Field("output_tokens", "int", "Tokens written; absent where no row has any."),
        Field("total_tokens", "int", "Both, as the rows say; absent where none does."),
        Field("tool_calls", "int", "Tool calls as the rows count them."),
    ),
    kind="daily",
)  # fmt: skip
DAY_MODEL = Measurement(
    _SYSTEM, "sigmasight_daily_model", "AI requests of a day to one model.", (llm.MODEL,),
    (
        Field("requests", "int", "How many there were."),
        Field("errors", "int", "How many of them have an error type."),
        Field("unpriced_tokens", "int", "Tokens that have no price; absent where no row has tokens."),
    ),
    kind="daily",
)  # fmt: skip
DAY_COST = Measurement(
    _SYSTEM, "sigmasight_daily_cost", "What the requests of a day to one model cost.", (llm.MODEL, lb.CURRENCY),
    (Field("cost", "float", "By the price of each moment, in units of the tag `currency`."),),
    kind="daily",
)  # fmt: skip
DAY_EVENTS = Measurement(
    _SYSTEM, "sigmasight_daily_events", "What users did on a day, by kind.", (lb.EVENT_TYPE,),
    (Field("events", "int", "How many events there were."),),
    kind="daily",
)  # fmt: skip
DAY_ACTIVITY = Measurement(
    _SYSTEM, "sigmasight_daily_activity", "Activity of a day.", (),
    (
        Field("events", "int", "How many events there were."),
        Field("errors", "int", "How many of them have an error code."),
        Field("active_users", "int", "Different users among them; absent above 50 000 rows."),
    ),
    kind="daily",
)  # fmt: skip
DAY_RUNS = Measurement(
    _SYSTEM, "sigmasight_daily_runs", "Batch runs that began on a day, phantoms included.", (),
    (
        Field("runs", "int", "How many there were."),
        Field("completed", "int", "How many of them completed."),
        Field("failed", "int", "How many of them failed."),
        Field("partial", "int", "How many of them did a part of their work."),
        Field("duration_mean_seconds", "float", "Mean duration of those that have an end.", "seconds"),
        Field("jobs_total", "int", "Jobs, each kind of run in its own unit, as the back end adds them up."),
        Field("jobs_completed", "int", "Jobs done, likewise."),
        Field("jobs_failed", "int", "Jobs that failed, or errors of nightly runs, likewise."),
    ),
    kind="daily",
)  # fmt: skip
DAY_SIGN_UPS = Measurement(
    _SYSTEM, "sigmasight_daily_sign_ups", "Users who signed up on a day.", (),
    (Field("sign_ups", "int", "How many there were."),),
    kind="daily",
)  # fmt: skip

MEASUREMENTS: tuple[Measurement, ...] = (
    DAY_REQUESTS, DAY_MODEL, DAY_COST, DAY_EVENTS, DAY_ACTIVITY, DAY_RUNS, DAY_SIGN_UPS,
)  # fmt: skip
