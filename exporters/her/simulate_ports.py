"""HER's other two ports: 8000, which proves that the process exists, and 8082, its API, in the loop that waits.

8000 answers any path with {"status":"ok"}, HTTP/1.0 and no Content-Length, from a thread of its own; HEAD and POST are
501. 8082 knows /api/health, /api/openapi.json, /api/docs and /v1/models, and answers nothing while HER waits for its
model. What a test wants to see go wrong is set in `fault`.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, Self

Fault = Literal["", "failing", "foreign", "silent"]
"""failing: an error of HER's own. foreign: another program has the port. silent: accepts, and answers when it ends."""

LONGEST_BLOCK = 120.0
_OK = {"status": "ok"}


class PortServer:
    """One port of one HER. port 0: any free one, found in `port` after `start`.

    free: while it is not set, nothing is answered; None where nothing is waited for.
    """

    pages: ClassVar[dict[str, Any]]
    protocol = "HTTP/1.1"

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", free: threading.Event | None = None) -> None:
        self.port = port
        self.fault: Fault = ""
        self.asked: list[str] = []
        """Paths, in order."""
        self._host = host
        self._free = free
        self._ended = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> Self:
        """Listen. Raises OSError if the port is taken."""
        handler = type("Handler", (_Handler,), {"owner": self, "protocol_version": self.protocol})
        self._ended.clear()
        self._server = ThreadingHTTPServer((self._host, self.port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        """Close the port: who asks is refused."""
        self._ended.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str) -> tuple[int, bytes] | None:
        """Status and body, or None for no answer at all. Waits while HER does."""
        self.asked.append(path)
        if self.fault == "silent":
            self._ended.wait(LONGEST_BLOCK)
            return None
        if self._free is not None:
            self._free.wait(LONGEST_BLOCK)
        if self.fault == "failing":
            return 500, b"500 Internal Server Error\n\nServer got itself in trouble"
        if self.fault == "foreign":
            return 200, b"<!doctype html><title>Another program</title>"
        page = self.page(path)
        return (404, b"404: Not Found") if page is None else (200, page)

    def page(self, _path: str) -> bytes | None:
        """The body of a path that is known."""
        page = self.pages.get(_path.split("?")[0])
        return None if page is None else json.dumps(page, separators=(",", ":")).encode()


class LivenessServer(PortServer):
    """Port 8000."""

    pages: ClassVar[dict[str, Any]] = {}
    protocol = "HTTP/1.0"

    def page(self, _path: str) -> bytes | None:
        """Any path."""
        return json.dumps(_OK).encode()


class ApiServer(PortServer):
    """Port 8082, without what can be posted to it."""

    pages: ClassVar[dict[str, Any]] = {
        "/api/health": _OK,
        "/api/openapi.json": {"openapi": "3.0.0", "info": {"title": "HER API", "version": "1"}, "paths": {}},
        "/api/docs": "HER API",
        "/v1/models": {"object": "list", "data": []},
    }


def serve_ports(
    liveness: int | None, api: int | None, host: str, free: threading.Event | None
) -> tuple[PortServer, ...]:
    """Both ports, or those that are given. free: of the loop the API lives in. Raises OSError if one is taken."""
    wanted: list[PortServer] = []
    if liveness is not None:
        wanted.append(LivenessServer(liveness, host=host))
    if api is not None:
        wanted.append(ApiServer(api, host=host, free=free))
    return tuple(server.start() for server in wanted)


class _Handler(BaseHTTPRequestHandler):
    owner: PortServer

    def do_GET(self) -> None:
        answer = self.owner.answer(self.path)
        if answer is None:
            self.close_connection = True
            return
        status, body = answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if self.protocol_version != "HTTP/1.0":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """HER's liveness port logs nothing."""
