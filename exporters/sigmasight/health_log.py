"""The back end's log file as a stream: the source `log`, where the operator gives a path.

    2026-01-14 09:00:01,250 - app.agent.stream - ERROR - upstream error api_failure after 3 attempts

    sigmasight_log_records_total{level="error"} 1
    sigmasight_log_errors_total{logger="app.agent"} 1
    sigmasight_log_llm_errors_total{error_type="api_failure"} 1

What the lines say goes nowhere, unless the operator asks for it: then redacted, and only to the bucket that the
restricted Grafana reads, without secrets and e-mail addresses. It may still hold names, which no redaction can know.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from exporters.core.contract import Effects, Source, Stream
from exporters.readers.log_tail import LogTail, folder, let_go
from exporters.sigmasight import health_metrics as m
from exporters.sigmasight.health_log_events import LogLine, parse_log_line

SOURCE_NAME = "log"
STREAM_NAME = "log"


def log_source(
    deployment: str, path: Path, interval: Callable[[str], float], hash_key: bytes, *, keep_text: bool = False
) -> Source[Path]:
    """One deployment's. keep_text: whether redacted lines become points of the `_text` bucket."""
    return Source(
        system="sigmasight",
        deployment=deployment,
        name=SOURCE_NAME,
        connect=partial(folder, path),
        close=let_go,
        streams=(log_lines(interval, hash_key, keep_text=keep_text),),
    )


def log_lines(
    interval: Callable[[str], float], hash_key: bytes, *, keep_text: bool = False
) -> Stream[Path, LogLine, None]:
    """The stream alone."""
    return Stream(
        name=STREAM_NAME,
        interval=interval(STREAM_NAME),
        reader=LogTail(hash_key=hash_key),
        parse=partial(parse_log_line, keep_text=keep_text),
        fold=fold_log_line,
        initial=_nothing,
        event_time=_own_time,
        resolution_ns=1_000_000,
        feeds=(m.LINES, m.ERRORS, m.LLM, m.CONTINUED),
    )


def fold_log_line(state: None, line: LogLine) -> tuple[None, Effects]:
    """Count the record, and what it is about. A text needs a time of its own, which a continued line lacks."""
    effects = Effects()
    if not line.level:
        effects.count(m.CONTINUED)
        return state, effects
    effects.count(m.LINES, line.level)
    if line.level in ("error", "critical"):
        effects.count(m.ERRORS, line.logger)
    if line.llm_error:
        effects.count(m.LLM, line.llm_error)
    if line.text and line.at is not None:
        effects.point(m.LOG_TEXT, line.at, {"line_text": line.text}, level=line.level, logger=line.logger)
    return state, effects


def _nothing() -> None:
    """Each line stands for itself."""
    return


def _own_time(line: LogLine) -> datetime | None:
    return line.at
