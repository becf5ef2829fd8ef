"""HER's ports 8000, 8081 and 8082 as the source `http` finds them: well, busy, failing, somebody else's, and gone."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporters.check import check
from exporters.core.contract import Sample
from exporters.core.errors import SourceDown
from exporters.core.settings import load
from exporters.demo.loopback import request
from exporters.demo.ports import free_port
from exporters.her import ports
from exporters.her.labels import ENDPOINT_STATE
from exporters.her.ports import PATHS, Ports, collect, trouble
from exporters.her.settings import HttpSettings
from exporters.her.simulate_debugger import DebuggerServer
from exporters.her.simulate_ports import ApiServer, Fault, LivenessServer
from exporters.her.system import HER
from exporters.her.system_metrics import ENDPOINT_ANSWER
from exporters.her.system_metrics import ENDPOINT_STATE as STATE
from tests.readers.odd_server import OddServer, closing

NOW = datetime(2026, 2, 22, 12, tzinfo=UTC)
TIMEOUT = 0.3


class House:
    """The three ports of one HER, and the exporter's side of them."""

    def __init__(self) -> None:
        self.debugger = DebuggerServer().start()
        self.liveness = LivenessServer().start()
        self.api = ApiServer(free=self.debugger.free).start()

    def settings(self) -> HttpSettings:
        return HttpSettings(
            liveness=f"http://127.0.0.1:{self.liveness.port}",
            debugger=f"http://127.0.0.1:{self.debugger.port}/",
            api=f"http://127.0.0.1:{self.api.port}",
            timeout_seconds=TIMEOUT,
        )

    def close(self) -> None:
        self.debugger.stop()
        self.liveness.stop()
        self.api.stop()


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def states(samples: list[Sample]) -> dict[str, str]:
    """Endpoint -> its one state that is 1; the others must be there and 0."""
    shown = {s.labels: s.value for s in samples if s.metric is STATE}
    assert {labels[1] for labels in shown} == set(ENDPOINT_STATE.values or ())
    found = {labels[0]: labels[1] for labels, value in shown.items() if value == 1}
    assert sum(shown.values()) == len(found) == len({labels[0] for labels in shown})
    return found


def answered(samples: list[Sample]) -> dict[str, float]:
    return {s.labels[0]: s.value for s in samples if s.metric is ENDPOINT_ANSWER}


def at(url: str) -> Ports:
    """The exporter's side, where only the API's address is given."""
    return ports.connect(HttpSettings(api=url, timeout_seconds=TIMEOUT))


def test_all_three_answer(house: House) -> None:
    samples = collect(ports.connect(house.settings()), NOW)
    assert states(samples) == {"liveness": "answers", "debugger": "answers", "api": "answers"}
    assert answered(samples).keys() == PATHS.keys()
    assert all(0 < seconds < TIMEOUT for seconds in answered(samples).values())
    assert trouble(samples) == ""
    # One small GET each, and nothing beside it.
    assert (house.liveness.asked, house.api.asked) == (["/"], ["/api/health"])


def test_only_what_is_configured_is_asked(house: House) -> None:
    samples = collect(ports.connect(HttpSettings(liveness=house.settings().liveness)), NOW)
    assert states(samples) == {"liveness": "answers"}
    assert house.api.asked == []


def test_a_her_that_waits_for_its_model_is_busy_and_not_gone(house: House) -> None:
    connection = ports.connect(house.settings())
    house.debugger.block()
    samples = collect(connection, NOW)
    assert states(samples) == {"liveness": "answers", "debugger": "busy", "api": "busy"}
    assert answered(samples).keys() == {"liveness"}
    assert trouble(samples) == "", "who configures it need not do anything"
    house.debugger.unblock()
    assert set(states(collect(connection, NOW)).values()) == {"answers"}


def test_a_her_that_is_gone(house: House) -> None:
    connection = ports.connect(house.settings())
    house.close()
    samples = collect(connection, NOW)
    assert set(states(samples).values()) == {"unreachable"}
    assert answered(samples) == {}
    assert "liveness: nobody accepts the connection" in trouble(samples)
    house.api.start()
    assert states(collect(connection, NOW))["api"] == "answers", "noticed at the next look"


