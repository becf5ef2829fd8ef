"""A connection to one Redis server, and what its failures mean.

Everything that reads Redis goes through `exchange` and `transaction`, or holds `translated()` around single commands:
redis-py's and the operating system's exceptions become SourceDown (nothing can be read here) or StreamError (this key
cannot be read). Their texts are our own: the server's texts repeat commands, and with them key names that carry user
ids, so they never travel on, not even as the context of the new exception.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import ContextDecorator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from exporters.core.errors import ObservatoryError, SourceDown, StreamError

CLIENT_NAME = "llm-observatory"

Argument = str | bytes | int
Command = tuple[Argument, ...]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Tls:
    """How to speak TLS. Without `ca_file` the system's own authorities are trusted; `verify` False trusts anybody."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    verify: bool = True


def connect(
    *,
    host: str,
    port: int = 6379,
    db: int = 0,
    username: str | None = None,
    password: str | None = None,
    tls: Tls | None = None,
    timeout: float = 5.0,
) -> redis.Redis:
    """Open one connection and prove with PING that it is a Redis that lets us in.

    timeout: seconds that connecting may take, and that the server may stay silent within any one command. Commands are
    never repeated behind the caller's back. Replies are bytes (RESP2: every server since 1.2 speaks it). Raises
    SourceDown and nothing else.
    """
    secure: dict[str, Any] = {}
    if tls is not None:
        secure = {
            "ssl": True,
            "ssl_ca_certs": str(tls.ca_file) if tls.ca_file else None,
            "ssl_certfile": str(tls.certificate_file) if tls.certificate_file else None,
            "ssl_keyfile": str(tls.key_file) if tls.key_file else None,
            "ssl_cert_reqs": "required" if tls.verify else "none",
            "ssl_check_hostname": tls.verify,
        }
    client = redis.Redis(
        host=host,
        port=port,
        db=db,
        username=username,
        password=password,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=2,
        redis_connect_func=_introduce,  # type: ignore[arg-type]  # declared without the argument it is called with
        **secure,
    )
    failure: SourceDown | None = None
    try:
        with translated():
            if client.ping() is not True:
                raise _garbled("PING was not answered with PONG")
    except StreamError as error:
        failure = _at_the_door(error, db)
    except BaseException:
        close(client)
        raise
    if failure is None:
        return client
    close(client)
    raise failure


def _at_the_door(error: StreamError, db: int) -> SourceDown | None:
    """What a command refused while connecting means for the source; None: it lets us in all the same."""
    if error.reason == "no_permission":
        # An account without +ping: its password was accepted, and that is what was asked.
        return SourceDown("auth", f"the account may not select database {db}") if db else None
    if error.reason == "defect":
        return SourceDown("refused", f"database {db} cannot be selected")
    return SourceDown("refused", str(error))


def close(client: redis.Redis) -> None:
    """Close the connection. Never raises: what it could raise is about a connection nobody wants any more."""
    try:
        client.close()
    except (redis.RedisError, OSError):
        return


def _introduce(connection: Any) -> None:
    # CLIENT SETINFO is not in the account's grant; asking would fill the server's ACL LOG at each connect.
    connection.driver_info = None
    connection.lib_name = connection.lib_version = None
    connection.on_connect()
    connection.send_command("CLIENT", "SETNAME", CLIENT_NAME)
    try:
        connection.read_response()
    except redis.ResponseError:
        return  # a courtesy to whoever reads CLIENT LIST; an account without the grant works as well


def transaction(client: redis.Redis, commands: Sequence[Command]) -> list[Any]:
    """Run the commands as one MULTI/EXEC: their replies, in order, all of the same moment.

    A command that failed alone (WRONGTYPE) has a StreamError in its place; `reply_of` raises it. Raises SourceDown, and
    StreamError where the server refused the whole transaction (NOPERM on any of its commands).
    """
    return _run(client, commands, atomic=True)


def exchange(client: redis.Redis, commands: Sequence[Command]) -> list[Any]:
    """Run the commands in one round trip, not atomically. Failed ones have a StreamError in their place."""
    return _run(client, commands, atomic=False)


def _run(client: redis.Redis, commands: Sequence[Command], *, atomic: bool) -> list[Any]:
    with translated():
        with client.pipeline(transaction=atomic) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            replies = pipeline.execute(raise_on_error=False)
        if not isinstance(replies, list) or len(replies) != len(commands):
            raise _garbled("replies do not match the commands")
    answers: list[Any] = []
    for reply in replies:
        if isinstance(reply, Exception):
            meaning = translate(reply)
            if not isinstance(meaning, StreamError):
                raise meaning or _garbled("an unknown reply")
            answers.append(meaning)
        else:
            answers.append(reply)
    return answers


def _garbled(what: str) -> SourceDown:
    return SourceDown("protocol", what)


def reply_of(kind: type[T], reply: object) -> T:
    """The reply, which must be of this kind. Raises the StreamError it is, or SourceDown if it is anything else."""
    if isinstance(reply, ObservatoryError):
        raise reply
    if not isinstance(reply, kind):
        what = f"expected {kind.__name__}, got {type(reply).__name__}"
        raise _garbled(what)
    return reply


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
        if isinstance(cause, FileNotFoundError):
            return SourceDown("tls", "a certificate, key or authority file is missing")
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
    text = str(error)
    code = getattr(error, "status_code", None) or text.partition(" ")[0]
    if isinstance(error, redis.exceptions.NoPermissionError):
        denied = _MAY_NOT_RUN.search(text)
        return StreamError("no_permission", f"needs +{denied[1]}" if denied else "the account may not read this key")
    if code == "WRONGTYPE" or "WRONGTYPE" in text:
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
