"""The HTTP side of SigmaSight's back end, as far as anybody may see it without a login: its health.

`/health`, `/health/live`, `/health/ready`, `/health/status` and `/health/prerequisites` answer without credentials,
below `/api/v1` and at the root. `ready` is 503 while the cache warms. The administrators' `/api/v1/system/health` wants
a token; `/api/v1/admin/system/…` does not exist.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

OPEN: Final = frozenset({"/health", "/health/live", "/health/ready", "/health/status", "/health/prerequisites"})
GUARDED: Final = "/system/health"
PREFIX: Final = "/api/v1"


class Backend:
    """Serves on `host`:`port` (0: any free one) from `start()` to `stop()`.

    warming: the cache is not warm yet: `ready` answers 503. broken: every health answer is 500. silent: connections are
    taken and never answered, until the server stops.
    """

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", warming: bool = False) -> None:
        self.warming = warming
        self.broken = False
        self.silent = False
        self.asked: list[str] = []
        self._over = threading.Event()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                backend._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Nothing: what was asked is in `asked`."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def status(self, path: str) -> int:
        """What a GET without credentials is answered with."""
        inner = path.partition("?")[0].removeprefix(PREFIX)
        if path.startswith(PREFIX) and inner == GUARDED:
            return 401
        if inner not in OPEN:
            return 404
        if self.broken:
            return 500
        return 503 if self.warming and inner == "/health/ready" else 200

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        if self.silent:
            self._over.wait()
            return
        status = self.status(request.path)
        words = {200: "healthy", 401: "Not authenticated", 404: "Not Found", 500: "unhealthy", 503: "warming"}
        key = "status" if status in {200, 500, 503} else "detail"
        body = json.dumps({key: words[status]}).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
