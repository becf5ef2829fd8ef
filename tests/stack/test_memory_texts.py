"""Memories in real Grafanas: who can ask for them, what the page's own statements answer, and what a dead panel is."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from exporters.core.sql import ALL
from exporters.dead_panels import generated, inspect
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.prometheus import Prometheus as PrometheusServer
from exporters.her.simulate_memory import Tables
from exporters.her.sql_grants import reader
from exporters.panel_queries import Prometheus, Range
from exporters.panel_sql import Grafana
from tests.servers.fixtures import skip_without
from tests.stack.asking import ask, columns
from tests.stack.checkout import make_checkout
from tests.stack.compose import ROOT, services
from tests.stack.grafanas import PASSWORD, StackGrafana
from tests.stack.test_layout import MEMORIES
from tests.stack.test_notifications import until

pytestmark = [pytest.mark.servers, pytest.mark.real_grafana]
PAGE = json.loads((ROOT / "grafana/dashboards/generated/restricted/her/memories.json").read_text())
SECRET = "the-reader_s.Own#Word"
DEPLOYMENTS = {"home": "mem0", "office": "legacy", "cellar": "none", "attic": "hybrid"}
"""And the shape of each one's memories."""
CANARY = "canary-7f3a"


@dataclass
class Stack:
    """Both Grafanas, and one in which everything is together, over one PostgreSQL with a database per deployment."""

    main: StackGrafana
    restricted: StackGrafana
    together: StackGrafana
    folder: Path


def database(server: Postgres, name: str, shape: str) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    with psycopg.connect(server.dsn(name), autocommit=True) as owner:
        tables = Tables(owner, seed=3)
        tables.create()
        if shape == "legacy":
            tables.older_memory(30)
        elif shape != "none":
            tables.start_memory()
            tables.backfill(5)
            tables.malformed()
            tables.remember_raw({"data": f'100% {CANARY}, it\'s "so" \\ $x(y)', "user_id": "1"})
            if shape == "hybrid":
                tables.hybrid_memory()
        if shape != "none":
            owner.execute(reader(shape).partition("GRANT SELECT")[2].join(["GRANT SELECT", ""]).encode())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    skip_without("grafana")
    folder = tmp_path_factory.mktemp("memories")
    with ExitStack() as servers:
        postgres = servers.enter_context(
            Postgres(folder / "pg", free_port(), password_file=folder / "pg-password", settings={"fsync": "off"})
        )
        with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
            account = reader("mem0").partition("GRANT")[0].replace("'ANOTHER-LONG-PASSWORD'", "'x'")
            # One server for what are four elsewhere, and two Grafanas.
            admin.execute(account.replace("LIMIT 5", "LIMIT 50").encode())
            admin.execute(f"ALTER ROLE reader PASSWORD '{SECRET.replace(chr(39), chr(39) * 2)}'".encode())
        entries = []
        for name, shape in DEPLOYMENTS.items():
            database(postgres, name, shape)
            text = {"user": "reader", "password_file": "/run/secrets/her_postgres_text_password", "sslmode": "disable"}
            at = {"host": "127.0.0.1", "port": postgres.port, "dbname": name, "user": "o", "memory_text": text}
            entries.append({"deployment": name, "redis": {"host": "127.0.0.1"}, "postgres": at})
        config = json.dumps({"systems": {"her": entries}})
        running = {}
        for name, service, flags, override in (
            ("main", "grafana", (), {}),
            ("restricted", "grafana-restricted", (), {}),
            ("together", "grafana", ("--text", "together"), services("docker-compose.together.yml")["grafana"]),
        ):
            checkout = make_checkout(folder / name / "checkout")
            pages = checkout.folder / "grafana/dashboards/generated/restricted/her"
            (pages / "memories.json").write_text(json.dumps(PAGE))
            secrets = folder / name / "secrets"
            secrets.mkdir()
            (secrets / "her_postgres_text_password").write_text(SECRET)
            checkout.lay_out(*flags, config=config.replace("/run/secrets", str(secrets)))
            grafana = StackGrafana(
                folder / name / "grafana", free_port(), checkout, service=service, env=override.get("environment")
            )
            running[name] = servers.enter_context(grafana)
        yield Stack(**running, folder=folder)


def statement(title: str, search: str = "") -> str:
    """A panel's own, as Grafana's pages fill it in."""
    (panel,) = (panel for panel in PAGE["panels"] if panel["title"] == title)
    text: str = panel["targets"][0]["rawSql"].replace("${search:percentencode}", quote(search, safe=""))
    return text.replace("${owner:sqlstring}", ALL).replace("${category:sqlstring}", ALL)


