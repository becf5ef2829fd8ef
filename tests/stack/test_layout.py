"""Prometheus, Alertmanager and Grafana get the files of exactly the configured systems."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import yaml

from exporters.demo import programs
from exporters.registry import SYSTEMS
from tests.contract.rooms import life_module
from tests.stack.checkout import CONFIG, Checkout, make_checkout, write_page
from tests.stack.compose import ROOT

MAIL = {"ALERT_EMAIL_TO": "all@example.org", "ALERT_EMAIL_FROM": "me@example.org", "SMTP_SMARTHOST": "mail:587"}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path)


def test_only_configured_systems_have_pages_rules_and_alerts(checkout: Checkout) -> None:
    checkout.lay_out()
    assert checkout.files("prometheus/rules") == {"her.yml", "observatory.yml"}
    assert checkout.files("grafana/dashboards") == {"home.json", "main/home/home.json", "main/her/overview.json"}
    assert checkout.files("grafana/provisioning/alerting") == {"empty.yml", "her.yml", "notify.yml"}
    assert checkout.files("grafana/provisioning/dashboards") == {"empty.yml", "her.yml", "home.yml"}


def test_a_second_system_brings_its_own(checkout: Checkout) -> None:
    checkout.lay_out(config="systems: {her: [{}], other: {deployment: default}}\n")
    assert checkout.files("prometheus/rules") == {"her.yml", "other.yml", "observatory.yml"}
    assert "main/other/overview.json" in checkout.files("grafana/dashboards")
    assert "other.yml" in checkout.files("grafana/provisioning/dashboards")


def test_a_system_that_is_no_longer_watched_goes(checkout: Checkout) -> None:
    checkout.lay_out(config="systems: {her: [{}], other: [{}]}\n")
    checkout.lay_out(config="systems: {her: [{}], other: []}\n")
    assert not [name for name in checkout.files() if "other" in name]
    assert not list(checkout.out.rglob("other"))


def test_a_page_that_reads_a_source_comes_with_it(checkout: Checkout) -> None:
    write_page(checkout.folder, "main", "her", "memory")
    page = checkout.folder / "grafana/dashboards/generated/main/her/memory.json"
    page.write_text(json.dumps({**json.loads(page.read_text()), "tags": ["her", "reads-postgres"]}))
    checkout.lay_out(config="systems: {her: [{redis: {host: a}}]}\n")
    assert "main/her/memory.json" not in checkout.files("grafana/dashboards")
    checkout.lay_out(config="systems: {her: [{redis: {host: a}}, {redis: {host: b}, postgres: {host: b}}]}\n")
    assert "main/her/memory.json" in checkout.files("grafana/dashboards")


def test_what_did_not_change_is_not_touched(checkout: Checkout) -> None:
    checkout.lay_out()
    before = {path: path.stat().st_ino for path in checkout.out.rglob("*")}
    again = checkout.lay_out()
    assert {path: path.stat().st_ino for path in checkout.out.rglob("*")} == before
    assert ", 0 changed" in again.stdout


def test_pages_are_never_away_while_others_arrive(checkout: Checkout) -> None:
    # Grafana deletes a dashboard whose file is gone when it looks, which it does every half minute.
    checkout.lay_out()
    page = checkout.out / "grafana/dashboards/main/her/overview.json"
    before = page.stat().st_ino
    write_page(checkout.folder, "main", "her", "added")
    checkout.lay_out()
    assert page.stat().st_ino == before
    assert "main/her/added.json" in checkout.files("grafana/dashboards")


def test_every_server_can_read_its_files(checkout: Checkout) -> None:
    checkout.lay_out()
    assert {stat.S_IMODE(path.stat().st_mode) for path in checkout.out.rglob("*") if path.is_file()} == {0o644}


def test_texts_are_in_the_restricted_grafana_only(checkout: Checkout) -> None:
    checkout.lay_out()
    main, restricted = checkout.files("grafana"), checkout.files("grafana-restricted")
    assert not [name for name in main if "text" in name or "restricted" in name]
    assert "provisioning/datasources/influxdb-text.yml" in restricted
    assert "dashboards/restricted/her/overview.json" in restricted
    assert not [name for name in restricted if name.startswith("dashboards/main")]
    # Rules are evaluated in one place, or every alert would come twice.
    assert checkout.files("grafana-restricted/provisioning/alerting") == {"empty.yml"}


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_together_brings_texts_into_the_main_grafana(checkout: Checkout, how: str) -> None:
    if how == "flag":
        checkout.lay_out("--text", "together")
    else:
        checkout.lay_out(environment={"STACK_TEXT": "together"})
    main = checkout.files("grafana")
    assert {"provisioning/datasources/influxdb-text.yml", "provisioning/dashboards/her-text.yml"} <= main
    assert {"dashboards/main/her/overview.json", "dashboards/restricted/her/overview.json"} <= main


def test_a_provider_without_pages_is_left_out(checkout: Checkout) -> None:
    # It would log an error every half minute.
    for page in (checkout.folder / "grafana/dashboards/generated/restricted/her").iterdir():
        page.unlink()
    checkout.lay_out("--text", "together")
    assert "provisioning/dashboards/her-text.yml" not in checkout.files("grafana")


def test_the_page_after_login_has_no_identity(checkout: Checkout) -> None:
    checkout.lay_out()
    home = json.loads((checkout.out / "grafana/dashboards/home.json").read_text())
    assert home["title"] == "home home main"
    assert not home.keys() & {"uid", "id"}
    other = json.loads((checkout.out / "grafana-restricted/dashboards/home.json").read_text())
    assert [panel["type"] for panel in other["panels"]] == ["dashlist"]


def test_prometheus_is_told_the_addresses_and_the_interval(checkout: Checkout) -> None:
    flags = ["--exporters", "127.0.0.1:1, other:9464", "--prometheus", "p:1", "--alertmanager", "a:2"]
    checkout.lay_out(*flags, config=CONFIG + "scrape_interval_seconds: 5\n")
    config = checkout.document("prometheus/prometheus.yml")
    assert {job["job_name"]: job["static_configs"] for job in config["scrape_configs"]} == {
        "observatory": [{"targets": ["127.0.0.1:1", "other:9464"]}],
        "prometheus": [{"targets": ["p:1"]}],
        "alertmanager": [{"targets": ["a:2"]}],
    }
    assert config["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["a:2"]}]
    assert config["global"] == {"scrape_interval": "5s", "scrape_timeout": "5s", "evaluation_interval": "5s"}
    source = checkout.document("grafana/provisioning/datasources/prometheus.yml")["datasources"][0]
    assert source["jsonData"]["timeInterval"] == "5s"


@pytest.mark.parametrize("place", ["https://grafana.example.org", "https://grafana.example.org/", ""])
def test_alerts_link_to_where_people_reach_grafana(checkout: Checkout, place: str) -> None:
    for file in ("prometheus/rules/her.yml", "grafana/provisioning/alerting/her.yml"):
        (checkout.folder / file).write_text("dashboard: http://localhost:3002/d/her-overview?x=y\n")
    checkout.lay_out(environment={"STACK_GRAFANA": place})
    expected = f"{place.rstrip('/') or 'http://localhost:3002'}/d/her-overview?x=y"
    for file in ("prometheus/rules/her.yml", "grafana/provisioning/alerting/her.yml"):
        assert checkout.document(file) == {"dashboard": expected}


def test_a_runbook_is_linked_where_people_can_read_it(checkout: Checkout) -> None:
    file = "prometheus/rules/her.yml"
    (checkout.folder / file).write_text("runbook_url: docs/runbooks.md#hersilent\n")
    checkout.lay_out()
    assert checkout.document(file) == {"runbook_url": "docs/runbooks.md#hersilent"}
    checkout.lay_out(environment={"STACK_RUNBOOKS": "https://git.example.org/o/docs/runbooks.md"})
    assert checkout.document(file) == {"runbook_url": "https://git.example.org/o/docs/runbooks.md#hersilent"}


@pytest.mark.parametrize("setting", ["STACK_GRAFANA", "STACK_RUNBOOKS"])
@pytest.mark.parametrize("address", ["observatory.example.org", "https://o.example.org/ #x", "javascript:alert(1)"])
def test_an_address_that_is_none_is_refused(checkout: Checkout, setting: str, address: str) -> None:
    told = checkout.lay_out(environment={setting: address}, check=False)
    assert told.returncode == 2
    assert f"{setting}={address}: an address like https://" in told.stderr
    assert not checkout.out.exists()


@pytest.mark.parametrize("seconds", [0.5, 5, 15, 60])
@pytest.mark.parametrize("tls", ["", "/run/secrets/tls_ca"])
def test_promtool_accepts_it(checkout: Checkout, seconds: float, tls: str) -> None:
    checkout.lay_out("--tls-ca", tls, config=f"{CONFIG}scrape_interval_seconds: {seconds}\n")
    folder = checkout.out / "prometheus"
    promtool = programs.need("promtool", package="prometheus")
    # --syntax-only: the certificate's file is inside a container.
    told = subprocess.run(
        [promtool, "check", "config", "--syntax-only", folder / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    if not tls:
        subprocess.run([promtool, "check", "web-config", folder / "web.yml"], capture_output=True, check=True)


def test_the_file_in_the_repository_is_valid_as_it_is() -> None:
    promtool = programs.need("promtool", package="prometheus")
    subprocess.run(
        [promtool, "check", "config", ROOT / "prometheus" / "prometheus.yml"], capture_output=True, check=True
    )


@pytest.mark.parametrize("environment", [{}, MAIL, {**MAIL, "SMTP_USERNAME": "me"}])
def test_amtool_accepts_it(checkout: Checkout, environment: dict[str, str]) -> None:
    checkout.lay_out(environment=environment)
    amtool("check-config", str(checkout.out / "alertmanager/alertmanager.yml"))


def amtool(*words: str) -> str:
    program = programs.need("amtool", package="prometheus-alertmanager")
    return subprocess.run([program, *words], capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=critical", "system=her"], "critical"),
        (["severity=warning", "system=her"], "warning"),
        (["severity=info"], "info"),
        (["severity=unheard-of"], "warning"),
        (["alertname=X"], "warning"),
    ],
)
def test_an_alert_goes_to_those_who_care_for_its_severity(checkout: Checkout, labels: list[str], receiver: str) -> None:
    checkout.lay_out(environment=MAIL)
    config = checkout.out / "alertmanager/alertmanager.yml"
    amtool("config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", *labels)


def test_without_an_address_nobody_gets_mail_and_it_says_so(checkout: Checkout) -> None:
    said = checkout.lay_out().stdout
    assert "ALERT_EMAIL_TO" in said
    config = checkout.document("alertmanager/alertmanager.yml")
    assert config["receivers"] == [{"name": "critical"}, {"name": "warning"}, {"name": "info"}]
    assert not [name for name in config["global"] if name.startswith("smtp")]


def test_the_mail_settings_reach_alertmanager(checkout: Checkout) -> None:
    login = {"SMTP_USERNAME": "me", "SMTP_REQUIRE_TLS": "false", "ALERT_EMAIL_CRITICAL_TO": "night@example.org"}
    checkout.lay_out(environment={**MAIL, **login})
    config = checkout.document("alertmanager/alertmanager.yml")
    assert config["global"] == {
        "resolve_timeout": "5m",
        "smtp_smarthost": "mail:587",
        "smtp_from": "me@example.org",
        "smtp_hello": "localhost",
        "smtp_require_tls": False,
        "smtp_auth_username": "me",
        "smtp_auth_password_file": "/run/secrets/smtp_password",
    }
    to = {receiver["name"]: [mail["to"] for mail in receiver["email_configs"]] for receiver in config["receivers"]}
    assert to == {"critical": ["night@example.org"], "warning": ["all@example.org"], "info": ["all@example.org"]}


def test_a_server_that_wants_no_login_gets_none(checkout: Checkout) -> None:
    checkout.lay_out(environment=MAIL)
    config = checkout.document("alertmanager/alertmanager.yml")
    assert not [name for name in config["global"] if name.startswith("smtp_auth")]
    # Mail is encrypted unless somebody says otherwise.
    assert config["global"]["smtp_require_tls"] is True


@pytest.mark.parametrize(
    ("config", "environment", "words"),
    [
        (CONFIG, {"ALERT_EMAIL_TO": "a@example.org"}, ["SMTP_SMARTHOST", "ALERT_EMAIL_FROM"]),
        (CONFIG, {**MAIL, "SMTP_SMARTHOST": "mail"}, ["SMTP_SMARTHOST=mail", "host:port"]),
        (CONFIG, {**MAIL, "SMTP_REQUIRE_TLS": "yes"}, ["SMTP_REQUIRE_TLS=yes"]),
        ("systems: {hers: [{}]}\n", {}, ["unknown system hers", "her, other"]),
        ("systems: {}\n", {}, ["no system"]),
        ("systems: {her: []}\n", {}, ["no system"]),
        ("- her\n", {}, ["no system"]),
        ("{", {}, ["observatory.yml"]),
        (CONFIG + "scrape_interval_seconds: soon\n", {}, ["scrape_interval_seconds", "'soon'"]),
    ],
)
def test_a_contradiction_is_named_and_nothing_is_written(
    checkout: Checkout, config: str, environment: dict[str, str], words: list[str]
) -> None:
    run = checkout.lay_out(config=config, check=False, environment=environment)
    assert run.returncode == 2
    for word in words:
        assert word in run.stderr
    assert "Traceback" not in run.stderr
    assert not checkout.out.exists()


def test_it_lays_out_the_repository_itself(tmp_path: Path) -> None:
    real = Checkout(ROOT, tmp_path / "out")
    config = tmp_path / "observatory.yml"
    # A page without what it reads is not laid out: here every system has everything switched on.
    config.write_text(yaml.safe_dump({"systems": {s.name: [life_module(s).EXAMPLE] for s in SYSTEMS}}))
    subprocess.run(
        [sys.executable, ROOT / "scripts/layout.py", "--config", config, "--out", real.out],
        capture_output=True,
        check=True,
    )
    providers = real.files("grafana/provisioning/dashboards") | real.files("grafana-restricted/provisioning/dashboards")
    for kind in ("main", "restricted"):
        for folder in (ROOT / "grafana/dashboards/generated" / kind).glob("*"):
            name = folder.name if kind == "main" else f"{folder.name}-text"
            assert f"{name}.yml" in providers, f"no provider shows generated/{kind}/{folder.name}"
    # What the layout turns into the address people use must be what the rules are made with.
    for rules in (ROOT / "prometheus/rules").glob("*.yml"):
        for link in re.findall(r"(?m)^ +dashboard: (.*)$", rules.read_text()):
            assert link.strip("'\"").startswith("http://localhost:3002/"), link


READER = "{user: reader, password_file: /run/secrets/her_postgres_text_password, sslmode: disable}"
MEMORIES = f"""
systems:
  her:
    - {{deployment: home, redis: {{host: a}}, postgres: {{host: 192.0.2.7, memory_text: {READER}}}}}
    - deployment: office
      redis: {{host: b}}
      postgres: {{host: "2001:db8::7", port: 5433, dbname: m, memory_text: {READER}}}
    - {{deployment: quiet, redis: {{host: c}}, postgres: {{host: c}}}}
