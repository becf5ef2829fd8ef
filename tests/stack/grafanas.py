"""A Grafana of the stack, natively: the container's environment with its paths and addresses replaced by real ones."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporters.demo import programs
from exporters.demo.grafana import GrafanaServer, locate
from exporters.demo.loopback import Answer, answers, request
from exporters.demo.process import Probe
from tests.stack.checkout import Checkout
from tests.stack.compose import services

PASSWORD = "a-password-of-this-test"
# Part of this build rather than of what is provisioned: a database made anew, no plugins beside it.
NOT_OURS = re.compile(r"logger=(migrator|plugin\.loader|local\.finder|modules|sqlstore\S*|live\S*) ")


def basic_auth() -> dict[str, str]:
    """The header that makes a request the administrator's."""
    return {"Authorization": "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()}


class StackGrafana(GrafanaServer):
    """`service` of docker-compose.yml over what `checkout` laid out for it.

    addresses: host:port of the servers as compose calls them (`influxdb:8086`) -> on this machine.
    tokens: directory with writer/token, reader/token, text/token. env: variables of an override. secrets: contents
    of files below /run/secrets by name; a password of this module for all others.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        checkout: Checkout,
        *,
        service: str = "grafana",
        addresses: Mapping[str, str] | None = None,
        tokens: Path | None = None,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        ready: Probe | None = None,
    ) -> None:
        self.port = port
        for part in ("data", "plugins", "secrets", *(f"tokens/{kind}" for kind in ("reader", "text"))):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for kind in ("reader", "text"):
            (folder / "tokens" / kind / "token").write_text(f"{kind}-token")
        laid_out = checkout.out / service
        environment = {
            **services()[service]["environment"],
            "GF_PATHS_DATA": str(folder / "data"),
            "GF_PATHS_PLUGINS": str(folder / "plugins"),
            "GF_PATHS_LOGS": str(folder / "logs"),
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": str(port),
            **(env or {}),
        }
        for name, value in environment.items():
            for secret in re.findall(r"/run/secrets/(\w+)", value):
                (folder / "secrets" / secret).write_text((secrets or {}).get(secret, PASSWORD))
            replaced = value.replace("/run/secrets", str(folder / "secrets")).replace("/stack", str(laid_out))
            replaced = replaced.replace("/run/tokens", str(tokens or folder / "tokens"))
            for compose, here in (addresses or {}).items():
                replaced = replaced.replace(compose, here)
            environment[name] = replaced
        program, home = locate(programs.need("grafana", package="none"))
        super().__init__(
            service,
            [program, "server", "--config", laid_out / "grafana.ini", *(("--homepath", home) if home else ())],
            log=folder / "grafana.log",
            ready=ready or answers(port, "/api/health"),
            env={**{name: None for name in os.environ if name.startswith("GF_")}, **environment},
        )

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()

    def call(self, method: str, path: str, document: Any = None) -> Answer:
        """As the administrator."""
        headers = {**basic_auth(), "Content-Type": "application/json"}
        body = None if document is None else json.dumps(document)
        return request(self.port, path, method=method, headers=headers, body=body)

    def complaints(self) -> list[str]:
        """Warnings and errors of its log that concern what we gave it."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if re.search(r"level=(warn|error|crit)", line) and not NOT_OURS.search(line)]
