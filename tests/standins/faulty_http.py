"""A loopback HTTP server whose write requests go wrong on command: refused, delayed, dropped, or stored and then lost.

In front of the InfluxDB stand-in and, as a proxy, in front of a real InfluxDB: the same faults for both.
"""

from __future__ import annotations

import gzip
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

WRITE_PATH = "/api/v2/write"
HANG_SECONDS = 60.0

Mode = Literal["healthy", "hang", "reset", "store_then_hang", "store_then_reset"]
"""hang: no answer ever. reset: the connection is closed without one. store_then_…: after the lines were stored."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, body as it came over the wire."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Post:
    """One write request as it was answered; status 0 where no answer was given. lines: the body, decompressed."""

    bucket: str
    status: int
    lines: tuple[str, ...]
    wire_bytes: int


@dataclass(slots=True)
class _Fault:
    left: int
    reply: Reply
    bucket: str | None


class FaultyServer:
    """Serves `handle` on loopback. port: 0 takes a free one.

    max_body_bytes: larger write requests get 413, counted as they come over the wire, as a proxy does.
    """

    def __init__(self, handle: Callable[[Request], Reply], *, port: int = 0) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []
        self._mode: Mode = "healthy"
        self._next_mode: tuple[int, Mode] | None = None
        self._released = threading.Event()
        self._sockets: set[socket.socket] = set()
        self.max_body_bytes: int | None = None
        self.connections = 0
        self.posts: list[Post] = []
        self.errors: list[BaseException] = []
        self._http = _Http(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), name="faulty-http")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._http.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._sockets:
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        if self.errors and error is None:
            raise self.errors[0]

    def fail_next(
        self, count: int, status: int, *, bucket: str | None = None, body: bytes = b"", **headers: str
    ) -> None:
        """Answer the next `count` write requests (of one bucket) with this status and store nothing.

        Headers as keywords: Retry_After="1".
        """
        reply = Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
        with self._lock:
            self._faults.append(_Fault(count, reply, bucket))

    def mode(self, mode: Mode) -> None:
        """What happens to write requests from now on. Leaving a hanging mode ends the connections that hang."""
        with self._lock:
            self._mode = mode
            self._next_mode = None
            self._released.set()
            self._released = threading.Event()

    def mode_after(self, posts: int, mode: Mode) -> None:
        """Healthy for this many write requests, and then this."""
        self.mode("healthy")
        with self._lock:
            self._next_mode = (posts, mode)

    def statuses(self, bucket: str | None = None) -> list[int]:
        """The statuses of all write requests so far, 0 where none was given."""
        return [post.status for post in list(self.posts) if bucket in {None, post.bucket}]

    def answer(self, request: Request) -> Reply | None:
        """None: no answer, close the connection."""
        if request.path != WRITE_PATH:
            return self._handle(request)
        bucket = request.query.get("bucket", "")
        with self._lock:
            self._advance()
            mode, released = self._mode, self._released
            reply = self._scripted(bucket)
        too_large = self.max_body_bytes is not None and len(request.body) > self.max_body_bytes
        if reply is None and too_large:
            reply = Reply(413, b"request entity too large", {"Content-Type": "text/plain"})
        if reply is None and mode not in {"hang", "reset"}:
            reply = self._handle(request)
        answered = reply if mode == "healthy" else None
        status = answered.status if answered else 0
        self.posts.append(Post(bucket, status, tuple(_lines(request)), len(request.body)))
        if mode in {"hang", "store_then_hang"}:
            released.wait(HANG_SECONDS)
        return answered

    def _advance(self) -> None:
        if self._next_mode is not None:
            left, mode = self._next_mode
            self._next_mode = (left - 1, mode)
            if left <= 0:
                self._mode, self._next_mode = mode, None

    def _scripted(self, bucket: str) -> Reply | None:
        for fault in self._faults:
            if fault.left > 0 and fault.bucket in {None, bucket}:
                fault.left -= 1
                return fault.reply
        return None

    def opened(self, connection: socket.socket) -> None:
        """A connection to be ended when the server stops."""
        with self._lock:
            self._sockets.add(connection)
            self.connections += 1

    def closed(self, connection: socket.socket) -> None:
        """It has ended by itself."""
        with self._lock:
            self._sockets.discard(connection)


def body_of(request: Request) -> bytes:
    """The body, decompressed if its header says so. Raises zlib.error, OSError or EOFError for broken gzip."""
    return gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body


def _lines(request: Request) -> list[str]:
    try:
        return body_of(request).decode("utf-8", "replace").split("\n")
    except (OSError, EOFError, zlib.error):
        return []


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], owner: FaultyServer) -> None:
        self.owner = owner
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - signature of the base class
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.owner.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def setup(self) -> None:
        super().setup()
        # Headers and body go out in two writes: without this the second waits for the client's acknowledgement.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.owner.opened(self.connection)

    def finish(self) -> None:
        self.server.owner.closed(self.connection)
        super().finish()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.owner.answer(Request(self.command, parts.path, query, headers, body))
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.status != 204:
            self.wfile.write(reply.body)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - names the server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - signature of the base class
        """Keep test output quiet."""
