"""The source `workflow`: HER's debugger on port 8081, listened to where it is configured.

    {"type":"event","event":{...}}   ->  the bell of stream `workflow` rings: her:workflow:events is read now
                                     ->  her_workflow_live_requests{node="llm"} 1
    a ping unanswered                ->  her_workflow_debugger_busy 1, and source_up stays 1

HER has one event loop, and waits in it for its model. For half a minute and more it answers no handshake, no ping and
no frame, then everything at once: that is `busy`. It is an outage when nobody accepts the connection, or when what
answers is no debugger.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporters.core.bell import Bell
from exporters.core.contract import Probe, Sample, Source
from exporters.core.errors import SourceDown
from exporters.her import metrics
from exporters.her.debugger_view import DebuggerView
from exporters.her.settings import HerSettings
from exporters.readers.websocket import Address, Listener, Patience

log = logging.getLogger(__name__)

SOURCE_NAME = "workflow"
LATE = 120.0
"""Seconds by which the list may be ahead of what the debugger has told, while it answers pings: beyond, HER has dropped
this listener, which it does without a word after any error in sending."""

RESUBSCRIBE_AT_MOST = 300.0
"""Seconds between two such renewals: each leaves a line in HER's own log."""


class ListProgress:
    """How far the list has been read, told by its stream: the newest event's own time."""

    def __init__(self) -> None:
        self.newest: float | None = None

    def note(self, newest: float | None) -> None:
        """After each read."""
        self.newest = newest


@dataclass(slots=True)
class Debugger:
    """One connection, renewed behind the source's back where HER has silently dropped it."""

    listener: Listener
    view: DebuggerView
    renewed_at: float
    started_at: float


class DebuggerSource:
    """Makes the source of one deployment. bell: of the stream that reads the list. progress: of that stream.

    ca_file: the authority to trust instead of the system's, for wss://.
    """

    def __init__(
        self,
        settings: HerSettings,
        url: str,
        bell: Bell,
        progress: ListProgress,
        *,
        ca_file: Path | None = None,
        patience: Patience | None = None,
        late: float = LATE,
        renew_at_most: float = RESUBSCRIBE_AT_MOST,
    ) -> None:
        self._settings = settings
        self._address = Address.of(url)
        self._ca_file = ca_file
        self._bell = bell
        self._progress = progress
        self._patience = patience or Patience()
        self._late = late
        self._renew_at_most = renew_at_most

    def source(self, system: str) -> Source[Debugger]:
        """The source; it has no stream, because it never counts."""
        return Source(
            system=system,
            deployment=self._settings.deployment,
            name=SOURCE_NAME,
            connect=self.connect,
            close=close,
            streams=(),
            # Without it the list is read at its own pace, and that is all.
            optional=True,
            probes=(
                Probe(
                    name="debugger",
                    interval=self._settings.interval("debugger"),
                    collect=self.collect,
                    feeds=(metrics.LIVE_REQUESTS, metrics.DEBUGGER_BUSY, metrics.DEBUGGER_LAST_FRAME),
                ),
            ),
        )

    def connect(self) -> Debugger:
        """Raises SourceDown if nobody accepts, or what answers is no debugger. One that does not answer yet is busy."""
        view = DebuggerView(self._bell.ring)
        now = time.monotonic()
        return Debugger(self._listen(view.take), view, renewed_at=now, started_at=time.time())

    def collect(self, debugger: Debugger, now: datetime) -> list[Sample]:
        """Where the requests are. Raises SourceDown if the connection has ended."""
        state = debugger.listener.state()
        if state == "ended":
            ended = debugger.listener.ended or SourceDown("protocol", "closed")
            if ended.reason != "timeout":
                raise ended
            # Nobody answered the handshake for minutes, but somebody accepts connections: as busy as before.
            self._renew(debugger)
        elif self._dropped(debugger):
            log.info("%s: renewed, it had stopped telling", SOURCE_NAME)
            self._renew(debugger)
        heard = debugger.listener.heard_at
        samples = [Sample(metrics.DEBUGGER_BUSY, float(state not in {"open", "connecting"}))]
        if heard is not None:
            samples += debugger.view.running(now)
            samples.append(Sample(metrics.DEBUGGER_LAST_FRAME, now.timestamp() - (time.monotonic() - heard)))
        return samples

    def _dropped(self, debugger: Debugger) -> bool:
        """Whether HER told the list of an event long ago, and this listener not, though it answers."""
        told, pong = self._progress.newest, debugger.listener.pong_at
        now = time.monotonic()
        if told is None or pong is None or now - debugger.renewed_at < self._renew_at_most:
            return False
        missing = told > debugger.started_at and told - max(debugger.view.newest or 0.0, debugger.started_at) > 0
        # The pong came after the event by more than any block lasts.
        answered = time.time() - (now - pong)
        return missing and answered - told > self._late

    def _renew(self, debugger: Debugger) -> None:
        debugger.listener.close()
        debugger.view.forget()
        debugger.renewed_at = time.monotonic()
        debugger.started_at = time.time()
        debugger.listener = self._listen(debugger.view.take)

    def _listen(self, take: Callable[[str], None]) -> Listener:
        made = Listener(self._address, take, patience=self._patience, ca_file=self._ca_file)
        made.start()
        return made


def close(debugger: Debugger) -> None:
    """End the connection. Never raises."""
    debugger.listener.close()
