"""The dead-panel detector, at a real Prometheus and a real InfluxDB, with panels known to be alive or dead."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from exporters import dead_panels
from exporters.core.errors import ConfigError
from exporters.core.influx_setup import FOREVER, WantedBucket
from exporters.core.line_protocol import encode
from exporters.dead_panels import Dashboard, Finding, generated, inspect, judged, report
from exporters.demo.influxdb import ORGANISATION, InfluxDB
from exporters.demo.loopback import request
from exporters.demo.ports import LOOPBACK, free_port
from exporters.demo.prometheus import Prometheus as Server
from exporters.panel_queries import Answer, Prometheus, QueryFailed, Range, filled_in, seconds, table_answer
from exporters.panel_queries import InfluxDB as Asker
from exporters.registry import SYSTEMS

pytestmark = pytest.mark.servers
Json = dict[str, Any]
NO_GRAFANA: dict[str, Any] = {"grafana": None, "grafana_user": "admin", "grafana_password_file": None}
EXPOSITION = """\
observatory_source_up{deployment="home",system="her",source="redis"} 1
x_total{outcome="success"} %d
x_total{outcome="failed"} 0
x_depth 3
x_nothing 0
x_undefined NaN
"""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prometheus that has scraped EXPOSITION at least twice, its counter growing."""
    scrapes = iter(range(1, 10_000))

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (EXPOSITION % next(scrapes)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    httpd = ThreadingHTTPServer((LOOPBACK, 0), Metrics)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("prometheus")
    target = f"{LOOPBACK}:{httpd.server_address[1]}"
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [{"job_name": "observatory", "static_configs": [{"targets": [target]}]}],
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config))
    with Server(folder / "server", free_port(), file) as server:
        deadline = time.monotonic() + 20
        while not server.query('increase(x_total{outcome="success"}[5s]) > 0'):
            assert time.monotonic() < deadline, "Prometheus scraped nothing"
            time.sleep(0.1)
        yield server
    httpd.shutdown()
    httpd.server_close()


def range_now() -> Range:
    now = datetime.now(UTC)
    return Range(now - timedelta(minutes=5), now)


def target(expr: str, *, instant: bool = True) -> Json:
    return {"datasource": {"type": "prometheus", "uid": "prometheus"}, "expr": expr, "instant": instant}


def flux(query: str) -> Json:
    return {"datasource": {"type": "influxdb", "uid": "influxdb"}, "query": query}


def panel(title: str, *targets: Json, description: str = "How much?", kind: str = "stat") -> Json:
    source = targets[0]["datasource"] if targets else None
    return {"title": title, "type": kind, "datasource": source, "description": description, "targets": list(targets)}


def page(*panels: Json, variables: list[Json] | None = None, system: str = "home") -> Dashboard:
    deployment = {"name": "deployment", "type": "query", "query": {"query": "label_values(x_total, outcome)"}}
    listed = [deployment] if variables is None else variables
    return Dashboard(system, {"title": "Page", "templating": {"list": listed}, "panels": list(panels)})


def states(*panels: Json, prometheus: str, influxdb: Asker | None = None) -> dict[str, str]:
    found = inspect([page(*panels)], Prometheus(prometheus), influxdb, range_now())
    return {f.panel: f.state for f in found if not f.panel.startswith("variable")}


ZERO = "How much?\n\nZero is normal: nothing happened."
EMPTY = "How much?\n\nNothing to show is normal: nothing ever happened."


def test_the_living_and_the_dead(scraped: Server) -> None:
    made = {
        "a counter that grows": (panel("1", target("sum(increase(x_total[$__range]))")), "alive"),
        "its course": (panel("2", target("rate(x_total[$__rate_interval])", instant=False)), "alive"),
        "a gauge": (panel("3", target("x_depth")), "alive"),
        "a gauge by deployment": (panel("4", target('x_depth{nobody=~"$deployment"}')), "alive"),
        "one of two is alive": (panel("5", target("x_absent"), target("x_depth")), "alive"),
        "zero": (panel("6", target("x_nothing")), "zero"),
        "a counter that stands": (panel("7", target('increase(x_total{outcome="failed"}[$__range])')), "zero"),
        "zero for a reason": (panel("8", target("x_nothing"), description=ZERO), "quiet"),
        "absent": (panel("9", target("x_absent")), "empty"),
        "absent for a reason": (panel("10", target("x_absent"), description=EMPTY), "quiet"),
        "absent where only zero is normal": (panel("11", target("x_absent"), description=ZERO), "empty"),
        "zero where only nothing is normal": (panel("12", target("x_nothing"), description=EMPTY), "zero"),
        "not a number": (panel("13", target("x_undefined")), "empty"),
        "a course that is absent": (panel("14", target("rate(x_absent[$__rate_interval])", instant=False)), "empty"),
        "no PromQL": (panel("15", target("sum(")), "failing"),
        "a variable that is not there": (panel("16", target('x_depth{a=~"$b"}')), "failing"),
        "a number without a series": (panel("21", target("time()")), "alive"),
        "a range of a gauge in one": (panel("17", target("x_depth[$__range]"), kind="table"), "failing"),
        "Flux without an InfluxDB": (panel("18", flux('from(bucket: "x")')), "not asked"),
        "words": ({"title": "19", "type": "text"}, "nothing said"),
        "a heading": ({"title": "20", "type": "row"}, "nothing said"),
    }
    found = states(*(made_panel for made_panel, _ in made.values()), prometheus=scraped.address)
    said = {name: found.get(made_panel["title"], "nothing said") for name, (made_panel, _) in made.items()}
    assert said == {name: state for name, (_, state) in made.items()}


