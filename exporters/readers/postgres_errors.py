"""What exceptions of psycopg and of the system mean to whoever reads a PostgreSQL.

SourceDown: nothing can be read here. StreamError: this table cannot be read. Their texts are our own: the server's
repeat queries and values, libpq's repeat host names and accounts, so neither travels on, not even as the context of the
new exception.
"""

from __future__ import annotations

import re
from contextlib import ContextDecorator
from types import TracebackType

import psycopg

from exporters.core.errors import ObservatoryError, SourceDown, SourceDownReason, StreamError, StreamErrorReason


class Stalled(Exception):  # noqa: N818 - what the connection is
    """The server said nothing for longer than it may."""


class translated(ContextDecorator):  # noqa: N801 - reads as a word: `with translated():`
    """Context manager and decorator: exceptions of psycopg and the system become SourceDown or StreamError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None or isinstance(error, ObservatoryError):
            return
        meaning = translate(error)
        if meaning is None:
            return
        try:
            raise meaning
        finally:
            meaning.__context__ = None  # the original repeats the query


# By SQLSTATE, whole or its class (the first two characters).
_STREAM: dict[str, tuple[StreamErrorReason, str]] = {
    "42P01": ("missing", "there is no such table"),
    "3F000": ("missing", "there is no such schema"),
    "42703": ("missing", "the table lacks a column"),
    "42501": ("no_permission", "the account may not read the table or one of its columns"),
    "42809": ("wrong_type", "it is no table"),
    "42804": ("wrong_type", "a column has another type"),
    "42883": ("wrong_type", "a column has another type, or the server is older than PostgreSQL 13"),
    "57014": ("timeout", "the query took longer than it may"),
    "55P03": ("busy", "the table is locked"),
    "55000": ("busy", "the table is not in a state to be read"),
    "40": ("busy", "the server gave up the transaction in favour of others"),
    "22": ("wrong_type", "a value does not convert"),
}
_SOURCE: dict[str, tuple[SourceDownReason, str]] = {
    "28": ("auth", "the server did not accept the account or its password"),
    "3D000": ("refused", "there is no such database"),
    "42501": ("auth", "the account may not connect to the database"),
    "53300": ("refused", "the server has no connection left"),
    "53": ("refused", "the server has run out of a resource"),
    "57P03": ("refused", "the server is starting up or shutting down"),
    "57P05": ("timeout", "the connection was idle for too long"),
    "57": ("refused", "the server was told to end the connection"),
    "25P03": ("timeout", "the transaction was idle for too long"),
    "25P04": ("timeout", "the transaction took too long"),
    "08": ("protocol", "the connection broke"),
    "58": ("refused", "the server cannot read its own files"),
    "XX": ("refused", "the server reports that its data are damaged"),
}

# libpq has no codes for what happens before the first answer; these words are its own, or the server's, in English.
_UNREACHABLE: tuple[tuple[str, SourceDownReason, str], ...] = (
    (
        (
            r"password authentication failed|no password supplied|authentication failed|no pg_hba\.conf entry"
            r"|role \"[^\"]*\" (does not exist|is not permitted)|permission denied for database"
        ),
        "auth",
        "the server did not accept the account or its password",
    ),
    (r"database \"[^\"]*\" does not exist", "refused", "there is no such database"),
    (r"could not translate host name|name or service not known|failed to resolve", "name", "the name does not resolve"),
    (r"certificate|SSL|TLS|private key", "tls", "TLS fails: the certificate, its authority, or a server without TLS"),
    (r"timeout expired|timed out", "timeout", "no answer in time"),
    (r"too many clients|remaining connection slots", "refused", "the server has no connection left"),
    (r"starting up|shutting down|in recovery|not yet accepting", "refused", "the server is starting or stopping"),
    (r"connection refused", "refused", "connection refused"),
    (r"no route|unreachable", "refused", "no route to the host"),
    (r"invalid response|expected authentication|unexpected message|lost synchronization|unsupported frontend",
     "protocol", "the server does not speak PostgreSQL's protocol"),
)  # fmt: skip


def translate(error: BaseException) -> SourceDown | StreamError | None:
    """What an exception of psycopg or the system means to a reader; None for one that is neither's."""
    if isinstance(error, Stalled | TimeoutError):
        return SourceDown("timeout", "no answer in time")
    if isinstance(error, psycopg.Error):
        return _of_state(error.sqlstate) if error.sqlstate else _of_words(error)
    if isinstance(error, OSError):
        return SourceDown("refused", (error.strerror or "the connection broke").lower())
    return None


def _of_state(state: str) -> SourceDown | StreamError:
    # A whole code says more than its class; what is the table's comes before what is the server's.
    for key in (state, state[:2]):
        if key in _STREAM:
            return StreamError(*_STREAM[key])
        if key in _SOURCE:
            return SourceDown(*_SOURCE[key])
    return StreamError("defect", f"the server refused the query with {state}")


def at_the_door(error: psycopg.Error) -> SourceDown:
    """What a failed connection attempt means."""
    state = error.sqlstate or ""
    for key in (state, state[:2]):
        if key in _SOURCE:
            return SourceDown(*_SOURCE[key])
    meaning = _of_words(error)
    return meaning if isinstance(meaning, SourceDown) else SourceDown("refused", "the server refused the connection")


def _of_words(error: psycopg.Error) -> SourceDown | StreamError:
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return SourceDown("timeout", "no answer in time")
    text = str(error)
    for pattern, reason, told in _UNREACHABLE:
        if re.search(pattern, text, re.IGNORECASE):
            return SourceDown(reason, told)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return SourceDown("refused", "the server closed the connection")
    return StreamError("defect", "the client library refused the query or its answer")
