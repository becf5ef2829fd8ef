"""What runs in a demo: started one by one, told in one table, watched, and stopped in the opposite order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporters.demo import ports
from exporters.demo.process import Server, ServerError, StoppingError
from exporters.demo.secret import generated

LOOK_SECONDS = 0.5
READY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. log: where it writes, or None with the reason why it is not here in `missing`."""

    name: str
    address: str
    purpose: str
    log: Path | None
    missing: str = ""


class Stage:
    """The servers of one demo, with their files in `folder`. `notes` are lines that stand under the table.

    say: takes one line for the person. stopping: set it and everything that waits here gives up.
    any_ports: take free ports at once instead of the usual ones.
    """

    def __init__(self, folder: Path, say: Callable[[str], None], *, any_ports: bool = False) -> None:
        self.folder = folder
        self.say = say
        self.stopping = threading.Event()
        self._any_ports = any_ports
        self._servers: list[Server] = []
        self._rows: list[Row] = []
        self.notes: list[str] = []
        self.dead: list[Server] = []

    def port(self, usual: int, what: str) -> int:
        return ports.free_port() if self._any_ports else ports.wanted(usual, what, self.say)

    def secret_file(self, name: str) -> Path:
        """The file with the secret of that name, made up if there is none yet."""
        path = self.folder / "secrets" / name
        generated(path)
        return path

    def start(self, server: Server, *, address: str, purpose: str) -> None:
        """Start it and wait until it is ready. Raises ServerError, or StoppingError when the demo is being stopped."""
        if self.stopping.is_set():
            raise StoppingError(server.name)
        server.log.unlink(missing_ok=True)
        began = time.monotonic()
        # First in the list, then started: what is started is always stopped.
        self._servers.append(server)
        server.start().wait_ready(READY_SECONDS, give_up=self.stopping.is_set)
        self._rows.append(Row(server.name, address, purpose, server.log))
        self.say(f"{server.name} is up ({time.monotonic() - began:.1f} s)")

    def leave_out(self, name: str, purpose: str, reason: str, remedy: str = "") -> None:
        """Tell that something is not here: the reason in the table, all of it in one line now."""
        self._rows.append(Row(name, "-", purpose, None, reason.splitlines()[0]))
        self.say(f"without {name}: {'; '.join(part for part in (reason, remedy) if part)}")

    def drop(self, server: Server) -> None:
        """Stop one that is of no use; it is not watched any more."""
        server.stop()
        server.discard()
        if server in self._servers:
            self._servers.remove(server)
        self._rows = [row for row in self._rows if row.name != server.name]

    def table(self) -> str:
        """What runs where."""
        heads = ("what", "address", "what for", "log, or why it is not here")
        cells = [heads, *((row.name, row.address, row.purpose, row.missing or shown(row.log)) for row in self._rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]
        return "\n".join([*(line.rstrip() for line in lines), *self.notes])

    def write_rows(self, file: Path) -> None:
        """The table as JSON, for programs."""
        rows = [
            {"name": row.name, "address": row.address, "log": str(row.log or ""), "missing": row.missing}
            for row in self._rows
        ]
        file.write_text(json.dumps(rows, indent=2) + "\n")

    def watch(self, seconds: float | None = None) -> None:
        """Until `stopping` is set or `seconds` have passed: tell when a server dies, and keep the others."""
        deadline = time.monotonic() + seconds if seconds is not None else float("inf")
        while not self.stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self.stopping.wait(min(LOOK_SECONDS, left))
            for server in self._servers:
                if server not in self.dead and not server.running:
                    self.dead.append(server)
                    self.say(f"{server.obituary()}\nthe others keep running")

    def stop(self) -> None:
        """Stop everything that was started here, the last one first, and nothing else."""
        for server in reversed(self._servers):
            try:
                server.stop()
                server.discard()
            except (OSError, ServerError) as error:
                self.say(f"{server.name} could not be stopped: {error}")
        self._servers.clear()


def shown(path: Path | None) -> str:
    """A path as a person would type it here."""
    if path is None:
        return ""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
