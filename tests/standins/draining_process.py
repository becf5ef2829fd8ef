"""A program that appends numbered lines and drains them until it is killed, for tests that kill it.

    python -m tests.standins.draining_process OUTBOX URL ORG TOKEN_FILE LINES_IN_ALL

How many lines exist is asked of the ledger, so a number is used once however often the program dies. It prints
`drained` when LINES_IN_ALL lines were appended and none waits.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from exporters.core.influx import Drainer
from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_post import InfluxPoster
from exporters.core.influx_view import DrainerSettings
from exporters.core.line_protocol import encode
from exporters.core.outbox import Outbox, OutboxLine
from tests.standins.outbox_file import OutboxFile

BATCH = 40
FIRST_NS = 1_700_000_000_000_000_000


def main(path: str, url: str, org: str, token_file: str, count: str) -> None:
    file = OutboxFile(Path(path), Outbox())
    endpoint = InfluxEndpoint(url=url, org=org, token_file=Path(token_file), read_timeout=0.5)
    settings = DrainerSettings(max_lines=100, linger=0.0, backoff_first=0.01, backoff_most=0.05)
    drainer = Drainer(file.store, InfluxPoster(endpoint), settings)
    drainer.start()
    while True:
        ledger = file.store.backlog().get("b")
        appended = ledger.appended if ledger else 0
        if appended < int(count):
            file.append(line(number) for number in range(appended, min(appended + BATCH, int(count))))
            drainer.wake()
        elif ledger and not ledger.lines:
            drainer.stop()
            print("drained", flush=True)
            return
        time.sleep(0.002)


def line(number: int) -> OutboxLine:
    """The line of this number, the same in every life of the program."""
    time_ns = FIRST_NS + number
    return OutboxLine("b", time_ns, encode("m", {"t": "x"}, {"f": number}, time_ns))


if __name__ == "__main__":
    main(*sys.argv[1:])
