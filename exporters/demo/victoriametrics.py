"""A real VictoriaMetrics on loopback: it takes InfluxDB line protocol and gives it back by PromQL."""

from __future__ import annotations

from pathlib import Path

from exporters.demo import programs
from exporters.demo.loopback import answers, request
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server


class VictoriaMetrics(Server):
    """victoria-metrics in `folder`. It ignores token, organisation and bucket, and swallows malformed lines."""

    def __init__(self, folder: Path, port: int, *, name: str = "VictoriaMetrics") -> None:
        self.port = port
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            name,
            [
                programs.need("victoria-metrics", "victoria-metrics-prod", package="victoria-metrics"),
                f"-storageDataPath={folder / 'data'}",
                f"-httpListenAddr={LOOPBACK}:{port}",
                # What was written is asked for at once, however old it is.
                "-search.latencyOffset=0s",
                "-retentionPeriod=100y",
            ],
            log=folder / "victoria-metrics.log",
            ready=answers(port, "/health"),
        )

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def flush(self) -> None:
        """Make what was written more than a second ago visible to queries; left alone it takes up to ten."""
        request(self.port, "/internal/force_flush")