"""
SOURCE = "provisioning/datasources/databases-text.yml"


def with_a_memory_page(checkout: Checkout) -> Checkout:
    page = write_page(checkout.folder, "restricted", "her", "memories")
    panels = [{"type": "table", "datasource": {"type": "postgres", "uid": "${database}"}}]
    chosen = {"list": [{"type": "datasource", "regex": "/^HER memories: ${deployment:regex}$/"}]}
    changed = {"tags": ["her", "reads-postgres"], "panels": panels, "templating": chosen}
    page.write_text(json.dumps({**json.loads(page.read_text()), **changed}))
    return checkout


def test_memories_are_read_by_the_restricted_grafana_only(checkout: Checkout) -> None:
    with_a_memory_page(checkout).lay_out(config=MEMORIES)
    restricted = checkout.document(f"grafana-restricted/{SOURCE}")
    found = {source["name"]: source for source in restricted["datasources"]}
    assert set(found) == {"HER memories: home", "HER memories: office"}
    assert [source["name"] for source in restricted["deleteDatasources"]] == ["HER memories: quiet"]
    office = found["HER memories: office"]
    assert (office["uid"], office["url"], office["user"]) == ("her-memories-office", "[2001:db8::7]:5433", "reader")
    assert (office["jsonData"]["database"], office["jsonData"]["sslmode"]) == ("m", "disable")
    assert office["secureJsonData"] == {"password": "$__file{/run/secrets/her_postgres_text_password}"}
    assert "dashboards/restricted/her/memories.json" in checkout.files("grafana-restricted")
    # The main one forgets what it may have had.
    main = checkout.document(f"grafana/{SOURCE}")
    assert main["datasources"] == []
    assert len(main["deleteDatasources"]) == 3
    assert not [name for name in checkout.files("grafana") if "memories.json" in name]


def test_together_the_main_grafana_reads_memories_too(checkout: Checkout) -> None:
    with_a_memory_page(checkout).lay_out("--text", "together", config=MEMORIES)
    assert len(checkout.document(f"grafana/{SOURCE}")["datasources"]) == 2
    assert "dashboards/restricted/her/memories.json" in checkout.files("grafana")


@pytest.mark.parametrize(
    "config", [CONFIG, "systems: {her: [{redis: {host: a}, postgres: {host: a}}]}\n"], ids=["no database", "no reader"]
)
def test_memories_are_nobodys_until_an_account_is_named(checkout: Checkout, config: str) -> None:
    with_a_memory_page(checkout).lay_out("--text", "together", config=config)
    for grafana in ("grafana", "grafana-restricted"):
        assert not [name for name in checkout.files(grafana) if "memories.json" in name]
        if SOURCE in checkout.files(grafana):
            assert checkout.document(f"{grafana}/{SOURCE}")["datasources"] == []


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        ("{password_file: /p}", "user is missing"),
        ("{user: r}", "password_file is missing"),
        ("{user: r, password_file: /p, sslmode: prefer}", "not 'prefer'"),
        ("{user: r, password_file: /p, sslmode: verify-full}", "ca_file is missing"),
        ("{user: $HOME, password_file: /p}", "user is missing, or cannot be written"),
    ],
)
def test_a_reader_that_grafana_could_not_use_is_refused(checkout: Checkout, reader: str, words: str) -> None:
    config = f"systems: {{her: [{{redis: {{host: a}}, postgres: {{host: a, memory_text: {reader}}}}}]}}\n"
    run = checkout.lay_out(config=config, check=False)
    assert run.returncode == 2
    assert words in run.stderr
    assert not checkout.out.exists()


def test_deployments_with_long_names_stay_apart(checkout: Checkout) -> None:
    names = ["a" * 62 + last for last in "bc"]
    entries = [f"{{deployment: {n}, redis: {{host: a}}, postgres: {{host: a, memory_text: {READER}}}}}" for n in names]
    checkout.lay_out(config=f"systems: {{her: [{', '.join(entries)}]}}\n")
    uids = {source["uid"] for source in checkout.document(f"grafana-restricted/{SOURCE}")["datasources"]}
    assert len(uids) == 2
    assert max(map(len, uids)) <= 40


PROVIDERS = ROOT / "grafana/provisioning/dashboards"
WORDS = "{user: reader, password_file: /run/secrets/words}"
HALVES = {
    "both": f"core: {{host: a, dbname: c, text: {WORDS}}}, ai: {{host: b, dbname: i, text: {WORDS}}}",
    "one": f"core: {{host: a, dbname: c, text: {WORDS}}}",
    "core alone": f"core: {{host: a, dbname: c, text: {WORDS}}}, ai: {{host: b, dbname: i}}",
    "ai alone": f"core: {{host: a, dbname: c}}, ai: {{host: b, dbname: i, text: {WORDS}}}",
    "nobody": "core: {host: a, dbname: c}, ai: {host: b, dbname: i}",
}
CORE, AI = "SigmaSight core texts: home", "SigmaSight ai texts: home"


def with_sigmasights_pages(checkout: Checkout) -> Checkout:
    """The generated ones: what they ask for is what is provisioned, or they are not there."""
    system = checkout.folder / "exporters" / "sigmasight"
    system.mkdir()
    (system / "metrics.py").touch()
    for provider in ("sigmasight.yml", "sigmasight-text.yml"):
        shutil.copy(PROVIDERS / provider, checkout.folder / "grafana/provisioning/dashboards")
    for kind in ("main", "restricted"):
        pages = ROOT / "grafana/dashboards/generated" / kind / "sigmasight"
        shutil.copytree(pages, checkout.folder / "grafana/dashboards/generated" / kind / "sigmasight")
    return checkout


@pytest.mark.parametrize(
    ("halves", "expected"),
    [
        ("both", {CORE: ("a:5432", "c"), AI: ("b:5432", "i")}),
        ("one", {CORE: ("a:5432", "c"), AI: ("a:5432", "c")}),
        ("core alone", {CORE: ("a:5432", "c")}),
        ("ai alone", {AI: ("b:5432", "i")}),
        ("nobody", {}),
    ],
)
def test_each_half_of_sigmasight_is_read_where_an_account_is_named(
    checkout: Checkout, halves: str, expected: dict[str, tuple[str, str]]
) -> None:
    config = f"systems: {{sigmasight: [{{deployment: home, {HALVES[halves]}}}]}}\n"
    with_sigmasights_pages(checkout).lay_out(config=config)
    restricted = checkout.document(f"grafana-restricted/{SOURCE}")
    found = {source["name"]: source for source in restricted["datasources"]}
    assert {name: (one["url"], one["jsonData"]["database"]) for name, one in found.items()} == expected
    assert {source["name"] for source in restricted["deleteDatasources"]} == {CORE, AI} - expected.keys()
    assert len({source["uid"] for source in found.values()}) == len(found)
    pages = {PurePosixPath(name).stem for name in checkout.files("grafana-restricted/dashboards/restricted")}
    asking = {CORE: {"users", "conversations"}, AI: {"annotations", "knowledge"}}
    assert pages == {page for name in expected for page in asking[name]}
    main = checkout.document(f"grafana/{SOURCE}")
    assert main["datasources"] == []
    assert {source["name"] for source in main["deleteDatasources"]} == {CORE, AI}
    # A provider without pages would complain for ever.
    assert ("provisioning/dashboards/sigmasight-text.yml" in checkout.files("grafana-restricted")) == bool(pages)
    assert not pages & {PurePosixPath(name).stem for name in checkout.files("grafana/dashboards")}


def test_a_half_without_a_database_is_refused(checkout: Checkout) -> None:
    config = f"systems: {{sigmasight: [{{core: {{host: a, text: {WORDS}}}}}]}}\n"
    run = checkout.lay_out(config=config, check=False)
    assert run.returncode == 2
    # The checkout knows no SigmaSight before its pages are there.
    assert "unknown system" in run.stderr
    run = with_sigmasights_pages(checkout).lay_out(config=config, check=False)
    assert run.returncode == 2
    assert "sigmasight, deployment default, core.text: dbname is missing" in run.stderr
