"""The lines of a log file, each once, through rotation, truncation and restarts. A StreamReader of `Path`.

    app.log          the file that is written; the reader's place is in it, mostly
    app.log.1        … or in here, since it was renamed; or this is a copy of what app.log held before it was cut

One read goes on where the last one ended, wherever that place is now: in the file itself, in the same file under
another name, or in a copy that has the same bytes before the place. From a file that is no longer written it goes on
to the next one once that one holds something. Where the place is in no file, because it was rotated and removed or
compressed between two reads, the log is begun anew and the batch says `gap`: how much was lost, nobody knows.

A line is told when it has ended, except the last one of a file that is no longer written. Lines longer than
LONGEST_LINE are cut there. On the very first read the log is begun at its end: what was written before is not told.

What cannot be known: lines that were written between the copy and the cut, which nobody has.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from exporters.core.contract import Batch, Json
from exporters.core.errors import SourceDown, StreamError
from exporters.readers.list_cursor import RecordHash
from exporters.readers.log_place import TELLING, LogFile, LogPlace, rotated

LONGEST_LINE = 16_384
MOST_BYTES = 1024 * 1024
MOST_KNOWN = 64
"""Rotated files that are looked at, the newest: each is held open during a read, and a process may open few."""
_NEWLINE = b"\n"
_PADDING = b"\0\r"
"""A writer that keeps its position writes zeros up to there after its file was cut."""


def folder(path: Path) -> Path:
    """The source's connection: the log's path, if there is a folder for it. Raises SourceDown."""
    try:
        there = path.parent.is_dir()
    except OSError:
        raise SourceDown("refused", "the log's folder may not be looked into") from None
    if not there:
        raise SourceDown("refused", "there is no folder for the log")
    return path


def let_go(path: Path) -> None:
    """Nothing is held between reads."""
    del path


@dataclass(frozen=True, kw_only=True, eq=False)
class LogTail:
    """Reads one log. hash_key: keys the hash of the bytes before the place, 16 bytes or more. most_bytes: of a read."""

    hash_key: bytes = field(repr=False)
    most_bytes: int = MOST_BYTES
    longest_line: int = LONGEST_LINE
    _hashed: RecordHash = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.most_bytes <= self.longest_line:
            msg = "a read must hold more than one line"
            raise ValueError(msg)
        object.__setattr__(self, "_hashed", RecordHash(self.hash_key, b"log place"))

    def read(self, connection: Path, cursor: Json, now: datetime) -> Batch:
        """The lines after the cursor, without their ends.

        Raises StreamError: missing, no_permission, wrong_type, defect (the disk), state (no cursor of ours).
        """
        try:
            with ExitStack() as opened:
                return self._read(connection, cursor, now, opened)
        except FileNotFoundError:
            raise StreamError("missing", "there is no such file") from None
        except PermissionError:
            raise StreamError("no_permission", "the log may not be read") from None
        except IsADirectoryError:
            raise StreamError("wrong_type", "it is no plain file") from None
        except OSError as error:
            raise StreamError("defect", f"the log cannot be read: errno {error.errno}") from None

    def _read(self, path: Path, cursor: Json, now: datetime, opened: ExitStack) -> Batch:
        if cursor is None:
            live = _open(path, opened)
            place = live.place(self._beginning(live), self._hashed)
            return Batch([], self._stored(place, self._files(path, opened)), now)
        place = LogPlace.decode(cursor)
        files = self._files(path, opened)
        index = self._where(files, place)
        if index is None:
            if not files or files[-1].path != path:
                raise FileNotFoundError
            records, place, more = self._tell(files[-1], files[-1].place(0, self._hashed), last=True)
            return Batch(records, self._stored(place, files), now, gap=True, more=more)
        file = files[index]
        place = file.place(place.at, self._hashed, skipping=place.skipping)
        after = next((later for later in files[index + 1 :] if later.size), None)
        records, place, more = self._tell(file, place, last=after is None)
        if not more and after is not None:
            # This one has ended: on with the next, at its beginning.
            place, more = after.place(0, self._hashed), True
        return Batch(records, self._stored(place, files), now, more=more)

    def _stored(self, place: LogPlace, files: list[LogFile]) -> Json:
        if place.at >= TELLING:
            return place.encode()
        known = (file.mark(self._hashed) for file in files[:-1])
        return replace(place, known=tuple(known)[-MOST_KNOWN:]).encode()

    def _files(self, path: Path, opened: ExitStack) -> list[LogFile]:
        """The log's files from oldest to newest, the one that is written last, each once."""
        found: list[LogFile] = []
        for candidate in (*list(rotated(path))[-MOST_KNOWN:], path):
            try:
                file = _open(candidate, opened)
            except FileNotFoundError:
                continue  # renamed between listing and opening: it is found again by the next read
            except (PermissionError, StreamError):
                if candidate == path:
                    raise
                continue
            same = (file.status.st_dev, file.status.st_ino)
            found = [known for known in found if (known.status.st_dev, known.status.st_ino) != same] + [file]
        return found

    def _where(self, files: list[LogFile], place: LogPlace) -> int | None:
        """In which file the place is: in the very file under any name; else in the newest copy of it.

        Of a place near the beginning of a file nobody can say whether that file was cut since, and its copies look like
        any other. But a file that was not there before is a copy of it, or itself with a new name; the oldest is first.
        """
        if place.at >= TELLING:
            newest_first = list(enumerate(files))[::-1]
            wanted = [(n, file, same) for same in (True, False) for n, file in newest_first]
        else:
            known = {n: file.mark(self._hashed) in place.known for n, file in enumerate(files[:-1])}
            wanted = [(n, files[n], True) for n, there in known.items() if there]
            wanted += [(n, files[n], False) for n, there in known.items() if not there]
            wanted += [(len(files) - 1, file, True) for file in files[-1:]]
        return next((n for n, file, same in wanted if file.has(place, self._hashed, same=same)), None)

    def _tell(self, file: LogFile, place: LogPlace, *, last: bool) -> tuple[list[bytes], LogPlace, bool]:
        """Lines from a place on, the place after them, and whether there are more.

        last: the file may still be written, so that what has not ended is left for later.
        """
        data = file.read(place.at, self.most_bytes)
        whole = len(data) < self.most_bytes
        lines = data.split(_NEWLINE)
        rest = lines.pop()
        at = place.at + len(data) - len(rest)
        skipping = place.skipping
        if lines and skipping:
            del lines[0]
            skipping = False
        if rest and (len(rest) > self.longest_line or (whole and not last)):
            # Too long to wait for its end, or the last of its file.
            if not skipping:
                lines.append(rest)
            at += len(rest)
            skipping = last or not whole
        records = [line.strip(_PADDING)[: self.longest_line] for line in lines]
        return records, file.place(at, self._hashed, skipping=skipping), not whole

    def _beginning(self, live: LogFile) -> int:
        """Where to begin the first time: after the last line that has ended."""
        start = max(0, live.size - self.longest_line)
        newest = live.read(start, live.size - start).rfind(_NEWLINE)
        return live.size if newest < 0 and start else start + newest + 1


def _open(path: Path, opened: ExitStack) -> LogFile:
    file = LogFile(path)
    opened.callback(file.close)
    return file