@pytest.mark.parametrize("which", ["restricted", "together"])
def test_there_is_one_data_source_for_each_deployment(stack: Stack, which: str) -> None:
    grafana: StackGrafana = getattr(stack, which)
    found = {one["uid"]: one for one in grafana.get("/api/datasources") if one["type"] == "postgres"}
    assert {one["name"] for one in found.values()} == {f"HER memories: {name}" for name in DEPLOYMENTS}
    for uid in found:
        assert grafana.get(f"/api/datasources/uid/{uid}/health")["status"] == "OK"
    assert SECRET not in json.dumps(list(found.values()))
    assert grafana.get("/api/dashboards/uid/her-memory-texts")["meta"]["folderTitle"] == "HER texts"
    assert grafana.complaints() == []


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_the_page_answers_for_every_shape(stack: Stack, deployment: str) -> None:
    for panel in PAGE["panels"]:
        if panel["type"] != "row":
            assert ask(stack.restricted, statement(panel["title"]), f"her-memories-{deployment}").status == 200
    for variable in PAGE["templating"]["list"]:
        if variable["type"] == "query" and variable["name"] != "deployment":
            offered = columns(ask(stack.restricted, variable["query"], f"her-memories-{deployment}"))
            # Of no row Grafana tells no column either.
            assert list(offered) == (["__text", "__value"] if DEPLOYMENTS[deployment] != "none" else [])
    rows = columns(ask(stack.restricted, statement("Memories"), f"her-memories-{deployment}"))
    if DEPLOYMENTS[deployment] == "none":
        assert rows == {}
    else:
        assert list(rows) == ["time", "owner", "category", "importance", "words", "kept_as"]
        assert len(rows["words"]) > 20


@pytest.mark.parametrize("typed", ["100%", "it's", '"so"', "\\", "$x(y)", CANARY.upper()])
def test_a_search_finds_what_was_typed_and_no_macro(stack: Stack, typed: str) -> None:
    found = columns(ask(stack.restricted, statement("Memories", typed)))
    assert len(found["words"]) == 1
    assert CANARY in found["words"][0]


def test_quoting_alone_would_have_met_a_macro(stack: Stack) -> None:
    """Why what is typed is not simply quoted."""
    assert ask(stack.restricted, "SELECT '$x(y)'").status == http.client.BAD_REQUEST


def test_whoever_gets_into_the_main_grafana_cannot_ask(stack: Stack) -> None:
    assert not [one for one in stack.main.get("/api/datasources") if one["type"] == "postgres"]
    assert stack.main.complaints() == []
    for sql in ("SELECT 1", statement("Memories")):
        answer = ask(stack.main, sql)
        assert answer.status == http.client.NOT_FOUND
        assert CANARY not in answer.text
    assert stack.main.call("GET", "/api/dashboards/uid/her-memory-texts").status == http.client.NOT_FOUND


def test_a_viewer_of_the_restricted_one_can_ask_all_that_the_account_may_and_no_more(stack: Stack) -> None:
    """As docs/operating.md says."""
    new = {"name": "v", "login": "viewer", "password": "a viewer's word", "OrgId": 1}
    assert stack.restricted.call("POST", "/api/admin/users", new).status == http.client.OK
    viewer = "viewer:a viewer's word"
    own = ask(stack.restricted, "SELECT payload FROM memories", user=viewer)
    assert CANARY in own.text
    for forbidden in ("SELECT * FROM users", "SELECT vector FROM memories", "DELETE FROM memories"):
        answer = ask(stack.restricted, forbidden, user=viewer)
        assert answer.status == http.client.BAD_REQUEST
        assert "permission denied" in answer.text or "read-only" in answer.text
    lifted = ask(stack.restricted, "SET default_transaction_read_only = off; CREATE TABLE mine ()", user=viewer)
    assert "permission denied" in lifted.text or "read-only" in lifted.text
    assert ask(stack.restricted, "SELECT 1", user="viewer:wrong").status == http.client.UNAUTHORIZED


def test_the_accounts_time_limit_holds_in_grafana(stack: Stack) -> None:
    assert columns(ask(stack.restricted, "SHOW statement_timeout", "her-memories-cellar")) == {
        "statement_timeout": ["5s"]
    }
    answer = ask(stack.restricted, "SELECT pg_sleep(20)", "her-memories-cellar")
    assert "statement timeout" in answer.text


