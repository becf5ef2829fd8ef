"""What each path answers, byte by byte over a real socket."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import http.client
import json
import logging
import re
from pathlib import Path

import pytest

from exporters.core.web import Limits, SourceRow, WebServer, load_web_config
from tests.core.web_clients import OPENMETRICS, TEXT, Shown, ask, connect, exchange, host_and_port, read_all, serving

PATHS = ["/", "/metrics", "/healthz", "/readyz", "/sd/prometheus"]


def test_metrics_as_text() -> None:
    with serving() as server:
        reply = ask(server)
    assert (reply.status, reply.body) == (200, TEXT)
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in reply.headers


def test_metrics_as_openmetrics() -> None:
    with serving() as server:
        reply = ask(server, headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
    assert (reply.status, reply.body) == (200, OPENMETRICS)
    assert reply.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert reply.headers["vary"] == "Accept, Accept-Encoding"


def test_metrics_compressed() -> None:
    with serving(Shown(TEXT * 1000)) as server:
        reply = ask(server, headers={"Accept-Encoding": "gzip"})
    assert reply.headers["content-encoding"] == "gzip"
    assert int(reply.headers["content-length"]) == len(reply.body) < len(TEXT * 100)
    assert gzip.decompress(reply.body) == TEXT * 1000


def test_another_telemetry_path() -> None:
    server = WebServer(["127.0.0.1:0"], "/probe/metrics", Shown())
    server.start()
    try:
        assert ask(server, "/probe/metrics").body == TEXT
        assert ask(server, "/metrics").status == 404
        assert b'href="./probe/metrics"' in ask(server, "/").body
    finally:
        server.stop()


def test_health() -> None:
    with serving() as server:
        reply = ask(server, "/healthz")
    assert (reply.status, reply.body) == (200, b"ok\n")


def test_readiness_says_why_not() -> None:
    shown = Shown()
    with serving(shown) as server:
        assert ask(server, "/readyz").status == 200
        shown.reasons = ["her/redis: not read yet", "state file:\nlocked"]
        reply = ask(server, "/readyz")
    assert (reply.status, reply.body) == (503, b"her/redis: not read yet\nstate file: locked\n")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


def test_service_discovery_gives_the_address_it_was_found_at() -> None:
    shown = Shown()
    shown.rows = [SourceRow(name, "default", "redis", None, None, "") for name in ("her", "tomodachi", "her")]
    with serving(shown) as server:
        reply = ask(server, "/sd/prometheus", headers={"Host": "exporter.example:9464"})
    assert reply.headers["content-type"] == "application/json"
    assert json.loads(reply.body) == [
        {
            "targets": ["exporter.example:9464"],
            "labels": {
                "__scheme__": "http",
                "__metrics_path__": "/metrics",
                "__meta_observatory_systems": ",her,tomodachi,",
            },
        }
    ]


@pytest.mark.parametrize("host", ["", "evil/../path", "a b", "a:123456", "x" * 300])
def test_service_discovery_without_a_host_it_can_use(host: str) -> None:
    with serving() as server:
        answer = exchange(server, f"GET /sd/prometheus HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        body = answer.partition(b"\r\n\r\n")[2]
        assert json.loads(body)[0]["targets"] == [server.addresses[0]]


def test_landing_page_shows_the_sources_and_nothing_runs_in_it() -> None:
    shown = Shown()
    now = dt.datetime.now(dt.UTC)
    shown.rows = [
        SourceRow("her", "default", "redis", up=True, last_success=now - dt.timedelta(seconds=30), note=""),
        SourceRow(
            "her", "eu", "redis", up=False, last_success=now - dt.timedelta(hours=5), note="<script>alert(1)</script>"
        ),
        SourceRow("her", "us", "redis", None, None, "starting"),
    ]
    shown.reasons = ["her/us: <not> read yet"]
    with serving(shown) as server:
        reply = ask(server, "/")
    page = reply.body.decode()
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "her/us: &lt;not&gt; read yet" in page
    assert re.findall(r'<td class="\w+">([^<]+)</td>', page) == ["up", "down", "not read yet"]
    assert re.findall(r">(\d+ \w+ ago)<", page)[-1] == "5 h ago"
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)
    for link in ("metrics", "healthz", "readyz", "sd/prometheus"):
        assert f'href="./{link}"' in page


def test_the_style_of_the_landing_page_is_the_one_its_policy_allows() -> None:

    with serving() as server:
        reply = ask(server, "/")
    style = re.search(r"<style>(.*)</style>", reply.body.decode(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in reply.headers["content-security-policy"]


@pytest.mark.parametrize("path", PATHS)
def test_head_says_what_get_would(path: str) -> None:
    with serving() as server:
        get, head = ask(server, path), ask(server, path, method="HEAD")
    assert head.body == b""
    ignored = {"date"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in get.headers.items() if k not in ignored
    }


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_other_methods(path: str, method: str) -> None:
    with serving() as server:
        reply = ask(server, path, method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/nope", "/metrics/", "/healthz/x", "/favicon.ico", "/../etc/passwd", "/%00"])
def test_unknown_paths(path: str) -> None:
    with serving() as server:
        assert ask(server, path).status == 404


def test_nothing_tells_which_server_this_is() -> None:
    with serving() as server:
        answers = [exchange(server, request) for request in (b"GET / HTTP/1.0\r\n\r\n", b"BAD\r\n\r\n")]
    for answer in answers:
        assert b"cheroot" not in answer.lower()
        assert b"python" not in answer.lower()


def test_a_query_changes_nothing() -> None:
    with serving() as server:
        assert ask(server, "/metrics?name[]=x&y=%20").body == TEXT


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"G" * 9000, 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 17000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 3000, 431),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\n\r\n", 400),
        (b"GET http://other/ HTTP/1.1\r\n\r\n", 400),
        (b"GET //[ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\n\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n\tfolded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", 405),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"\r\n" * 1000, 400),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: magic\r\n\r\n", 501),
    ],
)
def test_requests_that_are_refused(request_head: bytes, status: int) -> None:
    with serving() as server:
        answer = exchange(server, request_head)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:100]
        assert b"Connection: close" in answer
        assert server.defects == 0
        assert ask(server, "/healthz").status == 200


@pytest.mark.parametrize(
    "body_header",
    [
        b"Content-Length: 31",
        b"Transfer-Encoding: chunked",
        b"Content-Length: 31\r\nContent-Length: 0",
        b"content-length : 0",
    ],
)
def test_a_body_is_never_taken_for_the_next_request(body_header: bytes) -> None:
    smuggled = b"GET /healthz HTTP/1.1\r\nA: b\r\n\r\n"
    with serving() as server:
        answer = exchange(server, b"GET /readyz HTTP/1.1\r\n" + body_header + b"\r\n\r\n" + smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_large_body_is_refused_without_being_read_and_the_client_hears_it() -> None:
    with serving() as server, connect(server) as sock:
        sock.sendall(b"POST /metrics HTTP/1.1\r\nContent-Length: 60000\r\nExpect: 100-continue\r\n\r\n" + b"x" * 60000)
        assert read_all(sock).startswith(b"HTTP/1.1 405 ")


def test_one_connection_serves_many_scrapes() -> None:
    with serving() as server:
        connection = http.client.HTTPConnection(*host_and_port(server), timeout=10)
        for _ in range(3):
            connection.request("GET", "/metrics")
            assert connection.getresponse().read() == TEXT
            used = connection.sock
        assert used is connection.sock is not None
        connection.close()


def test_pipelined_requests_are_answered_in_order() -> None:
    with serving() as server:
        answer = exchange(server, b"GET /healthz HTTP/1.1\r\n\r\n\r\nGET /readyz HTTP/1.1\r\nConnection: Close\r\n\r\n")
    assert re.findall(rb"\n(ok|ready)\n", answer) == [b"ok", b"ready"]


def test_http_1_0() -> None:
    with serving() as server:
        once = exchange(server, b"GET /healthz HTTP/1.0\r\n\r\n")
        kept = exchange(server, b"GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
    assert once.endswith(b"\r\n\r\nok\n")
    assert b"Connection: Keep-Alive" in kept


def test_a_defect_in_the_telemetry_is_a_500_and_not_the_end(caplog: pytest.LogCaptureFixture) -> None:
    shown = Shown()

    def fail() -> None:
        message = "postgresql://her:canary-77@db/her"
        raise ValueError(message)

    def leave() -> None:
        raise SystemExit

    with serving(shown) as server, caplog.at_level(logging.DEBUG):
        for defect in (fail, leave):
            shown.before_metrics = defect
            reply = ask(server)
            assert reply.status == 500
            assert b"canary" not in reply.body
        shown.before_metrics = lambda: None
        assert ask(server).status == 200
        assert server.defects == 2
    assert "/metrics failed: ValueError" in caplog.text
    assert "canary" not in caplog.text


def test_headers_of_the_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(
        "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    X-XSS-Protection: '0'\n"
        "    Content-Security-Policy: default-src 'self'\n    Strict-Transport-Security: ''\n"
    )
    with serving(config=load_web_config(path)) as server:
        reply = ask(server, "/")
    assert reply.headers["x-frame-options"] == "sameorigin"
    assert reply.headers["x-xss-protection"] == "0"
    assert reply.headers["content-security-policy"] == "default-src 'self'"
    assert "strict-transport-security" not in reply.headers


def test_rate_limit(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text("rate_limit: {interval: 1h, burst: 3}\n")
    with serving(config=load_web_config(path)) as server:
        assert [ask(server).status for _ in range(5)] == [200, 200, 200, 429, 429]
        path.write_text("rate_limit: {interval: 1ns, burst: 1}\n")
        assert [ask(server).status for _ in range(5)] == [200] * 5


def test_nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(limits=Limits(head=0.3)) as server:
        ask(server, "/metrics?token=canary-1", headers={"Authorization": "Basic canary-2", "Cookie": "canary-3"})
        ask(server, "/nope?canary-4")
        exchange(server, b"GET /?canary-5 HTTP/9.9\r\nAuthorization: canary-6\r\n\r\n")
        with connect(server) as sock:
            sock.sendall(b"GET /?canary-7 HTTP/1.1\r\nAuthorization: canary-8\r\n")
            assert read_all(sock).startswith(b"HTTP/1.1 408 ")
    assert "canary" not in caplog.text
