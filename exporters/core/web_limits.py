"""How much the web server gives a client before it lets go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server; the defaults suit exporters, tests make them smaller. Times in seconds, sizes in bytes."""

    workers: int = 8
    """Threads that render answers. Half of them at most wait for passwords to be checked."""
    connections: int = 480
    """Below what `select` on Windows can watch (512). A newcomer takes the place of the longest silent one."""
    handshake: float = 5.0
    head: float = 10.0
    """From a request's first byte to the empty line after its headers."""
    idle: float = 120.0
    """Between two requests: longer than most scrape intervals, so that scrapers keep their connection."""
    answer: float = 30.0
    """To take an answer: no scrape waits longer."""
    linger: float = 1.0
    """For the client to notice the end of a connection that it was still writing to."""
    request_line: int = 8 * 1024
    request_head: int = 16 * 1024
    request_body: int = 64 * 1024
    """Announced, that is: no body is ever read."""
    unsent: int = 64 * 1024 * 1024
    """Answers that slow clients have yet to take, all together: above, the oldest are cut off."""
    stop: float = 0.5
    """For answers under way when the server stops."""
