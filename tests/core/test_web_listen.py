"""Listen addresses: what they mean, and what is said of those that cannot be listened on."""

from __future__ import annotations

import socket

import pytest

from exporters.core.errors import ConfigError, ObservatoryError
from exporters.core.web import ListenError, WebServer
from exporters.core.web_listen import ListenAddress, parse_addresses
from tests.core.web_clients import Shown, ask, host_and_port, serving


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9464", "127.0.0.1", 9464),
        ("[::1]:9464", "::1", 9464),
        (":9464", "", 9464),
        ("localhost:0", "localhost", 0),
        ("exporter.example:65535", "exporter.example", 65535),
    ],
)
def test_parse(text: str, host: str, port: int) -> None:
    address = ListenAddress.parse(text)
    assert (address.host, address.port) == (host, port)
    assert str(address) == text


@pytest.mark.parametrize("text", ["", "9464", "localhost", "::1:9464", "127.0.0.1:65536", "[]:1", "a:b", "http://a:1"])
def test_malformed(text: str) -> None:
    with pytest.raises(ConfigError, match="expected host:port"):
        ListenAddress.parse(text)


def test_all_malformed_ones_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_addresses(["127.0.0.1:1", "one", "two"])
    assert len(caught.value.problems) == 2


def test_at_least_one_is_needed() -> None:
    with pytest.raises(ConfigError, match="no listen address"):
        parse_addresses([])


def test_several_addresses_serve_the_same() -> None:
    with serving(addresses=["127.0.0.1:0", "localhost:0"]) as server:
        ports = {host_and_port(server, place)[1] for place in (0, 1)}
        assert len(ports) == 2
        for place in (0, 1):
            host, port = host_and_port(server, place)
            with socket.create_connection((host, port), timeout=10) as sock:
                sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_no_host_means_every_interface() -> None:
    with serving(addresses=[":0"]) as server:
        port = host_and_port(server)[1]
        for host in ["127.0.0.1", *(["::1"] if socket.has_dualstack_ipv6() else [])]:
            with socket.create_connection((host, port), timeout=10) as sock:
                sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert sock.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_ipv6() -> None:
    with serving(addresses=["[::1]:0"]) as server:
        assert server.addresses[0].startswith("[::1]:")
        assert ask(server).status == 200


def test_a_taken_port_is_named_and_nothing_stays_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as freed:
        port, free = taken.getsockname()[1], freed.getsockname()[1]
        freed.close()
        server = WebServer([f"127.0.0.1:{free}", f"127.0.0.1:{port}"], "/metrics", Shown())
        with pytest.raises(ListenError, match=rf"^cannot listen on 127\.0\.0\.1:{port}: .*already in use") as caught:
            server.start()
        assert isinstance(caught.value, ObservatoryError)
        assert caught.value.address == f"127.0.0.1:{port}"
        with socket.create_server(("127.0.0.1", free)):
            pass
        server.stop()


def test_an_address_of_another_machine() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:0: it is not an address of this machine"):
        WebServer(["192.0.2.1:0"], "/metrics", Shown()).start()


def test_a_name_nobody_knows() -> None:
    with pytest.raises(ListenError, match="the host name cannot be resolved"):
        WebServer(["no-such-host.invalid:0"], "/metrics", Shown()).start()


@pytest.mark.parametrize(
    "path", ["metrics", "", "/", "/a b", "/a?b", "/a%20b", "/healthz", "/readyz", "/sd/prometheus"]
)
def test_telemetry_paths_that_cannot_be_one(path: str) -> None:
    with pytest.raises(ConfigError, match="telemetry path"):
        WebServer(["127.0.0.1:0"], path, Shown())


def test_a_server_is_started_once() -> None:
    with serving() as server, pytest.raises(RuntimeError, match="once"):
        server.start()
