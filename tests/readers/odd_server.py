"""Servers that are no Redis: they listen on loopback and misbehave in one way each."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Behaviour = Callable[[socket.socket], None]


class OddServer:
    """Accepts connections until closed; each is given to `behaviour`, in turn, and closed after it."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while not self.done.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self._behaviour(connection)
                except OSError:
                    continue


def answering(reply: bytes) -> Behaviour:
    """Answers everything it receives with the same bytes."""

    def behave(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(reply)

    return behave


def speaking_first(greeting: bytes) -> Behaviour:
    """Greets, then listens."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(greeting)
        while connection.recv(65536):
            pass

    return behave


def closing(last_words: bytes) -> Behaviour:
    """Answers the first thing it receives, and closes."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(last_words)

    return behave
