"""One post: what it sends, and what each answer, or none, is taken to mean."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from exporters.core.errors import ConfigError
from exporters.core.influx_endpoint import InfluxEndpoint, TokenUnreadable
from exporters.core.influx_post import POST_OUTCOMES, InfluxPoster
from tests.standins.faulty_http import FaultyServer, Reply, Request

LINE = "m,t=a f=1i 1700000000000000001"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("secret-token\n")
    return path


class Recorder:
    """A server that answers what it is told to and remembers what it was asked."""

    def __init__(self) -> None:
        self.reply = Reply(204)
        self.requests: list[Request] = []
        self.server = FaultyServer(self._handle)

    def _handle(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    with made.server:
        yield made


@pytest.fixture
def poster(recorder: Recorder, token: Path) -> Iterator[InfluxPoster]:
    made = InfluxPoster(InfluxEndpoint(url=recorder.server.url + "/", org="my home", token_file=token))
    yield made
    made.close()


def test_it_asks_as_influxdb_wants_to_be_asked(recorder: Recorder, poster: InfluxPoster) -> None:
    assert poster.post("her text", [LINE, 'm s="é\n😀" 5']).outcome == "written"
    (request,) = recorder.requests
    assert (request.method, request.path) == ("POST", "/api/v2/write")
    assert request.query == {"org": "my home", "bucket": "her text", "precision": "ns"}
    assert request.headers["authorization"] == "Token secret-token"
    assert request.headers["content-type"] == "text/plain; charset=utf-8"
    assert request.headers["content-encoding"] == "gzip"
    assert gzip.decompress(request.body).decode() == f'{LINE}\nm s="é\n😀" 5'


def test_the_same_lines_are_the_same_bytes(recorder: Recorder, poster: InfluxPoster) -> None:
    for _ in range(2):
        poster.post("b", [LINE])
    assert recorder.requests[0].body == recorder.requests[1].body


def test_posts_share_one_connection(recorder: Recorder, poster: InfluxPoster) -> None:
    for _ in range(5):
        poster.post("b", [LINE])
    assert recorder.server.connections == 1


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"", "written"),
        (204, b"", "written"),
        (400, b'{"code":"invalid","message":"unable to parse \'x\': missing fields"}', "malformed"),
        (400, b'{"code": "invalid", "message": "unable to parse \'x\': missing fields"}', "malformed"),
        (400, b'{"code":"invalid","message":"Please provide either orgID or org"}', "unexpected"),
        (400, b"", "unexpected"),
        (400, b"<html>unable to parse</html>", "unexpected"),
        (400, b"\xff\xfe", "unexpected"),
        (401, b"", "unauthorized"),
        (403, b"", "forbidden"),
        (404, b"", "not_found"),
        (408, b"", "timeout"),
        (413, b"", "too_large"),
        (422, b"partial write: reason dropped=1 dropped=7 for database: x", "partial"),
        (429, b"", "rate_limited"),
        (500, b"", "server_error"),
        (502, b"", "unavailable"),
        (503, b"", "unavailable"),
        (504, b"", "unavailable"),
        (507, b"", "server_error"),
        (301, b"", "unexpected"),
        (418, b"", "unexpected"),
    ],
)
def test_every_answer_has_an_outcome(
    recorder: Recorder, poster: InfluxPoster, status: int, body: bytes, outcome: str
) -> None:
    recorder.reply = Reply(status, body, {"Location": "/elsewhere"} if status == 301 else {})
    answer = poster.post("b", [LINE])
    assert (answer.outcome, answer.status) == (outcome, status)
    assert outcome in POST_OUTCOMES
    assert answer.dropped == (7 if status == 422 else None)
    assert len(recorder.requests) == 1  # no redirect is followed, nothing is tried twice in here


def test_a_refusal_that_quotes_megabytes_is_understood_and_does_not_hurt_the_next_post(
    recorder: Recorder, poster: InfluxPoster
) -> None:
    recorder.reply = Reply(400, b'{"code":"invalid","message":"unable to parse \'' + b"x" * 3_000_000 + b"': bad\"}")
    assert poster.post("b", [LINE]).outcome == "malformed"
    recorder.reply = Reply(204)
    assert poster.post("b", [LINE]).outcome == "written"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("-3", 0.0), ("soon", None), ("", None), (format_datetime(datetime(2020, 1, 1, tzinfo=UTC)), 0.0)],
)
def test_retry_after(recorder: Recorder, poster: InfluxPoster, header: str, seconds: float | None) -> None:
    recorder.reply = Reply(503, b"", {"Retry-After": header})
    assert poster.post("b", [LINE]).retry_after == seconds


def test_retry_after_as_a_date(recorder: Recorder, poster: InfluxPoster) -> None:
    in_a_minute = datetime.now(UTC) + timedelta(seconds=60)
    recorder.reply = Reply(429, b"", {"Retry-After": format_datetime(in_a_minute, usegmt=True)})
    asked = poster.post("b", [LINE]).retry_after
    assert asked is not None
    assert 50 < asked <= 60


def test_nobody_listening(token: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    poster = InfluxPoster(InfluxEndpoint(url=f"http://127.0.0.1:{port}", org="o", token_file=token))
    assert poster.post("b", [LINE]).outcome == "connection"


def test_a_server_that_does_not_speak_tls(recorder: Recorder, token: Path) -> None:
    url = recorder.server.url.replace("http:", "https:")
    poster = InfluxPoster(InfluxEndpoint(url=url, org="o", token_file=token))
    assert poster.post("b", [LINE]).outcome == "tls"


def test_a_server_that_is_no_http_server(token: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        poster = InfluxPoster(InfluxEndpoint(url=url, org="o", token_file=token))
        assert poster.post("b", [LINE]).outcome == "connection"
        thread.join()


def test_a_shorter_timeout_for_one_post(recorder: Recorder, poster: InfluxPoster) -> None:
    recorder.server.mode("hang")
    began = time.monotonic()
    assert poster.post("b", [LINE], timeout=0.1).outcome == "timeout"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("content", ["", "  \n", "two words", "line\nbreak", "naïve", "\x00"])
def test_a_file_that_holds_no_token(recorder: Recorder, poster: InfluxPoster, token: Path, content: str) -> None:
    token.write_text(content)
    assert poster.post("b", [LINE]).outcome == "no_token"
    assert recorder.requests == []
    token.write_text("now-it-does")
    assert poster.post("b", [LINE]).outcome == "written"


def test_the_token_is_read_anew_after_a_refusal_and_only_then(
    recorder: Recorder, poster: InfluxPoster, token: Path
) -> None:
    poster.post("b", [LINE])
    token.write_text("rotated")
    poster.post("b", [LINE])
    recorder.reply = Reply(401)
    poster.post("b", [LINE])
    recorder.reply = Reply(204)
    poster.post("b", [LINE])
    sent = [request.headers["authorization"] for request in recorder.requests]
    assert sent == ["Token secret-token"] * 3 + ["Token rotated"]


def test_the_program_keeps_its_log_level(poster: InfluxPoster, caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    with caplog.at_level(logging.DEBUG):
        poster.post("b", [LINE])
        assert root.level == logging.DEBUG
    assert LINE not in caplog.text
    assert "secret-token" not in caplog.text


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("influxdb:8086", "url is http"),
        ("ftp://host", "url is http"),
        ("http://", "url is http"),
        ("http://user:hunter2@host:8086", "token belongs in a file"),
        ("http://host:8086?org=o", "no query"),
    ],
)
def test_an_address_that_cannot_be_right(url: str, problem: str, token: Path) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        InfluxEndpoint(url=url, org="o", token_file=token)
    assert "hunter2" not in str(caught.value)


def test_every_problem_of_an_endpoint_is_told_at_once(token: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        InfluxEndpoint(url="gopher://x", org="", token_file=token, read_timeout=0)
    assert len(caught.value.problems) == 3


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    endpoint = InfluxEndpoint(url="http://h:1", org="o", token_file=tmp_path / "nowhere")
    with pytest.raises(TokenUnreadable, match="nowhere: FileNotFoundError"):
        endpoint.token()
