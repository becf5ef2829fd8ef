"""The simulator as a program: makes the tables where they are missing, fills them with a past, and lives."""

import argparse
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight.simulate import Habits, Sigma
from exporters.sigmasight.simulate_admit import MAINTENANCE, Role, admit, make_account, make_database
from exporters.sigmasight.simulate_backend import Backend
from exporters.sigmasight.simulate_batch import nightly
from exporters.sigmasight.simulate_life import Chore
from exporters.sigmasight.simulate_log import Diary
from exporters.sigmasight.simulate_pen import Connection

LATE_SECONDS = 8.0
"""The longest a row stays uncommitted in real time."""
LOG_SECONDS = 1.0
LOG_RECORDS = 1


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m exporters.sigmasight.simulate",
        description="Write what SigmaSight writes into its PostgreSQL, until stopped by Ctrl-C or SIGTERM.",
    )
    add = parser.add_argument
    for half, what in (("core", "the core database"), ("ai", "the AI database")):
        add(f"--{half}.host", dest=f"{half}_host", default="127.0.0.1", help=f"host of {what} (%(default)s)")
        add(f"--{half}.port", dest=f"{half}_port", type=int, required=half == "core", help=f"port of {what}")
        add(f"--{half}.user", dest=f"{half}_user", default="postgres", help="an account that may create tables")
        add(
            f"--{half}.dbname",
            dest=f"{half}_dbname",
            help=f"name of {what}; with no --ai.port and no --ai.dbname there is only core",
        )
        add(f"--{half}.password-file", dest=f"{half}_password_file", type=Path, help="file holding the password")
    add("--core.observer", dest="core_observer", help="an account to be granted what the exporter reads in core")
    add("--ai.observer", dest="ai_observer", help="the same in AI")
    add("--core.reader", dest="core_reader", help="an account to be granted the words that pages show of core")
    add("--ai.reader", dest="ai_reader", help="the same in AI")
    for half in ("core", "ai"):
        for role in ("observer", "reader"):
            add(
                f"--{half}.{role}-password-file",
                dest=f"{half}_{role}_file",
                type=Path,
                help=f"make the {role} of {half}, with the password in this file",
            )
    add("--make-databases", action="store_true", help="make the databases, where they are missing")
    add("--seed", type=int, help="fixes every random choice; by default each run differs")
    add("--rate", type=float, default=4.0, help="rows per second, about (%(default)s)")
    add("--backfill-days", type=float, default=0.0, help="history to write first into empty tables (%(default)s)")
    add("--stories-per-day", type=float, default=60.0, help="of that history (%(default)s)")
    add("--aggregated", type=float, default=0.0, help="share of its days in daily_metrics (%(default)s)")
    add("--burst-minutes", type=float, default=0.0, help="minutes between bursts; 0: none (%(default)s)")
    add("--burst-requests", type=int, default=200, help="requests in one burst (%(default)s)")
    add("--nightly-minutes", type=float, default=0.0, help="minutes between more nightly runs; 0: at night only")
    add("--clean-up-minutes", type=float, default=0.0, help="minutes between 30-day clean-ups; 0: none (%(default)s)")
    add("--tokens", type=float, default=0.0, help="share of requests with token counts; production has none")
    add("--model", action="append", dest="models", help="a model's name; repeat for several")
    add("--calm", action="store_true", help="days on which little fails; otherwise all that can happen soon does")
    add("--clerk", action="store_true", help="sign-ups as in production: through a third party, without events")
    add("--edges", action="store_true", help="write every known odd row before living")
    add("--backend.port", dest="backend_port", type=int, help="serve the back end's /health, too")
    add("--backend.host", dest="backend_host", default="127.0.0.1", help="where (%(default)s)")
    add("--log.file", dest="log_file", type=Path, help="write the back end's log lines, too")
    arguments = parser.parse_args(argv)
    for name in (
        *("backfill_days", "burst_minutes", "nightly_minutes", "clean_up_minutes", "burst_requests", "stories_per_day"),
    ):
        if getattr(arguments, name) < 0:
            parser.error(f"--{name.replace('_', '-')} must not be negative")
    if arguments.rate <= 0:
        parser.error("--rate must be greater than 0")
    for name in ("tokens", "aggregated"):
        if not 0 <= getattr(arguments, name) <= 1:
            parser.error(f"--{name} is a share from 0 to 1")
    return arguments


