"""The stand-in answers as a real influxd does: the same bodies, the same statuses, the same words."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from exporters.demo.influxdb import InfluxDB
from tests.standins.influx_servers import BOTH, InfluxServer, Kind, influx_server, real_influxd

T = 1_700_000_000_000_000_000

MALFORMED = {
    "empty tag value": f"m,t= f=1 {T}",
    "empty tag key": f"m,=a f=1 {T}",
    "tag given twice": f"m,a=1,a=2 f=1 {T}",
    "tag value ends in a backslash": f"m,t=a\\ f=1 {T}",
    "reserved tag": f"m,time=x f=1 {T}",
    "reserved tag _field": f"m,_field=x f=1 {T}",
    "no measurement": f",t=a f=1 {T}",
    "no fields": f"m {T}",
    "a word": "bad",
    "empty field key": f"m =1 {T}",
    "empty field value": f"m f= {T}",
    "NaN": f"m f=NaN {T}",
    "infinity": f"m f=Inf {T}",
    "plus sign": f"m f=+1 {T}",
    "hexadecimal": f"m f=0x10 {T}",
    "underscore": f"m f=1_0 {T}",
    "float too large": f"m f=1e309 {T}",
    "boolean misspelt": f"m b=tRUE {T}",
    "open quote": f'm s="abc {T}',
    "time after the last": "m f=1 9223372036854775807",
    "time before the first": "m f=1 -9223372036854775807",
    "time with a carriage return": f"m f=1 {T}\r\n",
    "time is a word": "m f=1 soon",
    "key over 65535 bytes": f"m,t={'x' * 65_530} f=1 {T}",
    "two of three": f"m f=7 {T}\nbad\nm, f=8 {T}",
}

STORED = {
    "one": (f"m,t=a f=1 {T}", 1),
    "three": (f"m f=1 {T}\nm f=2 {T + 1}\nm f=3 {T + 2}\n", 3),
    "last wins": (f"m f=1 {T}\nm f=2 {T}", 1),
    "fields merge": (f"m f=1 {T}\nm g=2i {T}", 1),
    "field twice in one line": (f"m f=1,f=2 {T}", 1),
    "nothing": ("", 0),
    "blank lines and a comment": (f"\n\n# note\nm f=1 {T}\n", 1),
    "1970 and 2262": ("m f=1 0\nm f=2 9223200000000000000", 2),
    "line break in a text": (f'm s="a\nb" {T}', 1),
    "numbers": (f"m a=-0,b=1e+300,c=5e-324,d=.5,e=1.,f=01,g=9223372036854775807i,h=-9223372036854775808i {T}", 1),
    "booleans": (f"m a=true,b=false,c=T,d=F,e=True,f=FALSE {T}", 1),
    "spaces around": (f"  m  f=1  {T} ", 1),
    "escapes": (rf'm\ x\,y,a\=b=c\ d e\,f=1,g="h\"i\\j" {T}', 1),
    "NUL inside": (f'm,t=a\0b s="c\0d" {T}', 1),
    "text of one MiB": (f'm s="{"x" * 1_048_576}" {T}', 1),
}


@dataclass(frozen=True)
class Answer:
    status: int
    code: str
    message: str


class Client:
    """Speaks HTTP to a server under test, without any of the product's code."""

    def __init__(self, server: InfluxServer, folder: Path) -> None:
        token = folder / "token"
        token.write_text(server.operator_token())
        self.server = server
        self.org = server.endpoint(token).org
        self.token = server.operator_token()
        self.bucket = "b"

    def write(
        self, body: bytes | str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        asked = {"org": self.org, "bucket": self.bucket, "precision": "ns", **(query or {})}
        sent = {"Authorization": f"Token {self.token}", **(headers or {})}
        target = "/api/v2/write?" + urlencode({name: value for name, value in asked.items() if value})
        connection = http.client.HTTPConnection(urlsplit(self.server.faults.url).netloc, timeout=30)
        try:
            connection.request("POST", target, body.encode() if isinstance(body, str) else body, sent)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        document = json.loads(said) if said else {}
        return Answer(answer.status, document.get("code", ""), document.get("message", ""))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with real_influxd(tmp_path_factory.mktemp("influxd")) as influxd:
        yield influxd


@pytest.fixture(params=BOTH)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    influxd = request.getfixturevalue("running") if request.param == "real" else None
    with influx_server(request.param, tmp_path, influxd) as server:
        server.bucket("b")
        yield Client(server, tmp_path)


def test_a_malformed_line_is_quoted_and_nothing_of_the_body_is_stored(client: Client) -> None:
    for name, body in MALFORMED.items():
        answer = client.write(f"first f=1 {T}\n{body}")
        assert (answer.status, answer.code) == (400, "invalid"), name
        assert answer.message.startswith("unable to parse '"), name
    assert client.server.stored("b") == {}


@pytest.mark.real_influxdb
@pytest.mark.servers
def test_both_servers_give_the_same_reason(tmp_path: Path, running: InfluxDB) -> None:
    said: dict[str, dict[str, str]] = {"standin": {}, "real": {}}
    kinds: tuple[Kind, ...] = ("standin", "real")
    for kind in kinds:
        with influx_server(kind, tmp_path, running) as server:
            server.bucket("b")
            client = Client(server, tmp_path)
            said[kind] = {name: client.write(body).message for name, body in MALFORMED.items()}
    assert {name: text.split(": strconv")[0] for name, text in said["standin"].items()} == said["real"]


def test_what_can_be_read_is_stored(client: Client) -> None:
    for number, (name, (body, points)) in enumerate(STORED.items()):
        client.bucket = f"b{number}"
        client.server.bucket(client.bucket)
        assert client.write(body) == Answer(204, "", ""), name
        assert len(client.server.stored(client.bucket)) == points, name


def test_the_first_and_the_last_moment_are_taken(client: Client) -> None:
    assert client.write("m f=1 -9223372036854775806\nm f=2 9223372036854775806").status == 204


def test_points_of_one_series_and_time_merge(client: Client) -> None:
    client.write(f'm,t=a f=1,s="x" {T}\nm,t=a g=2i {T}\nm,t=b f=5 {T}\nm,t=a f=3 {T}')
    assert client.server.stored("b") == {
        ("m", (("t", "a"),), T): {"f": 3.0, "s": "x", "g": 2},
        ("m", (("t", "b"),), T): {"f": 5.0},
    }


@pytest.mark.parametrize(
    ("body", "dropped", "because"),
    [
        (f"m f=1 {T}\nm f=2i {T + 1}\nm f=3i {T + 2}", 2, "field type conflict"),
        (f"m f=1 {T}\nm time=2 {T + 1}", 1, "invalid field name"),
        (f'm f=1 {T}\nm s="{"x" * 1_048_577}" {T + 1}', 1, "too long"),
    ],
    ids=["conflict", "reserved field", "long text"],
)
def test_a_partial_write_stores_the_rest_and_counts(client: Client, body: str, dropped: int, because: str) -> None:
    answer = client.write(body)
    assert (answer.status, answer.code) == (422, "unprocessable entity")
    assert answer.message.startswith("failure writing points to database: partial write: ")
    assert because in answer.message
    assert f"dropped={dropped}" in answer.message
    assert list(client.server.stored("b").values()) == [{"f": 1.0}]


def test_points_older_than_the_retention_are_counted_unless_there_are_conflicts_too(client: Client) -> None:
    client.bucket = "short"
    client.server.bucket("short", retention_seconds=3600)
    now = time.time_ns()
    old = now - 7200 * 10**9
    answer = client.write(f"m f=1 {now}\nm f=2 {old}\nm f=3 {old + 1}")
    assert (answer.status, "outside retention policy" in answer.message, "dropped=2" in answer.message) == (
        422,
        True,
        True,
    )
    answer = client.write(f"m f=5 {now + 1}\nm f=6i {now + 2}\nm f=7 {old}\nm f=8 {old + 1}")
    assert (answer.status, "dropped=1" in answer.message) == (422, True)
    assert sorted(fields["f"] for fields in client.server.stored("short").values()) == [1.0, 5.0]


def test_requests_that_never_get_to_the_lines(client: Client) -> None:
    line = f"m f=1 {T}"
    assert client.write(line, headers={"Authorization": "Token nope"}) == Answer(
        401, "unauthorized", "unauthorized access"
    )
    assert client.write(line, headers={"Authorization": ""}).status == 401
    assert client.write(line, {"bucket": "zz"}) == Answer(404, "not found", 'bucket "zz" not found')
    assert client.write(line, {"bucket": ""}) == Answer(404, "not found", "bucket not found")
    assert client.write(line, {"org": "zz"}) == Answer(404, "not found", 'organization name "zz" not found')
    assert client.write(line, {"org": ""}).status == 400
    assert client.write(line, {"precision": "days"}).status == 400
    client.server.bucket("other")
    client.token = client.server.writer_token("other")
    assert client.write(line) == Answer(403, "forbidden", "insufficient permissions for write")
    assert client.write(line, {"bucket": "other"}).status == 204
    assert client.server.stored("b") == {}


def test_compression_is_what_the_header_says(client: Client) -> None:
    zipped = {"Content-Encoding": "gzip"}
    body = gzip.compress(f"m f=1 {T}".encode() * 1)
    assert client.write(body, headers=zipped).status == 204
    assert client.write(gzip.compress(b""), headers=zipped).status == 204
    assert client.write(f"m f=1 {T}", headers=zipped).status == 500
    assert client.write(body[:-6], headers=zipped).status == 500
    assert client.write(body).status == 400
    assert len(client.server.stored("b")) == 1


@pytest.mark.real_influxdb
@pytest.mark.servers
def test_the_standin_never_accepts_what_a_real_server_refuses(tmp_path: Path, running: InfluxDB) -> None:
    """Random lines of the format's own characters. Being stricter is allowed, being laxer would hide a poison line."""
    chance = random.Random(7)
    pieces = [*'a\\ ,="\n1ime-.\0', "t=", "f=1", 'f="x"', "1.5", "true"]
    starts = ["m,", "m ", "m,t=a ", "m,t=", "m f=", 'm f="', "", "m,t=a f=1i,"]
    ends = [" f=1", " 5", '" 5', "=1 5", ""]
    bodies = [
        chance.choice(starts)
        + "".join(chance.choice(pieces) for _ in range(chance.randint(1, 8)))
        + chance.choice(ends)
        for _ in range(1500)
    ]
    refused: dict[str, list[bool]] = {}
    kinds: tuple[Kind, ...] = ("standin", "real")
    for kind in kinds:
        with influx_server(kind, tmp_path, running) as server:
            server.bucket("b")
            client = Client(server, tmp_path)
            refused[kind] = [client.write(body).status == 400 for body in bodies]
    laxer = [
        b for b, here, there in zip(bodies, refused["standin"], refused["real"], strict=True) if there and not here
    ]
    assert laxer == []
    same = sum(here == there for here, there in zip(refused["standin"], refused["real"], strict=True))
    assert same >= 1450
    assert 200 < sum(refused["real"]) < 1400
