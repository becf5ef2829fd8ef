"""A real PostgreSQL on loopback, made from nothing in a directory of its own."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from exporters.demo import programs
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Probe, Server, ServerError
from exporters.demo.secret import generated, write_private

SUPERUSER = "postgres"


class Postgres(Server):
    """postgres with the superuser `postgres`, whose password is in `password_file` (made up if it is missing).

    When this program is root, the server runs as another user, because PostgreSQL refuses root, and its data lie in a
    directory of that user, outside `folder`, until `discard()`.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        password_file: Path,
        settings: Mapping[str, str] | None = None,
        name: str = "PostgreSQL",
    ) -> None:
        self.port = port
        self.password_file = password_file
        folder.mkdir(parents=True, exist_ok=True)
        self._programs = _programs()
        user = _unprivileged_user()
        self._elsewhere = user is not None
        self.data = Path(tempfile.mkdtemp(prefix="observatory-postgres-")) if user else folder / "data"
        merged = {"listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": "", **(settings or {})}
        super().__init__(
            name,
            [self._programs / "postgres", "-D", self.data / "cluster", *_flags(merged)],
            log=folder / "postgres.log",
            ready=_accepts(port),
            env={"HOME": str(self.data), "LC_ALL": "C.UTF-8"},
            user=user,
            # SIGTERM would wait for every client to leave; SIGINT disconnects them.
            stop_signal=signal.SIGINT,
        )
        if not (self.data / "cluster").exists():
            self._initialise(generated(password_file), user)

    @property
    def password(self) -> str:
        return self.password_file.read_text().strip()

    def dsn(self, database: str = "postgres") -> str:
        """A connection string for the superuser, the password in it: for tests, never for a command line."""
        return f"host={LOOPBACK} port={self.port} user={SUPERUSER} dbname={database} password={self.password}"

    def discard(self) -> None:
        if self._elsewhere:
            shutil.rmtree(self.data, ignore_errors=True)

    def _initialise(self, password: str, user: str | None) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        handed_over = write_private(self.data / "password", password)
        if user:
            for path in (self.data, handed_over):
                shutil.chown(path, user)
        argv = [
            *(["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups"] if user else []),
            str(self._programs / "initdb"),
            f"--pgdata={self.data / 'cluster'}",
            f"--username={SUPERUSER}",
            f"--pwfile={handed_over}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        done = subprocess.run(argv, cwd="/", capture_output=True, text=True, check=False, start_new_session=True)
        handed_over.unlink()
        if done.returncode:
            message = f"initdb failed:\n{done.stderr.strip()}"
            raise ServerError(message)


def _accepts(port: int) -> Probe:
    """It accepts connections before it can serve them: ready once it asks for a password instead of refusing."""
    names = b"".join(word + b"\0" for word in (b"user", SUPERUSER.encode(), b"database", b"postgres", b""))
    version_3 = struct.pack("!I", 3 << 16)
    hello = struct.pack("!I", 4 + len(version_3) + len(names)) + version_3 + names

    def probe() -> bool:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(hello)
            return connection.recv(1) == b"R"

    return probe


def _programs() -> Path:
    """The directory with initdb and postgres. Debian keeps it off PATH; the newest version there wins."""
    versions = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    return programs.need("initdb", package="postgresql").resolve().parent


def _unprivileged_user() -> str | None:
    """Who runs the server when we are root: Debian's own account for it, or else the one that owns nothing."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (SUPERUSER, "nobody") if name in names)


def _flags(settings: Mapping[str, str]) -> list[str]:
    return [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
