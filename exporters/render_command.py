"""`observatory render`: write dashboards, rules and docs/metrics.md from the code, or check that they match it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_command(commands: Any) -> None:
    """Add `observatory render`."""
    parser = commands.add_parser(
        "render",
        help="write dashboards, alert rules and docs/metrics.md from the code",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="write nothing; list what differs and exit with 1")
    parser.add_argument("--root", type=Path, default=Path(), help="the repository (default: here)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from exporters.render import render

    drift = render(arguments.root, check=arguments.check)
    for path in drift:
        print(f"{'differs' if arguments.check else 'written'}: {path}")
    return 1 if drift and arguments.check else 0
