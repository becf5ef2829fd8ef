"""What exceptions of redis-py and of the system mean to whoever reads a Redis.

SourceDown: nothing can be read here. StreamError: this key cannot be read. Their texts are our own: the server's texts
repeat commands, and with them key names that carry user ids, so they never travel on, not even as the context of the
new exception.
"""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import ContextDecorator
from types import TracebackType

import redis

from exporters.core.errors import ObservatoryError, SourceDown, StreamError


class translated(ContextDecorator):  # noqa: N801 - reads as a word: `with translated():`
    """Context manager and decorator: exceptions of redis-py and the system become SourceDown or StreamError.

    ValueError and the like are translated only when redis-py raised them (its parser does, on replies that are no
    RESP): a defect of ours stays one.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None or isinstance(error, ObservatoryError):
            return
        meaning = translate(error)
        if meaning is None and _parsing(error, tb):
            meaning = SourceDown("protocol", "the server does not speak the Redis protocol")
        if meaning is None:
            return
        try:
            raise meaning
        finally:
            meaning.__context__ = None  # the original repeats the command, key names included


def _parsing(error: BaseException, tb: TracebackType | None) -> bool:
    if not isinstance(error, (ValueError, OverflowError, RecursionError, TypeError, AttributeError, IndexError)):
        return False
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    return tb is not None and str(tb.tb_frame.f_globals.get("__name__", "")).split(".")[0] == "redis"


def translate(error: BaseException) -> SourceDown | StreamError | None:
    """What an exception of redis-py or the system means to a reader; None for one that is neither's."""
    if isinstance(error, redis.ResponseError):
        return _refusal(error)
    if isinstance(error, (redis.TimeoutError, TimeoutError)):
        return SourceDown("timeout", "no answer in time")
    if isinstance(error, (redis.AuthenticationError, redis.exceptions.AuthorizationError)):
        return SourceDown("auth", "the server did not accept the username or password")
    if isinstance(error, redis.BusyLoadingError):
        return SourceDown("refused", "the server is loading its data")
    if isinstance(error, redis.InvalidResponse):
        return SourceDown("protocol", "the server does not speak the Redis protocol")
    if isinstance(error, (redis.ConnectionError, OSError)):
        return _unreachable(error)
    if isinstance(error, redis.RedisError):
        return SourceDown("protocol", type(error).__name__)
    return None


def _unreachable(error: BaseException) -> SourceDown:
    """redis-py puts the system's exception behind its own, whose text alone cannot be trusted to stay the same."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return SourceDown("name", "the host name cannot be resolved")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SourceDown("tls", f"the server's certificate: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return SourceDown("tls", (cause.reason or "handshake failed").lower().replace("_", " "))
        if isinstance(cause, TimeoutError):
            return SourceDown("timeout", "no answer in time")
        if isinstance(cause, (FileNotFoundError, PermissionError, IsADirectoryError)):
            return SourceDown("tls", "a certificate, key or authority file cannot be read")
        if isinstance(cause, OSError) and cause.strerror:
            return SourceDown("refused", cause.strerror.lower())
        cause = cause.__cause__ or cause.__context__
    if "not ready" in str(error) or "has data" in str(error):
        return SourceDown("protocol", "the server speaks before it is asked")
    return SourceDown("refused", "the server closed the connection")


# By the reply's first word. What every command of every stream would get is the source's: SourceDown, so that the
# runner backs off. A script that blocks the server (BUSY) ends by itself, and the server is there: StreamError.
_WHOLE_SOURCE = {
    "DENIED": "protected mode",
    "MASTERDOWN": "a replica that has lost its master and may not answer",
    "CLUSTERDOWN": "the cluster is down",
}
_BUSY = {"BUSY": "a script blocks the server", "TRYAGAIN": "the slot is moving", "UNKILLABLE": "a script blocks it"}
_MAY_NOT_RUN = re.compile(r"run the '([a-z|_-]+)' command")


def _refusal(error: redis.ResponseError) -> SourceDown | StreamError:
    text = str(error).rpartition("caused error: ")[2]  # redis-py puts the command before it
    code = getattr(error, "status_code", None) or text.partition(" ")[0]
    if isinstance(error, redis.exceptions.NoPermissionError):
        denied = _MAY_NOT_RUN.search(text)
        return StreamError("no_permission", f"needs +{denied[1]}" if denied else "the account may not read this key")
    if code == "WRONGTYPE":
        return StreamError("wrong_type", "the key holds another type")
    if code == "NOAUTH" or "operation not permitted" in text:
        return SourceDown("auth", "the server wants a password")
    if isinstance(error, redis.exceptions.MasterDownError):
        code = "MASTERDOWN"
    elif isinstance(error, redis.exceptions.ClusterDownError):
        code = "CLUSTERDOWN"
    if code in _WHOLE_SOURCE:
        return SourceDown("refused", _WHOLE_SOURCE[code])
    if code in _BUSY or isinstance(error, redis.exceptions.TryAgainError):
        return StreamError("busy", _BUSY.get(code, "try again"))
    if isinstance(error, redis.exceptions.AskError):
        return StreamError("missing", "the key lives on another node of a cluster")
    if "without MULTI" in text:
        return StreamError("no_permission", "needs +multi")  # the refusal itself came before, and is not shown
    if "unknown command" in text or "unknown subcommand" in text:
        return StreamError("no_permission", "the server has no such command; it may have been renamed")
    return StreamError("defect", "the server refused the command")
