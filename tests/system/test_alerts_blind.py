"""Three HERs, one exporter: one goes out of sight, one dies, one idles. What fires is true of it, and nothing else.

Real Redis, `observatory serve`, real Prometheus with the generated rules. Time runs faster: a minute takes two and
a half seconds, for the heartbeats as for every range, wait and threshold of age in the rules.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from exporters.demo.ports import free_port
from exporters.demo.prometheus import Prometheus
from exporters.demo.redis import Redis
from exporters.demo.smtp import MailSink
from exporters.her.intervals import INTERVALS
from exporters.her.settings import SHORTEST_INTERVAL
from exporters.her.simulate import Her, connect
from exporters.her.simulate_start import Breakage
from tests.system.alerting import alerting, ever, firing, until
from tests.system.exporter import Exporter

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

FASTER = 24
MINUTE = 60 / FASTER
HIDDEN, DYING, IDLE = "hidden", "dying", "idle"


class Home:
    """A HER with a Redis of its own. It beats once a minute, unless it is mute."""

    def __init__(self, folder: Path, breakage: Breakage) -> None:
        self.redis = Redis(folder, free_port(), password_file=folder / "password", appendonly=True)
        self._breakage: Breakage = breakage
        self._ended = threading.Event()
        self.mute = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Home:
        self.redis.__enter__()
        self.her = Her(connect("127.0.0.1", self.redis.port, self.redis.password), seed=71)
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
    with ExitStack() as stack:
        homes = {name: stack.enter_context(Home(tmp_path / name, broken)) for name, broken in breakages.items()}
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


def test_blind_is_not_silent_silent_is_not_blind_and_idle_is_neither(
    watched: tuple[Prometheus, dict[str, Home], Exporter],
) -> None:
    prometheus, homes, exporter = watched
    hidden, dying = homes[HIDDEN], homes[DYING]
    failed = ("HerMcpServerFailed", HIDDEN)

    until(lambda: firing(prometheus), "the failed MCP server")
    assert firing(prometheus) == {failed}
    (since,) = prometheus.query('ALERTS_FOR_STATE{alertname="HerMcpServerFailed"}').values()

    hidden.mute.set()
    dying.mute.set()
    hidden.redis.stop()
    until(lambda: firing(prometheus, alertname="ObservatorySourceBlind"), "one of them out of sight")
    until(lambda: firing(prometheus, alertname="HerSilent"), "one of them silent")
    assert firing(prometheus) == {failed, ("ObservatorySourceBlind", HIDDEN), ("HerSilent", DYING)}
    # By now the hidden one's last heartbeat is as old, and its gauges have long been withdrawn.
    assert not prometheus.query(f'her_mcp_server_status{{deployment="{HIDDEN}"}}')

    hidden.redis.start().wait_ready()
    exporter.until(lambda s: s.one("observatory_source_up", deployment=HIDDEN) == 1, "seen again")
    # The worst case: its next heartbeat comes a whole minute after the exporter sees again.
    time.sleep(MINUTE)
    hidden.her.heartbeat()
    hidden.mute.clear()
    dying.mute.clear()
    until(lambda: firing(prometheus) == {failed}, "only the failed MCP server is left")
    (still,) = prometheus.query('ALERTS_FOR_STATE{alertname="HerMcpServerFailed"}').values()
    assert still == since, "it fired without a break"

    hidden.her.startup("none")
    until(lambda: not firing(prometheus), "HER was started again and all is well")
    assert ever(prometheus) == {failed, ("ObservatorySourceBlind", HIDDEN), ("HerSilent", DYING)}
