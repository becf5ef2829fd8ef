"""Which real servers this machine has. What is missing is said, in the report's head and at its end."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.demo import programs


@dataclass(frozen=True, slots=True)
class RareServer:
    """A server that a machine may lack: the fixture that starts it, its programs, and what to do about it."""

    fixture: str
    programs: tuple[str, ...]
    marker: str
    remedy: str

    @property
    def missing(self) -> bool:
        return programs.find(*self.programs) is None

    @property
    def reason(self) -> str:
        return f"no {self.programs[0]} on PATH: {self.remedy}"


OPTIONAL = (
    RareServer("influxd", ("influxd",), "real_influxdb", "put InfluxDB 2's influxd there to run these tests"),
    RareServer("grafana", ("grafana",), "real_grafana", "put Grafana's grafana there to run these tests"),
    RareServer("chromium", ("chromium",), "browser", "this distribution has no package of that name"),
    RareServer(
        "victoriametrics",
        ("victoria-metrics", "victoria-metrics-prod"),
        "servers",
        "this distribution has no package of that name",
    ),
)

SERVER_FIXTURES = frozenset(
    {
        "alertmanager_server",
        "chromium",
        "grafana",
        "influxd",
        "postgres_server",
        "prometheus_server",
        "redis_server",
        "smtp_sink",
        "start_redis",
        "victoriametrics",
    }
)
