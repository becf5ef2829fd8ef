"""The web server: what the program shows, over HTTP, to scrapers and people.

    server = WebServer(["127.0.0.1:9464"], "/metrics", telemetry, load_web_config(path))
    server.start()          # bound when it returns; ListenError names an address that is taken
    server.addresses        # ("127.0.0.1:9464",)
    server.stop()           # within a second, whatever clients do

Paths: the telemetry path, /healthz, /readyz, /sd/prometheus, / (a page for people). From the socket to the screen:
web_front (event loop) -> web_exchange (one request, parsed by cheroot in a thread of its pool) -> web_app (WSGI).
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cheroot import wsgi

from exporters.core.errors import ConfigError
from exporters.core.web_app import LANDING, RESERVED_PATHS, App
from exporters.core.web_config import WebConfig, load_web_config
from exporters.core.web_front import Front
from exporters.core.web_limits import Limits
from exporters.core.web_listen import ListenAddress, ListenError, bound_address, parse_addresses
from exporters.core.web_reload import LiveWebConfig
from exporters.core.web_telemetry import SourceRow, Telemetry

__all__ = ["Limits", "ListenError", "SourceRow", "Telemetry", "WebConfig", "WebServer", "load_web_config"]

_log = logging.getLogger(__name__)


class WebServer:
    """Serves a Telemetry until stopped; may be started once.

    `web_config`: TLS, users and the rest of `--web.config.file`, followed while the server runs; None: plain HTTP,
    open to everyone who can reach the address. Raises ConfigError for an address or a path that cannot be one.
    """

    def __init__(
        self,
        listen_addresses: Sequence[str],
        telemetry_path: str,
        telemetry: Telemetry,
        web_config: WebConfig | None = None,
        *,
        limits: Limits | None = None,
    ) -> None:
        self._wanted = parse_addresses(listen_addresses)
        _check_path(telemetry_path)
        self._limits = limits or Limits()
        self._live = LiveWebConfig(web_config) if web_config is not None else None
        self._app = App(
            telemetry,
            telemetry_path=telemetry_path,
            version=_version(),
            config=self._current,
            own_address=lambda: self.addresses[0],
            waiting_sign_ins=max(1, self._limits.workers // 2),
        )
        self._bound: tuple[ListenAddress, ...] = ()
        self._front: Front | None = None
        self._thread: threading.Thread | None = None
        self._engine: _Engine | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, `host:port` each, with the real port where 0 was asked for; empty before `start`."""
        return tuple(str(address) for address in self._bound)

    @property
    def reload_failures(self) -> int:
        """How many changed web configuration files or certificates could not be used."""
        return self._live.failures if self._live is not None else 0

    @property
    def defects(self) -> int:
        """How many answers ended in an exception of ours."""
        return self._app.defects

    @property
    def turned_away(self) -> int:
        """How many connections were ended for being too slow or too many."""
        return self._front.turned_away if self._front is not None else 0

    def start(self) -> None:
        """Bind every address and serve in the background. Raises ListenError; then none of them is bound."""
        if self._front is not None:
            message = "a WebServer is started once"
            raise RuntimeError(message)
        listeners: list[socket.socket] = []
        try:
            for address in self._wanted:
                listeners.append(address.bind())  # noqa: PERF401 - what is bound so far must be closed again
        except BaseException:
            for listener in listeners:
                listener.close()
            raise
        self._bound = tuple(bound_address(listener) for listener in listeners)
        self._engine = _Engine(self._bound[0], self._app, self._limits)
        self._front = self._engine.front = Front(self._engine, listeners, self._terms, self._limits)
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)
        self._thread.start()
        _log.info("listening on %s", ", ".join(self.addresses))

    def stop(self) -> None:
        """Stop listening, let answers under way finish for half a second, end all connections. May be repeated."""
        if self._front is None or self._thread is None:
            return
        self._front.stop()
        self._thread.join(self._limits.stop + 0.25)

    def _serve(self) -> None:
        # In this daemon thread, so that the pool's threads are daemons too: an answer that hangs ends with the program.
        assert self._engine is not None  # noqa: S101 - start() made both before it made the thread
        assert self._front is not None  # noqa: S101
        self._engine.requests.start()
        try:
            self._front.run()
        finally:
            self._engine.let_workers_go()

    def _current(self) -> WebConfig | None:
        return self._live.current() if self._live is not None else None

    def _terms(self) -> tuple[ssl.SSLContext, tuple[str, ...]] | None:
        config = self._current()
        if config is None or config.context is None or config.tls is None:
            return None
        return config.context, config.tls.allowed_sans


class _Engine(wsgi.Server):  # type: ignore[misc, no-any-unimported, unused-ignore]
    """cheroot's request parser, WSGI gateway and thread pool; its sockets are the Front's business."""

    def __init__(self, address: ListenAddress, app: App, limits: Limits) -> None:
        super().__init__(
            (address.host, address.port),
            app,
            numthreads=limits.workers,
            max=limits.workers,
            server_name="observatory",  # cheroot would tell its version
            timeout=int(limits.idle),
        )
        self.max_request_header_size = limits.request_head
        self.max_request_body_size = limits.request_body
        self.software = self.server_name
        self.ready = True
        self.front: Front | None = None

    @property
    def can_add_keepalive_connection(self) -> bool:
        """The Front keeps connections, and makes room where there is none."""
        return True

    def put_conn(self, conn: Any) -> None:
        """A thread is done with a connection."""
        if self.front is not None:
            self.front.answered(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: FBT001, FBT002
        """cheroot's messages go to our log."""
        _log.log(level, "%s", msg, exc_info=traceback)

    def let_workers_go(self) -> None:
        """End the pool's threads, those that hang excepted: they are daemons, and nobody waits for them."""
        # cheroot's own stop() joins without a limit in the end, hence not in a thread that matters.
        threading.Thread(target=self.requests.stop, args=(0,), name="web-pool-stop", daemon=True).start()
        # cheroot keeps every server it ever made in here.
        statistics: dict[str, object] = getattr(logging, "statistics", {})
        for name in [name for name, entry in statistics.items() if entry is self.stats]:
            del statistics[name]


def _check_path(path: str) -> None:
    if not path.startswith("/") or path == LANDING or any(c.isspace() or c in "?#%" for c in path):
        message = f"telemetry path {path!r}: expected a path such as /metrics"
        raise ConfigError((message,))
    if path in RESERVED_PATHS:
        message = f"telemetry path {path!r} is taken; the program itself answers on {', '.join(RESERVED_PATHS)}"
        raise ConfigError((message,))


def _version() -> str:
    try:
        return version("llm-observatory")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"