def test_a_variable_that_offers_nothing_is_dead(scraped: Server) -> None:
    variables: list[Json] = [
        {"name": "outcome", "type": "query", "query": {"query": 'label_values(x_total{outcome=~"$outcome"}, outcome)'}},
        {"name": "system", "type": "query", "query": {"query": "label_values(system)"}},
        {"name": "level", "type": "query", "query": {"query": "label_values(x_absent, level)"}},
        {"name": "odd", "type": "query", "query": {"query": "metrics(x_.*)"}},
        {"name": "kind", "type": "custom", "query": "a,b"},
        {"name": "search", "type": "textbox", "query": ""},
    ]
    found = list(inspect([page(variables=variables)], Prometheus(scraped.address), None, range_now()))
    assert {f.panel: f.state for f in found} == {
        "variable $outcome": "alive",
        "variable $system": "alive",
        "variable $level": "empty",
        "variable $odd": "failing",
    }


def test_pages_of_systems_that_nobody_watches_are_left_out(scraped: Server) -> None:
    pages = [page(panel("1", target("x_absent")), system="home")]
    assert [f.state for f in inspect(pages, Prometheus(scraped.address), None, range_now()) if f.dead] == ["empty"]
    her = [page(panel("1", target("x_depth")), system="her")]
    assert len(list(inspect(her, Prometheus(scraped.address), None, range_now()))) == 2
    gone = scraped.address  # the exporter of this test names HER only
    assert Prometheus(gone).systems() == {"her"}


