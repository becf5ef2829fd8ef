"""An SMS service on loopback: takes what Apprise's address json://127.0.0.1:port/ posts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Service:
    """taken: the texts it took. down: whether it refuses."""

    def __init__(self, port: int) -> None:
        self.address = f"json://127.0.0.1:{port}/"
        self.taken: list[str] = []
        self.asked = 0
        self.down = False


@contextmanager
def service() -> Iterator[Service]:
    """One that runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked += 1
            if not made.down:
                made.taken.append(body["message"])
            self.send_response(500 if made.down else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Service(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(10)
