"""What the web server knows of itself, as the exporter's own series. They live with the process."""

from __future__ import annotations

from typing import Protocol

from exporters.core import health
from exporters.core.health_counters import HealthCounters


class WebCounts(Protocol):
    """The web server, as far as its own health is concerned."""

    @property
    def reload_failures(self) -> int:
        """See WebServer.reload_failures."""

    @property
    def defects(self) -> int:
        """See WebServer.defects."""

    @property
    def turned_away(self) -> int:
        """See WebServer.turned_away."""


def publish(own: HealthCounters, web: WebCounts) -> None:
    """Show the counts as they are."""
    own.set(health.WEB_RELOAD_FAILURES, float(web.reload_failures))
    own.set(health.WEB_DEFECTS, float(web.defects))
    own.set(health.WEB_TURNED_AWAY, float(web.turned_away))
