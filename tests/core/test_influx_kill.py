"""kill -9 at any moment between append, post, answer and delete: every line arrives, and the account adds up."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.standins.faulty_http import Mode
from tests.standins.influx_servers import BOTH, Kind, influx_server
from tests.standins.outbox_file import OutboxFile

LINES = 6000
KILLS = 8


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", BOTH)
def test_every_line_arrives_once_through_kill_9_and_lost_answers(kind: Kind, tmp_path: Path) -> None:
    chance = random.Random(3)
    token = tmp_path / "token"
    outbox = tmp_path / "outbox.sqlite"
    with influx_server(kind, tmp_path) as server:
        server.bucket("b")
        token.write_text(server.operator_token())
        endpoint = server.endpoint(token)
        command = [sys.executable, "-m", "tests.standins.draining_process"]
        command += [str(outbox), endpoint.url, endpoint.org, str(token), str(LINES)]
        modes: tuple[Mode, ...] = ("hang", "store_then_hang", "store_then_reset", "store_then_hang")
        for life in range(KILLS):
            # In the end it gets nowhere any more, mostly because its lines were stored and it does not hear of it: the
            # point at which a careless program counts twice.
            so_far, wanted = len(server.faults.posts), chance.randint(0, 5)
            server.faults.mode_after(wanted, modes[life % len(modes)])
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                try:
                    while len(server.faults.posts) <= so_far + wanted:
                        assert process.poll() is None, "it died by itself"
                        time.sleep(0.001)
                    time.sleep(chance.uniform(0, 0.02))
                finally:
                    process.kill()
            assert process.returncode == -signal.SIGKILL
        server.faults.mode("healthy")
        # As long as a busy machine takes: what is asked is that it ends, and with every line.
        assert subprocess.run(command, timeout=400, check=True, capture_output=True, text=True).stdout == "drained\n"
        stored = sorted(fields["f"] for fields in server.stored("b").values())
        sent = sum(len(post.lines) for post in server.faults.posts)
    assert stored == list(range(LINES))
    assert sent > LINES, "no line was ever sent again: the kills hit nothing"
    file = OutboxFile(outbox)
    ledger = file.store.backlog()["b"]
    file.close()
    assert (ledger.appended, ledger.written, ledger.lines) == (LINES, LINES, 0)
