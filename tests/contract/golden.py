"""A system's exposition and lines held to files, byte for byte; each system's `test_golden.py` says what may differ."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.contract.observer import Observed

WRITING = os.environ.get("OBSERVATORY_GOLDEN") == "write"
MOST_SHOWN = 60
HOW = """
After a change that is meant, write the golden files anew and read the difference before committing it:

    OBSERVATORY_GOLDEN=write python -m pytest tests/*/test_golden.py && git diff 'tests/*/golden'
"""
_FIRST_BLANK = re.compile(r"(?<!\\) ")
_HASHES = re.compile(r",(?:user|task)=[0-9a-f]{16}")
_FIELD_NAMES = re.compile(r'(\w+)=(?:"(?:[^"\\]|\\.)*"|[^,]*)(?:,|\Z)', re.DOTALL)


def compare(file: Path, text: str) -> None:
    """The text is what the golden file holds; when writing, it becomes that."""
    if WRITING:
        file.write_text(text, encoding="utf-8")
        return
    golden = file.read_text(encoding="utf-8").splitlines()
    diff = list(difflib.unified_diff(golden, text.splitlines(), f"golden/{file.name}", "now", "", "", 0, ""))
    if diff:
        more = [f"… and {len(diff) - MOST_SHOWN} lines more"] if len(diff) > MOST_SHOWN else []
        pytest.fail("\n".join([*diff[:MOST_SHOWN], *more, HOW]), pytrace=False)


def kinds(told: Observed) -> str:
    """Each kind of line once, with the first of them and how many there are; sorted.

    Of one kind are lines of the same measurement, the same tags (hashes aside), and the same fields.
    """
    first: dict[tuple[str, str, str], str] = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    for bucket, line in told.lines:
        series, rest = _FIRST_BLANK.split(line, maxsplit=1)
        fields = rest.rpartition(" ")[0]
        kind = (bucket, _HASHES.sub("", series), ",".join(_FIELD_NAMES.findall(fields)))
        counts[kind] += 1
        first.setdefault(kind, line)
    spelled = (line.replace("\n", "\\n") for _, line in sorted(first.items()))
    return "".join(f"{counts[kind]:4} {kind[0]}: {line}\n" for kind, line in zip(sorted(first), spelled, strict=True))
