"""`observatory check`, as an operator runs it: against real Redis servers and InfluxDB, every problem at once."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.cli import main
from exporters.demo.ports import free_port
from exporters.demo.redis import Redis
from exporters.her.intervals import PROBES, STREAMS
from exporters.her.metrics import MEASUREMENTS
from exporters.her.simulate import Her, connect
from tests.servers.fixtures import StartRedis
from tests.standins.influx_servers import BOTH, Kind, influx_server
from tests.standins.influxdb_v2 import InfluxStandin

BUCKETS = sorted({measurement.bucket for measurement in MEASUREMENTS})
pytestmark = pytest.mark.servers
READER = (
    "%R~her:* -@all +ping +lrange +llen +lindex +get +scard +scan +type +ttl +strlen +hgetall +memory|usage +info"
    " +multi +exec +hello +client|setname"
)


class Check:
    """One run of the command: its exit code, and what it said by subject."""

    def __init__(self, file: Path, capsys: pytest.CaptureFixture[str], *systems: str) -> None:
        capsys.readouterr()
        self.code = main(["check", *systems, "--config.file", str(file)])
        self.out, self.err = capsys.readouterr()
        found = re.findall(r"^(ok|FAIL) +(\S+): (.*)$", self.out, re.MULTILINE)
        self.fine = {subject: text for state, subject, text in found if state == "ok"}
        self.failed = {subject: text for state, subject, text in found if state == "FAIL"}


def redis_settings(server: Redis, **more: Any) -> dict[str, Any]:
    """How a deployment reaches this server."""
    password = {"password_file": str(server.password_file)} if server.password_file else {}
    return {"host": "127.0.0.1", "port": server.port, "timeout_seconds": 1, **password, **more}


def written(folder: Path, her: Mapping[str, Any] | list[Any], **sections: Any) -> Path:
    """observatory.yml in the folder."""
    deployments = her if isinstance(her, list) else [{"redis": dict(her)}]
    file = folder / "observatory.yml"
    state = {"directory": str(folder / "state")}
    file.write_text(yaml.safe_dump({"state": state, "systems": {"her": deployments}, **sections}))
    return file


def private(path: Path, text: str) -> Path:
    """A secret's file."""
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis with a password for the whole module."""
    folder = tmp_path_factory.mktemp("home")
    with Redis(folder, free_port(), password_file=folder / "password") as server:
        yield server


@pytest.fixture
def living(home: Redis) -> Redis:
    """A Redis in which HER, and nobody else, has lived."""
    client = connect("127.0.0.1", home.port, home.password)
    client.flushall()
    her = Her(client, seed=31)
    her.startup()
    her.chat()
    her.tick(0)
    her.daily()
    return home


def test_all_is_well(living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked = Check(written(tmp_path, redis_settings(living)), capsys)
    assert checked.code == 0, checked.out
    assert checked.failed == {}
    assert checked.fine["her/default/redis"] == "reached"
    assert {f"her/default/redis/{name}" for name in (*STREAMS, *PROBES)} <= checked.fine.keys()
    told = [re.fullmatch(r"(\d+) records read, 0 .*", checked.fine[f"her/default/redis/{name}"]) for name in STREAMS]
    client = connect("127.0.0.1", living.port, living.password)
    lists = [key for key in client.scan_iter("her:*") if client.type(key) == b"list"]
    assert sum(int(found[1]) for found in told if found) == sum(client.llen(key) for key in lists) > 20
    count = len(checked.fine)
    assert f"{count} of {count} work" in checked.out
    assert not (tmp_path / "state").exists(), "it changes nothing"


def test_it_can_be_asked_while_the_exporter_runs(
    living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its port is taken, its state file is locked: neither is a problem of the configuration."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        file = written(tmp_path, redis_settings(living), web={"listen_addresses": [address]})
        (tmp_path / "state").mkdir()
        private(tmp_path / "state" / "hash.key", "ab" * 32)
        assert Check(file, capsys).code == 0


def test_records_that_are_not_understood_are_told_but_are_no_failure(
    living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connect("127.0.0.1", living.port, living.password)
    client.lpush("her:scheduler:jobs", "no JSON", "{}")
    checked = Check(written(tmp_path, redis_settings(living)), capsys)
    assert checked.code == 0
    assert re.fullmatch(r"\d+ records read, 2 of them not understood", checked.fine["her/default/redis/jobs"])


def test_a_wrong_password(home: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = private(tmp_path / "password", "a-wrong-one-nobody-may-see")
    checked = Check(written(tmp_path, redis_settings(home, password_file=str(wrong))), capsys)
    assert checked.code == 1
    assert list(checked.failed) == ["her/default/redis"]
    assert checked.failed["her/default/redis"].startswith("cannot be reached: auth: ")
    assert "a-wrong-one" not in checked.out + checked.err


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked = Check(written(tmp_path, {"host": "127.0.0.1", "port": free_port()}), capsys)
    assert checked.code == 1
    assert checked.failed["her/default/redis"] == "cannot be reached: refused: connection refused"


def test_somebody_hangs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings = {"host": "127.0.0.1", "port": mute.getsockname()[1], "timeout_seconds": 0.2}
        checked = Check(written(tmp_path, settings), capsys)
    assert checked.code == 1
    assert checked.failed["her/default/redis"].startswith("cannot be reached: timeout")


def test_a_key_of_another_type_is_that_streams_problem_alone(
    living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connect("127.0.0.1", living.port, living.password)
    client.delete("her:logs")
    client.set("her:logs", "not a list")
    checked = Check(written(tmp_path, redis_settings(living)), capsys)
    assert checked.code == 1
    assert list(checked.failed) == ["her/default/redis/logs"]
    assert "wrong_type" in checked.failed["her/default/redis/logs"]


@pytest.mark.parametrize(
    ("missing", "command", "needs"),
    [
        ("+lrange ", "+lrange", {"logs", "decisions"}),
        ("+scard ", "+scard", {"users"}),
        ("+hgetall ", "+hgetall", {"profiles"}),
    ],
)
def test_an_account_with_too_few_rights(
    missing: str,
    command: str,
    needs: set[str],
    start_redis: StartRedis,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What each stream lacks is named, all of it in one run; the others are read."""
    secret = "the-observers-own"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    server = start_redis(users=[f"observer on #{digest} {READER.replace(missing, '')}"])
    her = Her(connect("127.0.0.1", server.port, server.password), seed=32)
    her.startup()
    her.chat()
    password = private(tmp_path / "observer", secret)
    settings = redis_settings(server, username="observer", password_file=str(password))
    checked = Check(written(tmp_path, settings), capsys)
    assert checked.code == 1
    assert {f"her/default/redis/{name}" for name in needs} <= checked.failed.keys()
    for problem in checked.failed.values():
        assert f"needs {command}" in problem
    assert checked.fine["her/default/redis"] == "reached"


