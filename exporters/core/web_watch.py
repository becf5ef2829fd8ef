"""What the event loop sleeps on: the listening sockets, the clients, and a way for threads to wake it."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Iterator, Sequence

from exporters.core.web_exchange import Connection


class Watch:
    """A selector with a memory of what it watches. Only the loop's thread calls it, but for `wake`."""

    def __init__(self, listeners: Sequence[socket.socket]) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.settimeout(0)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._listeners = list(listeners)
        self._listening = False
        self.listen()

    def wake(self) -> None:
        """Make `wait` return; from any thread."""
        # Full: it is awake already. Closed: it has ended.
        with contextlib.suppress(OSError):
            self._wake_writer.send(b"\0")

    def wait(self, seconds: float | None) -> Iterator[Connection | socket.socket]:
        """Whoever can go on: a client's connection, or a listening socket with somebody at the door."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._wake_reader:
                with contextlib.suppress(OSError):
                    self._wake_reader.recv(4096)
            elif isinstance(key.data, (Connection, socket.socket)):
                yield key.data

    def follow(self, connection: Connection, *, writing: bool) -> None:
        """Report the connection when there is something to read, or room to write."""
        events = selectors.EVENT_WRITE if writing else selectors.EVENT_READ
        if not connection.watched:
            self._selector.register(connection.socket, events, connection)
        elif connection.watched != events:
            self._selector.modify(connection.socket, events, connection)
        connection.watched = events

    def forget(self, connection: Connection) -> None:
        """Report the connection no more."""
        if connection.watched:
            self._selector.unregister(connection.socket)
            connection.watched = 0

    def listen(self) -> None:
        """Report newcomers."""
        if not self._listening:
            for listener in self._listeners:
                self._selector.register(listener, selectors.EVENT_READ, listener)
            self._listening = True

    def pause(self) -> None:
        """Let newcomers wait in the kernel's queue."""
        if self._listening:
            for listener in self._listeners:
                self._selector.unregister(listener)
            self._listening = False

    def stop_listening(self) -> None:
        """Close the listening sockets. May be repeated."""
        self.pause()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def close(self) -> None:
        """The end of it."""
        self.stop_listening()
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()
