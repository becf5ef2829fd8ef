"""A real Prometheus on loopback (2.42 and newer, 3.x included)."""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from exporters.demo import programs
from exporters.demo.loopback import answers, request
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server, ServerError


class Prometheus(Server):
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
        self.port = port
        self.config_file = config if isinstance(config, Path) else folder / "prometheus.yml"
        folder.mkdir(parents=True, exist_ok=True)
        if not isinstance(config, Path):
            self.write_config(config)
        super().__init__(
            name,
            [
                programs.need("prometheus", package="prometheus"),
                f"--config.file={self.config_file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{port}",
                # Otherwise links in alerts name the machine, where nobody listens.
                f"--web.external-url=http://{LOOPBACK}:{port}",
                "--web.enable-lifecycle",
                f"--rules.alert.resend-delay={resend_delay}",
                *flags,
            ],
            log=folder / "prometheus.log",
            ready=answers(port, "/-/ready"),
        )

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def write_config(self, config: Mapping[str, Any]) -> None:
        self.config_file.write_text(yaml.safe_dump(dict(config), sort_keys=False))

    def reload(self, config: Mapping[str, Any] | None = None) -> None:
        """Read the configuration and the rules again. Raises ServerError with Prometheus's reason."""
        if config is not None:
            self.write_config(config)
        answer = request(self.port, "/-/reload", method="POST")
        if answer.status != http.client.OK:
            message = f"{self.name} refused its configuration: {answer.text.strip()}"
            raise ServerError(message)

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
