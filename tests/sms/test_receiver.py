"""From Alertmanager, with its laid-out configuration, to an SMS service: the real ones, but for the service."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exporters.demo.alertmanager import Alertmanager
from exporters.demo.loopback import answers
from exporters.demo.ports import free_port
from exporters.demo.process import Server
from tests.servers.fixtures import StartAlertmanager
from tests.sms.service import Service, service
from tests.sms.test_message import alert, posted
from tests.stack.checkout import make_checkout

SECRET = "hunter2"


@pytest.fixture
def provider() -> Iterator[Service]:
    with service() as made:
        yield made


class Receiver:
    """`python -m exporters.sms` as a process, for one provider."""

    def __init__(self, folder: Path, *addresses: str) -> None:
        self.port = free_port()
        self.file = folder / "sms_urls"
        self.file.write_text("\n".join(addresses))
        self.log = folder / "sms.log"
        listen = f"127.0.0.1:{self.port}"
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "exporters.sms",
            "--urls-file",
            self.file,
            "--web.listen-address",
            listen,
        ]
        self.server = Server("SMS", command, log=self.log, ready=answers(self.port, "/healthz"))

    def post(self, body: bytes, path: str = "/alerts") -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("POST", path, body)
            return connection.getresponse().status

    def health(self) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("GET", "/healthz")
            return connection.getresponse().status


@pytest.fixture
def receiver(tmp_path: Path, provider: Service) -> Iterator[Receiver]:
    made = Receiver(tmp_path, provider.address)
    made.server.start().wait_ready(timeout=30)
    yield made
    made.server.stop()


def until(holds: Callable[[], Any], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def alertmanager(tmp_path: Path, receiver: Receiver, alertmanager_server: StartAlertmanager) -> Alertmanager:
    """As in production with the profile on and no mail, except that it does not wait for more before it sends."""
    checkout = make_checkout(tmp_path / "checkout")
    checkout.lay_out("--sms", f"127.0.0.1:{receiver.port}", environment={"STACK_PROFILES": "restricted,sms"})
    config = checkout.document("alertmanager/alertmanager.yml")
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    return alertmanager_server(config)


def test_a_critical_alert_and_its_end_are_sent_and_a_warning_is_not(
    alertmanager: Alertmanager, receiver: Receiver, provider: Service
) -> None:
    labels = {"system": "her", "deployment": "home"}
    words = {"summary": "HER (home) has stopped."}
    fired = {"labels": {"alertname": "HerSilent", "severity": "critical", **labels}, "annotations": words}
    warned = {"labels": {"alertname": "HerErrorsInLog", "severity": "warning", **labels}, "annotations": words}
    provider.down = True
    alertmanager.post([warned, fired])
    until(lambda: provider.asked, "the service was asked")
    provider.down = False
    until(lambda: provider.taken, "Alertmanager tries again when nobody was reached")
    alertmanager.post([{**fired, "endsAt": "2020-01-01T00:00:00Z"}])
    until(lambda: len(provider.taken) == 2, "the end is sent too")
    assert provider.taken == [f"{status}: HER (home) has stopped. [HerSilent]" for status in ("firing", "resolved")]


def test_one_service_that_fails_keeps_no_other_from_being_told(receiver: Receiver, provider: Service) -> None:
    """Addresses are read anew for each message; none is ever told."""
    dead = f"json://user:{SECRET}@127.0.0.1:{free_port()}/"
    receiver.file.write_text(f"{dead} {provider.address}\n")
    assert receiver.post(posted(alert("A", "One."))) == 200
    assert provider.taken == ["firing: One. [A]"]
    receiver.file.write_text(dead)
    assert receiver.post(posted(alert("A", "One."))) == 503
    receiver.file.write_text(f"nothing://{SECRET}")
    assert receiver.post(posted(alert("A", "One."))) == 503
    log = receiver.log.read_text()
    assert "address 1 (NotifyJSON): not delivered" in log
    assert "address 1 is none that Apprise understands" in log
    assert SECRET not in log


def test_an_address_that_is_none_costs_nobody_else_the_message(receiver: Receiver, provider: Service) -> None:
    assert receiver.health() == 200
    receiver.file.write_text(f"nothing://{SECRET} {provider.address}")
    assert receiver.health() == 503
    assert receiver.post(posted(alert("A", "One."))) == 200
    assert provider.taken == ["firing: One. [A]"]
    log = receiver.log.read_text()
    assert "address 1 is none that Apprise understands" in log
    assert SECRET not in log


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [(b"{}", "/alerts", 400), (b"{}", "/other", 404)],
)
def test_what_is_no_alert_is_refused(
    receiver: Receiver, provider: Service, body: bytes, path: str, status: int
) -> None:
    assert receiver.post(body, path) == status
    assert provider.asked == 0


def test_what_is_too_long_is_refused_before_it_is_read(receiver: Receiver, provider: Service) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=20)) as connection:
        connection.putrequest("POST", "/alerts")
        connection.putheader("Content-Length", str(1024 * 1024 + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413
    assert provider.asked == 0


@pytest.mark.parametrize("content", [None, "", f"nothing://{SECRET}"])
def test_it_does_not_start_without_anybody_to_tell(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "sms_urls"
    if content is not None:
        file.write_text(content)
    listen = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "exporters.sms", "--urls-file", str(file), "--web.listen-address", listen]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert SECRET not in done.stderr


def test_without_the_profile_nothing_is_posted_anywhere(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    checkout.lay_out(environment={"STACK_PROFILES": "restricted"})
    receivers = checkout.document("alertmanager/alertmanager.yml")["receivers"]
    assert receivers == [{"name": name} for name in ("critical", "warning", "info")]
