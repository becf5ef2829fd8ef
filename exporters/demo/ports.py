"""TCP ports on loopback that nobody listens on."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable

LOOPBACK = "127.0.0.1"

# Below the range from which the kernel gives ports to outgoing connections (32768 and up on Linux): one of those could
# take the port between our asking for it and the server's binding it.
_RANGE = range(20_000, 32_000)
_given: set[int] = set()
_dice = random.SystemRandom()


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now (someone listening on every address counts as taken)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection still in TIME_WAIT does not hold a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A free port that this program has not handed out before."""
    while True:
        port = _dice.choice(_RANGE)
        if port not in _given and is_free(port):
            _given.add(port)
            return port


def wanted(port: int, what: str, say: Callable[[str], None]) -> int:
    """`port` itself if it is free, otherwise another one, after telling the person through `say`."""
    if port not in _given and is_free(port):
        _given.add(port)
        return port
    other = free_port()
    say(f"port {port} is taken: {what} is on {other} instead")
    return other
