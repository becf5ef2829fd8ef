"""A real Grafana on loopback, from the `grafana` on PATH or a release that was fetched."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from exporters.demo.loopback import Answer, answers, request
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server, ServerError
from exporters.demo.secret import generated

ADMINISTRATOR = "admin"
PACKAGED = Path("/usr/share/grafana")
MAGIC_OF_ELF = b"\x7fELF"


class GrafanaServer(Server):
    """A grafana whose first start may need a second one."""

    def wait_ready(self, timeout: float = 30, give_up: Callable[[], bool] = lambda: False) -> Self:
        """As Server.wait_ready, with a second start where the first one ended by itself.

        On an empty database Grafana makes its first organisation in two places at once and now and then ends when the
        slower one finds it made (seen with 10.1: "failed to create default organization"). The next start finds it.
        """
        try:
            return super().wait_ready(timeout, give_up)
        except ServerError:
            if self.running or not any("failed to create default organization" in line for line in self.last_lines()):
                raise
            self.start()
            return super().wait_ready(timeout, give_up)


class Grafana(GrafanaServer):
    """grafana in `folder`.

    program: the binary, or a wrapper that knows where Grafana's own files are.
    config: grafana.ini; what belongs to this one server (paths, port, password) is added here.
    provisioning: a directory with datasources/, dashboards/, alerting/ as Grafana reads them.
    dashboards: what the configuration and the provisioning files call $GRAFANA_DASHBOARDS.
    password_file: the administrator's password is read from it, made up if the file is missing.
    env: further variables that those files refer to; a secret as $__file{path}, never itself.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        port: int,
        *,
        config: Path,
        provisioning: Path,
        dashboards: Path,
        password_file: Path,
        env: Mapping[str, str] | None = None,
        name: str = "Grafana",
    ) -> None:
        self.port = port
        self.password_file = password_file
        # It encrypts the data sources' passwords; Grafana's own default is the same everywhere.
        key_file = password_file.with_name("grafana_secret_key")
        for secret in (password_file, key_file):
            generated(secret)
        for part in ("data", "plugins", "logs"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        own = {
            "GF_PATHS_DATA": str(folder / "data"),
            "GF_PATHS_PLUGINS": str(folder / "plugins"),
            "GF_PATHS_LOGS": str(folder / "logs"),
            "GF_PATHS_PROVISIONING": str(provisioning),
            "GF_SERVER_HTTP_ADDR": LOOPBACK,
            "GF_SERVER_HTTP_PORT": str(port),
            "GF_SERVER_ROOT_URL": f"http://{LOOPBACK}:{port}/",
            "GF_SECURITY_ADMIN_USER": ADMINISTRATOR,
            "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{password_file}}}",
            "GF_SECURITY_SECRET_KEY": f"$__file{{{key_file}}}",
            "GRAFANA_DASHBOARDS": str(dashboards),
        }
        program, home = locate(program)
        super().__init__(
            name,
            [program, "server", "--config", config, *(("--homepath", home) if home else ())],
            log=folder / "grafana.log",
            ready=answers(port, "/api/health"),
            env={**{key: None for key in os.environ if key.startswith("GF_")}, **own, **(env or {})},
        )

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def authorization(self) -> dict[str, str]:
        """The header that makes a request the administrator's."""
        pair = f"{ADMINISTRATOR}:{self.password_file.read_text().strip()}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    def api(self, path: str, **query: str) -> Answer:
        """GET /api/`path` as the administrator."""
        return request(self.port, f"/api/{path}", query=query, headers=self.authorization)


def locate(program: Path) -> tuple[Path, Path | None]:
    """The program to run and the home path to give it; None where `program` is a wrapper that has its own.

    The vendor's packages put a script on PATH that insists on the system's configuration: the binary behind it is
    taken instead, with the home path the package has.
    """
    resolved = program.resolve()
    with resolved.open("rb") as file:
        is_binary = file.read(len(MAGIC_OF_ELF)) == MAGIC_OF_ELF
    if not is_binary:
        packaged = PACKAGED / "bin" / "grafana"
        is_packaged = resolved.is_relative_to("/usr/sbin") and packaged.exists()
        return (packaged, PACKAGED) if is_packaged else (program, None)
    homes = (resolved.parent.parent, resolved.parent, PACKAGED)
    return resolved, next((home for home in homes if (home / "public").is_dir()), None)
