"""A real Prometheus on loopback (2.42 and newer, 3.x included)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exporters.demo import programs
from exporters.demo.configured import ConfiguredServer
from exporters.demo.loopback import request
from exporters.demo.process import ServerError


class Prometheus(ConfiguredServer):
    """prometheus in `folder`.

    config: the configuration as it stands in prometheus.yml, or a file that holds it.
    resend_delay: how soon a firing alert is sent again. Prometheus finds its Alertmanager seconds after it starts, and
        an alert that fired before is otherwise repeated only a minute later.
    flags: further command line flags.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        config: Mapping[str, Any] | Path,
        *,
        resend_delay: str = "1s",
        flags: Sequence[str] = (),
        name: str = "Prometheus",
    ) -> None:
        own = (
            f"--storage.tsdb.path={folder / 'data'}",
            "--web.enable-lifecycle",
            f"--rules.alert.resend-delay={resend_delay}",
        )
        program = programs.need("prometheus", package="prometheus")
        super().__init__(name, program, folder, port, config, stem="prometheus", flags=(*own, *flags))

    def api(self, path: str, **query: str) -> Any:
        """`data` of the answer of /api/v1/`path`. Raises ServerError with the error Prometheus gives."""
        answer = request(self.port, f"/api/v1/{path}", query=query)
        document = answer.json()
        if document["status"] != "success":
            message = f"{self.name}: {document.get('error', answer.text)}"
            raise ServerError(message)
        return document["data"]

    def query(self, promql: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The instant vector `promql` gives now, by its sorted labels."""
        result = self.api("query", query=promql)["result"]
        return {tuple(sorted(series["metric"].items())): float(series["value"][1]) for series in result}
