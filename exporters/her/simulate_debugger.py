"""HER's workflow debugger: a WebSocket and three pages on one port, on one event loop that waits for the model.

While the loop waits nothing is answered: no handshake, no ping, no page; afterwards everything comes in one burst. The
queue of events is bounded and drops silently; a listener whose send failed is dropped just as silently, and its socket
stays open.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import OrderedDict, deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from exporters.her.simulate_wire import Record
from exporters.her.simulate_workflow import NODES, Execution

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

QUEUE: Final = 5000
KEPT: Final = 80
SENT: Final = 30
PING_INTERVAL: Final = 20.0
PING_TIMEOUT: Final = 10.0
LONGEST_BLOCK: Final = 120.0
LABELS: Final = ("Input", "Intent Classifier", "Memory Lookup", "Tool Selector", "Tool Executor", "LLM", "Response")
EDGES: Final = (
    ("input", "intent_classifier"),
    ("intent_classifier", "memory_lookup"),
    ("memory_lookup", "tool_selector"),
    ("tool_selector", "tool_executor"),
    ("tool_selector", "llm"),
    ("tool_executor", "response"),
    ("llm", "response"),
)
"""The layout of HER's own picture; requests take another way."""

_MODEL_RETURNS: Final = frozenset({"llm_completed", "error", "response_sent"})


class DebuggerServer:
    """The debugger of one HER. port 0: any free one, found in `port` after `start`.

    waits_for_model: the loop is blocked from each `llm_started` until its model returns, as HER's is.
    """

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", waits_for_model: bool = False) -> None:
        self.port = port
        self._host = host
        self._waits_for_model = waits_for_model
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        self._queue: deque[Record] = deque()
        self._listeners: list[ServerConnection] = []
        self._lock = threading.Lock()
        self._asking: set[str] = set()
        self._free = threading.Event()
        self._free.set()
        self._ready = threading.Event()
        self._problem: OSError | None = None
        self._loop = asyncio.new_event_loop()
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="HER's debugger", daemon=True)
        self.connections = 0
        """Ever accepted."""
        self.dropped = 0
        """Events the queue had no room for."""

    def start(self) -> DebuggerServer:
        """Listen. Raises OSError if the port is taken."""
        self._thread.start()
        self._ready.wait()
        if self._problem is not None:
            raise self._problem
        return self

    def stop(self) -> None:
        """Close every connection."""
        self.unblock()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def tell(self, execution: Execution, event: Record) -> None:
        """One event, from any thread; it waits in the queue while the loop is blocked."""
        with self._lock:
            self._executions[execution.execution_id] = execution
            self._executions.move_to_end(execution.execution_id)
            while len(self._executions) > KEPT:
                self._executions.popitem(last=False)
            if len(self._queue) < QUEUE:
                self._queue.append(event)
            else:
                self.dropped += 1
        self._loop.call_soon_threadsafe(self._news.set)
        if self._waits_for_model:
            self._model(str(event["event_type"]), execution.execution_id)

    def block(self) -> None:
        """The loop waits for something else, until `unblock`."""
        self._free.clear()
        held = threading.Event()
        self._loop.call_soon_threadsafe(self._hold, held)
        held.wait(5)

    def unblock(self) -> None:
        """The loop goes on."""
        self._free.set()

    def drop_listeners(self) -> None:
        """What any error in sending does: they are told nothing any more, and their sockets stay open."""
        self._loop.call_soon_threadsafe(self._listeners.clear)

    def hang_up(self) -> None:
        """Close every connection, as a restart does."""
        for connection in list(self._listeners):
            asyncio.run_coroutine_threadsafe(connection.close(), self._loop).result(5)

    def send_raw(self, frame: str | bytes) -> None:
        """A frame that HER would never send, to everybody who listens."""
        for connection in list(self._listeners):
            asyncio.run_coroutine_threadsafe(connection.send(frame), self._loop).result(30)

    @property
    def free(self) -> threading.Event:
        """Set while the loop does not wait. HER's API lives in the same loop."""
        return self._free

    @property
    def listeners(self) -> int:
        """How many are told of events."""
        return len(self._listeners)

    def snapshot(self) -> Record:
        """The payload of a snapshot: the graph, and the newest executions first."""
        with self._lock:
            newest = list(reversed(self._executions.values()))[:SENT]
        return {
            "nodes": [{"id": node, "label": label} for node, label in zip(NODES, LABELS, strict=True)],
            "edges": [{"source": source, "target": target} for source, target in EDGES],
            "executions": [execution.snapshot() for execution in newest],
        }

    def _model(self, event_type: str, execution_id: str) -> None:
        with self._lock:
            if event_type == "llm_started":
                first = not self._asking
                self._asking.add(execution_id)
                if first:
                    self._free.clear()
                    self._loop.call_soon_threadsafe(self._hold, threading.Event())
            elif event_type in _MODEL_RETURNS:
                self._asking.discard(execution_id)
                if not self._asking:
                    self._free.set()

    def _hold(self, held: threading.Event) -> None:
        held.set()
        self._free.wait(LONGEST_BLOCK)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._problem = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        from websockets.asyncio.server import serve

        async with serve(
            self._converse,
            self._host,
            self.port,
            process_request=self._page,
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            compression=None,
            logger=_quiet(),
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            sender = asyncio.create_task(self._send())
            self._ready.set()
            await self._stop.wait()
            sender.cancel()

    async def _converse(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        self.connections += 1
        self._listeners.append(connection)
        try:
            await connection.send(_text({"type": "snapshot", "payload": self.snapshot()}))
            async for said in connection:
                if said == "ping":
                    await connection.send("pong")
        except ConnectionClosed:
            pass
        finally:
            if connection in self._listeners:
                self._listeners.remove(connection)

    async def _send(self) -> None:
        from websockets.exceptions import ConnectionClosed

        while True:
            await self._news.wait()
            self._news.clear()
            while self._queue:
                frame = _text({"type": "event", "event": self._queue.popleft()})
                # One after the other: who reads slowly holds up everybody else.
                for connection in list(self._listeners):
                    try:
                        await connection.send(frame)
                    except ConnectionClosed:
                        self._listeners.remove(connection)

    def _page(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.split("?")[0]
        if path == "/ws/workflow":
            return None
        pages: dict[str, tuple[str, str]] = {
            "/workflow": ("<!doctype html><title>HER's workflow debugger</title>", "text/html; charset=utf-8"),
            "/workflow/health": (_text({"status": "ok"}), "application/json"),
            "/api/workflow/snapshot": (_text(self.snapshot()) if path.startswith("/api/") else "", "application/json"),
        }
        if path not in pages:
            return connection.respond(HTTPStatus.NOT_FOUND, "404: Not Found")
        body, kind = pages[path]
        answer = connection.respond(HTTPStatus.OK, body)
        del answer.headers["Content-Type"]
        answer.headers["Content-Type"] = kind
        return answer


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


def _quiet() -> logging.Logger:
    """The library's own logger would tell of every listener that comes and goes."""
    logger = logging.getLogger("exporters.her.simulate_debugger.frames")
    logger.setLevel(logging.CRITICAL)
    return logger
