"""One server as a child process: started, waited for, watched, stopped by its own process id.

    with Server("redis", ["redis-server", "redis.conf"], log=folder / "redis.log", ready=answers) as server:
        ...

A child runs in a session of its own, so that Ctrl-C in a terminal reaches only the program that supervises it, and
the kernel is asked to stop it if that program is killed (Linux, when started from the main thread).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from exporters.core.errors import ObservatoryError

Probe = Callable[[], bool]
"""True once the server answers. May raise OSError while it does not."""

POLL_SECONDS = 0.05
LAST_LINES = 15
TAIL_BYTES = 16_384


class ServerError(ObservatoryError):
    """A server is missing, died, or did not become ready. The message carries the end of its log."""


class StoppingError(ObservatoryError):
    """The wait for a server was given up because the whole program is stopping."""


class Server:
    """A child process with a log file and a readiness probe.

    name: what people call it, in messages.
    argv: program and arguments; never a secret, every user of the machine can read it.
    log: both output streams are appended here.
    ready: probe for `wait_ready`; without one it is ready as soon as it runs.
    env: added to this program's own environment; a value of None removes the variable.
    user: run as this user when the supervisor is root; ignored otherwise.
    stop_signal: what the program understands as "finish and exit".
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        ready: Probe | None = None,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.argv = [str(part) for part in argv]
        self.log = log
        self._ready = ready or (lambda: True)
        self._env = dict(env or {})
        self._cwd = cwd
        self._user = user if os.geteuid() == 0 else None
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the process; returns at once. Raises ServerError when the program cannot be run."""
        if self.running:
            message = f"{self.name} is already running"
            raise ServerError(message)
        if shutil.which(self.argv[0]) is None:
            message = f"{self.name}: no program {self.argv[0]!r} on PATH"
            raise ServerError(message)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **self._env}
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    [*self._privileges(), *self.argv],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={key: value for key, value in environment.items() if value is not None},
                    cwd=self._cwd,
                    start_new_session=True,
                )
            except OSError as error:
                message = f"{self.name} cannot be started: {error}"
                raise ServerError(message) from error
        return self

    def wait_ready(self, timeout: float = 30, give_up: Callable[[], bool] = lambda: False) -> Self:
        """Return once the probe says yes.

        Raises ServerError when the process ends or `timeout` seconds pass, StoppingError when `give_up()` turns true.
        """
        deadline = time.monotonic() + timeout
        last_error: OSError | None = None
        while True:
            if not self.running:
                raise ServerError(self._last_words(f"{self.name} ended with {self._ending()} before it was ready"))
            try:
                if self._ready():
                    return self
            except OSError as error:
                last_error = error
            if give_up():
                raise StoppingError(self.name)
            if time.monotonic() > deadline:
                reason = f" ({last_error})" if last_error else ""
                raise ServerError(self._last_words(f"{self.name} was not ready after {timeout:g} s{reason}"))
            time.sleep(POLL_SECONDS)

    def stop(self, grace: float = 5) -> None:
        """Ask it to finish, kill it and whatever it started after `grace` seconds. Safe to call twice."""
        if self.running:
            os.kill(self.pid, self._stop_signal)
            self._await_exit(grace)
        self.kill()

    def kill(self) -> None:
        """End the process and its whole group at once, as a power cut would."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        # Before the process is reaped, so that the number cannot belong to anybody else's group yet.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def restart(self, timeout: float = 30) -> Self:
        """Stop, start and wait again, with the same files."""
        self.stop()
        return self.start().wait_ready(timeout)

    def discard(self) -> None:
        """Remove what it keeps outside the folder it was given, once it is stopped; most keep nothing there."""

    @property
    def running(self) -> bool:
        return self._process is not None and not self._has_exited(self._process)

    @property
    def pid(self) -> int:
        if self._process is None:
            message = f"{self.name} was never started"
            raise ServerError(message)
        return self._process.pid

    def last_lines(self, count: int = LAST_LINES) -> list[str]:
        """The end of the log, at most `count` lines."""
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(0, size - TAIL_BYTES))
                return log.read().decode(errors="replace").splitlines()[-count:]
        except FileNotFoundError:
            return []

    def obituary(self) -> str:
        """What to tell a person when it died: how, and its last words."""
        return self._last_words(f"{self.name} ended with {self._ending()}")

    def __enter__(self) -> Self:
        try:
            return self.start().wait_ready()
        except BaseException:
            self.stop()
            self.discard()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.discard()

    def _privileges(self) -> list[str]:
        """setpriv (util-linux) executes the program in its own place, so the process id is the server's own."""
        if shutil.which("setpriv") is None:
            if self._user:
                message = f"{self.name} must not run as root, and there is no setpriv to run it as {self._user}"
                raise ServerError(message)
            return []
        words = ["setpriv"]
        if self._user:
            words += ["--reuid", self._user, "--regid", str(pwd.getpwnam(self._user).pw_gid), "--init-groups"]
        # The kernel sends the signal when the starting THREAD ends, so only the main thread's children may ask for it.
        if threading.current_thread() is threading.main_thread():
            words += ["--pdeathsig", self._stop_signal.name.removeprefix("SIG")]
        return [*words, "--"]

    @staticmethod
    def _has_exited(process: subprocess.Popen[bytes]) -> bool:
        """Whether it ended, without reaping it: `kill` still needs its number for the rest of the group."""
        if process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _await_exit(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS / 5)

    def _ending(self) -> str:
        if self._process is None:
            return "no start"
        self.kill()  # reaps it, and ends what it may have left behind
        code = self._process.returncode
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _last_words(self, sentence: str) -> str:
        lines = self.last_lines()
        return "\n".join([f"{sentence}; " + (f"the end of {self.log}:" if lines else f"{self.log} is empty"), *lines])
