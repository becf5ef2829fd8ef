"""Lines of the back end's log -> LogLine. Nobody promises their format; the levels' names are Python's.

    2026-01-14 09:00:01,250 - app.agent.stream - ERROR - upstream error api_failure after 3 attempts
    INFO:     127.0.0.1:51324 - "GET /health HTTP/1.1" 200 OK
    {"timestamp": "2026-01-14T09:00:01Z", "level": "error", "logger": "app.agent.stream", "message": "…"}

A line without a level near its beginning belongs to the record before it: a traceback, a message of several lines.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from exporters.core.redact import MARGIN, redact_head
from exporters.sigmasight import names
from exporters.sigmasight.health_metrics import LLM_ERRORS

LINE_CHARACTERS: Final = 2000
HEAD: Final = 160
"""Characters in which a level is looked for: behind them a word like ERROR is a message's."""

UNNAMED: Final = "unnamed"
_LEVELS: Final = {
    "debug": "debug", "trace": "debug", "info": "info", "notice": "info", "warning": "warning", "warn": "warning",
    "error": "error", "err": "error", "exception": "error", "critical": "critical", "fatal": "critical",
}  # fmt: skip
_LEVEL = re.compile(r"(?:^|[\s\[|(:-])(DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)(?=[\s\]|):-]|$)")
_TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?\d*(Z|[+-]\d\d:?\d\d)?\]?\s*")
_LOGGER = re.compile(r"(?<![\w./@-])([A-Za-z_]\w*(?:\.\w+){1,9})(?![\w/@-])")
# Behind the level a name is the logger's only if a separator follows: otherwise the message may begin with anybody's.
_LOGGER_BEHIND = re.compile(_LOGGER.pattern + r"(?=\]?(?::|\s*[|\]]|\s+-\s))")
_ABOUT_THE_MODEL = re.compile(
    r"openai|\bllm\b|upstream|rate.?limit|\bmodel\b.{0,40}\b(?:error|failed|refused)", re.IGNORECASE
)
_KNOWN = re.compile("|".join(LLM_ERRORS))
_AGENT = re.compile(r"(?:^|\.)(?:agent|llm|openai)(?:[._]|$)")
_FAILING: Final = frozenset({"error", "critical"})
# Controls but tab, and halves of surrogate pairs: no log panel should have to draw them.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")


_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,253}")
ADDRESS_PLACEHOLDER: Final = "[address]"


class LogLine(NamedTuple):
    """One line. level: empty for one that goes on with the record before. at: None where it has no time.

    logger: the first two parts of the name, `unnamed` without one. llm_error: a type, `other`, or empty if it is none.
    text: redacted and without e-mail addresses, only where asked for.
    """

    at: datetime | None
    level: str
    logger: str
    llm_error: str
    text: str = ""


def parse_log_line(raw: bytes, *, keep_text: bool = False) -> LogLine:
    """Never raises: whatever it is, it is a line."""
    line = raw.decode("utf-8", "replace")
    found = _of_json(line) if line.startswith("{") else _of_text(line)
    at, level, logger, message = found
    error = _llm_error(logger, message) if level in _FAILING else ""
    return LogLine(at, level, _shortened(logger), error, _kept(message) if keep_text else "")


def _kept(message: str) -> str:
    """What may be shown of it. Whose address an error is about is nobody's business but the back end's."""
    seen = _UNPRINTABLE.sub("\ufffd", message[: LINE_CHARACTERS + MARGIN])
    return redact_head(_ADDRESS.sub(ADDRESS_PLACEHOLDER, seen), LINE_CHARACTERS)


def _of_text(line: str) -> tuple[datetime | None, str, str, str]:
    stamp = _TIME.match(line)
    start = stamp.end() if stamp else 0
    if not stamp and line[:1].isspace():
        return None, "", "", line
    level = _LEVEL.search(line[: start + HEAD], max(0, start - 1))
    if level is None:
        return None, "", "", line
    before, after = line[start : level.start(1)], line[level.end(1) :]
    logger = _LOGGER.search(before) or _LOGGER_BEHIND.match(after.lstrip(" :|-[]"))
    return _time(stamp), _LEVELS[level[1].lower()], logger[1] if logger else "", line[start:]


def _of_json(line: str) -> tuple[datetime | None, str, str, str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return _of_text(line)
    level = _LEVELS.get(str(_first(record, "level", "levelname", "severity")).lower(), "")
    logger = str(_first(record, "logger", "name", "logger_name"))
    stamp = _TIME.match(str(_first(record, "timestamp", "time", "asctime", "ts")))
    return _time(stamp), level, logger, str(_first(record, "message", "msg", "event")) if level else line


def _first(record: dict[str, Any], *keys: str) -> object:
    return next((record[key] for key in keys if key in record), "")


def _time(stamp: re.Match[str] | None) -> datetime | None:
    """A time without an offset is UTC, as the container's zone is."""
    if stamp is None:
        return None
    day, clock, fraction, offset = stamp.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0').ljust(6, '0')}{offset or '+00:00'}")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _llm_error(logger: str, message: str) -> str:
    """Which error of the model a failing record is about; empty if about another matter."""
    known = _KNOWN.search(message)
    if known is not None:
        return known[0]
    return "other" if _AGENT.search(logger) or _ABOUT_THE_MODEL.search(message[:LINE_CHARACTERS]) else ""


def _shortened(logger: str) -> str:
    """`app.agent.stream` -> `app.agent`: few enough to be a label, and a name."""
    return names.member(".".join(logger.split(".")[:2])) if logger else UNNAMED
