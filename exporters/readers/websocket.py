"""A WebSocket that is listened to by a thread of its own: a fast path, beside a list that is read properly.

    listener = Listener(Address.of("ws://127.0.0.1:8081/ws/workflow"), on_text=bell)
    listener.start()                       SourceDown if nobody listens there, or it is no WebSocket
    listener.state(), listener.heard_at    connecting, open, silent or ended

Written for servers that block: one whose only thread waits half a minute for something else answers nothing, not even
a handshake or a ping, and is well. So there is no keep-alive that gives up. Whether the other machine still exists is
the kernel's to find out, by TCP keep-alive, which the other kernel answers whatever the program does.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from exporters.core.errors import SourceDown

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

log = logging.getLogger(__name__)

State = Literal["connecting", "open", "silent", "ended"]
"""silent: connected, but a handshake or a ping has gone unanswered for longer than a moment: busy, not gone."""

PING, PONG = "ping", "pong"
"""The text frames by which such a server can be asked for a sign of life."""

_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
_SLICE = 0.5
_CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a WebSocket is. Raises ValueError for what is no ws:// or wss:// address."""

    url: str
    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, url: str) -> Address:
        """The parts of an address. User information and fragments are refused: they would end up in logs."""
        parts = urlsplit(url)
        if parts.scheme not in {"ws", "wss"} or not parts.hostname:
            msg = "an address like ws://host:8081/ws/workflow"
            raise ValueError(msg)
        if "@" in parts.netloc or parts.fragment:
            msg = "an address without user, password and fragment"
            raise ValueError(msg)
        tls = parts.scheme == "wss"
        return cls(url, parts.hostname, parts.port or (443 if tls else 80), tls)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may take, in seconds.

    connect: until the other kernel accepts. first_answer: how long `start` waits for the handshake; a server that is
    blocked is left to answer later. handshake: until it is given up after all. quiet: without a frame, after which a
    ping is sent. moment: without an answer, after which it counts as silent.
    """

    connect: float = 5.0
    first_answer: float = 2.0
    handshake: float = 300.0
    quiet: float = 30.0
    moment: float = 5.0


class Listener:
    """One connection. on_text: called for every text frame but pongs, in this object's own thread.

    largest_frame: bytes; a larger one ends the connection, before it is held in memory. ca_file: the authority to trust
    instead of the system's; read at each `start`.
    """

    def __init__(
        self,
        address: Address,
        on_text: Callable[[str], None],
        *,
        patience: Patience = Patience(),
        ca_file: Path | None = None,
        largest_frame: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._on_text = on_text
        self._patience = patience
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._largest_frame = largest_frame
        self._clock = clock
        self._halt = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"websocket {address.host}", daemon=True)
        self._socket: socket.socket | None = None
        self._open = False
        self._asked_at: float | None = None
        self.ended: SourceDown | None = None
        """Why it ended; None while it has not."""
        self.heard_at: float | None = None
        """When the last frame came, pongs included, by `clock`; None before the first."""
        self.pong_at: float | None = None

    def start(self) -> None:
        """Connect. Raises SourceDown if nobody is there or the handshake is refused; a late one is not a refusal."""
        self._tls = self._trust() if self._address.tls else None
        self._socket = self._reach()
        self._asked_at = self._clock()
        self._thread.start()
        self._answered.wait(self._patience.first_answer)
        if self.ended is not None and not self._open:
            raise self.ended

    def close(self) -> None:
        """End it. Never raises."""
        self._halt.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            if not self._open and self._socket is not None:
                # The handshake of a blocked server cannot be told to stop; its socket can.
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join(_SLICE + 2 * _CLOSE_SECONDS)

    def state(self) -> State:
        """How it is now."""
        if self.ended is not None:
            return "ended"
        asked = self._asked_at
        if asked is not None and self._clock() - asked > self._patience.moment:
            return "silent"
        return "open" if self._open else "connecting"

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except ssl.SSLError:
            raise SourceDown("tls", f"{self._ca_file}: no certificate in PEM form") from None
        except OSError as error:
            raise SourceDown("tls", f"{self._ca_file}: {error.strerror}") from None

    def _reach(self) -> socket.socket:
        where = (self._address.host, self._address.port)
        try:
            made = socket.create_connection(where, timeout=self._patience.connect)
        except socket.gaierror:
            raise SourceDown("name", f"{where[0]}: no such host") from None
        except TimeoutError:
            raise SourceDown("timeout", f"{where[0]}:{where[1]} does not accept a connection") from None
        except OSError as error:
            raise SourceDown("refused", f"{where[0]}:{where[1]}: {error.strerror or type(error).__name__}") from None
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return made

    def _listen(self) -> None:
        try:
            self._receive()
        except SourceDown as error:
            self.ended = error
        except Exception as error:  # a thread that dies silently would look like a quiet server
            log.error("websocket %s: %s", self._address.host, type(error).__name__)
            self.ended = SourceDown("protocol", f"defect: {type(error).__name__}")
        finally:
            self.ended = self.ended or SourceDown("protocol", "closed")
            self._open = False
            self._answered.set()
            if self._socket is not None:
                self._socket.close()

    def _receive(self) -> None:
        # Imported here: a deployment that does not use the fast path does not need the package.
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, PayloadTooBig
        from websockets.sync.client import connect

        try:
            with connect(
                self._address.url,
                sock=self._socket,
                ssl=self._tls,
                open_timeout=self._patience.handshake,
                close_timeout=_CLOSE_SECONDS,
                ping_interval=None,
                max_size=self._largest_frame,
                # One frame may be tens of megabytes; two of them need not wait in memory.
                max_queue=4,
                compression=None,
                proxy=None,
                logger=_QUIET,
            ) as connection:
                self._open = True
                self._heard()
                self._answered.set()
                self._hear(connection)
        except ConnectionClosed as error:
            if isinstance(error.__cause__, PayloadTooBig) or (error.sent is not None and error.sent.code == 1009):
                raise SourceDown("protocol", f"a frame of more than {self._largest_frame} bytes") from None
            raise SourceDown("protocol", "the server closed the connection") from None
        except (InvalidHandshake, InvalidMessage, EOFError):
            raise SourceDown("protocol", "the handshake was refused: no WebSocket at this address") from None
        except ssl.SSLCertVerificationError as error:
            raise SourceDown("tls", self._not_trusted(error)) from None
        except ssl.SSLError as error:
            raise SourceDown("tls", error.reason or "no TLS at this address") from None
        except TimeoutError:
            raise SourceDown("timeout", f"no handshake within {self._patience.handshake:g} s") from None
        except OSError as error:
            raise SourceDown("protocol", f"the connection broke: {error.strerror or type(error).__name__}") from None

    def _not_trusted(self, error: ssl.SSLCertVerificationError) -> str:
        """What is wrong with the server's certificate, and what to do about it."""
        authority = "the system's authorities" if self._ca_file is None else str(self._ca_file)
        remedy = "; its own authority is named by ca_file" if self._ca_file is None else ""
        return f"its certificate, checked with {authority}: {error.verify_message}{remedy}"

    def _hear(self, connection: ClientConnection) -> None:
        while not self._halt.is_set():
            try:
                frame = connection.recv(timeout=_SLICE)
            except TimeoutError:
                self._ask_if_quiet(connection)
                continue
            self._heard()
            if frame == PONG:
                self.pong_at = self.heard_at
            elif isinstance(frame, str):
                self._on_text(frame)

    def _heard(self) -> None:
        self.heard_at = self._clock()
        self._asked_at = None

    def _ask_if_quiet(self, connection: ClientConnection) -> None:
        """One ping at a time: a blocked server finds one when it comes back, not a queue of them."""
        heard = self.heard_at if self.heard_at is not None else self._clock()
        if self._asked_at is None and self._clock() - heard >= self._patience.quiet:
            self._asked_at = self._clock()
            connection.send(PING)


_QUIET = logging.getLogger("exporters.readers.websocket.frames")
# The library logs frames at DEBUG, and frames hold prompts and messages.
_QUIET.setLevel(logging.CRITICAL)
