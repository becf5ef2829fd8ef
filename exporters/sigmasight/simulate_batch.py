"""`batch_run_history`: every kind of row that SigmaSight writes, including the ones that never end.

* the orchestrator inserts `running` and later updates, by run id, whatever is still running;
* the nightly V2 jobs insert a finished row at their end;
* the tracker in memory finds no row of its UUID and inserts one, `running` for ever: a phantom.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from psycopg import sql
from psycopg.types.json import Jsonb

from exporters.sigmasight.simulate_pen import JSON_NULL, Pen, Story
from exporters.sigmasight.simulate_people import People

V2Kind = Literal["symbol_batch", "portfolio_refresh"]
Breakage = Literal["partial", "failed", "crashed", "single_date", "single_date_tolerated", "skipped", "stuck"]
"""skipped: every date was done already. stuck: the end came before the start was committed. single_date_tolerated:
errors of phase 6 are listed on a run that counts as completed."""

TRIGGER: Final[Mapping[V2Kind, str]] = {"symbol_batch": "v2_cron", "portfolio_refresh": "v2_cron_portfolio"}
LOG_ENTRIES: Final = 6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the orchestrator's only update writes."""

    status: str
    completed: int
    failed: int
    errors: object
    phases: bool = False


def orchestrator(pen: Pen, trigger: str, breakage: Breakage | None = None, *, run_id: str | None = None) -> Story:
    """A run over some trading dates. While it runs, its counts stay 0."""
    dates = 1 if breakage in {"single_date", "single_date_tolerated"} else pen.rng.randrange(2, 8)
    began = pen.now()
    run = run_id or f"batch_{began:%Y%m%d_%H%M%S}"
    insert_running(pen, run, trigger, total=dates)
    seconds = pen.rng.uniform(40, 600)
    yield seconds
    if breakage != "stuck":
        finish(pen, run, outcome(pen, breakage, dates), seconds)


