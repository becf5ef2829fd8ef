"""A real Redis server on loopback, with a password from a file."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from exporters.demo import programs
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Probe, Server
from exporters.demo.secret import generated, write_private


class Redis(Server):
    """redis-server in `folder`, which keeps the data over `restart()`.

    password_file: the default user's password is read from it, made up if the file is missing; None for no password.
    users: further ACL users, one line each as in an ACL file (`reader on #<sha256> %R~her:* +lrange`).
    appendonly: every write reaches the disk before it is answered, so that `kill()` loses nothing.
    options: any other directive of redis.conf.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        password_file: Path | None = None,
        users: Sequence[str] = (),
        appendonly: bool = False,
        options: Mapping[str, str] | None = None,
        name: str = "Redis",
    ) -> None:
        self.port = port
        self.password_file = password_file
        self.folder = folder
        directives = {
            "bind": LOOPBACK,
            "port": str(port),
            "dir": f'"{folder}"',
            "save": '""',
            "appendonly": "yes" if appendonly else "no",
            "appendfsync": "always",
            **(options or {}),
        }
        if password_file is not None:
            directives["requirepass"] = generated(password_file)
        lines = [f"{key} {value}" for key, value in directives.items()] + [f"user {user}" for user in users]
        folder.mkdir(parents=True, exist_ok=True)
        # In the file, not in argv: every user of the machine can read a command line.
        config = write_private(folder / "redis.conf", "\n".join(lines) + "\n")
        program = programs.need("redis-server", package="redis-server")
        super().__init__(name, [program, config], log=folder / "redis.log", ready=_answers(port))

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def password(self) -> str | None:
        return self.password_file.read_text().strip() if self.password_file else None


def _answers(port: int) -> Probe:
    def probe() -> bool:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.settimeout(2)
            connection.sendall(b"PING\r\n")
            # -NOAUTH: up, and wants the password. -LOADING: still reading its files.
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))

    return probe
