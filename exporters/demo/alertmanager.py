"""A real Alertmanager on loopback."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from exporters.demo import programs
from exporters.demo.loopback import answers, request
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server, ServerError


class Alertmanager(Server):
    """alertmanager in `folder`; `config` as it stands in alertmanager.yml, or a file that holds it."""

    def __init__(
        self, folder: Path, port: int, config: Mapping[str, Any] | Path, *, name: str = "Alertmanager"
    ) -> None:
        self.port = port
        self.config_file = config if isinstance(config, Path) else folder / "alertmanager.yml"
        folder.mkdir(parents=True, exist_ok=True)
        if not isinstance(config, Path):
            self.write_config(config)
        super().__init__(
            name,
            [
                programs.need("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager"),
                f"--config.file={self.config_file}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{port}",
                # Otherwise links in mails name the machine, where nobody listens.
                f"--web.external-url=http://{LOOPBACK}:{port}",
                # Empty: no gossip with other Alertmanagers, which would open a second port on every interface.
                "--cluster.listen-address=",
            ],
            log=folder / "alertmanager.log",
            ready=answers(port, "/-/ready"),
        )

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def write_config(self, config: Mapping[str, Any]) -> None:
        self.config_file.write_text(yaml.safe_dump(dict(config), sort_keys=False))

    def reload(self, config: Mapping[str, Any] | None = None) -> None:
        """Read the configuration again. Raises ServerError with Alertmanager's reason."""
        if config is not None:
            self.write_config(config)
        answer = request(self.port, "/-/reload", method="POST")
        if answer.status != http.client.OK:
            message = f"{self.name} refused its configuration: {answer.text.strip()}"
            raise ServerError(message)

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts it holds now, as /api/v2/alerts gives them."""
        found: list[dict[str, Any]] = request(self.port, "/api/v2/alerts").json()
        return found

    def post(self, alerts: list[dict[str, Any]]) -> None:
        """Hand it alerts, as Prometheus does."""
        answer = request(
            self.port,
            "/api/v2/alerts",
            method="POST",
            body=json.dumps(alerts),
            headers={"Content-Type": "application/json"},
        )
        if answer.status != http.client.OK:
            message = f"{self.name} refused the alerts: {answer.text.strip()}"
            raise ServerError(message)
