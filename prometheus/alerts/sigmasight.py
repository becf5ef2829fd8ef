"""SigmaSight's alerts: answers that fail or are slow, silence where there is usually talk, nights without a run."""

from __future__ import annotations

from exporters.core import health, llm
from exporters.core.label import DEPLOYMENT, SYSTEM
from exporters.core.metric import Not, Where
from exporters.core.promql import Expr, scalar
from exporters.sigmasight import batch_metrics as b
from exporters.sigmasight import labels as lb
from exporters.sigmasight import metrics as m
from exporters.sigmasight import windows_metrics as w
from prometheus.alerts.alert import Alert

_ON = ("deployment",)
_READ = "last_over_time"
_FAILED: Where = {llm.ERROR_TYPE: Not((llm.NO_ERROR,))}
_ANSWERED: Where = {SYSTEM: "sigmasight", llm.ERROR_TYPE: llm.NO_ERROR}
_CHUNKS: Where = {SYSTEM: "sigmasight"}
_SEEN = health.STREAM_UP.over_time(
    "min_over_time", "1h", by=DEPLOYMENT, where={SYSTEM: "sigmasight", health.STREAM: "ai_requests"}
).equals(1)
_SLOW = 20.48
"""Seconds: an edge of the histogram. An answer with tools takes ten, usually."""


def _failing(window: str) -> Expr:
    return m.AI_REQUESTS.increase(window, where=_FAILED) / m.AI_REQUESTS.increase(window)


def _slow(window: str) -> Expr:
    return scalar(1) - llm.OPERATION_DURATION.share_within(_SLOW, where=_ANSWERED, window=window)


def _last_end(*statuses: str) -> Expr:
    return b.LAST_END.over_time(_READ, "5m", by=b.TRIGGER, where={b.STATUS: statuses})


def _events(step: str, days: str) -> Expr:
    return w.STEP_EVENTS.over_time(_READ, "10m", by=DEPLOYMENT, where={w.DAYS: days, w.STEP: step})


def _finished(days: str) -> Expr:
    return _events("portfolio_complete", days) / _events("portfolio_start", days)


def _conversion(days: str) -> Expr:
    chosen: Where = {w.DAYS: days, w.STEP: "portfolio_complete"}
    return w.CONVERSION.over_time(_READ, "10m", by=DEPLOYMENT, where=chosen)