@pytest.mark.parametrize(("fault", "wanted"), [("failing", "failing"), ("foreign", "foreign"), ("silent", "busy")])
def test_what_goes_wrong_has_a_state(house: House, fault: Fault, wanted: str) -> None:
    house.api.fault = fault
    samples = collect(ports.connect(house.settings()), NOW)
    assert states(samples) == {"liveness": "answers", "debugger": "answers", "api": wanted}
    assert ("api" in trouble(samples)) == (wanted != "busy")
    assert ("api" in answered(samples)) == (wanted != "busy")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (b'HTTP/1.0 200 OK\r\n\r\n{"status":"ok","version":"next"}', "answers"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"status":"degraded"}', "failing"),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\n", "failing"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"hello":"world"}', "foreign"),
        (b'HTTP/1.0 200 OK\r\n\r\n"ok"', "foreign"),
        (b"HTTP/1.0 401 Unauthorized\r\n\r\n", "foreign"),
        (b"HTTP/1.0 301 Moved\r\nLocation: http://192.0.2.1/\r\n\r\n", "foreign"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b" " * 70_000, "foreign"),
        (b"220 mail.example.org ESMTP\r\n", "foreign"),
    ],
)
def test_whatever_answers_there(said: bytes, wanted: str) -> None:
    with OddServer(closing(said)) as odd:
        assert states(collect(at(f"http://127.0.0.1:{odd.port}"), NOW)) == {"api": wanted}


def test_there_is_no_such_host() -> None:
    assert states(collect(at("http://her.invalid:8082"), NOW)) == {"api": "unreachable"}


def test_no_tls_where_tls_was_expected(house: House) -> None:
    assert states(collect(at(f"https://127.0.0.1:{house.api.port}"), NOW)) == {"api": "foreign"}


def test_an_authority_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(SourceDown, match="tls"):
        ports.connect(HttpSettings(api="https://her:8082", ca_file=tmp_path / "ca.crt"))


def test_changes_are_told_once_and_without_what_was_answered(house: House, caplog: pytest.LogCaptureFixture) -> None:
    connection = ports.connect(house.settings())
    house.api.fault = "foreign"
    with caplog.at_level(logging.INFO, logger="exporters.her.ports"):
        for _ in range(3):
            collect(connection, NOW)
    told = [record for record in caplog.records if "api" in record.getMessage()]
    assert [record.levelname for record in told] == ["WARNING"]
    assert "Another program" not in caplog.text


def test_check_says_what_is_wrong(house: House, tmp_path: Path) -> None:
    """Before anything runs: a port that is wrong is a problem, one that is busy is not."""
    house.debugger.block()
    file = tmp_path / "observatory.yml"
    file.write_text(
        f"state: {{directory: {tmp_path}}}\nsystems:\n  her:\n    - redis: {{host: 127.0.0.1, port: {free_port()}}}\n"
        f"      http: {{liveness: 'http://127.0.0.1:{free_port()}', api: 'http://127.0.0.1:{house.api.port}',"
        f" timeout_seconds: {TIMEOUT}}}\n"
    )
    findings = {found.subject: found.problem for found in check(load([HER], file=file, environment={}), [HER])}
    assert findings["her/default/http"] == ""
    assert findings["her/default/http/endpoints"] == "liveness: nobody accepts the connection"


def test_the_invented_ports_answer_as_the_contract_says(house: House) -> None:
    """8000: any path, HTTP/1.0, no length; only GET. 8082: its paths and no others."""
    with socket.create_connection(("127.0.0.1", house.liveness.port)) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: her\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert b"content-length" not in head.lower()
    assert body == b'{"status": "ok"}'
    assert request(house.liveness.port, "/", method="POST").status == 501
    assert request(house.liveness.port, "/", method="HEAD").status == 501
    for path in ("/api/health", "/api/openapi.json", "/api/docs", "/v1/models"):
        assert request(house.api.port, path).status == 200, path
    assert request(house.api.port, "/metrics").status == 404
