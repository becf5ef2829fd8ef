"""Settings: from a file, the environment and flags; every problem at once; secrets never shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from exporters.core.contract import System
from exporters.core.errors import ConfigError
from exporters.core.settings import Section, load, read_secret


class TinySettings(Section):
    """One deployment of the tiny system."""

    deployment: str
    host: str
    port: int = Field(7, ge=1, le=65535)
    password_file: Path | None = None


def from_environment(environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """TINY_HOST suffices."""
    return {"host": environment["TINY_HOST"]} if "TINY_HOST" in environment else None


TINY = System(
    name="tiny",
    title="Tiny",
    metrics=(),
    measurements=(),
    settings=TinySettings,
    from_environment=from_environment,
    sources=lambda _settings, _key: (),
)


def written(tmp_path: Path, text: str) -> Path:
    """A configuration file."""
    file = tmp_path / "observatory.yml"
    file.write_text(text)
    return file


def problems(tmp_path: Path, text: str, **environment: str) -> str:
    """Every problem of a configuration, one a line."""
    with pytest.raises(ConfigError) as caught:
        load((TINY,), file=written(tmp_path, text), environment=environment)
    return "\n".join(caught.value.problems)


def test_the_systems_own_variables_suffice() -> None:
    settings = load((TINY,), file=None, environment={"TINY_HOST": "here"})
    (deployment,) = settings.systems["tiny"]
    assert (deployment.host, deployment.deployment, deployment.port) == ("here", "default", 7)
    assert settings.web.listen_addresses == ("127.0.0.1:9464",), "loopback unless told otherwise"


def test_a_file_and_then_the_environment_and_then_flags(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "web: {telemetry_path: /file, listen_addresses: ['127.0.0.1:1']}\n"
        "systems: {tiny: [{host: a}, {host: b, deployment: second}]}\n",
    )
    environment = {"OBSERVATORY_WEB_TELEMETRY_PATH": "/env", "OBSERVATORY_LOG_LEVEL": "warn", "TINY_HOST": "ignored"}
    settings = load((TINY,), file=file, environment=environment, overrides={"log": {"level": "debug"}})
    assert settings.web.telemetry_path == "/env"
    assert settings.web.listen_addresses == ("127.0.0.1:1",)
    assert settings.log.level == "debug"
    assert [d.host for d in settings.systems["tiny"]] == ["a", "b"]


def test_an_empty_variable_is_no_variable_and_the_scrape_interval_has_one(tmp_path: Path) -> None:
    """Compose sets `${NAME:-}` to an empty text where the operator said nothing."""
    file = written(tmp_path, "systems: {tiny: [{host: a}]}\n")
    environment = {
        "OBSERVATORY_WEB_CONFIG_FILE": "",
        "OBSERVATORY_LOG_LEVEL": " ",
        "OBSERVATORY_SCRAPE_INTERVAL_SECONDS": "5",
    }
    settings = load((TINY,), file=file, environment=environment)
    assert settings.web.config_file is None
    assert settings.log.level == "info"
    assert settings.scrape_interval_seconds == 5


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "state: {directory: state}\n"
        "influxdb: {url: 'http://127.0.0.1:8086', org: o, token_file: secrets/token}\n"
        "systems: {tiny: [{host: a, password_file: secrets/tiny}]}\n",
    )
    settings = load((TINY,), file=file, environment={})
    assert settings.state.directory == tmp_path / "state"
    assert settings.influxdb is not None
    assert settings.influxdb.token_file == tmp_path / "secrets/token"
    assert settings.systems["tiny"][0].password_file == tmp_path / "secrets/tiny"


def test_every_problem_is_told_at_once_with_the_legal_names(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        "wep: {}\n"
        "web: {telemetry: /x}\n"
        "log: {level: loud}\n"
        "influxdb: {url: 'ftp://x', org: o, token_file: t}\n"
        "systems: {tiny: [{host: a, port: 99999}, {hots: b}], huge: []}\n",
        OBSERVATORY_WEB_PORT="1",
    )
    assert "unknown key 'wep' (known: web, state, influxdb, log, scrape_interval_seconds, systems)" in told
    assert "web.telemetry: unknown key (known: listen_addresses, telemetry_path, config_file)" in told
    assert "log.level: input should be 'debug', 'info', 'warn' or 'error', not 'loud'" in told
    assert "influxdb.url:" in told
    assert "systems.tiny[0].port: input should be less than or equal to 65535, not 99999" in told
    assert "systems.tiny[1].hots: unknown key (known: deployment, host, port, password_file)" in told
    assert "systems.tiny[1].host: field required" in told
    assert "systems: unknown system 'huge' (known: tiny)" in told
    assert "environment: unknown variable OBSERVATORY_WEB_PORT" in told


def test_two_deployments_of_one_name_would_merge(tmp_path: Path) -> None:
    assert "two deployments are called 'default'" in problems(tmp_path, "systems: {tiny: [{host: a}, {host: b}]}\n")


def test_nothing_to_watch_says_what_to_set(tmp_path: Path) -> None:
    assert "nothing to watch" in problems(tmp_path, "web: {}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "not YAML at line"),
        ("- a\n", "the top level must be a mapping"),
        ("systems: [tiny]\n", "systems: must be a mapping"),
        ("systems: {tiny: [3]}\n", "systems.tiny[0]: must be a mapping"),
        ("systems: {tiny: 3}\n", "systems.tiny: must be a list"),
    ],
)
def test_wrong_shapes_are_sentences(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in problems(tmp_path, text)


def test_an_unknown_system_on_the_command_line_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no system 'huge'"):
        load((TINY,), file=None, environment={"TINY_HOST": "x"}, only=["huge"])


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load((TINY,), file=tmp_path / "absent.yml", environment={})


def test_secrets_come_from_files_and_do_not_print(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter two\n")
    secret = read_secret(file)
    assert secret.get_secret_value() == "hunter two"
    assert "hunter" not in repr(secret)
    file.write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        read_secret(file)


def test_the_value_of_a_secret_key_is_never_repeated(tmp_path: Path) -> None:
    told = problems(
        tmp_path, "influxdb: {url: 'http://u:hunter2@h', org: o, token_file: 3}\nsystems: {tiny: [{host: a}]}\n"
    )
    assert "influxdb.token_file" in told
    assert "hunter2" not in told