def outcome(pen: Pen, breakage: Breakage | None, dates: int) -> Outcome:
    """What a run over `dates` dates ends with."""
    text = pen.canaries.text("batch_run_history.error_summary", "Phase 3 (P&L) error: no price of ACME on that date")
    listed = {"count": 1, "types": ["Phase 3 (P&L) error"], "details": [text]}
    if breakage == "partial":
        return Outcome("partial", dates - 1, 1, Jsonb(listed), phases=True)
    if breakage == "failed":
        return Outcome("failed", 0, dates, Jsonb(listed | {"count": dates, "details": [text] * dates}), phases=True)
    if breakage == "crashed":
        crash = {"exception": text, "type": "OperationalError", "crashed_after_dates": dates // 2}
        return Outcome("failed", dates // 2, dates - dates // 2, Jsonb(crash))
    if breakage == "single_date":
        return Outcome("failed", 0, 1, Jsonb({"errors": [text]}))
    if breakage == "single_date_tolerated":
        return Outcome("completed", 1, 0, Jsonb({"errors": [text]}))
    if breakage == "skipped":
        return Outcome("completed", 0, 0, JSON_NULL)
    return Outcome("completed", dates, 0, JSON_NULL, phases=True)


def insert_running(pen: Pen, run: str, trigger: str, *, total: int, portfolio: uuid.UUID | None = None) -> uuid.UUID:
    """The row of a run that begins: no durations, SQL NULL for errors."""
    at = pen.now()
    return pen.insert(
        "batch_run_history",
        {
            "batch_run_id": run,
            "triggered_by": trigger,
            "started_at": at,
            "status": "running",
            "total_jobs": total,
            "phase_durations": Jsonb({}),
            "created_at": at,
            "portfolio_id": portfolio,
        },
    )


_FINISH: Final = sql.SQL("""
    UPDATE batch_run_history
    SET status = %(status)s, completed_at = %(at)s, total_jobs = %(total)s, completed_jobs = %(completed)s,
        failed_jobs = %(failed)s, phase_durations = %(phases)s, error_summary = %(errors)s
    WHERE batch_run_id = %(run)s AND status = 'running'
""")


def finish(pen: Pen, run: str, end: Outcome, seconds: float) -> int:
    """The end of a run: every row of that id that still runs. The total becomes completed + failed."""
    phases: dict[str, object] = {}
    if end.phases:
        phases["phase_1_5_symbol_factors"] = round(seconds * 0.3, 3)
        if pen.rng.random() < 0.8:
            phases["phase_1_75_symbol_metrics"] = round(seconds * 0.2, 3)
    values = {
        "status": end.status,
        "at": pen.now(),
        "total": end.completed + end.failed,
        "completed": end.completed,
        "failed": end.failed,
        "phases": Jsonb({**phases, "total_duration": int(seconds)}),
        "errors": end.errors,
        "run": run,
    }
    return pen.run("batch_run_history", _FINISH, values)


def v2(pen: Pen, kind: V2Kind, *, failed: bool = False, errors: int = 0) -> Story:
    """A nightly job: one finished row at its end, begun in the past. It has a summary on success, too.

    Its jobs are symbols or portfolios; failed_jobs counts error strings, also on a completed row.
    """
    rng = pen.rng
    seconds = rng.uniform(60, 400) if kind == "symbol_batch" else rng.uniform(10, 60)
    yield seconds
    at = pen.now()
    total = rng.randrange(300, 420) if kind == "symbol_batch" else rng.randrange(8, 30)
    text = pen.canaries.text("batch_run_history.error_summary", "ACME: no price from the provider")
    summary: dict[str, object] = {"batch_type": kind, "calc_date": market_date(at).isoformat()}
    count = max(errors, 1) if failed else errors
    if count:
        summary["errors"] = [text] * count
    pen.insert(
        "batch_run_history",
        {
            "batch_run_id": str(pen.new_id()),
            "triggered_by": TRIGGER[kind],
            "started_at": at - timedelta(seconds=seconds),
            "completed_at": at,
            "status": "failed" if failed else "completed",
            "total_jobs": total,
            "completed_jobs": 0 if failed else total - rng.randrange(3),
            "failed_jobs": count,
            "phase_durations": Jsonb(_v2_phases(kind, seconds, failed=failed)),
            "error_summary": Jsonb(summary),
            "created_at": at,
        },
    )


def _v2_phases(kind: V2Kind, seconds: float, *, failed: bool) -> dict[str, float]:
    if kind == "portfolio_refresh":
        return {"portfolio_refresh": round(seconds, 3)}
    phases = {"phase_0_daily_valuations": round(seconds * 0.1, 3), "phase_1_market_data": round(seconds * 0.6, 3)}
    if not failed:
        phases |= {"phase_2_fundamentals": 0, "phase_3_factors": round(seconds * 0.3, 3)}
    return phases


def market_date(at: datetime) -> date:
    """The market day a nightly run works on: the US date, five hours behind."""
    return (at - timedelta(hours=5)).date()


def phantom(pen: Pen, who: str, *, portfolio: uuid.UUID | None = None) -> uuid.UUID:
    """The tracker's row: a UUID for a run id, an address for a trigger, a long log, and no end ever."""
    key = insert_running(pen, str(pen.new_id()), who, total=0, portfolio=portfolio)
    stamp = pen.now().replace(tzinfo=None).isoformat()
    text = pen.canaries.text("batch_run_history.activity_log", "Processing the portfolio of an invented person")
    log = [{"timestamp": stamp, "message": text, "level": level} for level in ("info", "info", "warning", "error")]
    pen.update("batch_run_history", key, {"activity_log": Jsonb(log * LOG_ENTRIES)})
    return key


def admin_run(pen: Pen, people: People, breakage: Breakage | None = None) -> Story:
    """An administrator presses the button: the orchestrator's row and a phantom beside it."""
    yield from orchestrator(pen, "admin", breakage)
    phantom(pen, address(pen, len(people.admins)))


def user_run(pen: Pen, people: People) -> Story:
    """A user has a portfolio calculated: the phantom is the only row."""
    person = people.pick(pen)
    portfolio = person.portfolios[-1] if person.portfolios else None
    phantom(pen, address(pen, len(people.users)), portfolio=portfolio)
    yield 0.0


def address(pen: Pen, number: int) -> str:
    """Somebody's e-mail address, as `triggered_by` may hold it."""
    return f"{pen.canaries.word('batch_run_history.triggered_by', f'operator.{number}')}@mail.invalid"


def twins(pen: Pen) -> Story:
    """Two starts in one second share an id; the end of either ends both."""
    run = f"batch_{pen.now():%Y%m%d_%H%M%S}"
    insert_running(pen, run, "manual", total=3)
    insert_running(pen, run, "manual", total=5)
    yield 90.0
    finish(pen, run, Outcome("completed", 3, 0, JSON_NULL, phases=True), 90.0)


def nightly(pen: Pen) -> Story:
    """What the cron process does at 23:30 UTC from Monday to Friday."""
    broken = pen.rng.random() < 0.06
    yield from v2(pen, "symbol_batch", failed=broken, errors=pen.rng.choice((0, 0, 0, 2)))
    yield pen.rng.uniform(1, 5)
    yield from v2(pen, "portfolio_refresh", errors=pen.rng.choice((0, 0, 0, 1)))
