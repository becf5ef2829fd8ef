"""Lines of real files, rotated in every way that is usual, by real writers."""

from __future__ import annotations

import json
import logging
import os
import random
import resource
import shutil
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from exporters.core.contract import Json
from exporters.core.errors import SourceDown, StreamError
from exporters.readers.log_tail import LogTail, folder

KEY = b"a hash key of sixteen bytes and more"
NOW = datetime(2026, 1, 14, tzinfo=UTC)


class Reading:
    """One reader over one path; every read goes by a cursor that was stored, as after a restart."""

    def __init__(self, path: Path, **bounds: int) -> None:
        self.path = path
        self.tail = LogTail(hash_key=KEY, **bounds)
        self.cursor: Json = None
        self.gaps = 0
        self.batches = 0

    def step(self) -> tuple[list[str], bool]:
        batch = self.tail.read(self.path, self.cursor, NOW)
        self.cursor = json.loads(json.dumps(batch.next_cursor))
        self.gaps += batch.gap
        self.batches += 1
        return [record.decode() for record in batch.records if isinstance(record, bytes)], batch.more

    def read(self) -> list[str]:
        lines, more = self.step()
        while more:
            again, more = self.step()
            lines += again
        return lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def append(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + end)


def begun(path: Path, **bounds: int) -> Reading:
    """A reader that has found its place in a file with one line."""
    append(path, "from before, long enough to be known again: 0123456789 0123456789 0123456789")
    reading = Reading(path, **bounds)
    assert reading.read() == []
    return reading


def test_lines_are_told_when_they_have_ended(path: Path) -> None:
    reading = begun(path)
    append(path, "one", "two", "thr", end="")
    assert reading.read() == ["one", "two"]
    assert reading.read() == []
    append(path, "ee", "", "five\r")
    assert reading.read() == ["three", "", "five"]
    assert reading.gaps == 0


def test_a_first_read_in_the_middle_of_a_line_tells_the_whole_line(path: Path) -> None:
    append(path, "before", "half a ", end="")
    reading = Reading(path)
    assert reading.read() == []
    append(path, "line")
    assert reading.read() == ["half a line"]


def test_renamed(path: Path) -> None:
    reading = begun(path)
    append(path, "one")
    reading.read()
    append(path, "two", "unfinished", end="")
    path.rename(path.with_name("app.log.1"))
    assert reading.read() == ["two"], "without a new file the old one may still be written"
    path.touch()
    assert reading.read() == []
    append(path.with_name("app.log.1"), " and finished")
    assert reading.read() == ["unfinished and finished"]
    append(path, "three")
    assert reading.read() == ["three"]
    assert reading.gaps == 0


def test_the_last_line_of_a_file_nobody_writes_any_more_needs_no_end(path: Path) -> None:
    reading = begun(path)
    append(path, "last words", end="")
    path.rename(path.with_name("app.log.1"))
    append(path, "first words")
    assert reading.read() == ["last words", "first words"]


@pytest.mark.parametrize(
    "names", [("app.log.2", "app.log.1"), ("app.log-20260113", "app.log-20260114"), ("app-1.log", "app-2.log")]
)
def test_rotated_twice_between_reads(path: Path, names: tuple[str, str]) -> None:
    reading = begun(path)
    append(path, "one")
    older, newer = (path.with_name(name) for name in names)
    for number, (target, line) in enumerate(((older, "two"), (newer, "three"))):
        path.rename(target)
        os.utime(target, ns=(number * 10**9, number * 10**9))
        append(path, line)
    assert reading.read() == ["one", "two", "three"]
    assert reading.gaps == 0


def test_copied_and_cut(path: Path) -> None:
    reading = begun(path)
    append(path, "one")
    reading.read()
    append(path, "two")
    shutil.copy(path, path.with_name("app.log.1"))
    os.truncate(path, 0)
    assert reading.read() == ["two"]
    append(path, "three")
    assert reading.read() == ["three"]
    assert reading.gaps == 0


def test_copied_cut_and_grown_beyond_the_place(path: Path) -> None:
    reading = begun(path)
    append(path, "one")
    shutil.copy(path, path.with_name("app.log.1"))
    os.truncate(path, 0)
    many = [f"{number} and so on" for number in range(100)]
    append(path, *many)
    assert reading.read() == ["one", *many]
    assert reading.gaps == 0


def test_a_writer_that_keeps_its_position_after_the_cut(path: Path) -> None:
    reading = begun(path)
    with path.open("r+", encoding="utf-8") as file:
        file.seek(0, os.SEEK_END)
        shutil.copy(path, path.with_name("app.log.1"))
        os.truncate(path, 0)
        file.write("after a hole\n")
    assert reading.read() == ["after a hole"]


