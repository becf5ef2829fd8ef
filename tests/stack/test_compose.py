"""What must hold for every service of the stack, whether or not this machine has Docker."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.stack.compose import DEMO, FILES, ONCE, ROOT, load, mounts, secret_names, services, text, variables

SERVICES = services()
OVERRIDDEN = [(name, file) for file in FILES for name in services(file)]
INTERNAL_VARIABLES = {"CONFIGURATION", "SECRETS_DIR", "OBSERVATORY_CONFIG", "OBSERVATORY_PRICES", "MAIL_PORT"}
# A release of PostgreSQL has two numbers.
EXACT = re.compile(r"([a-z/-]+:v?\d+\.\d+|postgres:\d+)\.\d+(-[a-z]+)?")
each_service = pytest.mark.parametrize("name", sorted(SERVICES))


@each_service
def test_an_image_is_pinned_to_one_release(name: str) -> None:
    assert EXACT.fullmatch(SERVICES[name]["image"])


def test_our_own_images_carry_the_version_of_the_package() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    ours = {name: service["image"] for name, service in SERVICES.items() if "build" in service}
    assert {image.rpartition(":")[2] for image in ours.values()} == {version}
    # Two targets under one name would overwrite each other.
    assert (
        len({(service["image"], service["build"]["target"]) for service in SERVICES.values() if "build" in service})
        == 2
    )


@each_service
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert group.isdigit()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"}
    assert all("noexec" in tmpfs for tmpfs in service["tmpfs"])


@each_service
def test_a_container_cannot_take_the_machine_with_it(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] <= 1024
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")


@each_service
def test_a_server_has_a_health_check(name: str) -> None:
    service = SERVICES[name]
    if name in ONCE:
        assert "healthcheck" not in service
    elif name == "her":
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
        assert service["healthcheck"].keys() >= {"interval", "timeout", "retries", "start_period"}


@each_service
def test_ports_are_published_on_this_machine_only_unless_configured(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_a_published_port_can_be_opened_by_configuration() -> None:
    opened = services(environment={"GRAFANA_BIND": "0.0.0.0", "GRAFANA_PORT": "443"})  # noqa: S104
    assert opened["grafana"]["ports"] == ["0.0.0.0:443:3000"]


@pytest.mark.parametrize(
    ("given", "grafana", "prometheus"),
    [
        ({}, "http://localhost:3002/", "http://localhost:9090"),
        (
            {"PUBLIC_HOST": "o.example.org", "GRAFANA_PORT": "80"},
            "http://o.example.org:80/",
            "http://o.example.org:9090",
        ),
        (
            {"PUBLIC_HOST": "o.example.org", "GRAFANA_ROOT_URL": "https://proxy/g/"},
            "https://proxy/g/",
            "http://o.example.org:9090",
        ),
    ],
)
def test_one_name_reaches_every_link(given: dict[str, str], grafana: str, prometheus: str) -> None:
    made = services(environment=given)
    assert made["grafana"]["environment"]["GF_SERVER_ROOT_URL"] == grafana
    assert made["layout"]["environment"]["STACK_GRAFANA"] == grafana
    assert f"--web.external-url={prometheus}" in made["prometheus"]["command"]
    assert f"--web.external-url={prometheus.replace('9090', '9093')}" in made["alertmanager"]["command"]
    assert services("docker-compose.tls.yml", {"PUBLIC_HOST": "o"})["layout"]["environment"]["STACK_GRAFANA"] == (
        "https://o:3002/"
    )


def test_no_two_services_publish_one_port() -> None:
    published = [port.rsplit(":", 1)[0] for service in SERVICES.values() for port in service.get("ports", ())]
    assert sorted(published) == sorted(set(published))


def test_the_database_can_be_reached_from_inside_only() -> None:
    assert load(FILES[0])["networks"]["core"] == {"internal": True}
    assert SERVICES["influxdb"]["networks"] == ["core"]
    assert "ports" not in SERVICES["influxdb"]


@pytest.mark.parametrize("file", FILES)
def test_every_secret_is_a_file(file: str) -> None:
    for secret in load(file).get("secrets", {}).values():
        assert list(secret) == ["file"]
        assert secret["file"].startswith("./secrets/")


@pytest.mark.parametrize(("name", "file"), OVERRIDDEN)
def test_what_a_service_mounts_is_declared(name: str, file: str) -> None:
    base, override = load(FILES[0]), load(file)
    service = override["services"][name]
    assert secret_names(service) <= {**base["secrets"], **override.get("secrets", {})}.keys()
    for source in mounts(service).values():
        if source.startswith("."):
            assert source in {"./observatory.yml", "./prices.yml"}
        else:
            assert source in base["volumes"]
    for needed, _ in dependencies(service):
        assert needed in SERVICES


def dependencies(service: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, how["condition"]) for name, how in service.get("depends_on", {}).items()]


@each_service
def test_the_order_of_start_follows_what_each_can_promise(name: str) -> None:
    for needed, condition in dependencies(SERVICES[name]):
        if needed in ONCE:
            assert condition == "service_completed_successfully"
        elif condition == "service_healthy":
            assert "test" in SERVICES[needed]["healthcheck"]


@pytest.mark.parametrize(("name", "file"), OVERRIDDEN)
def test_a_password_is_named_by_its_file_and_mounted(name: str, file: str) -> None:
    service = services(file)[name]
    secrets = secret_names(service) | secret_names(SERVICES[name])
    targets = mounts(SERVICES[name]) | mounts(service)
    for variable, value in service.get("environment", {}).items():
        # STACK_*: a path that the layout writes down for others.
        if re.search(r"PASSWORD|TOKEN|SECRET|_KEY$|_CA$", variable) and not variable.startswith("STACK_"):
            found = re.search(r"/run/(secrets|tokens)/(\w+)", value)
            assert found, f"{variable} of {name} is not a file"
            if found[1] == "secrets":
                assert found[2] in secrets
            else:
                assert f"/run/tokens/{found[2]}" in targets
    for part in [*service.get("command", ()), *service.get("entrypoint", ())]:
        for secret in re.findall(r"/run/secrets/(\w+)", part):
            assert secret in secrets


def test_only_the_restricted_grafana_can_read_texts() -> None:
    holders = {name for name, service in SERVICES.items() if "influxdb-text-token" in mounts(service).values()}
    assert holders == {"grafana-restricted", "influxdb-setup"}
    assert SERVICES["grafana-restricted"]["profiles"] == ["restricted"]
    for half in ("her_postgres", "sigmasight_core", "sigmasight_ai"):
        readers = {name for name, service in SERVICES.items() if f"{half}_text_password" in secret_names(service)}
        assert readers - DEMO == {"grafana-restricted"}, "and not the exporter"
    main, restricted = SERVICES["grafana"], SERVICES["grafana-restricted"]
    assert mounts(main)["/var/lib/grafana"] != mounts(restricted)["/var/lib/grafana"]
    assert not secret_names(main) & secret_names(restricted)
    # Cookies know hosts, not ports.
    assert "GF_AUTH_LOGIN_COOKIE_NAME" in restricted["environment"]


def test_the_operators_token_stays_with_the_set_up() -> None:
    holders = {name for name, service in SERVICES.items() if "influxdb_admin_token" in secret_names(service)}
    assert holders == {"influxdb-setup"}


def test_the_demo_is_only_there_when_asked_for() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]} == DEMO


def test_every_variable_is_in_the_example_with_its_default() -> None:
    example = dict(re.findall(r"(?m)^#?([A-Z_]+)=(.*)$", text(".env.example")))
    used: dict[str, set[str | None]] = {}
    for file in FILES:
        for name, otherwise in variables(file).items():
            used.setdefault(name, set()).add(otherwise)
    assert used.keys() - INTERNAL_VARIABLES <= example.keys()
    for name in used.keys() & example.keys():
        assert None not in used[name]
        # TLS has addresses of its own; what counts without it is what the example shows.
        assert (variables(FILES[0]).get(name) or "") == example[name], name
    by_scripts = set(re.findall(r'"([A-Z_]+)"', text("scripts/prepare.py")))
    by_compose = {"COMPOSE_FILE", "COMPOSE_PROFILES"}
    assert example.keys() == (used.keys() - INTERNAL_VARIABLES) | by_scripts | by_compose


def test_the_demos_settings_are_known_ones() -> None:
    known = {name for file in FILES for name in variables(file)}
    assert set(re.findall(r"(?m)^([A-Z_]+)=", text("docker/demo.env"))) <= known


@pytest.mark.parametrize("name", sorted(name for name in SERVICES if "build" in SERVICES[name]))
def test_our_programs_know_every_flag_they_are_given(name: str) -> None:
    service = SERVICES[name]
    command = list(service.get("command", ()))
    if "entrypoint" not in service:
        call = "import sys; from exporters.cli import main; sys.exit(main())"
        program = [sys.executable, "-c", call, command.pop(0)]
    elif service["entrypoint"][1] == "-m":
        program = [sys.executable, *service["entrypoint"][1:]]
    else:
        program = [sys.executable, str(ROOT / "scripts" / Path(service["entrypoint"][1]).name)]
    shown = subprocess.run([*program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    for flag in command:
        assert re.search(rf"{re.escape(flag.split('=')[0])}\b", shown.stdout), f"{name}: {flag}"


@pytest.mark.parametrize(
    ("name", "programs"),
    [
        ("prometheus", ["prometheus"]),
        ("alertmanager", ["prometheus-alertmanager", "alertmanager"]),
        ("influxdb", ["influxd"]),
    ],
)
def test_the_servers_know_every_flag_they_are_given(name: str, programs: list[str]) -> None:
    program = next((found for found in map(shutil.which, programs) if found), None)
    if program is None:
        pytest.skip(f"no {programs[0]} on PATH")
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=False, timeout=30)
    for flag in SERVICES[name]["command"]:
        assert flag.split("=")[0] in shown.stdout + shown.stderr


def compose_program() -> list[str] | None:
    """docker-compose as a program of its own, or as Docker's plugin."""
    if found := shutil.which("docker-compose"):
        return [found]
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        return ["docker", "compose"]
    return None


@pytest.mark.parametrize(
    "overrides", [(), FILES[1:2], FILES[2:], FILES[1:]], ids=lambda files: "+".join(files) or "alone"
)
@pytest.mark.parametrize("settings", [".env.example", "docker/demo.env"])
def test_compose_itself_accepts_the_files(overrides: tuple[str, ...], settings: str) -> None:
    program = compose_program()
    if program is None:
        pytest.skip("no docker-compose on PATH, and no Docker with its compose plugin")
    files = [part for file in (FILES[0], *overrides) for part in ("--file", file)]
    told = subprocess.run(
        [*program, "--env-file", settings, *files, "--profile", "restricted", "--profile", "demo", "config", "--quiet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    # It warns of variables that nobody set.
    assert told.stderr == ""