def test_a_grafana_that_is_no_longer_to_read_them_forgets(tmp_path: Path) -> None:
    """Grafana keeps a data source in its own database when its file is gone."""
    skip_without("grafana")
    checkout = make_checkout(tmp_path / "checkout")
    (tmp_path / "password").write_text(SECRET)
    config = MEMORIES.replace("/run/secrets/her_postgres_text_password", str(tmp_path / "password"))
    environment = services("docker-compose.together.yml")["grafana"]["environment"]
    seen = []
    for flags in (("--text", "together"), ()):
        checkout.lay_out(*flags, config=config)
        with StackGrafana(tmp_path / "grafana", free_port(), checkout, env=environment) as grafana:
            seen.append({one["uid"] for one in grafana.get("/api/datasources") if one["type"] == "postgres"})
    assert seen == [{"her-memories-home", "her-memories-office"}, set()]


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Iterator[PrometheusServer]:
    """One that has heard of HER and of her PostgreSQL, from a rule."""
    folder = stack.folder / "prometheus"
    folder.mkdir()
    labels = {"system": "her", "source": "postgres", "deployment": "home"}
    rule = {"record": "observatory_source_up", "expr": "vector(1)", "labels": labels}
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [rule]}]}))
    config = folder / "prometheus.yml"
    config.write_text(json.dumps({"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yml"]}))
    with PrometheusServer(folder / "server", free_port(), config) as server:
        until(lambda: server.query("observatory_source_up"))
        yield server


def states(stack: Stack, prometheus: PrometheusServer, page: dict[str, Any], *, asked: bool = True) -> dict[str, str]:
    now = datetime.now(UTC)
    when = Range(now - timedelta(minutes=5), now)
    password = stack.folder / "admin"
    password.write_text(PASSWORD)
    grafana = Grafana(f"http://127.0.0.1:{stack.restricted.port}", "admin", password) if asked else None
    (one,) = (board for board in generated() if board.json["uid"] == "her-memory-texts")
    found = inspect([type(one)("her", page)], Prometheus(prometheus.address), None, when, grafana)
    return {finding.panel: f"{finding.state} {finding.detail}".strip() for finding in found}


def test_the_detector_asks_panels_in_sql(stack: Stack, prometheus: PrometheusServer) -> None:
    found = states(stack, prometheus, PAGE)
    assert {name: state for name, state in found.items() if name != "variable $deployment"} == dict.fromkeys(
        (
            *("variable $database", "variable $owner", "variable $category"),
            *("Found", "Categories found", "Kept as", "Memories"),
        ),
        "alive",
    )


@pytest.mark.parametrize(
    ("sql", "description", "state"),
    [
        ("SELECT 'x' AS a WHERE false", "What?", "empty"),
        ("SELECT 'x' AS a WHERE false", "What?\n\nNothing to show is normal: so.", "quiet"),
        ("SELECT 0 AS a", "What?", "zero"),
        ("SELECT 0 AS a", "What?\n\nZero is normal: so.", "quiet"),
        ("SELECT 2 AS a", "What?", "alive"),
        ("SELECT * FROM users", "What?", "permission denied for table users"),
        ("SELECT '${nobody:sqlstring}'", "What?", "no variable $nobody"),
    ],
)
def test_a_dead_panel_in_sql_is_found(
    stack: Stack, prometheus: PrometheusServer, sql: str, description: str, state: str
) -> None:
    panel = json.loads(json.dumps(PAGE["panels"][1]))
    panel["targets"][0]["rawSql"] = sql
    page = {**PAGE, "panels": [{**panel, "title": "One", "description": description}]}
    found = states(stack, prometheus, page)["One"]
    assert found == state or (found.startswith("failing ") and state in found)


def test_a_page_without_a_database_is_found(stack: Stack, prometheus: PrometheusServer) -> None:
    listed = [
        {**variable, "regex": "/^HER memories: nowhere$/"} if variable["type"] == "datasource" else variable
        for variable in PAGE["templating"]["list"]
    ]
    found = states(stack, prometheus, {**PAGE, "templating": {"list": listed}})
    assert found["variable $database"] == "empty"


def test_without_a_grafana_nobody_is_asked(stack: Stack, prometheus: PrometheusServer) -> None:
    found = states(stack, prometheus, PAGE, asked=False)
    assert {state for name, state in found.items() if name != "variable $deployment"} == {"not asked no Grafana given"}
