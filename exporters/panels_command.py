"""`observatory panels`: ask every panel's query, and list the panels that are empty, zero without a mark, or fail."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_command(commands: Any) -> None:
    """Add `observatory panels`."""
    parser = commands.add_parser(
        "panels",
        help="find dead panels: ask every panel's query",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--influxdb", metavar="URL", help="ask the Flux panels too")
    parser.add_argument("--influxdb.org", dest="org", default="observatory", metavar="ORG")
    parser.add_argument("--influxdb.token-file", dest="token_file", type=Path, metavar="FILE")
    parser.add_argument("--grafana", metavar="URL", help="ask the SQL panels too, through this Grafana")
    parser.add_argument("--grafana.user", dest="grafana_user", default="admin", metavar="NAME")
    parser.add_argument("--grafana.password-file", dest="grafana_password_file", type=Path, metavar="FILE")
    parser.add_argument("--from", dest="start", default="15m", metavar="AGO", help="time range, default 15m")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from exporters.dead_panels import main

    return main(arguments)
