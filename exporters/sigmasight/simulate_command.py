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
from exporters.sigmasight.simulate_admit import admit
from exporters.sigmasight.simulate_backend import Backend
from exporters.sigmasight.simulate_life import Chore
from exporters.sigmasight.simulate_log import append
from exporters.sigmasight.simulate_pen import Connection

LATE_SECONDS = 8.0
"""The longest a row stays uncommitted in real time."""
LOG_SECONDS = 2.0
LOG_RECORDS = 3


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
    add("--seed", type=int, help="fixes every random choice; by default each run differs")
    add("--rate", type=float, default=4.0, help="rows per second, about (%(default)s)")
    add("--backfill-days", type=float, default=0.0, help="history to write first (%(default)s)")
    add("--stories-per-day", type=float, default=60.0, help="of that history (%(default)s)")
    add("--aggregated", type=float, default=0.0, help="share of its days in daily_metrics (%(default)s)")
    add("--burst-minutes", type=float, default=0.0, help="minutes between bursts; 0: none (%(default)s)")
    add("--burst-requests", type=int, default=200, help="requests in one burst (%(default)s)")
    add("--clean-up-minutes", type=float, default=0.0, help="minutes between 30-day clean-ups; 0: none (%(default)s)")
    add("--tokens", type=float, default=0.0, help="share of requests with token counts; production has none")
    add("--model", action="append", dest="models", help="a model's name; repeat for several")
    add("--clerk", action="store_true", help="sign-ups as in production: through a third party, without events")
    add("--edges", action="store_true", help="write every known odd row before living")
    add("--backend.port", dest="backend_port", type=int, help="serve the back end's /health, too")
    add("--log.file", dest="log_file", type=Path, help="write the back end's log lines, too")
    arguments = parser.parse_args(argv)
    for name in ("backfill_days", "burst_minutes", "clean_up_minutes", "burst_requests", "stories_per_day"):
        if getattr(arguments, name) < 0:
            parser.error(f"--{name.replace('_', '-')} must not be negative")
    if arguments.rate <= 0:
        parser.error("--rate must be greater than 0")
    for name in ("tokens", "aggregated"):
        if not 0 <= getattr(arguments, name) <= 1:
            parser.error(f"--{name} is a share from 0 to 1")
    return arguments


def connecting(arguments: argparse.Namespace, half: str) -> Callable[[], Connection]:
    """How to connect to one half; with no `--ai.port` and no `--ai.dbname` the AI tables lie in core."""
    file: Path | None = getattr(arguments, f"{half}_password_file") or arguments.core_password_file

    def connect() -> Connection:
        return psycopg.connect(
            host=getattr(arguments, f"{half}_host"),
            port=getattr(arguments, f"{half}_port") or arguments.core_port,
            user=getattr(arguments, f"{half}_user"),
            dbname=getattr(arguments, f"{half}_dbname") or f"sigmasight_{half}",
            password=file.read_text().strip() if file else None,
            autocommit=True,
            connect_timeout=5,
        )

    return connect


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
            backend = Backend(arguments.backend_port).start()
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
    if arguments.log_file is not None:
        found.append(Chore(LOG_SECONDS, lambda: append(arguments.log_file, sigma.pen, LOG_RECORDS)))
    return found


def begin(
    arguments: argparse.Namespace,
    core: Callable[[], Connection],
    ai: Callable[[], Connection] | None,
    stop: threading.Event,
) -> Sigma:
    """Tables, grants, people, history."""
    sigma = Sigma(
        core(),
        ai() if ai else None,
        seed=secrets.randbits(32) if arguments.seed is None else arguments.seed,
        another=core,
        habits=Habits(
            tokens=arguments.tokens, models=tuple(arguments.models or (names.MODEL,)), late_seconds=LATE_SECONDS
        ),
        legacy=not arguments.clerk,
    )
    sigma.create()
    accounts = ("core_observer", "ai_observer", "core_reader", "ai_reader")
    admit(sigma.pen, **{name: getattr(arguments, name) for name in accounts})
    sigma.found(days_ago=arguments.backfill_days)
    if arguments.backfill_days:
        sigma.backfill(
            arguments.backfill_days,
            stories_per_day=arguments.stories_per_day,
            aggregated=arguments.aggregated,
            stop=stop,
        )
    if arguments.edges:
        sigma.edges(sigma.pen.now())
    return sigma
