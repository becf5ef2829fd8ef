"""A connection to one Redis server, and what its failures mean.

Everything that reads Redis goes through `exchange` and `transaction`, or holds `translated()` around single commands,
so that only SourceDown and StreamError leave (see `redis_errors`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from exporters.core.errors import ObservatoryError, SourceDown, StreamError
from exporters.readers.redis_errors import translate, translated

__all__ = ["Tls", "close", "connect", "exchange", "reply_of", "transaction", "translated"]

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
