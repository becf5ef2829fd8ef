"""One HTTP GET at a time, of a server that owes us nothing: bounded in time and bytes, and never sent elsewhere.

    client = HttpClient(Address.of("http://127.0.0.1:8082"))
    answer = client.get("/api/health")     Answer(200, b'{"status":"ok"}', seconds=0.004)
    answer.json()                          {"status": "ok"}

Each GET has a connection of its own and closes it. Proxies and cookies are not used, redirects are not followed (a
redirect is an answer like any other), and no environment variable changes any of it. What came is never part of an
error, because answers of watched systems carry texts.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from exporters.core.errors import SourceDown, StreamError

USER_AGENT = "llm-observatory"
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is. path: what stands in front of every path that is asked, without a slash at its end."""

    host: str
    port: int
    tls: bool
    path: str = ""

    @classmethod
    def of(cls, url: str) -> Address:
        """The parts of an address. Raises ValueError for what is none, or carries what would end up in logs."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "an address like http://host:8082"
            raise ValueError(msg)
        if "@" in parts.netloc or parts.query or parts.fragment:
            msg = "an address without user, password, query and fragment"
            raise ValueError(msg)
        tls = parts.scheme == "https"
        path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls, path)

    def __str__(self) -> str:
        """For people: `host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Limits:
    """connect: seconds until the other side accepts. whole: seconds for everything. largest: bytes of a body."""

    connect: float = 3.0
    whole: float = 5.0
    largest: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: HTTP status, body, and the seconds from the first byte of the connection to the last of the body."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body as JSON. Raises StreamError(wrong_type), without the body, if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise StreamError("wrong_type", "the answer is no JSON") from None


class HttpClient:
    """Asks one server. ca_file: the authority to trust instead of the system's, for https.

    Raises SourceDown at once if that file holds no certificate.
    """

    def __init__(
        self,
        address: Address,
        *,
        limits: Limits = Limits(),
        ca_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._limits = limits
        self._clock = clock
        self._tls: ssl.SSLContext | None = None
        if address.tls:
            try:
                self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            except (OSError, ssl.SSLError):
                raise SourceDown("tls", f"{ca_file}: no certificate authority in it") from None

    def get(self, path: str) -> Answer:
        """GET of `path`, which begins with a slash. Any status is an answer.

        Raises SourceDown: name, refused, timeout (nobody accepted the connection), tls, protocol (no HTTP, or cut
        short). Raises StreamError: timeout (accepted, and not everything came in time), wrong_type (too large).
        """
        began = self._clock()
        deadline = began + self._limits.whole
        try:
            with self._connected(deadline) as connection:
                status, body = self._ask(connection, path, deadline)
        except TimeoutError:
            what = f"{self.address}: accepted, and no whole answer within {self._limits.whole:g} s"
            raise StreamError("timeout", what) from None
        except (http.client.HTTPException, ValueError):
            raise SourceDown("protocol", f"{self.address}: what answers does not speak HTTP") from None
        except ssl.SSLError as error:
            raise SourceDown("tls", f"{self.address}: {error.reason or 'TLS broke off'}") from None
        except OSError as error:
            raise SourceDown("protocol", f"{self.address}: the connection broke: {_why(error)}") from None
        return Answer(status, body, self._clock() - began)

    def _connected(self, deadline: float) -> socket.socket:
        reached = self._reach()
        if self._tls is None:
            return reached
        try:
            reached.settimeout(self._left(deadline))
            return self._tls.wrap_socket(reached, server_hostname=self.address.host)
        except ssl.SSLCertVerificationError as error:
            reached.close()
            raise SourceDown("tls", f"{self.address}: {error.verify_message}") from None
        except BaseException:
            reached.close()
            raise

    def _reach(self) -> socket.socket:
        """The first of the host's addresses that accepts."""
        until = self._clock() + self._limits.connect
        try:
            found = socket.getaddrinfo(self.address.host, self.address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SourceDown("name", f"{self.address.host}: no such host") from None
        failure = SourceDown("name", f"{self.address.host}: no address")
        for family, kind, protocol, _, where in found:
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(max(0.001, until - self._clock()))
                made.connect(where)
            except TimeoutError:
                failure = SourceDown("timeout", f"{self.address} does not accept a connection")
            except OSError as error:
                failure = SourceDown("refused", f"{self.address}: {_why(error)}")
            else:
                return made
            made.close()
        raise failure

    def _ask(self, connection: socket.socket, path: str, deadline: float) -> tuple[int, bytes]:
        connection.settimeout(self._left(deadline))
        host = str(self.address) if self.address.port != (443 if self.address.tls else 80) else self.address.host
        head = (
            f"GET {self.address.path}{path} HTTP/1.1",
            f"Host: {host}",
            f"User-Agent: {USER_AGENT}",
            "Accept: application/json",
            "Accept-Encoding: identity",
            "Connection: close",
        )
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode("ascii"))
        timed = _Timed(connection, lambda: self._left(deadline))
        response = http.client.HTTPResponse(timed, method="GET")  # type: ignore[arg-type]  # only makefile is used
        try:
            response.begin()
            body = bytearray()
            while chunk := response.read(_CHUNK):
                body += chunk
                if len(body) > self._limits.largest:
                    raise StreamError("wrong_type", f"{self.address}: more than {self._limits.largest} bytes")
            if response.length:  # announced, and not come: read() of a part does not mind
                raise http.client.IncompleteRead(b"", response.length)
        finally:
            response.close()
        return response.status, bytes(body)

    def _left(self, deadline: float) -> float:
        left = deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


class _Timed(io.RawIOBase):
    """A socket that is read until a moment, not for a while after each byte: a server that drips is no faster."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        self._connection = connection
        self._left = left

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What http.client asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        self._connection.settimeout(self._left())
        return self._connection.recv_into(into)


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
