"""A real Alertmanager on loopback."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporters.demo import programs
from exporters.demo.configured import ConfiguredServer
from exporters.demo.loopback import request
from exporters.demo.process import ServerError


class Alertmanager(ConfiguredServer):
    """alertmanager in `folder`; `config` as it stands in alertmanager.yml, or a file that holds it."""

    def __init__(
        self, folder: Path, port: int, config: Mapping[str, Any] | Path, *, name: str = "Alertmanager"
    ) -> None:
        own = (
            f"--storage.path={folder / 'data'}",
            # Empty: no gossip with other Alertmanagers, which would open a second port on every interface.
            "--cluster.listen-address=",
        )
        program = programs.need("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")
        super().__init__(name, program, folder, port, config, stem="alertmanager", flags=own)

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts it holds now, as /api/v2/alerts gives them."""
        found: list[dict[str, Any]] = request(self.port, "/api/v2/alerts").json()
        return found

    def post(self, alerts: list[dict[str, Any]]) -> None:
        """Hand it alerts, as Prometheus does."""
        headers = {"Content-Type": "application/json"}
        answer = request(self.port, "/api/v2/alerts", method="POST", body=json.dumps(alerts), headers=headers)
        if answer.status != http.client.OK:
            message = f"{self.name} refused the alerts: {answer.text.strip()}"
            raise ServerError(message)
