"""The event loop in front of cheroot's threads: it alone waits for clients.

cheroot's own connection handling gives a thread to every connection from the first byte on, and shakes TLS hands in
the accepting thread. Measured: 200 connections that send nothing kept a request waiting for longer than 30 s, and
`stop` took 145 s. Here a thread sees a connection only when its whole request has arrived.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from exporters.core.web_exchange import Blocked, Connection, Stage, refusal
from exporters.core.web_limits import Limits
from exporters.core.web_tls import san_allowed
from exporters.core.web_watch import Watch

_log = logging.getLogger(__name__)

_RECEIVE_BYTES = 16 * 1024
_TICK = 0.25
"""How often deadlines are looked at, in seconds."""
_STOP_TICK = 0.02
_OUT_OF_MEANS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_SILENT = (Stage.HANDSHAKE, Stage.READING, Stage.LINGERING)


class Front:
    """Accepts, shakes hands, reads heads, sends answers, ends connections. `run` is one thread; `answered` and `stop`
    may be called from others.

    `terms` gives, for each new connection, the TLS context and the client names allowed (empty: any); None: no TLS.
    """

    def __init__(
        self,
        server: Any,
        listeners: Sequence[socket.socket],
        terms: Callable[[], tuple[ssl.SSLContext, tuple[str, ...]] | None],
        limits: Limits,
    ) -> None:
        self._server = server
        self._watch = Watch(listeners)
        self._terms = terms
        self._limits = limits
        self._open: dict[Connection, tuple[str, ...]] = {}
        self._answered: deque[Connection] = deque()
        self._accept_again = 0.0
        """When to accept again; 0: now."""
        self._next_look = 0.0
        self._stop_by: float | None = None
        self._ended = threading.Event()
        self.turned_away = 0
        """Connections closed because there were too many, or because a client took too long."""

    def run(self) -> None:
        """Serve until `stop`."""
        try:
            while not self._finished():
                try:
                    self._turn()
                except Exception as error:
                    # A defect here must not end all serving; the pause keeps it from filling the log.
                    _log.error("the web server's loop failed: %s", type(error).__name__, exc_info=True)
                    time.sleep(_TICK)
        finally:
            self._ended.set()
            for connection in list(self._open):
                self._drop(connection)
            self._watch.close()

    def answered(self, connection: Connection) -> None:
        """Take back a connection from a thread that has answered its request."""
        self._answered.append(connection)
        self._watch.wake()
        if self._ended.is_set():
            connection.socket.close()

    def stop(self) -> None:
        """Accept nothing more, end what is idle, give answers under way a moment. Returns at once."""
        self._stop_by = time.monotonic() + self._limits.stop
        self._watch.wake()

    def _turn(self) -> None:
        # With nobody there, nothing can become late: then it sleeps until somebody comes.
        waiting = None if not (self._open or self._accept_again) else _TICK
        for found in self._watch.wait(waiting if self._stop_by is None else _STOP_TICK):
            if not isinstance(found, Connection):
                self._accept(found)
            elif found in self._open:  # it may have made room for another one in this very turn
                self._guarded(found, self._go_on)
        while self._answered:
            connection = self._answered.popleft()
            connection.enter(Stage.SENDING, self._limits.answer)
            self._guarded(connection, self._send)
            self._bound_unsent()
        self._expire()

    def _guarded(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Take one step with a connection; whatever goes wrong ends that connection and no other."""
        try:
            step(connection)
        except Blocked as blocked:
            self._watch.follow(connection, writing=blocked.writing)
        except OSError as error:
            _log.debug("connection from %s ended: %s", connection.remote_addr, type(error).__name__)
            self._drop(connection)
        except Exception as error:
            _log.error("connection from %s dropped: %s", connection.remote_addr, type(error).__name__)
            self._drop(connection)

    def _go_on(self, connection: Connection) -> None:
        match connection.stage:
            case Stage.HANDSHAKE:
                self._shake_hands(connection)
            case Stage.READING:
                self._read(connection)
            case Stage.SENDING:
                self._send(connection)
            case Stage.LINGERING:
                self._linger(connection)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(64):  # then the others have their turn
            try:
                sock, address = listener.accept()
            except OSError as error:
                if error.errno in _OUT_OF_MEANS and not self._make_room():
                    self._pause_accepting()
                return
            if len(self._open) >= self._limits.connections and not self._make_room():
                self.turned_away += 1
                sock.close()
                continue
            self._welcome(sock, address)

    def _welcome(self, sock: socket.socket, address: tuple[Any, ...]) -> None:
        sock.settimeout(0)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        terms = self._terms()
        if terms is None:
            connection = Connection(self._server, sock, address, self._limits)
            connection.enter(Stage.READING, self._limits.head)
            self._open[connection] = ()
            self._guarded(connection, self._read)
            return
        context, allowed = terms
        try:
            sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except (OSError, ValueError):  # already gone
            sock.close()
            return
        connection = Connection(self._server, sock, address, self._limits)
        connection.enter(Stage.HANDSHAKE, self._limits.handshake)
        self._open[connection] = allowed
        self._guarded(connection, self._shake_hands)

    def _shake_hands(self, connection: Connection) -> None:
        sock = connection.socket
        assert isinstance(sock, ssl.SSLSocket)  # noqa: S101 - the only kind that is put into this stage
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            raise Blocked(writing=False) from None
        except ssl.SSLWantWriteError:
            raise Blocked(writing=True) from None
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                self._explain_tls(connection)
                return
            _log.info("TLS handshake with %s failed: %s", connection.remote_addr, error.reason)
            raise
        allowed = self._open[connection]
        if not san_allowed(sock.getpeercert(), allowed):
            _log.warning("client certificate of %s has none of the allowed names", connection.remote_addr)
            self._drop(connection)
            return
        connection.enter(Stage.READING, self._limits.head)
        self._read(connection)

    def _explain_tls(self, connection: Connection) -> None:
        """Somebody speaks plain HTTP to a TLS port: say so in words they can read."""
        self._watch.forget(connection)
        connection.socket = socket.socket(fileno=connection.socket.detach())
        connection.socket.settimeout(0)
        self._refuse(connection, HTTPStatus.BAD_REQUEST)

    def _read(self, connection: Connection) -> None:
        """Read on until a whole head is there; then a thread has it."""
        while (head := connection.received.take()) is None:
            data = connection.receive(_RECEIVE_BYTES)
            if not data:
                self._drop(connection)
                return
            if not connection.received:
                connection.enter(Stage.READING, self._limits.head)
            connection.received.add(data)
        if isinstance(head, HTTPStatus):
            self._refuse(connection, head)
            return
        self._watch.forget(connection)
        connection.rfile = io.BytesIO(head)
        connection.enter(Stage.ANSWERING, float("inf"))
        self._server.process_conn(connection)

    def _refuse(self, connection: Connection, status: HTTPStatus) -> None:
        connection.discard()
        connection.wfile.write(refusal(status))
        connection.enter(Stage.SENDING, self._limits.answer)
        self._guarded(connection, self._send)

    def _send(self, connection: Connection) -> None:
        connection.send()
        if connection.keep and self._stop_by is None:
            # The beginning of the next request may be here already.
            connection.enter(Stage.READING, self._limits.head if connection.received else self._limits.idle)
            self._read(connection)
            return
        connection.enter(Stage.LINGERING, self._limits.linger)
        connection.end_sending()
        self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        """Swallow what the client still sends: closing with unread input would take our answer back from it."""
        for _ in range(4):  # then the others have their turn
            if not connection.receive(_RECEIVE_BYTES):
                self._drop(connection)
                return
        raise Blocked(writing=False)

    def _expire(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _TICK
        if 0 < self._accept_again <= now and self._stop_by is None:
            self._accept_again = 0.0
            self._watch.listen()
        for connection in [late for late in self._open if late.deadline <= now]:
            if connection.stage is Stage.READING and connection.received:
                self.turned_away += 1
                self._refuse(connection, HTTPStatus.REQUEST_TIMEOUT)
            else:
                self.turned_away += connection.stage in (Stage.HANDSHAKE, Stage.SENDING)
                self._drop(connection)

    def _make_room(self) -> bool:
        """End the connection that has been silent for longest; false when all are being answered."""
        silent = [connection for connection in self._open if connection.stage in _SILENT]
        if silent:
            self.turned_away += 1
            self._drop(min(silent, key=lambda connection: connection.since))
        return bool(silent)

    def _bound_unsent(self) -> None:
        sending = [connection for connection in self._open if connection.stage is Stage.SENDING]
        unsent = sum(connection.wfile.size for connection in sending)
        # The last one may be large by itself.
        for connection in sorted(sending, key=lambda connection: connection.since)[:-1]:
            if unsent <= self._limits.unsent:
                return
            unsent -= connection.wfile.size
            self.turned_away += 1
            self._drop(connection)

    def _pause_accepting(self) -> None:
        """Out of file descriptors, and none of ours to spare: without a pause the loop would spin."""
        _log.warning("no file descriptors left: accepting no connections for a moment")
        self._watch.pause()
        self._accept_again = time.monotonic() + _TICK

    def _drop(self, connection: Connection) -> None:
        if self._open.pop(connection, None) is not None:
            self._watch.forget(connection)
            connection.socket.close()

    def _finished(self) -> bool:
        if self._stop_by is None:
            return False
        self._watch.stop_listening()
        for connection in [idle for idle in self._open if idle.stage in (Stage.HANDSHAKE, Stage.READING)]:
            self._drop(connection)
        return not self._open or time.monotonic() >= self._stop_by
