"""Clients that are slow, silent, many or gone: the next scrape never waits for them, and neither does `stop`."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from exporters.core.web import Limits, WebServer
from tests.core.web_clients import TEXT, Shown, ask, connect, host_and_port, read_all, serving, until

SOON = 2.0
"""Seconds within which a scrape has to be answered here: milliseconds in truth, with room for a busy machine."""


@contextlib.contextmanager
def crowd(server: WebServer, size: int, first_bytes: bytes = b"") -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(size)]
        for client in clients:
            client.sendall(first_bytes)
        yield clients


def assert_answers_soon(server: WebServer) -> None:
    begin = time.monotonic()
    assert ask(server).body.startswith(TEXT)
    assert time.monotonic() - begin < SOON


def assert_stops_within_a_second(server: WebServer) -> None:
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 1.0
    with pytest.raises(OSError, match=r"refused|reset"):
        connect(server)


@pytest.mark.parametrize(
    "first_bytes", [b"", b"GET /metrics HTTP/1.1\r\nA: ", b"POST /metrics HTTP/1.1\r\nHost: a\r\n"]
)
def test_200_connections_that_say_nothing_more(first_bytes: bytes) -> None:
    with serving() as server, crowd(server, 200, first_bytes):
        assert_answers_soon(server)
        assert_stops_within_a_second(server)


def test_200_kept_connections() -> None:
    with serving() as server, crowd(server, 200, b"GET /healthz HTTP/1.1\r\n\r\n") as clients:
        for client in clients:
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        assert_answers_soon(server)
        assert_stops_within_a_second(server)


def test_more_connections_than_there_is_room_for() -> None:
    with serving(limits=Limits(connections=20)) as server, crowd(server, 60):
        assert_answers_soon(server)
        assert server.turned_away >= 40


def test_a_client_that_drips_is_cut_off_and_told_why() -> None:
    with serving(limits=Limits(head=0.5)) as server, connect(server) as client:
        answer = b""
        begin = time.monotonic()
        client.settimeout(0.05)
        for byte in b"GET /metrics HTTP/1.1\r\nUser-Agent: " + b"a" * 1000:
            client.sendall(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                answer = client.recv(4096)
                break
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert 0.4 < time.monotonic() - begin < 5
        assert server.turned_away == 1


def test_a_silent_connection_ends_without_a_word() -> None:
    with serving(limits=Limits(head=0.2)) as server, connect(server) as client:
        assert client.recv(10) == b""


def test_a_kept_connection_ends_after_its_idle_time() -> None:
    with serving(limits=Limits(idle=0.3)) as server, connect(server) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        answer = read_all(client)
        assert answer.count(b"HTTP/1.1") == 1
        assert answer.startswith(b"HTTP/1.1 200")


def test_clients_that_do_not_take_their_answer() -> None:
    large = Shown(TEXT * 200_000)
    limits = Limits(workers=2)
    request = b"GET /metrics HTTP/1.1\r\n\r\n"
    with serving(large, limits=limits) as server, crowd(server, 6, request) as clients:
        for client in clients:
            assert client.recv(9) == b"HTTP/1.1 "
        assert_answers_soon(server)
        assert_stops_within_a_second(server)


def test_an_answer_that_is_not_taken_ends_in_time() -> None:
    with serving(Shown(TEXT * 400_000), limits=Limits(answer=0.3)) as server, connect(server) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        until(lambda: server.turned_away == 1)
        with contextlib.suppress(ConnectionResetError):
            assert len(read_all(client)) < len(TEXT) * 400_000


def test_answers_that_are_not_taken_are_bounded_together() -> None:
    large = Shown(TEXT * 200_000)
    request = b"GET /metrics HTTP/1.1\r\n\r\n"
    limits = Limits(unsent=len(TEXT) * 300_000)
    with serving(large, limits=limits) as server, crowd(server, 5, request):
        until(lambda: server.turned_away >= 3)
        assert_answers_soon(server)


def test_a_slow_reader_gets_all_of_it() -> None:
    large = Shown(TEXT * 100_000)
    with serving(large) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(host_and_port(server))
        client.sendall(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")
        time.sleep(0.1)
        assert read_all(client).partition(b"\r\n\r\n")[2] == large.text


def test_a_client_that_leaves_in_the_middle() -> None:
    with serving(Shown(TEXT * 200_000)) as server:
        for _ in range(10):
            with connect(server) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                client.recv(10)
        assert_answers_soon(server)
        assert server.defects == 0


def test_a_scrape_under_way_is_finished_by_stop() -> None:
    shown = Shown()
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go_on.wait(10)

    shown.before_metrics = wait
    with serving(shown) as server, connect(server) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert begun.wait(10)
        threading.Timer(0.1, go_on.set).start()
        assert_stops_within_a_second(server)
        assert read_all(client).endswith(TEXT)


def test_stop_does_not_wait_for_an_answer_that_hangs() -> None:
    shown = Shown()
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait(60)

    shown.before_metrics = hang
    with serving(shown) as server, connect(server) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert begun.wait(10)
        # Others are still served meanwhile.
        assert ask(server, "/healthz").status == 200
        assert_stops_within_a_second(server)
        go_on.set()


def test_stop_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with serving() as server:
        ask(server)
        server.stop()
        server.stop()
        until(lambda: set(threading.enumerate()) <= before)


def test_many_at_once_all_get_theirs() -> None:
    shown = Shown(TEXT * 500)
    failures: list[object] = []
    with serving(shown) as server:

        def scrape() -> None:
            connection = http.client.HTTPConnection(*host_and_port(server), timeout=20)
            for _ in range(20):
                connection.request("GET", "/metrics")
                reply = connection.getresponse()
                if reply.status != 200 or reply.read() != shown.text:
                    failures.append(reply.status)
            connection.close()

        threads = [threading.Thread(target=scrape) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert failures == []


def test_running_out_of_file_descriptors_passes(caplog: pytest.LogCaptureFixture) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving() as server, socket.socket() as client:
        client.settimeout(10)
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
        try:
            client.connect(host_and_port(server))
            until(lambda: "no file descriptors left" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        assert_answers_soon(server)
        assert caplog.text.count("no file descriptors left") < 10
