"""docs/operating.md shows nothing that does not work."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.core.settings import load as load_settings
from exporters.core.settings import variables
from exporters.demo import programs
from exporters.demo.services import PROMETHEUS_RETENTION
from exporters.registry import SYSTEMS
from tests.stack.checkout import make_checkout
from tests.stack.compose import FILES, ROOT, load, mounts, secret_names, services, text
from tests.stack.test_compose import compose_program
from tests.stack.test_layout import MAIL

DOC = text("docs/operating.md")
BLOCKS = re.findall(r"(?ms)^```(\w+)\n(.*?)^```", DOC)
YAML = [(body.partition("\n")[0].lstrip("# "), body) for kind, body in BLOCKS if kind == "yaml"]
OVERRIDES = [body for file, body in YAML if file == "docker-compose.override.yml"]


def test_each_piece_of_yaml_says_which_file_it_is_for() -> None:
    assert {file for file, _ in YAML} == {
        "docker-compose.override.yml",
        "prometheus/alertmanager.yml",
        "observatory.yml",
    }


@pytest.mark.parametrize("override", OVERRIDES)
def test_an_override_fits_the_stack(override: str, tmp_path: Path) -> None:
    document = yaml.safe_load(override)
    for name, service in document["services"].items():
        assert name in services()
        assert secret_names(service) <= document.get("secrets", {}).keys()
    assert all(secret["file"].startswith("./secrets/") for secret in document.get("secrets", {}).values())
    program = compose_program()
    if program is not None:
        file = tmp_path / "docker-compose.override.yml"
        file.write_text(override)
        command = [
            *program,
            "--project-directory",
            str(ROOT),
            "-f",
            str(ROOT / FILES[0]),
            "-f",
            str(file),
            "config",
            "--quiet",
        ]
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert told.returncode == 0, told.stderr


def test_the_exporter_can_use_the_configuration(tmp_path: Path) -> None:
    ((_, config),) = [pair for pair in YAML if pair[0] == "observatory.yml"]
    for name in re.findall(r"/run/secrets/(\w+)", config):
        (tmp_path / name).write_text("secret")
    file = tmp_path / "observatory.yml"
    file.write_text(config.replace("/run/secrets", str(tmp_path)))
    deployments = load_settings(SYSTEMS, file=file, environment={}).systems["her"]
    assert [deployment.deployment for deployment in deployments] == ["home", "office"]
    # Every password file is mounted, by the stack or by one of the overrides beside it.
    mounted = secret_names(services()["exporter"])
    for override in OVERRIDES:
        mounted |= secret_names(yaml.safe_load(override)["services"].get("exporter", {}))
    assert set(re.findall(r"/run/secrets/(\w+)", config)) <= mounted


def test_alertmanager_takes_the_receiver_for_sms(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    ((_, further),) = [pair for pair in YAML if pair[0] == "prometheus/alertmanager.yml"]
    template = checkout.folder / "prometheus/alertmanager.yml"
    config: dict[str, Any] = yaml.safe_load(template.read_text())
    (critical,) = [receiver for receiver in config["receivers"] if receiver["name"] == "critical"]
    critical |= yaml.safe_load(further)
    template.write_text(yaml.safe_dump(config))
    checkout.lay_out(environment=MAIL)
    amtool = programs.need("amtool", package="prometheus-alertmanager")
    written = checkout.out / "alertmanager/alertmanager.yml"
    subprocess.run([amtool, "check-config", written], capture_output=True, check=True)
    assert "sns_configs" in written.read_text()


def test_alertmanager_takes_any_other_webhook(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    template = checkout.folder / "prometheus/alertmanager.yml"
    config: dict[str, Any] = yaml.safe_load(template.read_text())
    (critical,) = [receiver for receiver in config["receivers"] if receiver["name"] == "critical"]
    critical.setdefault("webhook_configs", []).append({"url_file": "/run/secrets/pager_url"})
    template.write_text(yaml.safe_dump(config))
    checkout.lay_out(environment=MAIL)
    written = checkout.document("alertmanager/alertmanager.yml")
    (critical,) = [receiver for receiver in written["receivers"] if receiver["name"] == "critical"]
    assert critical["webhook_configs"] == [{"url_file": "/run/secrets/pager_url"}]


def test_every_variable_it_names_is_one() -> None:
    known = set(re.findall(r"(?m)^#?([A-Z_]+)=", text(".env.example")))
    shown = {name for kind, body in BLOCKS if kind == "sh" for name in re.findall(r"(?m)^([A-Z_]+)=", body)}
    assert shown <= known
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)[`=]", DOC)) <= known | variables() | of_the_systems()


def of_the_systems() -> set[str]:
    """The watched systems' own variables: those that each asks an environment for in which everything is set."""
    asked: set[str] = set()

    class Asked(dict[str, str]):
        def __contains__(self, name: object) -> bool:
            asked.add(str(name))
            return True

        def get(self, name: str, __otherwise: Any = None) -> Any:
            asked.add(name)
            return "1"

        def __getitem__(self, name: str) -> str:
            asked.add(name)
            return "1"

    for system in SYSTEMS:
        assert system.from_environment is not None
        system.from_environment(Asked())
    return asked


def test_every_service_and_every_secret_is_explained() -> None:
    base = load(FILES[0])
    shown = set(services()) - {name for name, service in services().items() if service.get("profiles") == ["demo"]}
    assert {name for name in shown if not re.search(rf"(?m)^\|[^|]*\b{name}\b", DOC)} == set()
    assert {name for name in base["secrets"] if f"`{name}`" not in DOC} == set()


def test_the_backup_takes_every_volume_that_cannot_be_made_again() -> None:
    copied = set(re.findall(r"([a-z-]+):(/[a-z0-9/]+)", next(body for _, body in BLOCKS if "for pair in" in body)))
    durable = {
        (name, target)
        for name, service in services().items()
        for target, source in mounts(service).items()
        if source.endswith(("-data", "-state")) and "profiles" not in service
    }
    assert copied == durable


def test_the_defaults_it_states_are_the_defaults() -> None:
    for variable, otherwise in (
        ("GRAFANA_PORT", "3002"),
        ("PROMETHEUS_RETENTION", "400d"),
        ("PROMETHEUS_RETENTION_SIZE", "20GB"),
    ):
        assert f"${{{variable}:-{otherwise}}}" in text(FILES[0])
    assert "400 days or 20 GB" in DOC
    assert PROMETHEUS_RETENTION == "400d", "the demo's, too: thirty days are the least that the pages look back"
    route = yaml.safe_load(text("prometheus/alertmanager.yml"))["route"]
    by_receiver = {
        entry["receiver"]: (entry["group_wait"], entry["repeat_interval"]) for entry in (route, *route["routes"])
    }
    assert by_receiver == {"critical": ("10s", "1h"), "warning": ("30s", "12h"), "info": ("5m", "24h")}


@pytest.mark.parametrize("file", [".env.example", "observatory.example.yml", *FILES, "prometheus/alertmanager.yml"])
def test_a_heading_that_a_file_refers_to_exists(file: str) -> None:
    for heading in re.findall(r'docs/operating\.md, "([^"]+)"', text(file)):
        assert re.search(rf"(?m)^##+ {re.escape(heading)}$", DOC), heading


def test_the_programs_it_calls_exist() -> None:
    for script in re.findall(r"(?m)^(scripts/\S+)", "\n".join(body for kind, body in BLOCKS if kind == "sh")):
        assert (ROOT / script).exists()
