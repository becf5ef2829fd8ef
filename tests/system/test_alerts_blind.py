"""Three HERs, one exporter: one goes out of sight, one dies, one idles. What fires is true of it, and nothing else.

The clock of the one that dies is an hour ahead of ours, that of the idle one an hour behind, which is told and changes
nothing else. Real Redis, `observatory serve`, real Prometheus with the generated rules. Time runs faster: a
minute takes two and a half seconds, for the heartbeats as for every range, wait and threshold of age in the rules.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from exporters.core.deployment import SHORTEST_INTERVAL
from exporters.demo.ports import free_port
from exporters.demo.prometheus import Prometheus
from exporters.demo.redis import Redis
from exporters.demo.smtp import MailSink
from exporters.her.intervals import INTERVALS
from exporters.her.simulate import Her, connect
from exporters.her.simulate_start import Breakage
from tests.system.alerting import alerting, ever, firing, until
from tests.system.exporter import Exporter

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

FASTER = 24
MINUTE = 60 / FASTER
HIDDEN, DYING, IDLE = "hidden", "dying", "idle"
HOUR = timedelta(hours=1)


class Home:
    """A HER with a Redis of its own. It beats once a minute, unless it is mute."""

    def __init__(self, folder: Path, breakage: Breakage, offset: timedelta) -> None:
        self.redis = Redis(folder, free_port(), password_file=folder / "password", appendonly=True)
        self._breakage: Breakage = breakage
        self._offset = offset
        self._ended = threading.Event()
        self.mute = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Home:
        self.redis.__enter__()
        client = connect("127.0.0.1", self.redis.port, self.redis.password)
        self.her = Her(client, seed=71, clock=lambda: datetime.now(UTC) + self._offset)
        self.her.startup(self._breakage)
        self._beating.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._beating.join()
        self.redis.stop()

    def _beat(self) -> None:
        while not self._ended.wait(MINUTE):
            if not self.mute.is_set():
                self.her.heartbeat()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Prometheus, dict[str, Home], Exporter]]:
    """The three of them, the exporter that reads all, and the Prometheus that judges."""
    breakages: dict[str, Breakage] = {HIDDEN: "initialization", DYING: "none", IDLE: "none"}
    offsets = {HIDDEN: timedelta(), DYING: HOUR, IDLE: -HOUR}
    with ExitStack() as stack:
        homes = {name: stack.enter_context(Home(tmp_path / name, breakages[name], offsets[name])) for name in breakages}
        exporter = Exporter(tmp_path / "exporter", homes[HIDDEN].redis)
        config = yaml.safe_load(exporter.config.read_text())
        config["systems"]["her"] = [
            {
                "deployment": name,
                "redis": {"host": "127.0.0.1", "port": home.redis.port, "password_file": str(home.redis.password_file)},
                "intervals": {stream: max(n / FASTER, SHORTEST_INTERVAL) for stream, n in INTERVALS.items()},
            }
            for name, home in homes.items()
        ]
        exporter.config.write_text(yaml.safe_dump(config))
        stack.enter_context(exporter)
        sink = stack.enter_context(MailSink(tmp_path / "mail", free_port(), free_port()))
        prometheus, _ = stack.enter_context(alerting(tmp_path, exporter, sink, waits=FASTER, windows=FASTER))
        yield prometheus, homes, exporter


def beside_clocks(alerts: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(alert, deployment) for alert, deployment in alerts if alert != "HerClockAstray"}


def test_blind_is_not_silent_silent_is_not_blind_and_idle_is_neither(
    watched: tuple[Prometheus, dict[str, Home], Exporter],
) -> None:
    prometheus, homes, exporter = watched
    hidden, dying = homes[HIDDEN], homes[DYING]
    failed = ("HerMcpServerFailed", HIDDEN)

    until(lambda: beside_clocks(firing(prometheus)), "the failed MCP server")
    assert beside_clocks(firing(prometheus)) == {failed}
    (since,) = prometheus.query('ALERTS_FOR_STATE{alertname="HerMcpServerFailed"}').values()

    hidden.mute.set()
    dying.mute.set()
    hidden.redis.stop()
    until(lambda: firing(prometheus, alertname="ObservatorySourceBlind"), "one of them out of sight")
    until(lambda: firing(prometheus, alertname="HerSilent"), "one of them silent")
    assert beside_clocks(firing(prometheus)) == {failed, ("ObservatorySourceBlind", HIDDEN), ("HerSilent", DYING)}
    # By now the hidden one's last heartbeat is as old, and its gauges have long been withdrawn.
    assert not prometheus.query(f'her_mcp_server_status{{deployment="{HIDDEN}"}}')

    hidden.redis.start().wait_ready()
    exporter.until(lambda s: s.one("observatory_source_up", deployment=HIDDEN) == 1, "seen again")
    # The worst case: its next heartbeat comes a whole minute after the exporter sees again.
    time.sleep(MINUTE)
    hidden.her.heartbeat()
    hidden.mute.clear()
    dying.mute.clear()
    until(lambda: beside_clocks(firing(prometheus)) == {failed}, "only the failed MCP server is left")
    (still,) = prometheus.query('ALERTS_FOR_STATE{alertname="HerMcpServerFailed"}').values()
    assert still == since, "it fired without a break"

    hidden.her.startup("none")
    until(lambda: not beside_clocks(firing(prometheus)), "HER was started again and all is well")
    astray = {("HerClockAstray", DYING), ("HerClockAstray", IDLE)}
    until(lambda: firing(prometheus) == astray, "the clocks that differ by an hour")
    assert ever(prometheus) == {failed, ("ObservatorySourceBlind", HIDDEN), ("HerSilent", DYING)} | astray
    offsets = prometheus.query("her_clock_offset_seconds")
    told = {dict(series)["deployment"]: seconds for series, seconds in offsets.items()}
    # One read is 0.2 s here; a machine that is busy with other tests takes longer.
    assert told == pytest.approx({HIDDEN: 0, DYING: 3600, IDLE: -3600}, abs=2)
