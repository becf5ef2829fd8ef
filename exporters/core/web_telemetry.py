"""What the web server shows: the one protocol between it and the running program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One line of the landing page's table: a source and how it is."""

    system: str
    deployment: str
    source: str
    up: bool | None
    """None until the first attempt to read it has ended."""
    last_success: datetime | None
    """Aware; None when it was never read."""
    note: str
    """One short line for a human, already free of secrets; may be empty."""


class Telemetry(Protocol):
    """The running program, as far as HTTP is concerned. Called from several threads at once."""

    def metrics(self, openmetrics: bool) -> bytes:  # noqa: FBT001 - two formats, for ever
        """The whole exposition, UTF-8: OpenMetrics 1.0.0 (with `# EOF`) or Prometheus text 0.0.4.

        Constant time, no source is asked, never raises: a scrape is always answered. Should it raise all the
        same, that is a defect: the client gets a 500 and the server lives on.
        """
        ...

    def not_ready(self) -> Sequence[str]:
        """Why the program is not ready, one line each; empty when it is."""
        ...

    def overview(self) -> Sequence[SourceRow]:
        """Every configured source, in the order to show."""
        ...
