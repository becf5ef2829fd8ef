"""What every way of failing means, against real servers and against things that are no Redis."""

from __future__ import annotations

import gc
import logging
import socket
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from exporters.core.errors import SourceDown, StreamError
from exporters.demo.ports import free_port
from exporters.demo.redis import Redis
from exporters.readers.redis_client import Tls, close, connect, exchange, reply_of, transaction, translated
from tests.readers.authority import Authority
from tests.readers.odd_server import Behaviour, OddServer, answering, closing, speaking_first
from tests.servers.fixtures import StartRedis

SECRET = "correct-horse-battery-staple"
GRANT = (
    "-@all +ping +lrange +llen +lindex +get +scard +scan +type +ttl +strlen +hgetall +memory|usage +info +multi +exec"
    " +hello +client|setname"
)


def reason_of(open_connection: Callable[[], object]) -> str:
    """The reason of the SourceDown raised, whose whole traceback must not tell the password."""
    with pytest.raises(SourceDown) as caught:
        open_connection()
    error = caught.value
    assert error.__context__ is None
    assert error.__cause__ is None
    assert SECRET not in "".join(traceback.format_exception(error))
    return error.reason


@pytest.fixture
def plain(start_redis: StartRedis) -> Redis:
    return start_redis(password=False)


@pytest.fixture
def client(plain: Redis) -> Iterator[redis.Redis]:
    connection = connect(host="127.0.0.1", port=plain.port)
    yield connection
    close(connection)


def test_it_introduces_itself_once_and_speaks_bytes(client: redis.Redis) -> None:
    client.set("her:x", b"\xff\x00")
    assert client.get("her:x") == b"\xff\x00"
    own = [row for row in client.client_list() if row["cmd"] == "client|list"]
    assert [row["name"] for row in own] == ["llm-observatory"]
    assert exchange(client, [("GET", "her:x"), ("LLEN", "her:none")]) == [b"\xff\x00", 0]
    assert transaction(client, [("GET", "her:none"), ("LLEN", "her:none")]) == [None, 0]
    named = [row for row in client.client_list() if row["name"] == "llm-observatory"]
    assert len(named) == 1, "one source, one connection"


def test_refused() -> None:
    assert reason_of(lambda: connect(host="127.0.0.1", port=free_port())) == "refused"


def test_a_name_nobody_knows() -> None:
    assert reason_of(lambda: connect(host="no-such-host.invalid", password=SECRET)) == "name"


def test_a_silent_server_costs_one_timeout() -> None:
    with OddServer(lambda _: (quiet.wait(10), None)[1]) as server:
        quiet = server.done
        started = time.monotonic()
        assert reason_of(lambda: connect(host="127.0.0.1", port=server.port, timeout=0.2, password=SECRET)) == "timeout"
        assert time.monotonic() - started < 2


def test_a_server_that_falls_silent_later(plain: Redis) -> None:
    connection = connect(host="127.0.0.1", port=plain.port, timeout=0.2)
    holder = connect(host="127.0.0.1", port=plain.port)
    holder.client_pause(600, all=True)
    assert reason_of(lambda: exchange(connection, [("LLEN", "her:logs")])) == "timeout"
    close(holder)
    time.sleep(0.5)
    assert exchange(connection, [("LLEN", "her:logs")]) == [0], "the same client is usable again"
    close(connection)


