"""What Prometheus and Alertmanager share: a YAML file, a web address, and a reload that tells what is wrong."""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from exporters.demo.loopback import answers, request
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server, ServerError


class ConfiguredServer(Server):
    """A server of the Prometheus family in `folder`.

    stem: names its files there: STEM.yml, STEM.log.
    config: the configuration, written to STEM.yml, or a file that holds it.
    flags: its own ones, beside those that all of the family have.
    """

    def __init__(
        self,
        name: str,
        program: Path,
        folder: Path,
        port: int,
        config: Mapping[str, Any] | Path,
        *,
        stem: str,
        flags: Sequence[str],
    ) -> None:
        self.port = port
        self.config_file = config if isinstance(config, Path) else folder / f"{stem}.yml"
        folder.mkdir(parents=True, exist_ok=True)
        if not isinstance(config, Path):
            self.write_config(config)
        super().__init__(
            name,
            [
                program,
                f"--config.file={self.config_file}",
                f"--web.listen-address={LOOPBACK}:{port}",
                # Otherwise links in alerts and mails name the machine, where nobody listens.
                f"--web.external-url=http://{LOOPBACK}:{port}",
                *flags,
            ],
            log=folder / f"{stem}.log",
            ready=answers(port, "/-/ready"),
        )

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def write_config(self, config: Mapping[str, Any]) -> None:
        self.config_file.write_text(yaml.safe_dump(dict(config), sort_keys=False))

    def reload(self, config: Mapping[str, Any] | None = None) -> None:
        """Read the configuration, and what it names, again. Raises ServerError with the server's own reason."""
        if config is not None:
            self.write_config(config)
        answer = request(self.port, "/-/reload", method="POST")
        if answer.status != http.client.OK:
            message = f"{self.name} refused its configuration: {answer.text.strip()}"
            raise ServerError(message)
