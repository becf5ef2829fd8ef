"""Listen addresses as Prometheus exporters write them, and the sockets behind them."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from exporters.core.errors import ConfigError, ObservatoryError

_ADDRESS = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})\Z")
_BACKLOG = 1024
"""A burst of 200 connections filled a backlog of 128: some clients then waited a second for the kernel to retry."""


class ListenError(ObservatoryError):
    """An address cannot be listened on: taken, not allowed, or not an address of this machine."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"cannot listen on {address}: {reason}")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """`127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`; `:9464` is every interface, port 0 any free port."""

    host: str
    """Empty for every interface."""
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one address. Raises ConfigError naming it and the legal forms."""
        found = _ADDRESS.match(text)
        if found is None or int(found["port"]) > 65535 or found["v6"] == "":
            message = (
                f"listen address {text!r}: expected host:port with a port from 0 to 65535, "
                "such as 127.0.0.1:9464, [::1]:9464 or :9464"
            )
            raise ConfigError((message,))
        return cls(found["v6"] or found["host"] or "", int(found["port"]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def bind(self) -> socket.socket:
        """A listening, non-blocking socket. Raises ListenError."""
        try:
            listener = self._listener()
        except OSError as error:
            raise ListenError(str(self), _reason(error)) from None
        listener.settimeout(0)
        return listener

    def _listener(self) -> socket.socket:
        if self.host:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            # A name such as localhost may mean both families: IPv4 first, as Go's exporters do.
            family, *_, sockaddr = min(found, key=lambda entry: entry[0] != socket.AF_INET)
            return socket.create_server(sockaddr, family=family, backlog=_BACKLOG)
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(
                    ("::", self.port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
                )
            except OSError as error:
                # A kernel started with IPv6 disabled still offers the family.
                if _named(error) not in ("EADDRNOTAVAIL", "EAFNOSUPPORT"):
                    raise
        return socket.create_server(("", self.port), backlog=_BACKLOG)


def parse_addresses(texts: Sequence[str]) -> tuple[ListenAddress, ...]:
    """Read every address. Raises ConfigError with all that are malformed, or when there is none."""
    problems = [] if texts else ["no listen address given, such as 127.0.0.1:9464"]
    addresses = []
    for text in texts:
        try:
            addresses.append(ListenAddress.parse(text))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return tuple(addresses)


def bound_address(listener: socket.socket) -> ListenAddress:
    """Where a socket really listens, with the port the system chose for port 0."""
    host, port = listener.getsockname()[:2]
    return ListenAddress(str(host), int(port))


def _named(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "").removeprefix("WSA")  # Windows has names of its own


def _reason(error: OSError) -> str:
    match _named(error):
        case _ if isinstance(error, socket.gaierror):
            return "the host name cannot be resolved"
        case "EADDRINUSE":
            return "the port is already in use"
        case "EACCES":
            return "permission denied (ports below 1024 need a privilege)"
        case "EADDRNOTAVAIL":
            return "it is not an address of this machine"
        case _:
            return os.strerror(error.errno) if error.errno else type(error).__name__
