"""Finding one request's head in the bytes of a connection."""

from __future__ import annotations

import re
from http import HTTPStatus

from exporters.core.web_limits import Limits

# A bare line feed ends a head here so that the parser can refuse it at once, instead of nobody waiting for more.
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STRAY_BYTES = 64


class HeadReader:
    """What a connection has received and no request has taken yet."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._received = bytearray()
        self._stray = 0

    def __len__(self) -> int:
        return len(self._received)

    def add(self, data: bytes) -> None:
        """More has arrived."""
        self._received += data

    def take(self) -> bytes | HTTPStatus | None:
        """The next request's head, why it is refused, or None while it is incomplete."""
        received = self._received
        if received.startswith((b"\r", b"\n")):
            # Line ends in front of a request are allowed (RFC 9112, 2.2); a stream of them is not.
            arrived = len(received)
            received[:] = received.lstrip(b"\r\n")
            self._stray += arrived - len(received)
            if self._stray > _STRAY_BYTES:
                return HTTPStatus.BAD_REQUEST
        end = _HEAD_END.search(received)
        size = end.end() if end else len(received)
        line = received.find(b"\n")
        if (line if line >= 0 else size) > self._limits.request_line:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        if size > self._limits.request_head:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if end is None:
            return None
        head = bytes(received[:size])
        del received[:size]
        self._stray = 0
        return head
