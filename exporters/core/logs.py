"""The program's own log on standard error: logfmt as Prometheus programs write it, or JSON."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn", logging.ERROR: "error"}


class _Formatter(logging.Formatter):
    def __init__(self, style: str) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _NAMES.get(record.levelno, "error"),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            # The type alone: the text of a foreign exception may quote a record.
            fields["error"] = record.exc_info[0].__name__
        if self._json:
            return json.dumps(fields)
        return " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())


def _quoted(value: str) -> str:
    plain = value.isprintable() and not any(c in value for c in ' "=')
    return value if plain and value else json.dumps(value)


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    """What ends a thread is a defect; Python would print its message, which may quote a record."""
    frames = traceback.extract_tb(ended.exc_traceback)
    place = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else "unknown place"
    name = ended.thread.name if ended.thread else "unknown"
    logging.getLogger(__name__).error("thread %s ended: %s at %s", name, ended.exc_type.__name__, place)


def configure(level: str, style: str) -> None:
    """Log to standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    threading.excepthook = _thread_ended
    for chatty in ("urllib3", "asyncio"):
        logging.getLogger(chatty).setLevel(max(LEVELS[level], logging.WARNING))
