"""Where in a log the last read ended, and in which file that place is now.

A log is one file that is written at its end, until somebody rotates it: by renaming it and beginning another, or by
copying it and cutting it to nothing. A place is therefore not a file name and a number: it is the file's identity, the
number of bytes before it, and a keyed hash of the last of those bytes, by which the place is known again in a renamed
file and in a copy, and missed in a file that was cut and has grown since.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporters.core.contract import Json
from exporters.core.errors import StreamError
from exporters.readers.list_cursor import RecordHash

ANCHOR = 512
"""Bytes before the place that are recognised."""
TELLING = 64
"""Fewer of them say too little to know a place again."""
# app.log.1, app.log-20260114, app.log.2026-01-14_23-30, app.log.old; and app-20260114.log.
_GIVEN = r"[._-](?:[0-9][0-9T:_.-]*|old)"


@dataclass(frozen=True, slots=True)
class LogPlace:
    """device, inode: of the file. at: bytes before the place. anchor: hash of the last of them, hexadecimal.

    skipping: in the middle of a line whose beginning has been told, because it was too long.
    known: while there are too few bytes before the place to know it again: the rotated files that were there already,
    so that a copy made since is told from them.
    """

    device: int
    inode: int
    at: int
    anchor: str
    skipping: bool = False
    known: tuple[str, ...] = ()

    def encode(self) -> Json:
        """As a JSON value. The anchor is a keyed hash: no text of the log is in it."""
        known = {"k": list(self.known)} if self.known else {}
        return {"d": self.device, "i": self.inode, "at": self.at, "a": self.anchor, "s": self.skipping, **known}

    @classmethod
    def decode(cls, stored: Json) -> LogPlace:
        """Raises StreamError(state) for what is no place."""
        try:
            known = tuple(map(str, stored.get("k", ())))
            return cls(
                int(stored["d"]), int(stored["i"]), int(stored["at"]), str(stored["a"]), bool(stored["s"]), known
            )
        except (AttributeError, TypeError, KeyError, ValueError):
            raise StreamError("state", "the stored place in the log is none") from None


class LogFile:
    """One file of the log, open for reading. Its descriptor keeps it, whatever is renamed meanwhile."""

    def __init__(self, path: Path) -> None:
        """Raises OSError; StreamError(wrong_type) for what is no plain file: a pipe would never end."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.status = os.fstat(self._descriptor)
        if not stat.S_ISREG(self.status.st_mode):
            self.close()
            raise StreamError("wrong_type", "it is no plain file")

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        """As it was when it was opened."""
        return self.status.st_size

    def mark(self, hashed: RecordHash) -> str:
        """What tells this file from another that has been given its inode since."""
        return f"{self.status.st_ino}:{hashed(self.read(0, TELLING)).hex()}"

    def read(self, at: int, most: int) -> bytes:
        """Up to `most` bytes from there."""
        parts: list[bytes] = []
        while most > 0 and (part := os.pread(self._descriptor, most, at)):
            parts.append(part)
            at, most = at + len(part), most - len(part)
        return b"".join(parts)

    def place(self, at: int, hashed: RecordHash, *, skipping: bool = False) -> LogPlace:
        """The place after `at` bytes of this file."""
        return LogPlace(self.status.st_dev, self.status.st_ino, at, self._anchor(at, hashed), skipping)

    def has(self, place: LogPlace, hashed: RecordHash, *, same: bool) -> bool:
        """Whether the bytes before that place are in this file. same: only if it has the same inode."""
        if same and (self.status.st_dev, self.status.st_ino) != (place.device, place.inode):
            return False
        return self.size >= place.at and self._anchor(place.at, hashed) == place.anchor

    def _anchor(self, at: int, hashed: RecordHash) -> str:
        length = min(at, ANCHOR)
        return hashed(self.read(at - length, length)).hex()


def rotated(path: Path) -> Iterator[Path]:
    """Files beside the log that are named after it as rotation names them, and not compressed, oldest first.

    By the time of their last byte: numbers are counted upwards, downwards or are dates.
    """
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    named = re.compile(rf"{stem}(?:{suffix}{_GIVEN}|{_GIVEN}{suffix})")
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                if named.fullmatch(entry.name) and entry.is_file():
                    found.append((entry.stat().st_mtime_ns, entry.name))  # noqa: PERF401 - it may fail half-way
    except OSError:  # one is removed just now: what was found is most of them
        pass
    yield from (path.parent / name for _, name in sorted(found))
