"""Read a .env file the way docker compose does, as far as these scripts need it. Standard library only."""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class DotenvError(Exception):
    """A line that cannot be read. The message names the line's number, never its text: it may be a password."""


def read_settings(path: Path) -> dict[str, str]:
    """NAME -> value of the file; no file is an empty one. Raises DotenvError.

    'single quotes' are literal, "double quotes" know \\n, \\" and \\\\, bare values end at ` #`. `$` is taken literally
    everywhere, while compose expands it outside single quotes: write passwords in single quotes.
    """
    settings: dict[str, str] = {}
    if path.exists():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _LINE.fullmatch(line)
            if not found:
                message = f"{path}, line {number}: not NAME=value"
                raise DotenvError(message)
            settings[found[1]] = _value(found[2], f"{path}, line {number}")
    return settings


def _value(raw: str, where: str) -> str:
    if raw[:1] not in ("'", '"'):
        return re.split(r"(?:^|\s)#", raw, maxsplit=1)[0].strip()
    pattern = r"'([^']*)'" if raw[0] == "'" else r'"((?:[^"\\]|\\.)*)"'
    found = re.fullmatch(pattern + r"\s*(?:#.*)?", raw)
    if not found:
        message = f"{where}: the quotes do not close"
        raise DotenvError(message)
    if raw[0] == "'":
        return found[1]
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), found[1])