def connecting(arguments: argparse.Namespace, half: str, dbname: str | None = None) -> Callable[[], Connection]:
    """How to connect to one half, or to database `dbname` of its server.

    With no `--ai.port` and no `--ai.dbname` the AI tables lie in core.
    """
    file: Path | None = getattr(arguments, f"{half}_password_file") or arguments.core_password_file

    def connect() -> Connection:
        return psycopg.connect(
            host=getattr(arguments, f"{half}_host"),
            port=getattr(arguments, f"{half}_port") or arguments.core_port,
            user=getattr(arguments, f"{half}_user"),
            dbname=dbname or database(arguments, half),
            password=file.read_text().strip() if file else None,
            autocommit=True,
            connect_timeout=5,
        )

    return connect


def database(arguments: argparse.Namespace, half: str) -> str:
    """The name of one half's database."""
    return getattr(arguments, f"{half}_dbname") or f"sigmasight_{half}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run until stopped; 0 after a clean stop, 1 when PostgreSQL or the port refuses at the start."""
    arguments = parse_arguments(argv)
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    core = connecting(arguments, "core")
    two = arguments.ai_port is not None or arguments.ai_dbname is not None
    ai = connecting(arguments, "ai") if two else None
    backend = None
    try:
        sigma = begin(arguments, core, ai, stop)
        if arguments.backend_port is not None:
            backend = Backend(arguments.backend_port, host=arguments.backend_host).start()
    except (OSError, psycopg.Error) as error:
        # libpq's messages name hosts and accounts; this one is only for whoever started the simulator.
        print(f"simulate: {error}", file=sys.stderr)
        return 1
    where = f"{arguments.core_host}:{arguments.core_port}"
    print(f"simulate: SigmaSight writes to {where}, {arguments.rate:g} rows/s", file=sys.stderr, flush=True)
    sigma.run(
        rate=arguments.rate,
        stop=stop,
        reconnect=lambda: sigma.connect(core(), ai() if ai else None),
        chores=chores(sigma, arguments),
    )
    if backend is not None:
        backend.stop()
    print(f"simulate: stopped after {sigma.produced.total()} rows", file=sys.stderr)
    return 0


def chores(sigma: Sigma, arguments: argparse.Namespace) -> list[Chore]:
    """What happens on the clock."""
    found = []
    if arguments.burst_minutes:
        found.append(Chore(arguments.burst_minutes * 60, lambda: sigma.burst(arguments.burst_requests)))
    if arguments.clean_up_minutes:
        found.append(Chore(arguments.clean_up_minutes * 60, sigma.clean_up))
    if arguments.nightly_minutes:
        # The rows say how long the run took; nobody waits for it.
        found.append(Chore(arguments.nightly_minutes * 60, lambda: list(nightly(sigma.pen))))
    if arguments.log_file is not None:
        diary = Diary(sigma.pen, arguments.log_file)
        found.append(Chore(LOG_SECONDS, lambda: diary.write(LOG_RECORDS)))
    return found


def begin(
    arguments: argparse.Namespace,
    core: Callable[[], Connection],
    ai: Callable[[], Connection] | None,
    stop: threading.Event,
) -> Sigma:
    """Databases, tables, accounts and their grants, people, history."""
    halves = ("core", "ai") if ai else ("core",)
    if arguments.make_databases:
        for half in halves:
            with connecting(arguments, half, MAINTENANCE)() as connection:
                make_database(connection, database(arguments, half))
    sigma = Sigma(
        core(),
        ai() if ai else None,
        seed=secrets.randbits(32) if arguments.seed is None else arguments.seed,
        another=core,
        habits=Habits(
            tokens=arguments.tokens,
            models=tuple(arguments.models or (names.MODEL,)),
            late_seconds=LATE_SECONDS,
            calm=arguments.calm,
        ),
        legacy=not arguments.clerk,
    )
    sigma.create()
    make_accounts(arguments, sigma)
    accounts = ("core_observer", "ai_observer", "core_reader", "ai_reader")
    admit(sigma.pen, **{name: getattr(arguments, name) for name in accounts})
    if sigma.found(days_ago=arguments.backfill_days) and arguments.backfill_days:
        sigma.backfill(
            arguments.backfill_days,
            stories_per_day=arguments.stories_per_day,
            aggregated=arguments.aggregated,
            stop=stop,
        )
    if arguments.clean_up_minutes:
        sigma.clean_up()
    if arguments.edges:
        sigma.edges(sigma.pen.now())
    return sigma


def make_accounts(arguments: argparse.Namespace, sigma: Sigma) -> None:
    """Those whose password is given; in one server both halves' accounts may be the same."""
    roles: tuple[Role, ...] = ("observer", "reader")
    for half, connection in (("core", sigma.pen.core), ("ai", sigma.pen.ai)):
        for role in roles:
            name: str | None = getattr(arguments, f"{half}_{role}")
            file: Path | None = getattr(arguments, f"{half}_{role}_file")
            if name and file:
                make_account(connection, role, name, file.read_text().strip())
