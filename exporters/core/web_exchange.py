"""One client's connection, and the request on it that a thread of the pool answers.

A thread never waits for a client: it finds the whole request head in memory, leaves the answer in memory, and what
the socket does not take at once is the event loop's to send. Bodies are never read: nothing here wants one.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import socket
import ssl
import time
from collections import deque
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from cheroot.server import HeaderReader, HTTPRequest

from exporters.core.web_head import HeadReader
from exporters.core.web_limits import Limits

_log = logging.getLogger(__name__)

_SEND_BYTES = 256 * 1024
_JOIN_BYTES = 16 * 1024
_FOLDED = re.compile(rb"\n[ \t]")
_BODY_FOLLOWS = re.compile(rb"\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)


class Stage(Enum):
    """Where a connection is. In ANSWERING it belongs to a thread of the pool, otherwise to the event loop."""

    HANDSHAKE = auto()
    READING = auto()
    ANSWERING = auto()
    SENDING = auto()
    LINGERING = auto()


class Blocked(Exception):  # noqa: N818 - not an error: the socket will tell when to go on
    """The socket cannot go on now. `writing`: it waits for room to write, not for something to read."""

    def __init__(self, *, writing: bool) -> None:
        self.writing = writing
        super().__init__()


class _Headers(HeaderReader):  # type: ignore[misc, no-any-unimported, unused-ignore]
    """Leaves out what would only confuse: `A_B` looks like `A-B` to WSGI, and `Expect` asks for a body to be read."""

    def _allow_header(self, key_name: bytes) -> bool:
        return b"_" not in key_name and key_name != b"Expect"


class _Request(HTTPRequest):  # type: ignore[misc, no-any-unimported, unused-ignore]
    """cheroot's parser, with short refusals and a connection that ends wherever a body might follow."""

    header_reader = _Headers()

    def read_request_line(self) -> bool:
        try:
            return bool(super().read_request_line())  # type: ignore[no-untyped-call, unused-ignore]
        except ValueError:  # urlsplit, for `//[`
            self.simple_response("400 Bad Request")
            return False

    def read_request_headers(self) -> bool:
        head = self.conn.rfile.getvalue()
        if _FOLDED.search(head):
            # Obsolete, and to be refused (RFC 9112, 5.2); cheroot would keep only the last line of such a header.
            self.simple_response("400 Bad Request")
            return False
        if not super().read_request_headers():  # type: ignore[no-untyped-call, unused-ignore]
            return False
        tokens = {token.strip().lower() for token in self.inheaders.get(b"Connection", b"").split(b",")}
        # Any mention of a body, however odd or repeated: what follows must never be taken for the next request.
        if b"close" in tokens or _BODY_FOLLOWS.search(head):
            self.close_connection = True
        return True

    def simple_response(self, status: str, msg: str = "") -> None:  # noqa: ARG002 - the status says enough
        self.close_connection = True
        self.conn.wfile.write(refusal(HTTPStatus(int(str(status)[:3]))))


def refusal(status: HTTPStatus) -> bytes:
    """A whole answer for a request that never reached the application, after which the connection ends."""
    body = f"{status.phrase}\n".encode()
    allow = "Allow: GET, HEAD\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n{allow}X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    ).encode() + body


class _Output:
    """What cheroot writes to: parts, not copied together."""

    def __init__(self) -> None:
        self.parts: deque[memoryview] = deque()
        self.size = 0

    def write(self, data: bytes) -> int:
        if data:
            self.parts.append(memoryview(data))
            self.size += len(data)
        return len(data)

    def first(self) -> memoryview:
        """The part to send next. Small ones are joined: head and body of an answer leave in one packet."""
        if len(self.parts) > 1 and len(self.parts[0]) < _JOIN_BYTES:
            head, body = self.parts.popleft(), self.parts.popleft()
            if len(body) > _JOIN_BYTES:
                self.parts.appendleft(body[_JOIN_BYTES:])
            self.parts.appendleft(memoryview(bytes(head) + bytes(body[:_JOIN_BYTES])))
        return self.parts[0]


class Connection:
    """A socket (never blocking), what came in, what goes out. cheroot's threads know it by the methods they call."""

    ssl_env = None

    def __init__(self, server: Any, sock: socket.socket, address: tuple[Any, ...], limits: Limits) -> None:
        self._server = server
        self.socket = sock
        self.remote_addr, self.remote_port = address[:2]
        self.stage = Stage.HANDSHAKE
        self.since = time.monotonic()
        """When the stage began."""
        self.deadline = float("inf")
        self.watched = 0
        """What the event loop waits for on it."""
        self.received = HeadReader(limits)
        self.rfile = io.BytesIO()
        self.wfile = _Output()
        self.keep = False
        """Whether another request may follow this answer."""

    def enter(self, stage: Stage, seconds: float) -> None:
        """Begin a stage that may last so long."""
        self.stage = stage
        self.since = time.monotonic()
        self.deadline = self.since + seconds

    def communicate(self) -> bool:
        """Answer the request whose head is in `rfile`; in a thread of the pool.

        Always true, which hands the connection back to the event loop.
        """
        self.keep = False
        request = _Request(self._server, self)
        try:
            request.parse_request()
            if request.ready:
                request.respond()
                self.keep = not request.close_connection
        except Exception as error:
            _log.error("a request from %s failed in the server: %s", self.remote_addr, type(error).__name__)
            if not self.wfile.size:
                self.wfile.write(refusal(HTTPStatus.INTERNAL_SERVER_ERROR))
        try:
            self.send()
        except Blocked:
            pass
        except OSError:
            self.discard()
        return True

    def close(self) -> None:
        """cheroot's way to give up a connection whose `communicate` failed."""
        self.keep = False
        self._server.put_conn(self)

    def receive(self, size: int) -> bytes:
        """What has arrived; empty at its end. Raises Blocked or OSError."""
        try:
            return self.socket.recv(size)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            raise Blocked(writing=False) from None
        except ssl.SSLWantWriteError:
            raise Blocked(writing=True) from None

    def send(self) -> None:
        """Send what is left of the answer. Raises Blocked when some still is, or OSError."""
        output = self.wfile
        while output.parts:
            part = output.first()
            try:
                sent = self.socket.send(part[:_SEND_BYTES])
            except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
                raise Blocked(writing=True) from None
            except ssl.SSLWantReadError:
                raise Blocked(writing=False) from None
            output.size -= sent
            if sent == len(part):
                output.parts.popleft()
            else:
                output.parts[0] = part[sent:]

    def discard(self) -> None:
        """Forget the answer: nobody is there to take it."""
        self.keep = False
        self.wfile = _Output()

    def end_sending(self) -> None:
        """Say that nothing more will come. Raises OSError when the client is gone."""
        if isinstance(self.socket, ssl.SSLSocket):
            # It would like to wait for the client's own goodbye, which may never come.
            with contextlib.suppress(ssl.SSLError, ValueError):
                self.socket.unwrap()
        self.socket.shutdown(socket.SHUT_WR)