NO_REDIS: dict[str, Behaviour] = {
    "http": answering(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    "noise": answering(b"\x00\x01\x02\xff\r\n"),
    "ok to everything": answering(b"+OK\r\n"),
    "number that is none": answering(b":abc\r\n"),
    "length that is none": answering(b"$abc\r\n"),
    "array that is none": answering(b"*abc\r\n"),
    "endless nesting": answering(b"*1\r\n" * 5000),
    "greets first": speaking_first(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "tls alert": closing(b"\x15\x03\x03\x00\x02\x02\x46\r\n"),
}


@pytest.mark.parametrize("behaviour", NO_REDIS.values(), ids=NO_REDIS.keys())
def test_what_is_no_redis(behaviour: Behaviour) -> None:
    with OddServer(behaviour) as server:
        reason = reason_of(lambda: connect(host="127.0.0.1", port=server.port, timeout=1, password=None))
    assert reason == "protocol"
    gc.collect()  # a socket left open would fail the test here


@pytest.mark.parametrize("last_words", [b"", b"$5\r\nhel", b"+PO"])
def test_a_server_that_hangs_up(last_words: bytes) -> None:
    with OddServer(closing(last_words)) as server:
        assert reason_of(lambda: connect(host="127.0.0.1", port=server.port, timeout=1)) == "refused"


def test_replies_of_the_wrong_kind_are_no_redis(client: redis.Redis) -> None:
    client.set("her:x", "1")
    with pytest.raises(SourceDown, match="protocol: expected int, got bytes"):
        reply_of(int, exchange(client, [("GET", "her:x")])[0])
    with pytest.raises(SourceDown, match="protocol"):
        reply_of(bytes, None)


def test_passwords(start_redis: StartRedis) -> None:
    server = start_redis(users=[f"reader on >{SECRET} %R~her:* {GRANT}"])
    port = server.port
    assert reason_of(lambda: connect(host="127.0.0.1", port=port)) == "auth"
    assert reason_of(lambda: connect(host="127.0.0.1", port=port, password="wrong")) == "auth"
    assert reason_of(lambda: connect(host="127.0.0.1", port=port, username="nobody", password=SECRET)) == "auth"
    for username, password in ((None, server.password), ("default", server.password), ("reader", SECRET)):
        close(connect(host="127.0.0.1", port=port, username=username, password=password))


def test_a_password_for_a_server_that_has_none(plain: Redis) -> None:
    assert reason_of(lambda: connect(host="127.0.0.1", port=plain.port, password=SECRET)) == "auth"


def test_the_least_grant_is_enough_and_leaves_no_trace_in_the_acl_log(start_redis: StartRedis) -> None:
    server = start_redis(users=[f"reader on >{SECRET} %R~her:* {GRANT}"])
    reader = connect(host="127.0.0.1", port=server.port, username="reader", password=SECRET)
    assert transaction(reader, [("GET", "her:metrics:messages"), ("LLEN", "her:logs")]) == [None, 0]
    exchange(reader, [("MEMORY", "USAGE", "her:logs", "SAMPLES", 0)])
    owner = connect(host="127.0.0.1", port=server.port, password=server.password)
    assert exchange(owner, [("ACL", "LOG")]) == [[]]

    private_key = "other:5551001"
    with pytest.raises(StreamError) as caught:
        transaction(reader, [("GET", private_key)])
    assert caught.value.reason == "no_permission"
    with pytest.raises(StreamError, match=r"no_permission: needs \+hlen"):
        transaction(reader, [("HLEN", "her:reinforcement:profile:5551001")])
    denied = exchange(reader, [("LLEN", "her:logs"), ("KEYS", "*")])
    assert denied[0] == 0
    assert isinstance(denied[1], StreamError)
    assert private_key not in "".join(traceback.format_exception(caught.value))
    close(reader)
    close(owner)


def test_an_account_that_may_not_even_ping(start_redis: StartRedis) -> None:
    server = start_redis(users=[f"reader on >{SECRET} %R~her:* -@all +llen"])
    reader = connect(host="127.0.0.1", port=server.port, username="reader", password=SECRET)
    assert exchange(reader, [("LLEN", "her:logs")]) == [0]
    close(reader)
    with pytest.raises(SourceDown) as caught:
        connect(host="127.0.0.1", port=server.port, username="reader", password=SECRET, db=1)
    assert caught.value.reason == "auth"


def test_a_database_there_is_not(plain: Redis) -> None:
    close(connect(host="127.0.0.1", port=plain.port, db=15))
    assert reason_of(lambda: connect(host="127.0.0.1", port=plain.port, db=99)) == "refused"


def test_the_wrong_type_stays_with_its_command(client: redis.Redis) -> None:
    client.set("her:logs", "no list")
    client.rpush("her:decision:logs", "entry")
    wrong, right = transaction(client, [("LLEN", "her:logs"), ("LLEN", "her:decision:logs")])
    assert isinstance(wrong, StreamError)
    assert (wrong.reason, right) == ("wrong_type", 1)
    with pytest.raises(StreamError, match="wrong_type"):
        reply_of(int, wrong)


def test_a_blocking_script_is_not_an_outage(plain: Redis, client: redis.Redis) -> None:
    client.config_set("busy-reply-threshold", 1)
    holder = connect(host="127.0.0.1", port=plain.port)
    running = threading.Thread(target=lambda: _until_killed(holder))
    running.start()
    busy: object = None
    while not isinstance(busy, StreamError):
        busy = exchange(client, [("LLEN", "her:logs")])[0]
    assert busy.reason == "busy"
    assert reason_of(lambda: connect(host="127.0.0.1", port=plain.port)) == "refused"
    client.script_kill()
    running.join(5)
    close(holder)
    assert exchange(client, [("LLEN", "her:logs")]) == [0]


def _until_killed(holder: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError):
        holder.eval("while true do end", 0)


def test_a_server_that_is_still_loading(start_redis: StartRedis) -> None:
    slow = {"key-load-delay": "3000", "loading-process-events-interval-bytes": "1024", "appendfsync": "no"}
    server = start_redis(password=False, appendonly=True, options=slow)
    writer = connect(host="127.0.0.1", port=server.port)
    with writer.pipeline(transaction=False) as pipeline:
        for number in range(300):
            pipeline.set(f"her:filler:{number}", "x")
        pipeline.execute()
    writer.bgrewriteaof()
    while writer.info("persistence")["aof_rewrite_in_progress"] or writer.info("persistence")["aof_rewrite_scheduled"]:
        time.sleep(0.02)
    close(writer)
    server.stop()
    server.start()
    reasons = set[str]()
    while not reasons:
        try:
            close(connect(host="127.0.0.1", port=server.port, timeout=2))
        except SourceDown as error:
            if "loading" in str(error):
                reasons.add(error.reason)
        else:
            pytest.fail("the server was ready before it could be asked")
    assert reasons == {"refused"}


def test_a_replica_without_its_master(plain: Redis, client: redis.Redis) -> None:
    client.config_set("replica-serve-stale-data", "no")
    client.replicaof("127.0.0.1", free_port())
    assert reason_of(lambda: transaction(client, [("LLEN", "her:logs")])) == "refused"


def test_a_full_server(plain: Redis, client: redis.Redis) -> None:
    client.config_set("maxclients", 1)
    assert reason_of(lambda: connect(host="127.0.0.1", port=plain.port)) == "refused"


def test_a_server_that_goes_away_and_comes_back(plain: Redis, client: redis.Redis) -> None:
    assert exchange(client, [("LLEN", "her:logs")]) == [0]
    plain.kill()
    assert reason_of(lambda: exchange(client, [("LLEN", "her:logs")])) == "refused"
    plain.start().wait_ready()
    assert exchange(client, [("LLEN", "her:logs")]) == [0]


def test_nothing_is_asked_twice() -> None:
    """A command that died on the way is not sent again: the runner decides when to come back."""
    received: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"+OK\r\n")
        connection.recv(65536)
        connection.sendall(b"+PONG\r\n")
        received.append(connection.recv(65536))

    with OddServer(behave) as server:
        client = connect(host="127.0.0.1", port=server.port, timeout=1)
        assert reason_of(lambda: exchange(client, [("INCRBY", "x", 1)])) == "refused"
        time.sleep(0.1)
        close(client)
    assert sum(b"INCRBY" in data for data in received) == 1


def test_our_own_defects_stay_defects(client: redis.Redis) -> None:
    with pytest.raises(ValueError, match="ours"), translated():
        raise ValueError("ours")
    with pytest.raises(KeyError), translated():
        {"x": 1}["y"]
    with pytest.raises(StreamError, match="missing"), translated():
        raise StreamError("missing")


def test_it_decorates_too(client: redis.Redis) -> None:
    client.set("her:logs", "no list")

    @translated()
    def length() -> object:
        return client.llen("her:logs")

    for _ in range(2):
        with pytest.raises(StreamError, match="wrong_type"):
            length()


def test_nothing_is_logged(client: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.set("her:logs", "x")
    transaction(client, [("LLEN", "her:logs")])
    assert caplog.records == []


@pytest.mark.skipif(
    "TLS"
    not in subprocess.run(
        ["redis-server", "--tls-port", "1", "--port", "0"], capture_output=True, text=True
    ).stdout.upper(),
    reason="this redis-server was built without TLS",
)
def test_tls(start_redis: StartRedis, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server", alternative="localhost")
    options = {
        "tls-port": str(secure := free_port()),
        "tls-cert-file": str(certificate),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(authority.file),
        "tls-auth-clients": "yes",
    }
    server = start_redis(password=False, options=options)
    own_certificate, own_key = authority.issue("exporter", alternative="exporter")
    known = Tls(ca_file=authority.file, certificate_file=own_certificate, key_file=own_key)
    client = connect(host="localhost", port=secure, tls=known)
    assert exchange(client, [("LLEN", "her:logs")]) == [0]
    close(client)

    stranger = Tls(certificate_file=own_certificate, key_file=own_key)
    nameless = Tls(ca_file=authority.file)
    lost = Tls(ca_file=tmp_path / "missing.crt")
    assert reason_of(lambda: connect(host="localhost", port=secure, tls=stranger)) == "tls"
    assert reason_of(lambda: connect(host="127.0.0.1", port=secure, tls=known)) == "tls"
    # In TLS 1.3 the server may just hang up on somebody who shows no certificate; Python 3.13 says no more than that.
    assert reason_of(lambda: connect(host="localhost", port=secure, tls=nameless)) in {"tls", "refused"}
    assert reason_of(lambda: connect(host="localhost", port=secure, tls=lost)) == "tls"
    in_clear = reason_of(lambda: connect(host="localhost", port=server.port, tls=known, timeout=0.3))
    assert in_clear in {"tls", "timeout"}, "a server in the clear waits for the end of the line"
    assert reason_of(lambda: connect(host="localhost", port=secure, timeout=1)) in {"protocol", "refused"}
    anybody = Tls(certificate_file=own_certificate, key_file=own_key, verify=False)
    close(connect(host="127.0.0.1", port=secure, tls=anybody))
