"""What a demo starts it tells, watches and stops; what it did not start it leaves alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from exporters.demo.ports import free_port
from exporters.demo.process import Server, ServerError, StoppingError
from exporters.demo.stage import Stage
from tests.demo.test_process import alive, eventually

SLEEP = [sys.executable, "-c", "import time; print('working', flush=True); time.sleep(600)"]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stage(tmp_path: Path, said: list[str]) -> Iterator[Stage]:
    made = Stage(tmp_path, said.append)
    yield made
    made.stop()


def says(server: Server, line: str) -> bool:
    return server.last_lines() == [line]


def sleeper(stage: Stage, name: str) -> Server:
    server = Server(name, SLEEP, log=stage.folder / f"{name}.log")
    stage.start(server, address="here", purpose="sleeps")
    return server


def test_the_table_tells_what_runs_and_what_does_not(stage: Stage, said: list[str], tmp_path: Path) -> None:
    sleeper(stage, "one")
    stage.leave_out("two", "would dream", "no dreams on PATH", "go to bed")
    stage.notes.append("sleep well")
    assert stage.table().splitlines() == [
        f"what  address  what for     {'log, or why it is not here'}",
        f"one   here     sleeps       {tmp_path}/one.log",
        "two   -        would dream  no dreams on PATH",
        "sleep well",
    ]
    stage.write_rows(tmp_path / "rows.json")
    assert [(row["name"], row["missing"]) for row in json.loads((tmp_path / "rows.json").read_text())] == [
        ("one", ""),
        ("two", "no dreams on PATH"),
    ]
    assert said[0].startswith("one is up (")
    assert said[1] == "without two: no dreams on PATH; go to bed"


def test_everything_is_stopped_the_last_first_and_nothing_else(stage: Stage, tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = (
        "import signal, sys, time\n"
        f"def end(*_): open({str(order)!r}, 'a').write(sys.argv[1] + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('set', flush=True); time.sleep(600)\n"
    )
    for name in ("first", "second"):
        server = Server(name, [sys.executable, "-c", program, name], log=tmp_path / f"{name}.log")
        stage.start(server, address="-", purpose="-")
        assert eventually(partial(says, server, "set"))
    with Server("stranger", SLEEP, log=tmp_path / "stranger.log") as stranger:
        stage.stop()
        assert order.read_text() == "second first "
        assert stranger.running


def test_one_that_dies_later_is_told_once_and_the_others_go_on(stage: Stage, said: list[str]) -> None:
    one, two = sleeper(stage, "one"), sleeper(stage, "two")
    assert eventually(partial(says, one, "working"))
    os.kill(one.pid, signal.SIGKILL)
    stage.watch(1.5)
    told = [line for line in said if "ended with signal SIGKILL" in line]
    assert len(told) == 1
    assert told[0].splitlines()[1:] == ["working", "the others keep running"]
    assert two.running
    assert [server.name for server in stage.dead] == ["one"]


def test_a_failure_half_way_leaves_nothing_running(stage: Stage, tmp_path: Path) -> None:
    one = sleeper(stage, "one")
    argv = [sys.executable, "-c", "raise SystemExit(2)"]
    broken = Server("broken", argv, log=tmp_path / "b.log", ready=lambda: False)
    with pytest.raises(ServerError, match="broken ended with exit code 2"):
        stage.start(broken, address="-", purpose="-")
    stage.stop()
    assert not alive(one.pid)
    assert "broken" not in stage.table()


def test_stopping_ends_a_start_that_takes_long(stage: Stage, tmp_path: Path) -> None:
    slow = Server("slow", SLEEP, log=tmp_path / "slow.log", ready=lambda: False)
    threading.Timer(0.3, stage.stopping.set).start()
    with pytest.raises(StoppingError):
        stage.start(slow, address="-", purpose="-")
    with pytest.raises(StoppingError):
        stage.start(Server("next", SLEEP, log=tmp_path / "next.log"), address="-", purpose="-")
    stage.stop()
    assert not alive(slow.pid)
    assert not (tmp_path / "next.log").exists()


def test_what_is_dropped_is_gone_from_the_table(stage: Stage) -> None:
    one = sleeper(stage, "one")
    stage.drop(one)
    assert not alive(one.pid)
    assert "one" not in stage.table()
    stage.watch(0.1)
    assert stage.dead == []


def test_usual_ports_are_asked_for_unless_any_will_do(tmp_path: Path, said: list[str]) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        taken = listener.getsockname()[1]
        assert Stage(tmp_path, said.append).port(taken, "Grafana") != taken
        assert len(said) == 1
        assert Stage(tmp_path, said.append, any_ports=True).port(taken, "Grafana") != taken
        assert len(said) == 1