def test_the_command_says_what_is_dead_and_fails(
    scraped: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the product's own pages most are dead at this Prometheus, which knows one of their series."""
    arguments = argparse.Namespace(
        prometheus=scraped.address, influxdb=None, org="o", token_file=None, start="5m", **NO_GRAFANA
    )
    assert dead_panels.main(arguments) == 1
    said = capsys.readouterr().out
    assert "empty    HER / Logs: Errors" in said
    assert "HER / Overview: Redis" not in said
    monkeypatch.setattr(dead_panels, "generated", lambda: [page(panel("1", target("x_depth")))])
    assert dead_panels.main(arguments) == 0
    assert capsys.readouterr().out == "2 panels and variables: 2 alive\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prometheus": "file:///etc/passwd"}, "http"),
        ({"prometheus": "http://user:secret@127.0.0.1:9090"}, "without user and password"),
        ({"influxdb": "http://127.0.0.1:8086"}, "needs --influxdb.token-file"),
        ({"grafana": "http://127.0.0.1:3000"}, "needs --grafana.password-file"),
        (
            {"grafana": "http://a:secret@127.0.0.1:3000", "grafana_password_file": Path("p")},
            "without user and password",
        ),
        ({"start": "now"}, "not before now"),
        ({"start": "yesterday"}, "yesterday"),
    ],
)
def test_the_command_refuses(given: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {"prometheus": "http://127.0.0.1:1", "influxdb": None, "org": "o", "token_file": None}
    with pytest.raises(ConfigError) as refused:
        dead_panels.main(argparse.Namespace(**{**right, **NO_GRAFANA, "start": "15m", **given}))
    assert any(message in problem for problem in refused.value.problems)
    assert "secret" not in str(refused.value)


def test_a_prometheus_that_is_not_there_is_no_dead_panel() -> None:
    with pytest.raises(QueryFailed, match="cannot be asked"):
        list(inspect([page(panel("1", target("x")))], Prometheus("http://127.0.0.1:1"), None, range_now()))


def test_the_generated_pages_are_the_packages_own() -> None:
    assert {d.system for d in generated()} == {"home", *(system.name for system in SYSTEMS)}
    assert all(d.json["title"] for d in generated())


def test_a_folder_without_pages_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        generated(tmp_path)
    assert "observatory render" in refused.value.problems[0]


def test_the_report_names_the_dead_and_counts_the_rest() -> None:
    said = report(
        [
            Finding("A", "one", "alive"),
            Finding("A", "two", "zero"),
            Finding("B", "three", "failing", "answered 400: no"),
            Finding("B", "four", "quiet"),
        ]
    )
    assert said.splitlines() == [
        "zero     A: two",
        "failing  B: three (answered 400: no)",
        "4 panels and variables: 1 alive, 1 quiet, 1 failing, 1 zero",
    ]


def test_a_table_of_zeros_needs_one_mark_only() -> None:
    """Where rows of zeros are filtered out, nothing is shown; where they are not, zeros are."""
    assert judged([Answer(3, moved=False)], EMPTY, is_table=True) == "quiet"
    assert judged([Answer(3, moved=False)], EMPTY) == "zero"


# The parts.


def test_variables_are_filled_in() -> None:
    given = {"deployment": ".*", "__range": "300s"}
    assert filled_in('x{d=~"$deployment"}[$__range]', given) == 'x{d=~".*"}[300s]'
    assert filled_in("${deployment} ${deployment:regex}", given) == ".* .*"
    with pytest.raises(QueryFailed, match="no variable \\$nobody"):
        filled_in("$nobody", given)


@pytest.mark.parametrize(
    ("text", "value"), [("15s", 15), ("1m", 60), ("1h30m", 5400), ("200ms", 0.2), ("1d", 86400), ("1m0s", 60)]
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "fast", "5", "5 m", "m5", "5m!"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(QueryFailed):
        seconds(text)


def test_the_step_follows_the_range_and_the_panels_wish() -> None:
    now = datetime.now(UTC)
    assert Range(now - timedelta(hours=1), now).step("") == 18
    assert Range(now - timedelta(hours=1), now).step("1m") == 60
    assert Range(now - timedelta(seconds=10), now).step("") == 1


CSV = """#datatype,string,long,dateTime:RFC3339,{kind},string\r
,result,table,_time,_value,level\r
,_result,0,2026-02-22T12:00:00Z,{value},info\r
\r
"""


@pytest.mark.parametrize(
    ("kind", "value", "moved"),
    [("long", "0", False), ("double", "0.5", True), ("double", "", False), ("string", "0", True), ("long", "-1", True)],
)
def test_annotated_csv(kind: str, value: str, moved: bool) -> None:  # noqa: FBT001
    assert table_answer(CSV.format(kind=kind, value=value)) == Answer(1, moved)


def test_an_answer_without_a_table_has_no_row() -> None:
    assert table_answer("\r\n") == Answer(0, moved=False)


# Flux, at a real InfluxDB.


@pytest.mark.real_influxdb
def test_flux_panels(scraped: Server, influxd: InfluxDB) -> None:
    influxd.make([WantedBucket("x", FOREVER)])
    now = datetime.now(UTC)
    lines = [
        encode(
            "x_run", {"deployment": "home"}, {"took": 1.5, "zero": 0, "words": "text"}, round(now.timestamp() * 1e9) - n
        )
        for n in (10**9, 60 * 10**9)
    ]
    token = Path(influxd.token_file).read_text().strip()
    answer = request(
        influxd.port, "/api/v2/write", method="POST", query={"org": ORGANISATION, "bucket": "x"},
        headers={"Authorization": f"Token {token}"}, body="\n".join(lines),
    )  # fmt: skip
    assert answer.status == 204
    start = 'from(bucket: "x") |> range(start: v.timeRangeStart, stop: v.timeRangeStop)'
    only = f"{start} |> filter(fn: (r) => r.deployment =~ /^${{deployment:regex}}$/ and r._field =="
    made = {
        "numbers": (panel("1", flux(f'{only} "took")')), "alive"),
        "windows": (panel("2", flux(f'{only} "took") |> aggregateWindow(every: v.windowPeriod, fn: count)')), "alive"),
        "zeros": (panel("3", flux(f'{only} "zero")')), "zero"),
        "zeros for a reason": (panel("4", flux(f'{only} "zero")'), description=ZERO), "quiet"),
        "rows of text": (panel("5", flux(f'{only} "words")'), kind="table"), "alive"),
        "nothing": (panel("6", flux(f'{only} "absent")')), "empty"),
        "nothing for a reason": (panel("7", flux(f'{only} "absent")'), description=EMPTY), "quiet"),
        "no bucket": (panel("8", flux(start.replace('"x"', '"y"'))), "failing"),
        "no Flux": (panel("9", flux("from(")), "failing"),
    }
    asker = Asker(influxd.address, ORGANISATION, Path(influxd.token_file))
    found = states(*(p for p, _ in made.values()), prometheus=scraped.address, influxdb=asker)
    assert {name: found[str(n)] for n, name in enumerate(made, start=1)} == {n: state for n, (_, state) in made.items()}


@pytest.mark.real_influxdb
def test_a_wrong_token_is_told_without_the_token(scraped: Server, influxd: InfluxDB, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-of-nobody")
    asker = Asker(influxd.address, ORGANISATION, file)
    pages = [page(panel("1", flux('from(bucket: "x") |> range(start: v.timeRangeStart)')))]
    (finding,) = [f for f in inspect(pages, Prometheus(scraped.address), asker, range_now()) if f.panel == "1"]
    assert finding.state == "failing"
    assert "401" in finding.detail
    assert "a-token-of-nobody" not in json.dumps(report([finding]))
