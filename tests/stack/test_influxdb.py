"""A real InfluxDB, made ready by the stack's own script: what each token is good for, through Grafana too."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporters.demo import programs
from exporters.demo.loopback import request
from exporters.demo.ports import free_port
from exporters.demo.process import Server
from tests.servers.fixtures import skip_without
from tests.stack.checkout import CONFIG, make_checkout
from tests.stack.compose import ROOT
from tests.stack.grafanas import PASSWORD, StackGrafana

pytestmark = [pytest.mark.servers, pytest.mark.real_influxdb]
OPERATOR = "an-operator-token-of-this-test"
DAY = 86_400


@dataclass(frozen=True)
class Ready:
    """An InfluxDB on `port`; its tokens lie in `tokens`. `make` makes it ready once more. said: what that printed."""

    port: int
    folder: Path
    said: list[str]

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    def token(self, kind: str) -> str:
        return (self.tokens / kind / "token").read_text().strip()

    def make(self) -> str:
        flags = {
            "--config": self.folder / "observatory.yml",
            "--url": f"http://127.0.0.1:{self.port}",
            "--password-file": self.folder / "password",
            "--operator-token-file": self.folder / "operator",
            "--tokens": self.tokens,
        }
        words = [str(word) for pair in flags.items() for word in pair]
        script = [sys.executable, str(ROOT / "scripts" / "make_influxdb.py"), *words]
        run = subprocess.run(script, capture_output=True, text=True, check=False, timeout=90)
        assert run.returncode == 0, run.stderr
        self.said.append(run.stdout)
        return run.stdout

    def write(self, bucket: str, line: str, token: str) -> int:
        query = {"org": "observatory", "bucket": bucket}
        headers = {"Authorization": f"Token {token}"}
        return request(self.port, "/api/v2/write", method="POST", query=query, headers=headers, body=line).status

    def retention_days(self) -> dict[str, int]:
        headers = {"Authorization": f"Token {OPERATOR}"}
        answer = request(self.port, "/api/v2/buckets", query={"org": "observatory"}, headers=headers).json()
        kept = {bucket["name"]: bucket["retentionRules"] for bucket in answer["buckets"] if bucket["type"] == "user"}
        return {name: rules[0]["everySeconds"] // DAY if rules else 0 for name, rules in kept.items()}


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Ready]:
    skip_without("influxd")
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "operator").write_text(OPERATOR)
    (tmp_path / "observatory.yml").write_text(CONFIG + "influxdb: {retention_days: 7, text_retention_days: 2}\n")
    port = free_port()
    flags = [f"--http-bind-address=127.0.0.1:{port}", "--reporting-disabled", f"--engine-path={tmp_path / 'engine'}"]
    paths = [f"--bolt-path={tmp_path / 'bolt'}", f"--sqlite-path={tmp_path / 'sqlite'}"]
    program = programs.need("influxd", package="none")
    with ExitStack() as servers:
        server = Server("influxd", [program, *flags, *paths], log=tmp_path / "influxd.log", env={"HOME": str(tmp_path)})
        servers.callback(server.stop)
        # Not waited for: the script has to bear with a server that is only starting.
        server.start()
        made = Ready(port, tmp_path, [])
        made.make()
        yield made


def test_a_fresh_one_gets_its_buckets_with_their_retention(ready: Ready) -> None:
    assert ready.retention_days() == {"her": 7, "her_daily": 0, "her_text": 2}


def test_doing_it_again_changes_nothing(ready: Ready) -> None:
    before = {kind: ready.token(kind) for kind in ("writer", "reader", "text")}
    assert ready.make() == "make_influxdb: nothing to change\n"
    assert {kind: ready.token(kind) for kind in before} == before
    # Each is read by a container's user of another number.
    assert {path.stat().st_mode & 0o777 for path in ready.tokens.rglob("token")} == {0o444}


def test_the_first_bucket_is_ours_too_and_follows_the_default_again(ready: Ready) -> None:
    """InfluxDB makes it with its first user, and knows nothing of whose it is."""
    (ready.folder / "observatory.yml").write_text(CONFIG)
    assert "bucket her keeps points 30 days, before 7 days" in ready.make()
    assert ready.retention_days() == {"her": 30, "her_daily": 0, "her_text": 30}


def test_no_secret_is_printed(ready: Ready) -> None:
    for secret in (PASSWORD, OPERATOR, *(ready.token(kind) for kind in ("writer", "reader", "text"))):
        assert secret not in "".join(ready.said)


def test_a_reader_cannot_write(ready: Ready) -> None:
    assert ready.write("her", "m v=1", ready.token("writer")) == http.client.NO_CONTENT
    for kind in ("reader", "text"):
        # What a token may not write it may not see either.
        assert ready.write("her", "m v=1", ready.token(kind)) in (http.client.FORBIDDEN, http.client.NOT_FOUND)


def asked(grafana: StackGrafana, uid: str, bucket: str) -> str:
    """What a query of a data source brings, as text."""
    flux = f'from(bucket: "{bucket}") |> range(start: -1h)'
    query = {"refId": "A", "datasource": {"uid": uid, "type": "influxdb"}, "query": flux}
    return grafana.call("POST", "/api/ds/query", {"from": "now-1h", "to": "now", "queries": [query]}).text


@pytest.mark.real_grafana
def test_only_the_restricted_grafana_finds_texts(tmp_path: Path, ready: Ready) -> None:
    skip_without("grafana")
    checkout = make_checkout(tmp_path / "checkout")
    checkout.lay_out()
    for bucket in ("her", "her_text"):
        assert ready.write(bucket, f'm word="found in {bucket}"', ready.token("writer")) == http.client.NO_CONTENT

    def grafana(service: str) -> StackGrafana:
        addresses = {"influxdb:8086": f"127.0.0.1:{ready.port}"}
        return StackGrafana(
            tmp_path / service, free_port(), checkout, service=service, addresses=addresses, tokens=ready.tokens
        )

    with grafana("grafana") as main, grafana("grafana-restricted") as restricted:
        assert "found in her" in asked(main, "influxdb", "her")
        # Whoever may query a data source may ask it anything: it is the token that says no.
        assert "could not find bucket" in asked(main, "influxdb", "her_text")
        assert "found in her_text" in asked(restricted, "influxdb-text", "her_text")
        assert "could not find bucket" in asked(restricted, "influxdb", "her_text")
