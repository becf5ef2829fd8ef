"""SigmaSight's words in real Grafanas: who can ask for them, and what the pages' own statements answer there."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporters.core.sql import newest
from exporters.dead_panels import generated, inspect
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.prometheus import Prometheus as PrometheusServer
from exporters.panel_queries import Prometheus, Range
from exporters.panel_sql import Grafana
from exporters.sigmasight.texts_chats import FOUND_ROWS
from tests.servers.fixtures import skip_without
from tests.sigmasight.databases import Databases, prepare
from tests.sigmasight.texts_house import PASSWORD as READERS
from tests.sigmasight.texts_house import Statement, in_the_browser, page_statements, readers
from tests.stack.asking import ask, columns
from tests.stack.checkout import Checkout, make_checkout
from tests.stack.compose import ROOT
from tests.stack.grafanas import PASSWORD, StackGrafana
from tests.stack.test_layout import with_sigmasights_pages
from tests.stack.test_notifications import until

pytestmark = [pytest.mark.servers, pytest.mark.real_grafana]
SOURCES = {
    "SigmaSight core texts: home": "sigmasight-core-texts-home",
    "SigmaSight ai texts: home": "sigmasight-ai-texts-home",
    "SigmaSight core texts: shed": "sigmasight-core-texts-shed",
    "SigmaSight ai texts: shed": "sigmasight-ai-texts-shed",
}
"""By name: uid. The shed has one database for both."""
PAGES = ("sigmasight-users", "sigmasight-conversations", "sigmasight-annotations", "sigmasight-knowledge")
ODD = ("100% sure", "it's", '"so"', "back\\slash", "$x(y)", "$__timeFrom()", "${search}")
STATEMENTS = page_statements()


@dataclass
class Stack:
    main: StackGrafana
    restricted: StackGrafana
    tokens: dict[str, str]
    user: str
    folder: Path


def settings(server: Postgres, home: Databases, shed: Databases, secrets: Path) -> str:
    """observatory.yml with both deployments."""

    def half(name: str, account: str) -> dict[str, Any]:
        text = {"user": account, "password_file": str(secrets / "words"), "sslmode": "disable"}
        return {"host": "127.0.0.1", "port": server.port, "dbname": name, "user": "observer", "text": text}

    two = {"core": half(home.core_name, "home_core"), "ai": half(home.ai_name, "home_ai")}
    one = {"core": half(shed.core_name, "shed_both")}
    return json.dumps({"systems": {"sigmasight": [{"deployment": "home", **two}, {"deployment": "shed", **one}]}})


def laid_out(folder: Path, config: str) -> Checkout:
    checkout = with_sigmasights_pages(make_checkout(folder))
    checkout.lay_out(config=config)
    return checkout


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    skip_without("grafana")
    folder = tmp_path_factory.mktemp("words")
    tokens: dict[str, str] = {}
    with ExitStack() as servers:
        server = servers.enter_context(
            Postgres(folder / "pg", free_port(), password_file=folder / "pg-password", settings={"fsync": "off"})
        )
        prepare(server)
        made, started = {}, datetime.now(UTC)
        for name in ("home", "shed"):
            databases = made[name] = servers.enter_context(Databases(server, single=name == "shed"))
            sigma = databases.sigma(4, clock=lambda: started, canaries=tokens if name == "home" else None)
            sigma.found(days_ago=6)
            sigma.backfill(6)
            sigma.edges(started)
            servers.enter_context(readers(server, databases, name))
        insert = """INSERT INTO agent_messages (id, conversation_id, role, content, tool_calls, created_at)
            SELECT gen_random_uuid(), (SELECT id FROM agent_conversations LIMIT 1), 'user', %s, '[]', now()"""
        for text in ODD:
            made["home"].core.execute(insert, (f"odd: {text}",))
        (folder / "words").write_text(READERS)
        config = settings(server, made["home"], made["shed"], folder)
        running = {}
        for name, service in (("main", "grafana"), ("restricted", "grafana-restricted")):
            checkout = laid_out(folder / name / "checkout", config)
            grafana = StackGrafana(folder / name / "grafana", free_port(), checkout, service=service)
            running[name] = servers.enter_context(grafana)
        user = made["home"].number("SELECT user_id FROM agent_conversations GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
        yield Stack(**running, tokens=tokens, user=str(user), folder=folder)


def test_the_restricted_grafana_has_a_data_source_for_each_half(stack: Stack) -> None:
    found = {one["name"]: one for one in stack.restricted.get("/api/datasources") if one["type"] == "postgres"}
    assert {name: one["uid"] for name, one in found.items()} == SOURCES
    for uid in SOURCES.values():
        assert stack.restricted.get(f"/api/datasources/uid/{uid}/health")["status"] == "OK"
    assert READERS not in json.dumps(list(found.values()))
    for page in PAGES:
        assert stack.restricted.get(f"/api/dashboards/uid/{page}")["meta"]["folderTitle"] == "SigmaSight texts"
    assert stack.restricted.complaints() == []


def test_a_page_finds_the_data_sources_of_its_half(stack: Stack) -> None:
    (stack.folder / "admin").write_text(PASSWORD)
    grafana = Grafana(f"http://127.0.0.1:{stack.restricted.port}", "admin", stack.folder / "admin")
    for page in PAGES:
        listed = stack.restricted.get(f"/api/dashboards/uid/{page}")["dashboard"]["templating"]["list"]
        (variable,) = (one for one in listed if one["type"] == "datasource")
        half = "ai" if page in PAGES[2:] else "core"
        assert {one.uid for one in grafana.databases(variable)} == {
            f"sigmasight-{half}-texts-home",
            f"sigmasight-{half}-texts-shed",
        }


@pytest.mark.parametrize("deployment", ["home", "shed"])
def test_every_statement_of_every_page_is_answered(stack: Stack, deployment: str) -> None:
    seen = ""
    for statement in STATEMENTS:
        text = in_the_browser(statement.text, {"user": stack.user})
        answer = ask(stack.restricted, text, f"sigmasight-{statement.half}-texts-{deployment}", start="now-30d")
        assert answer.status == http.client.OK, statement.name
        seen += answer.text
    if deployment == "home":
        hidden = {name: token for name, token in stack.tokens.items() if name.startswith(("users.", "portfolios."))}
        hidden |= {n: t for n, t in stack.tokens.items() if n.rpartition(".")[2] in {"error_message", "event_data"}}
        assert len(hidden) > 6
        assert [name for name, token in hidden.items() if token in seen] == []
        assert stack.tokens["agent_messages.content"] in seen


def one_statement(name: str) -> Statement:
    (found,) = (statement for statement in STATEMENTS if statement.name == name)
    return found


def test_the_range_of_the_page_is_the_range_of_the_answer(stack: Stack) -> None:
    text = in_the_browser(newest(FOUND_ROWS).table(["time"], limit=1000).text)
    week, day = (
        columns(ask(stack.restricted, text, SOURCES["SigmaSight core texts: home"], start=start))["time"]
        for start in ("now-30d", "now-1d")
    )
    since = (datetime.now(UTC) - timedelta(days=1)).timestamp() * 1000
    assert 0 < len(day) < len(week)
    assert day == week[: len(day)]
    # Grafana said "now" a moment before.
    assert day[-1] >= since - 60_000
    assert week[len(day)] <= since + 60_000


@pytest.mark.parametrize("typed", ODD)
def test_a_search_finds_what_was_typed_and_no_macro(stack: Stack, typed: str) -> None:
    text = in_the_browser(one_statement("sigmasight-conversations Messages").text, {"search": f"ODD: {typed}"})
    found = columns(ask(stack.restricted, text, SOURCES["SigmaSight core texts: home"]))
    assert found["words"] == [f"odd: {typed}"]


def test_whoever_gets_into_the_main_grafana_cannot_ask(stack: Stack) -> None:
    assert not [one for one in stack.main.get("/api/datasources") if one["type"] == "postgres"]
    assert stack.main.complaints() == []
    for uid in SOURCES.values():
        for statement in (one_statement("sigmasight-conversations Messages"), STATEMENTS[-1]):
            answer = ask(stack.main, in_the_browser(statement.text), uid)
            assert answer.status == http.client.NOT_FOUND
            assert "CANARY" not in answer.text
    for page in PAGES:
        assert stack.main.call("GET", f"/api/dashboards/uid/{page}").status == http.client.NOT_FOUND


def test_a_viewer_of_the_restricted_one_can_ask_all_that_the_account_may_and_no_more(stack: Stack) -> None:
    """As docs/operating.md says."""
    new = {"name": "v", "login": "viewer", "password": "a viewer's word", "OrgId": 1}
    assert stack.restricted.call("POST", "/api/admin/users", new).status == http.client.OK
    viewer = "viewer:a viewer's word"
    core, ai = "sigmasight-core-texts-home", "sigmasight-ai-texts-home"
    assert (
        stack.tokens["agent_messages.content"]
        in ask(stack.restricted, "SELECT content FROM agent_messages LIMIT 5", core, viewer).text
    )
    for uid, forbidden in (
        (core, "SELECT email FROM users"),
        (core, "SELECT * FROM users"),
        (core, "SELECT event_data FROM user_activity_events"),
        (core, "SELECT error_message FROM ai_request_metrics"),
        (core, "SELECT token_hash FROM admin_sessions"),
        (core, "SELECT activity_log FROM batch_run_history"),
        (ai, "SELECT embedding FROM ai_kb_documents"),
        (ai, "DELETE FROM ai_feedback"),
    ):
        answer = ask(stack.restricted, forbidden, uid, viewer)
        assert answer.status == http.client.BAD_REQUEST
        assert "permission denied" in answer.text or "read-only" in answer.text
        assert "CANARY" not in answer.text


def test_no_panel_is_dead(stack: Stack) -> None:
    """One user is chosen by nobody: those panels say why they are empty, and all others show something."""
    folder = stack.folder / "prometheus"
    folder.mkdir()
    labels = {"system": "sigmasight", "source": "core", "deployment": "home"}
    rule = {"record": "observatory_source_up", "expr": "vector(1)", "labels": labels}
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [rule]}]}))
    config = folder / "prometheus.yml"
    config.write_text(json.dumps({"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yml"]}))
    (stack.folder / "admin").write_text(PASSWORD)
    grafana = Grafana(f"http://127.0.0.1:{stack.restricted.port}", "admin", stack.folder / "admin")
    now = datetime.now(UTC)
    with PrometheusServer(folder / "server", free_port(), config) as server:
        until(lambda: server.query("observatory_source_up"))
        boards = [board for board in generated(ROOT) if board.json["uid"] in PAGES]
        found = list(inspect(boards, Prometheus(server.address), None, Range(now - timedelta(days=7), now), grafana))
    assert len(found) > 35
    assert {finding.panel: finding.detail for finding in found if finding.dead} == {}
    assert {finding.panel for finding in found if finding.state == "quiet"} == {"Journey", "Steps", "The conversation"}
