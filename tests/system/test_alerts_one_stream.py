"""One key of a Redis that answers cannot be read, and HER's debugger is off: nothing is cured by that, and nothing more
is claimed than what is true.

Real Redis, `observatory serve`, real Prometheus with the generated rules; a minute takes four seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporters.core.deployment import SHORTEST_INTERVAL
from exporters.demo.ports import free_port
from exporters.demo.prometheus import Prometheus
from exporters.demo.redis import Redis
from exporters.demo.smtp import MailSink
from exporters.her.intervals import INTERVALS
from exporters.her.simulate import Her, connect
from exporters.her.state_views import CAPABILITIES_KEY
from tests.system.alerting import alerting, ever, firing, until
from tests.system.exporter import Exporter

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

FASTER = 15
FAILED = ("HerMcpServerFailed", "default")
UNREADABLE = ("ObservatoryStreamFailing", "default")
DEBUGGER_OFF = ("ObservatoryOptionalSourceAway", "default")


@pytest.fixture
def her(redis_server: Redis) -> Iterator[Her]:
    """A HER with a broken MCP server, that beats."""
    client = connect("127.0.0.1", redis_server.port, redis_server.password)
    made = Her(client, seed=81)
    made.startup("initialization")
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(60 / FASTER):
            made.heartbeat()

    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    yield made
    ended.set()
    beating.join()
    client.close()


@pytest.fixture
def prometheus(redis_server: Redis, her: Her, smtp_sink: MailSink, tmp_path: Path) -> Iterator[Prometheus]:
    exporter = Exporter(
        tmp_path / "exporter",
        redis_server,
        workflow={"url": f"ws://127.0.0.1:{free_port()}/ws/workflow"},
        intervals={name: max(seconds / FASTER, SHORTEST_INTERVAL) for name, seconds in INTERVALS.items()},
    )
    with ExitStack() as stack:
        stack.enter_context(exporter)
        found, _ = stack.enter_context(alerting(tmp_path, exporter, smtp_sink, waits=FASTER, windows=FASTER))
        yield found


def test_one_key_that_cannot_be_read_cures_nothing(prometheus: Prometheus, redis_server: Redis, her: Her) -> None:
    until(lambda: FAILED in firing(prometheus), "the failed MCP server")
    (since,) = prometheus.query('ALERTS_FOR_STATE{alertname="HerMcpServerFailed"}').values()

    client = connect("127.0.0.1", redis_server.port, redis_server.password)
    client.delete(CAPABILITIES_KEY)
    client.rpush(CAPABILITIES_KEY, "somebody else's list")
    until(lambda: UNREADABLE in firing(prometheus), "the key of another type")
    # The gauge was withdrawn, and the window that bridges a missing scrape is over: only the hold is left.
    until(lambda: not prometheus.query("last_over_time(her_mcp_server_status[5s])"), "the gauge is gone for good")
    assert FAILED in firing(prometheus)
    (up,) = prometheus.query('observatory_source_up{source="redis"}').values()
    assert up == 1

    client.delete(CAPABILITIES_KEY)
    client.close()
    her.startup("initialization")
    until(lambda: prometheus.query('observatory_stream_up{stream="capabilities"} == 1'), "read again")
    until(lambda: UNREADABLE not in firing(prometheus), "no failed read within the window")
    assert FAILED in firing(prometheus)
    (still,) = prometheus.query('ALERTS_FOR_STATE{alertname="HerMcpServerFailed"}').values()
    assert still == since, "it fired without a break"

    her.startup("none")
    until(lambda: FAILED not in firing(prometheus), "cured once somebody looked")
    until(lambda: firing(prometheus) == {DEBUGGER_OFF}, "a debugger that is off is a warning")
    assert ever(prometheus) == {FAILED, UNREADABLE, DEBUGGER_OFF}
