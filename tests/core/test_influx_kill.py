"""kill -9 at any moment between append, post, answer and delete: every line arrives, and the account adds up."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.standins.influx_servers import BOTH, Kind, influx_server
from tests.standins.outbox_file import OutboxFile

LINES = 6000


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
        killed = 0
        for life in range(100):
            posts = len(server.faults.posts)
            if life % 3 == 1:
                # Stored, and nobody hears of it: the point at which a careless program counts twice.
                server.faults.mode("store_then_reset" if life % 2 else "store_then_hang")
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                wanted = chance.randint(1, 12)
                while process.poll() is None and len(server.faults.posts) < posts + wanted and killed < 8:
                    time.sleep(0.001)
                server.faults.mode("healthy")
                if killed < 8:
                    time.sleep(chance.uniform(0, 0.01))
                    process.kill()
                said = process.stdout.read()
            killed += process.returncode == -signal.SIGKILL
            if "drained" in said:
                break
            assert process.returncode == -signal.SIGKILL, "it died by itself"
        assert killed >= 3
        stored = sorted(fields["f"] for fields in server.stored("b").values())
        sent = sum(len(post.lines) for post in server.faults.posts)
    assert stored == list(range(LINES))
    assert sent > LINES, "no line was ever sent again: the kills hit nothing"
    file = OutboxFile(outbox)
    ledger = file.store.backlog()["b"]
    file.close()
    assert (ledger.appended, ledger.written, ledger.lines) == (LINES, LINES, 0)
