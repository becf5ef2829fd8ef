"""Every exception of LLM Observatory.

ObservatoryError
├── DeclarationError         a metric, label or measurement that cannot be right (raised at import)
├── ConfigError              the configuration; lists every problem at once
├── StateError               the state file: locked, newer than this program, damaged
├── Rejected                 one record that does not parse; counted by reason, never fatal
├── StreamError              one stream or probe cannot be read (wrong type, no permission, missing table)
├── SourceDown               the whole source cannot be reached (refused, timed out, wrong password)
├── ListenError              an address to serve on is taken or not ours           (core.web_listen)
├── Unencodable              a point that no line protocol can carry               (core.line_protocol)
├── TokenUnreadable          the InfluxDB token's file is missing or holds none    (core.influx_endpoint)
├── SetUpFailed              InfluxDB's buckets or tokens could not be made        (core.influx_setup)
├── ExportError              `observatory export`: the server did not answer       (exporters.export)
├── QueryFailed              `observatory panels`: a panel's query was refused     (exporters.panel_queries)
└── DemoError, ServerError, StoppingError, ReleaseUnavailableError, UnsafeArchiveError     (exporters.demo)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

RejectReason = Literal[
    "not_json",
    "not_utf8",
    "not_object",
    "missing_field",
    "wrong_type",
    "bad_time",
    "unknown_value",
    "too_large",
    "defect",
]
"""Why a record was refused: a closed set, because it is a label. `defect`: this program failed on it, and logged it."""

REJECT_REASONS: tuple[str, ...] = get_args(RejectReason)

StreamErrorReason = Literal[
    "wrong_type", "no_permission", "missing", "timeout", "busy", "disconnected", "state", "defect"
]
"""Why one read of one stream or probe failed while its source was reachable; a label too. `disconnected`: it ends the
connection, though others on it can be read. `state`: what was read could not be stored, and will be read again."""

STREAM_ERROR_REASONS: tuple[str, ...] = get_args(StreamErrorReason)

SourceDownReason = Literal["refused", "timeout", "auth", "name", "tls", "protocol"]
"""Why a source could not be reached; a label too."""

SOURCE_DOWN_REASONS: tuple[str, ...] = get_args(SourceDownReason)


class ObservatoryError(Exception):
    """Root of every error this program raises on purpose."""


class DeclarationError(ObservatoryError):
    """A metric, label, measurement or query that names something undeclared or contradicts itself."""


class ConfigError(ObservatoryError):
    """The configuration cannot be used. `problems` holds every problem found, one sentence each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


class StateError(ObservatoryError):
    """The state file cannot be used: another process holds it, a newer program wrote it, or it is damaged."""


class Rejected(ObservatoryError):  # noqa: N818 - the product's word for it, in metrics and in design
    """One record that cannot become an event. Never carries the record's text."""

    def __init__(self, reason: RejectReason, detail: str = "") -> None:
        self.reason: RejectReason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class StreamError(ObservatoryError):
    """One stream or probe cannot be read; its source and its siblings are not affected."""

    def __init__(self, reason: StreamErrorReason, detail: str = "") -> None:
        self.reason: StreamErrorReason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


class SourceDown(ObservatoryError):  # noqa: N818 - a state, named as the metric names it
    """The source cannot be reached. Its gauges vanish, its counters stay."""

    def __init__(self, reason: SourceDownReason, detail: str = "") -> None:
        self.reason: SourceDownReason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)