def test_years_of_rotated_files_need_few_descriptors(path: Path) -> None:
    for day in range(400):
        append(path.with_name(f"app.log.{day:03}"), f"old {day}")
        os.utime(path.with_name(f"app.log.{day:03}"), (day, day))
    reading = begun(path)
    append(path, "one")
    path.rename(path.with_name("app.log.400"))
    append(path, "two")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(held.name) for held in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 100, limits[1]))
    try:
        assert reading.read() == ["one", "two"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert reading.gaps == 0


def test_removed_between_reads_is_a_gap(path: Path) -> None:
    reading = begun(path)
    append(path, "lost")
    path.unlink()
    append(path, "found")
    assert reading.read() == ["found"]
    assert reading.gaps == 1
    assert reading.read() == []
    assert reading.gaps == 1


def test_cut_without_a_copy_is_a_gap(path: Path) -> None:
    reading = begun(path)
    os.truncate(path, 0)
    append(path, "anew")
    assert reading.read() == ["anew"]
    assert reading.gaps == 1


def test_a_file_that_is_away_for_a_moment(path: Path) -> None:
    reading = begun(path)
    path.unlink()
    with pytest.raises(StreamError, match="missing"):
        reading.read()
    append(path, "back")
    assert reading.read() == ["back"]


def test_what_merely_begins_with_its_name_is_not_read(path: Path) -> None:
    reading = begun(path)
    append(path, "one")
    path.rename(path.with_name("app.log.1"))
    for name in ("app.log.1.gz", "app.log.lock", "app.logs", "app.log.1~", "other.log.1"):
        append(path.with_name(name), "foreign")
    append(path, "two")
    assert reading.read() == ["one", "two"]


def test_long_lines_are_cut_and_the_next_one_is_whole(path: Path) -> None:
    reading = begun(path, longest_line=20, most_bytes=50)
    append(path, "x" * 500, "short", "y" * 30, "z" * 20)
    assert reading.read() == ["x" * 20, "short", "y" * 20, "z" * 20]
    append(path, "w" * 300, end="")
    assert reading.read() == ["w" * 20], "told when it is too long to wait for its end"
    append(path, "w" * 10, "after")
    assert reading.read() == ["after"]


def test_a_read_is_bounded(path: Path) -> None:
    reading = begun(path, longest_line=100, most_bytes=1000)
    lines = [f"line {number}" for number in range(1000)]
    append(path, *lines)
    told, more = reading.step()
    assert more
    assert sum(len(line) + 1 for line in told) <= 1000
    assert told + reading.read() == lines


def test_bytes_that_are_no_text(path: Path) -> None:
    reading = begun(path)
    with path.open("ab") as file:
        file.write(b"\xff\xfe\x80 text\n")
    batch = reading.tail.read(path, reading.cursor, NOW)
    assert batch.records == [b"\xff\xfe\x80 text"]


def test_what_is_no_log(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="missing"):
        Reading(path).read()
    os.mkfifo(path)
    with pytest.raises(StreamError, match="wrong_type"):
        Reading(path).read()
    path.unlink()
    path.mkdir()
    with pytest.raises(StreamError, match="wrong_type"):
        Reading(path).read()
    with pytest.raises(SourceDown):
        folder(tmp_path / "nowhere" / "app.log")
    assert folder(path) == path
    path.rmdir()
    reading = begun(path)
    reading.cursor = {"at": "?"}
    with pytest.raises(StreamError, match="state"):
        reading.read()


def test_a_folder_that_may_not_be_looked_into(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", closed)  # whoever runs as root may look everywhere
    with pytest.raises(SourceDown, match="may not be looked into") as caught:
        folder(path)
    assert str(path) not in str(caught.value)


def test_the_cursor_holds_no_text(path: Path) -> None:
    reading = begun(path)
    append(path, "a secret of somebody")
    reading.read()
    assert "secret" not in json.dumps(reading.cursor)
    other = LogTail(hash_key=b"another key of sixteen bytes and more")
    assert other.read(path, reading.cursor, NOW).gap, "with another key the place cannot be known again"


@pytest.mark.parametrize("seed", range(40))
def test_every_line_once_whatever_happens_to_the_file(path: Path, seed: int) -> None:
    """A writer, a rotation and a reader take turns in any order; the log is never removed unread."""
    rng = random.Random(seed)
    reading = begun(path, longest_line=200, most_bytes=400)
    written: list[str] = []
    told: list[str] = []
    generation = 0
    for _ in range(300):
        deed = rng.random()
        if deed < 0.6:
            lines = [f"{len(written) + n} {'x' * rng.randrange(60)}" for n in range(rng.randrange(1, 4))]
            append(path, *lines)
            written += lines
        elif deed < 0.7 and path.stat().st_size > 100:
            generation += 1
            target = path.with_name(f"app.log.{generation}")
            if rng.random() < 0.5:
                path.rename(target)
                path.touch()
            else:
                shutil.copy2(path, target)
                os.truncate(path, 0)
            os.utime(target, ns=(generation, generation))
            if rng.random() < 0.5:
                told += reading.read()
        elif deed < 0.9:
            told += reading.step()[0]
    told += reading.read() + reading.read()
    assert told == written
    assert reading.gaps == 0


def test_with_the_handler_that_python_programs_use(path: Path) -> None:
    reading = begun(path)
    handler = RotatingFileHandler(path, maxBytes=2000, backupCount=3)
    logger = logging.Logger("writer")
    logger.addHandler(handler)
    told: list[str] = []
    for number in range(600):
        logger.error("line %d %s", number, "x" * (number % 90))
        if number % 40 == 0:
            told += reading.read()
    handler.close()
    told += reading.read()
    assert told == [f"line {number} {'x' * (number % 90)}" for number in range(600)]
    assert reading.gaps == 0