ALERTS: tuple[Alert, ...] = (
    Alert(
        "SigmaSightRequestsFailing",
        "critical",
        "sigmasight",
        # Of a hundred requests one may fail. Fast: 14.4 times as many, in an hour and in its last minutes; slow: 6
        # times, in six hours and in the last half.
        (_failing("1h") > 0.144)
        .both(_failing("5m") > 0.144, on=_ON)
        .either((_failing("6h") > 0.06).both(_failing("30m") > 0.06, on=_ON))
        .both(m.AI_REQUESTS.increase("6h", where=_FAILED) > 4.5, on=_ON),
        "Requests to the model fail ({{ $labels.deployment }}).",
        "More than 14.4 % of an hour and of its last five minutes, or more than 6 % of six hours and of the last half"
        " hour, and at least five of them. A request fails when its row has an error type, as SigmaSight counts it.",
        "sigmasight-ai",
        reads=("ai_requests",),
    ),
    Alert(
        "SigmaSightAnswersSlow",
        "warning",
        "sigmasight",
        # Of twenty answers one may be slow: six times as many in an hour, three times in six.
        (_slow("1h") > 0.3)
        .both(_slow("5m") > 0.3, on=_ON)
        .either((_slow("6h") > 0.15).both(_slow("30m") > 0.15, on=_ON))
        .both(llm.OPERATION_DURATION.increase("6h", where=_ANSWERED) > 9.5, on=_ON),
        "Answers take longer than 20 s ({{ $labels.deployment }}).",
        "More than 30 % of an hour and of its last five minutes, or more than 15 % of six hours and of the last half"
        " hour, of at least ten answers.",
        "sigmasight-ai",
        reads=("ai_requests",),
    ),
    Alert(
        "SigmaSightFirstTextSlow",
        "warning",
        "sigmasight",
        (llm.FIRST_CHUNK.quantile(0.5, where=_CHUNKS, window="30m") > 5).both(
            llm.FIRST_CHUNK.increase("30m", where=_CHUNKS) > 9.5, on=_ON
        ),
        "Half of the answers begin later than 5 s after the question ({{ $labels.deployment }}).",
        "Of at least ten answers in half an hour. The time includes the tools that run before the first word.",
        "sigmasight-ai",
        wait="5m",
        reads=("ai_requests",),
    ),
    Alert(
        "SigmaSightNoRequests",
        "warning",
        "sigmasight",
        # While nobody can look the counter stands still, too.
        m.AI_REQUESTS.increase("1h")
        .equals(0)
        .both(_SEEN, on=_ON)
        .both(m.AI_REQUESTS.increase("1h").ago("7d") > 9.5, on=_ON),
        "Nobody asks the model at an hour when people usually do ({{ $labels.deployment }}).",
        "No request within an hour, and at least ten within the same hour a week ago.",
        "sigmasight-ai",
        wait="15m",
        reads=("ai_requests",),
    ),
    Alert(
        "SigmaSightBatchFailed",
        "warning",
        "sigmasight",
        # An increase is not seen by an exporter that was away when the run failed, and is over after an hour.
        (b.RUNS.increase("1h", by=b.TRIGGER, where={b.STATUS: "failed"}) > 0.5).either(
            (b.LAST_END.age(by=b.TRIGGER, where={b.STATUS: "failed"}, window="5m") < 86_400).unless(
                _last_end("completed", "partial") >= _last_end("failed"), on=("deployment", "trigger")
            )
        ),
        "A batch run of kind {{ $labels.trigger }} failed ({{ $labels.deployment }}).",
        "Within the last hour; or within the last day, and none of its kind has completed since. What it should have"
        " computed is of the run before.",
        "sigmasight-batch",
        wait="0m",
        held_by=("trigger",),
        reads=("batch_runs",),
    ),
    Alert(
        "SigmaSightBatchMissing",
        "critical",
        "sigmasight",
        b.NIGHTS_MISSED.over_time(_READ, "5m", by=b.TRIGGER) > 0,
        "The nightly run {{ $labels.trigger }} left no row ({{ $labels.deployment }}).",
        "A night of a market day has passed, with hours of grace. A run that dies writes nothing: its row comes at its"
        " end.",
        "sigmasight-batch",
        wait="10m",
        held_by=("trigger",),
        reads=("batch_runs",),
    ),
    Alert(
        "SigmaSightBatchStuck",
        "warning",
        "sigmasight",
        b.UNFINISHED_RUNS.over_time(_READ, "5m", by=b.TRIGGER, where={b.STATE: "stuck"}) > 0,
        "A batch run of kind {{ $labels.trigger }} never ended ({{ $labels.deployment }}).",
        "It has said running for longer than any run takes, and is not one of the rows that a tracker leaves behind.",
        "sigmasight-batch",
        wait="10m",
        held_by=("trigger",),
        reads=("batch_now",),
    ),
    Alert(
        "SigmaSightConversionCollapsed",
        "warning",
        "sigmasight",
        # Sign-ups through Clerk write no events: there the way begins with the portfolio.
        (_conversion("1") < _conversion("30") * 0.3)
        .both(_events("register_start", "1") > 9, on=_ON)
        .either((_finished("1") < _finished("30") * 0.3).both(_events("portfolio_start", "1") > 9, on=_ON)),
        "People begin to sign up and do not arrive ({{ $labels.deployment }}).",
        "Of at least ten registrations or portfolios that were begun within a day, less than a third of the usual share"
        " ended with a portfolio; usual is that of 30 days.",
        "sigmasight-onboarding",
        wait="30m",
        reads=("windows_onboarding",),
    ),
    Alert(
        "SigmaSightTokensUnpriced",
        "info",
        "sigmasight",
        m.AI_UNPRICED.increase(
            "1h", by=(llm.MODEL, lb.UNPRICED_REASON), where={lb.UNPRICED_REASON: Not(("no_table", "unsplit"))}
        )
        > 0,
        "Tokens of {{ $labels.gen_ai_request_model }} have no price ({{ $labels.deployment }}).",
        "There is a price table, and it has none for this model at that time: the cost shown is too low.",
        "sigmasight-ai",
        held_by=("gen_ai_request_model", "reason"),
        reads=("ai_requests",),
    ),
    Alert(
        "SigmaSightRetentionOverdue",
        "warning",
        "sigmasight",
        w.OLDEST.age(
            by=w.TABLE,
            where={w.TABLE: ("user_activity_events", "ai_request_metrics", "batch_run_history")},
            window="20m",
        )
        > 32 * 86_400,
        "{{ $labels.table }} keeps rows that should have been deleted ({{ $labels.deployment }}).",
        "Its oldest row is older than 32 days; SigmaSight promises 30, and nothing but a person or a job of one's own"
        " starts its clean-up.",
        "sigmasight-health",
        wait="30m",
        held_by=("table",),
        reads=("retention",),
    ),
)
