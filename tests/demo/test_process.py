"""A child process is started, waited for, watched and stopped; nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from exporters.demo.process import Server, ServerError, StoppingError


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


SLEEPER = "import time; open('up', 'w').close(); time.sleep(600)"


def test_it_runs_until_it_is_stopped(tmp_path: Path) -> None:
    server = Server("sleeper", python(SLEEPER), log=tmp_path / "log", ready=(tmp_path / "up").exists, cwd=tmp_path)
    with server:
        pid = server.pid
        assert server.running
        assert os.getsid(pid) == pid, "a session of its own keeps Ctrl-C in the terminal away from it"
    assert not alive(pid)
    server.stop()


def test_the_process_id_is_the_programs_own(tmp_path: Path) -> None:
    program = "import os, time; open('up', 'w').write(str(os.getpid())); time.sleep(600)"
    seen = tmp_path / "up"
    with Server("sleeper", python(program), log=tmp_path / "log", ready=seen.exists, cwd=tmp_path) as server:
        assert eventually(lambda: seen.read_text() == str(server.pid))


def test_an_early_death_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = "print('opening the shop'); print('no stock'); raise SystemExit(3)"
    server = Server("shop", python(program), log=tmp_path / "log", ready=lambda: False)
    with pytest.raises(ServerError, match=r"shop ended with exit code 3 before it was ready(.|\n)*no stock"):
        server.start().wait_ready(30)
    assert not server.running


def test_what_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    def refuses() -> bool:
        message = "nobody there"
        raise ConnectionRefusedError(message)

    server = Server("sleeper", python("import time; time.sleep(600)"), log=tmp_path / "log", ready=refuses)
    with pytest.raises(ServerError, match=r"not ready after 0\.2 s \(nobody there\)"):
        server.start().wait_ready(0.2)
    server.stop()
    assert not alive(server.pid)


def test_waiting_ends_when_the_program_is_stopping(tmp_path: Path) -> None:
    server = Server("sleeper", python("import time; time.sleep(600)"), log=tmp_path / "log", ready=lambda: False)
    with pytest.raises(StoppingError):
        server.start().wait_ready(60, give_up=lambda: True)
    server.stop()


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="no program 'no-such-server' on PATH"):
        Server("x", ["no-such-server"], log=tmp_path / "log").start()


def test_one_that_ignores_the_signal_is_killed_with_its_children(tmp_path: Path) -> None:
    stubborn = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('part', 'w').write(str(child.pid))\n"
        "import os; os.rename('part', 'up')\n"
        "time.sleep(600)\n"
    )
    seen = tmp_path / "up"
    server = Server("stubborn", python(stubborn), log=tmp_path / "log", ready=seen.exists, cwd=tmp_path)
    server.start().wait_ready()
    server.stop(grace=0.2)
    assert not alive(server.pid)
    assert eventually(lambda: not alive(int(seen.read_text())))


def test_children_left_behind_by_one_that_ended_are_ended_too(tmp_path: Path) -> None:
    leaver = (
        "import subprocess, sys, os\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('part', 'w').write(str(child.pid)); os.rename('part', 'up')\n"
    )
    seen = tmp_path / "up"
    server = Server("leaver", python(leaver), log=tmp_path / "log", cwd=tmp_path).start()
    assert eventually(lambda: not server.running)
    left = int(seen.read_text())
    assert alive(left)
    server.stop()
    assert eventually(lambda: not alive(left))


def test_its_stop_signal_is_the_one_it_asked_for(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: (open('told', 'w').close(), sys.exit(0)))\n"
        "open('up', 'w').close(); time.sleep(600)\n"
    )
    with Server(
        "polite",
        python(program),
        log=tmp_path / "log",
        ready=(tmp_path / "up").exists,
        cwd=tmp_path,
        stop_signal=signal.SIGINT,
    ):
        pass
    assert (tmp_path / "told").exists()


def test_a_later_death_is_told(tmp_path: Path) -> None:
    server = Server("worker", python("import time; print('working'); time.sleep(600)"), log=tmp_path / "log").start()
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: not server.running)
    assert server.obituary().startswith("worker ended with signal SIGKILL")


def test_environment_variables_are_added_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNWANTED", "1")
    program = "import os; print(os.environ.get('WANTED'), os.environ.get('UNWANTED'))"
    server = Server("env", python(program), log=tmp_path / "log", env={"WANTED": "yes", "UNWANTED": None}).start()
    assert eventually(lambda: not server.running)
    assert server.last_lines() == ["yes None"]
    server.stop()


def test_it_dies_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    supervisor = (
        "from pathlib import Path\n"
        "import sys, time\n"
        "from exporters.demo.process import Server\n"
        "server = Server('x', [sys.executable, '-c', 'import time; time.sleep(600)'], log=Path('log')).start()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(python(supervisor), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        # It must have become the program by now: the wish to die with the parent is made just before.
        assert eventually(lambda: "sleep(600)" in " ".join(psutil.Process(child).cmdline()))
        assert eventually(lambda: psutil.Process(child).name() != "setpriv")
        parent.kill()
    assert eventually(lambda: not alive(child))


def test_only_the_end_of_a_long_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert Server("x", ["true"], log=log).last_lines(2) == ["line 99998", "line 99999"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_runs_it_as_somebody_else(tmp_path: Path) -> None:
    program = "import os; print(os.getuid(), os.getgid(), os.getgroups())"
    server = Server("who", python(program), log=tmp_path / "log", user="nobody").start()
    assert eventually(lambda: not server.running)
    uid, gid, *groups = server.last_lines()[0].split(maxsplit=2)
    assert int(uid) != 0
    assert int(gid) != 0
    assert "0" not in groups[0].strip("[]").split(", ")
    server.stop()
