"""Every documented query is run, against a real Prometheus and a real InfluxDB that know living systems."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporters.core.catalog import Catalog
from exporters.core.influx_setup import wanted_buckets, wanted_tokens
from exporters.demo.influxdb import ORGANISATION, InfluxDB
from exporters.demo.loopback import request
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.prometheus import Prometheus
from exporters.demo.redis import Redis
from exporters.her.simulate import Her, connect
from exporters.her.simulate_postgres import Database
from exporters.registry import MEASUREMENTS, METRICS
from exporters.sigmasight.intervals import INTERVALS
from exporters.sigmasight.simulate_batch import nightly
from exporters.sigmasight.simulate_life import stories
from tests.docs.documented_queries import PAGE, Query, queries
from tests.her.whole_life import tell_everything
from tests.servers.fixtures import skip_without
from tests.servers.present import OPTIONAL
from tests.sigmasight.databases import Databases, prepare
from tests.sigmasight.golden.life import PRICES
from tests.sigmasight.houses import House, make_account
from tests.standins.influx_servers import real_influxd
from tests.standins.influxdb_v2 import InfluxStandin
from tests.system.exporter import Exporter
from tests.system.test_torture import drained

PAGE_TEXT = PAGE.read_text(encoding="utf-8")
QUERIES = queries(PAGE_TEXT)
CATALOG = Catalog(METRICS, MEASUREMENTS)
SYSTEMS = ["her", "sigmasight"]
TOKEN = "the-token-of-the-stand-in"
INFLUXD_HERE = not next(server for server in OPTIONAL if server.fixture == "influxd").missing


def each(*languages: str) -> pytest.MarkDecorator:
    """One test per documented query in these languages, named by its question."""
    chosen = [query for query in QUERIES if query.language in languages]
    return pytest.mark.parametrize("query", chosen, ids=[query.question for query in chosen])


@dataclass(frozen=True)
class Servers:
    """influxdb: None where there is no influxd."""

    prometheus: Prometheus
    influxdb: InfluxDB | None


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Systems that lived through everything twice, an exporter, a Prometheus, and an InfluxDB or its stand-in."""
    folder = tmp_path_factory.mktemp("queries")
    with ExitStack() as stack:
        redis = stack.enter_context(Redis(folder / "redis", free_port(), password_file=folder / "redis-password"))
        postgres = stack.enter_context(
            Postgres(folder / "postgres", free_port(), password_file=folder / "postgres-password")
        )
        influxdb = stack.enter_context(real_influxd(folder)) if INFLUXD_HERE else None
        token_file = folder / "influxdb-exporter.token"
        if influxdb:
            influxdb.make(wanted_buckets(SYSTEMS), wanted_tokens(SYSTEMS, folder))
            address = influxdb.address
        else:
            # Prometheus is asked about the points on their way as well, whoever takes them.
            standin = stack.enter_context(InfluxStandin(org=ORGANISATION, token=TOKEN))
            for bucket in wanted_buckets(SYSTEMS):
                standin.bucket(bucket.name)
            token_file.write_text(TOKEN)
            address = standin.url
        settings = {"url": address, "org": ORGANISATION, "token_file": str(token_file)}
        her = Her(connect("127.0.0.1", redis.port, redis.password), seed=91)
        database = Database(stack.enter_context(psycopg.connect(postgres.dsn(), autocommit=True)), her, seed=92)
        database.begin(30)
        texts = dict.fromkeys(("chats", "executions", "logs", "decisions"), True)
        house = stack.enter_context(sigmasight(postgres, folder))
        exporter = stack.enter_context(
            Exporter(
                *(folder / "exporter", redis),
                influx=settings,
                others={"sigmasight": [deployment(house)]},
                text=texts,
                postgres=account(postgres),
            )
        )
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
            "scrape_configs": [
                {"job_name": "observatory", "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}
            ],
        }
        prometheus = stack.enter_context(Prometheus(folder / "prometheus", free_port(), config))
        for _ in range(2):
            tell_everything(her)
            her.startup("initialization")
            for error in ("", "forbidden"):
                her.decision("proactive_outcome", "autonomy", details={"sent": not error, "error": error})
            database.tables.minute()
            live(house)
            exporter.until_read()
            scraped(prometheus, 4)
        drained(exporter)
        yield Servers(prometheus, influxdb)


