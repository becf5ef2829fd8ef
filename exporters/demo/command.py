"""The demo's command line: `python -m exporters.demo`, `observatory demo`, `make demo`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Run everything on this machine, natively and on loopback only, with invented systems to watch.
Ctrl-C stops everything it started and nothing else."""


def add_command(commands: Any) -> None:
    """Add `demo` to the subcommands of `observatory`."""
    parser = commands.add_parser(
        "demo",
        help="run everything on this machine with invented systems",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser)
    parser.set_defaults(run=run)


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where it keeps its files (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="continue with the data of the last run")
    parser.add_argument("--history-hours", type=float, default=6.0, help="HER's invented past (%(default)s)")
    parser.add_argument("--history-days", type=float, default=29.0, help="SigmaSight's invented past (%(default)s)")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="stop by itself after that long")
    parser.add_argument("--no-download", action="store_true", help="go without InfluxDB or Grafana if not on PATH")
    parser.add_argument("--any-ports", action="store_true", help="leave the usual ports alone and take free ones")


def run(options: argparse.Namespace) -> int:
    """Run the demo as the flags say; the exit code is that of `run_demo`."""
    # Only here: the other subcommands need nothing of it.
    from exporters.demo.demo import DemoError, run_demo
    from exporters.demo.systems import Invention

    mask = os.umask(0o077)
    try:
        return run_demo(
            options.folder.resolve(),
            keep=options.keep,
            invention=Invention(options.history_hours, options.history_days),
            duration=options.duration,
            download=not options.no_download,
            any_ports=options.any_ports,
        )
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        os.umask(mask)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(
        prog="observatory demo", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_flags(parser)
    return run(parser.parse_args(argv))
