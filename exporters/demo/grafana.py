"""A real Grafana on loopback, from the `grafana` on PATH or a release that was fetched. It never calls home."""

from __future__ import annotations

import base64
import configparser
import io
import os
from collections.abc import Mapping
from pathlib import Path

from exporters.demo.loopback import Answer, answers, request
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server
from exporters.demo.secret import generated, write_private

ADMINISTRATOR = "admin"
PACKAGED = Path("/usr/share/grafana")
MAGIC_OF_ELF = b"\x7fELF"


class Grafana(Server):
    """grafana in `folder`.

    program: the binary, or a wrapper that knows where Grafana's own files are.
    provisioning: a directory with datasources/, dashboards/, alerting/ as Grafana reads them.
    password_file: the administrator's password is read from it, made up if the file is missing.
    home_dashboard: a dashboard file (without uid) to open with. Grafana's own home page asks the internet for news.
    settings: further settings, by section.
    env: what the provisioning files refer to as $NAME.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        port: int,
        *,
        provisioning: Path,
        password_file: Path,
        home_dashboard: Path | None = None,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        env: Mapping[str, str] | None = None,
        name: str = "Grafana",
    ) -> None:
        self.port = port
        self.password_file = password_file
        generated(password_file)
        generated(password_file.with_name("grafana_secret_key"))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plugins").mkdir(exist_ok=True)
        wanted = _settings(folder, port, provisioning, password_file)
        if home_dashboard is not None:
            wanted["dashboards"]["default_home_dashboard_path"] = str(home_dashboard)
        for section, values in (settings or {}).items():
            wanted.setdefault(section, {}).update(values)
        config = write_private(folder / "grafana.ini", _ini(wanted))
        program, home = locate(program)
        super().__init__(
            name,
            [program, "server", "--config", config, *(("--homepath", home) if home else ())],
            log=folder / "grafana.log",
            ready=answers(port, "/api/health"),
            env={**{key: None for key in os.environ if key.startswith("GF_")}, **(env or {})},
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


def _settings(folder: Path, port: int, provisioning: Path, password_file: Path) -> dict[str, dict[str, str]]:
    return {
        "paths": {
            "data": str(folder / "data"),
            "logs": str(folder / "logs"),
            "plugins": str(folder / "plugins"),
            "provisioning": str(provisioning),
        },
        "server": {"http_addr": LOOPBACK, "http_port": str(port), "domain": LOOPBACK},
        "security": {
            "admin_user": ADMINISTRATOR,
            "admin_password": f"$__file{{{password_file}}}",
            # It encrypts the data sources' passwords; Grafana's own default is the same everywhere.
            "secret_key": f"$__file{{{password_file.with_name('grafana_secret_key')}}}",
            "disable_gravatar": "true",
        },
        "auth": {"login_maximum_lifetime_duration": "8h"},
        "auth.anonymous": {"enabled": "false"},
        "users": {"allow_sign_up": "false"},
        "dashboards": {"min_refresh_interval": "1s"},
        "unified_alerting": {
            # Before the first poll, a minute after the start by default, alerts go to a receiver nobody set up.
            "alertmanager_config_poll_interval": "10s",
            "admin_config_poll_interval": "10s",
        },
        "log": {"mode": "console", "level": "warn"},
        # Every way it has of calling home. Keys that a version does not know are ignored.
        "analytics": {
            "reporting_enabled": "false",
            "check_for_updates": "false",
            "check_for_plugin_updates": "false",
            "feedback_links_enabled": "false",
        },
        "news": {"news_feed_enabled": "false"},
        "snapshots": {"external_enabled": "false"},
        "plugins": {
            "plugin_admin_enabled": "false",
            "preinstall_disabled": "true",
            "public_key_retrieval_disabled": "true",
        },
    }


def _ini(settings: Mapping[str, Mapping[str, str]]) -> str:
    parser = configparser.RawConfigParser()
    parser.read_dict(settings)
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