def test_the_least_privilege_suffices(
    start_redis: StartRedis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hashlib.sha256(b"the-observers-own").hexdigest()
    server = start_redis(users=[f"observer on #{digest} {READER}"])
    Her(connect("127.0.0.1", server.port, server.password), seed=33).startup()
    password = private(tmp_path / "observer", "the-observers-own")
    settings = redis_settings(server, username="observer", password_file=str(password))
    checked = Check(written(tmp_path, settings), capsys)
    assert checked.code == 0, checked.out


def influx_settings(url: str, token_file: Path, org: str) -> dict[str, Any]:
    """The section `influxdb`."""
    return {"url": url, "org": org, "token_file": str(token_file), "timeout_seconds": 2}


@pytest.mark.parametrize("kind", BOTH)
def test_influxdb_takes_and_refuses(
    kind: Kind, living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A right token, a wrong one, a bucket that is missing, a bucket the token may not write to."""
    with influx_server(kind, tmp_path / "influx") as server:
        for bucket in BUCKETS:
            server.bucket(bucket)
        token = private(tmp_path / "token", server.writer_token(*BUCKETS))
        endpoint = server.endpoint(token)

        def checked() -> Check:
            influx = influx_settings(endpoint.url, token, endpoint.org)
            return Check(written(tmp_path, redis_settings(living), influxdb=influx), capsys)

        good = checked()
        assert good.code == 0, good.out
        assert {f"influxdb/{bucket}" for bucket in BUCKETS} <= good.fine.keys()
        assert all(server.stored(bucket) == {} for bucket in BUCKETS), "it stores nothing"

        private(token, server.writer_token(BUCKETS[0]))
        narrow = checked()
        assert narrow.code == 1
        assert f"influxdb/{BUCKETS[0]}" in narrow.fine
        assert narrow.failed.keys() == {f"influxdb/{bucket}" for bucket in BUCKETS[1:]}

        private(token, "a-wrong-token-nobody-may-see")
        wrong = checked()
        assert wrong.failed == {f"influxdb/{bucket}": "the token is not accepted" for bucket in BUCKETS}
        assert "a-wrong-token" not in wrong.out + wrong.err


@pytest.mark.parametrize("kind", BOTH)
def test_a_bucket_that_was_never_made(
    kind: Kind, living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with influx_server(kind, tmp_path / "influx") as server:
        server.bucket(BUCKETS[0])
        token = private(tmp_path / "token", server.operator_token())
        endpoint = server.endpoint(token)
        influx = influx_settings(endpoint.url, token, endpoint.org)
        checked = Check(written(tmp_path, redis_settings(living), influxdb=influx), capsys)
    assert checked.code == 1
    missing = "there is no such bucket, or no such organisation"
    assert checked.failed == {f"influxdb/{bucket}": missing for bucket in BUCKETS[1:]}


@pytest.mark.parametrize(
    ("status", "said"), [(503, "not available"), (429, "too many requests"), (500, "server error")]
)
def test_an_influxdb_in_trouble(
    status: int, said: str, living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = private(tmp_path / "token", "t")
    with InfluxStandin(org="home", token="t") as standin:
        for bucket in BUCKETS:
            standin.bucket(bucket)
        standin.fail_next(len(BUCKETS), status)
        influx = influx_settings(standin.url, token, "home")
        checked = Check(written(tmp_path, redis_settings(living), influxdb=influx), capsys)
    assert checked.code == 1
    assert checked.failed.keys() == {f"influxdb/{bucket}" for bucket in BUCKETS}
    assert all(said in problem for problem in checked.failed.values())


def test_every_problem_of_every_kind_is_listed_at_once(
    home: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two deployments, the web configuration, the state, the token: one run names them all."""
    web_config = tmp_path / "web.yml"
    web_config.write_text("basic_auth_users: {anna: not-a-hash}\ntls_server_config: {}\n")
    (tmp_path / "state").mkdir()
    private(tmp_path / "state" / "hash.key", "cut short")
    wrong = private(tmp_path / "password", "a-wrong-one")
    her = [
        {"deployment": "attic", "redis": {"host": "127.0.0.1", "port": free_port()}},
        {"deployment": "cellar", "redis": redis_settings(home, password_file=str(wrong))},
    ]
    web = {"listen_addresses": ["nonsense"], "config_file": str(web_config)}
    influx = influx_settings(f"http://127.0.0.1:{free_port()}", tmp_path / "nowhere", "home")
    checked = Check(written(tmp_path, her, web=web, influxdb=influx), capsys)
    assert checked.code == 1
    wanted = {"web", str(web_config), "state", "her/attic/redis", "her/cellar/redis", "influxdb"}
    assert checked.failed.keys() == wanted
    assert "hash.key" in checked.failed["state"]
    assert "nowhere" in checked.failed["influxdb"]
    assert f"{len(checked.fine)} of " in checked.out


def test_a_state_directory_that_cannot_be_made(
    living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").write_text("")
    file = written(tmp_path, redis_settings(living), state={"directory": str(tmp_path / "a file" / "state")})
    checked = Check(file, capsys)
    assert checked.code == 1
    assert checked.failed["state"] == f"{tmp_path / 'a file'} is not a directory"


def test_a_configuration_that_cannot_be_used_is_told_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "observatory.yml"
    file.write_text("wbe: {}\nlog: {level: loud}\nsystems: {her: [{redis: {host: a b}}], hers: []}\n")
    assert main(["check", "--config.file", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    for part in ("unknown key 'wbe'", "log.level", "redis.host", "unknown system 'hers'"):
        assert part in err
    assert all(line.startswith("observatory: ") for line in err.splitlines())


def test_only_the_systems_asked_for(living: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, redis_settings(living))
    assert Check(file, capsys, "her").code == 0
    assert main(["check", "him", "--config.file", str(file)]) == 2
    assert "there is no system 'him' (there are: her, " in capsys.readouterr().err
