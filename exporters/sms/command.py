"""`python -m exporters.sms`: take Alertmanager's posts, send short messages."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from exporters.core.errors import ConfigError
from exporters.sms.receiver import application
from exporters.sms.recipients import recipients, send

DEFAULT_ADDRESS = "127.0.0.1:9465"
CLIENT_SECONDS = 10


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m exporters.sms",
        description="Sends a short message for each post of Alertmanager's webhook to POST /alerts, by any service that"
        " Apprise knows: SMS providers, messengers, telephones.",
    )
    parser.add_argument(
        "--urls-file",
        type=Path,
        required=True,
        help="Apprise addresses, separated by blanks or line ends; read anew for each message",
    )
    parser.add_argument("--web.listen-address", dest="address", default=DEFAULT_ADDRESS, help="host:port")
    return parser


def problems_now(file: Path) -> list[str]:
    """What is wrong with the addresses since the start."""
    try:
        return recipients(file)[1]
    except ConfigError as error:
        return list(error.problems)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status 2: the addresses, or the one to listen on, cannot be used."""
    options = arguments().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    from cheroot import wsgi

    host, _, port = options.address.rpartition(":")
    try:
        known, problems = recipients(options.urls_file)
    except ConfigError as error:
        known, problems = [], list(error.problems)
    if not host or not port.isdecimal():
        problems.append(f"--web.listen-address: {options.address}: host:port is meant")
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 2
    server = wsgi.Server(
        (host.strip("[]"), int(port)),
        application(partial(send, file=options.urls_file), partial(problems_now, options.urls_file)),
        numthreads=2,
        max=4,
        timeout=CLIENT_SECONDS,
        server_name="",
    )
    halt = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: halt.set())
    try:
        server.prepare()
    except OSError as error:
        print(f"{options.address}: {error}", file=sys.stderr)
        return 2
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    logging.getLogger(__name__).info("listening on %s, for %d addresses", options.address, len(known))
    halt.wait()
    server.stop()
    thread.join(CLIENT_SECONDS)
    return 0