def account(postgres: Postgres) -> dict[str, Any]:
    """The settings of an exporter that reads this database."""
    return {
        "host": "127.0.0.1",
        "port": postgres.port,
        "dbname": "postgres",
        "user": "postgres",
        "password_file": str(postgres.password_file),
    }


@contextmanager
def sigmasight(postgres: Postgres, folder: Path) -> Iterator[House]:
    """A SigmaSight with two databases of that PostgreSQL, and a month behind it."""
    prepare(postgres)
    make_account(postgres)
    (folder / "prices.yml").write_text(PRICES)
    with Databases(postgres) as databases, closing(House(databases, folder)) as house:
        house.sigma.found()
        house.sigma.backfill(31, stories_per_day=4, aggregated=0.5)
        yield house


def deployment(house: House) -> dict[str, Any]:
    """The settings of an exporter that reads it, as observatory.yml has them."""
    account = house.address() | {"password_file": str(house.folder / "observer")}
    return {
        "core": account,
        "ai": account | {"dbname": house.databases.ai_name},
        "prices_file": str(house.folder / "prices.yml"),
        "intervals": {name: min(interval, 1.0) for name, interval in INTERVALS.items()},
    }


def live(house: House) -> None:
    """Requests with and without tokens, tools and errors, users on their way, a night's run."""
    for story in islice(stories(house.sigma.company), 60):
        house.sigma.tell(story)
    house.sigma.burst(20)
    house.sigma.tell(nightly(house.sigma.pen))


def scraped(prometheus: Prometheus, times: int) -> None:
    """Wait for so many scrapes from now on."""
    begun = time.time()
    deadline = time.monotonic() + 30
    while True:
        counted = prometheus.query(f'count_over_time(up{{job="observatory"}}[{math.ceil(time.time() - begun) or 1}s])')
        if time.time() - begun > times * 0.5 and sum(counted.values()) >= times:
            return
        assert time.monotonic() < deadline, "Prometheus scrapes"
        time.sleep(0.1)


@each("promql", "flux")
def test_it_names_only_what_is_declared(query: Query) -> None:
    problems = CATALOG.promql(query.text) if query.language == "promql" else CATALOG.flux(query.text)
    assert problems == []


@pytest.mark.servers
@each("promql")
def test_prometheus_answers(servers: Servers, query: Query) -> None:
    answer = servers.prometheus.query(query.text)
    if not query.may_be_empty:
        assert any(not math.isnan(value) for value in answer.values()), "no answer; if that can be, say: may be empty"


@pytest.mark.servers
@pytest.mark.real_influxdb
@each("flux")
def test_influxdb_answers(servers: Servers, query: Query) -> None:
    skip_without("influxd")
    assert servers.influxdb is not None
    answer = request(
        servers.influxdb.port,
        "/api/v2/query",
        method="POST",
        query={"org": ORGANISATION},
        headers={
            "Authorization": f"Token {servers.influxdb.endpoint.token()}",
            "Content-Type": "application/vnd.flux",
            "Accept": "application/csv",
        },
        body=query.text,
    )
    assert answer.status == 200, answer.text
    rows = [line for line in answer.text.splitlines() if line.strip()]
    if not query.may_be_empty:
        assert len(rows) > 1, "no answer; if that can be, say: may be empty"


def test_the_page_is_for_people() -> None:
    """Each question is asked once, ends with a question mark and has a sentence; ranges can be typed as they stand."""
    questions = re.findall(r"^### (.+)$", PAGE_TEXT, re.MULTILINE)
    assert len(questions) >= 40
    assert len(questions) == len(set(questions))
    assert set(questions) == {query.question for query in QUERIES}
    assert sum(query.may_be_empty for query in QUERIES) <= len(QUERIES) / 4, "most answers are proven"
    for query in QUERIES:
        assert query.question.endswith("?"), query.question
        assert query.sentence.endswith((".", ":")), query.question
        assert "$" not in query.text, f"{query.question}: a variable of Grafana's"


def test_every_family_has_a_question() -> None:
    """Each system, the shared families and the exporter's own health: none is left to the reader's imagination."""
    named = {name for query in QUERIES if query.language == "promql" for name in CATALOG.metrics_in(query.text)}
    for prefix, least in (("her_", 20), ("sigmasight_", 20), ("gen_ai_", 2), ("observatory_", 12)):
        assert sum(name.startswith(prefix) for name in named) >= least, prefix
