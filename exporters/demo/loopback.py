"""Plain HTTP to a server on this machine: readiness probes and set-up calls. Never through a proxy."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Probe

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: `status`, and `body` undecoded."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def request(
    port: int,
    path: str,
    *,
    method: str = "GET",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Answer:
    """One request to 127.0.0.1:`port`; `timeout` in seconds. Raises OSError when nobody answers properly."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    try:
        target = f"{path}?{urlencode(query)}" if query else path
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except http.client.HTTPException as error:
        message = f"{method} {path} on port {port}: {error!r}"
        raise ConnectionError(message) from error
    finally:
        connection.close()


def answers(port: int, path: str) -> Probe:
    """A readiness probe: GET `path` answers 200."""
    return lambda: request(port, path, timeout=2).status == http.client.OK
