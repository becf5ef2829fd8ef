"""One deployment's settings: what is refused, all at once and in words, and what HER's own variables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from exporters.core.errors import ConfigError
from exporters.core.settings import load
from exporters.her.intervals import INTERVALS
from exporters.her.settings import HerSettings, RedisSettings, WorkflowSettings, from_environment
from exporters.her.system import HER

HOST = {"host": "127.0.0.1"}


def problems(file: Path, text: str) -> tuple[str, ...]:
    """Every problem that loading this configuration file names."""
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load([HER], file=file, environment={})
    return refused.value.problems


def deployment(**given: Any) -> HerSettings:
    return HerSettings(**{"redis": HOST, **given})


def test_what_is_assumed() -> None:
    made = deployment()
    assert (made.deployment, made.redis.port, made.redis.db, made.redis.tls.enabled) == ("default", 6379, 0, False)
    assert made.redis.secret() is None
    assert not any(made.text.model_dump().values())
    assert {name: made.interval(name) for name in INTERVALS} == dict(INTERVALS)


def test_a_whole_configuration(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret pass \n")
    file = tmp_path / "observatory.yml"
    file.write_text(
        "systems:\n  her:\n    - deployment: home\n"
        "      redis: {host: redis.lan, port: 6380, db: 1, username: observer, password_file: password}\n"
        "      text: {logs: true}\n      intervals: {logs: 1, contexts: 5.5}\n"
    )
    (made,) = load([HER], file=file, environment={}).systems["her"]
    assert made.redis.secret() == "s3cret pass "
    assert (made.deployment, made.text.logs, made.text.chats) == ("home", True, False)
    assert (made.interval("logs"), made.interval("contexts"), made.interval("jobs")) == (1, 5.5, INTERVALS["jobs"])


@pytest.mark.parametrize(
    "name", ["Home", "my home", "", "-home", "home-", "home.lan", "a" * 64, "hëm", 'x"', "home\n", "other"]
)
def test_names_that_cannot_stand_in_a_label(name: str) -> None:
    with pytest.raises(ValidationError, match="deployment"):
        deployment(deployment=name)


@pytest.mark.parametrize("name", ["default", "home", "her-2", "a", "0_1", "a" * 63])
def test_names_that_can(name: str) -> None:
    assert deployment(deployment=name).deployment == name


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    told = problems(
        tmp_path / "observatory.yml",
        """
systems:
  her:
    - deployment: Home
      redis:
        host: 127.0.0.1
        port: 70000
        password: hunter2
        password_file: missing
        tls: {enabled: true, ca_file: nowhere.pem, verfy: false}
      text: {chat: true}
      intervals: {logs: 60, lugs: 1, jobs: 0}
      sandbox: {}
    - deployment: second
      redis: {host: "", password_file: empty}
    - redis: {}
""",
    )
    text = "\n".join(told)
    for wanted in (
        "systems.her[0].deployment:",
        "systems.her[0].redis.port: input should be less than or equal to 65535, not 70000",
        "systems.her[0].redis.password: a password does not stand in the configuration",
        "missing: No such file or directory",
        "nowhere.pem: no such file",
        "systems.her[0].redis.tls.verfy: unknown key (known: enabled, ca_file, cert_file, key_file, verify)",
        "systems.her[0].text.chat: unknown key (known: chats, executions, logs, decisions, workflow)",
        "there is no 'lugs' (there are: interactions, logs,",
        "logs must lie in 0.2..2 seconds, not 60",
        "jobs must lie in 0.2..5 seconds, not 0",
        "systems.her[0].sandbox: unknown key (known: deployment, intervals, redis, postgres, text, workflow, http)",
        "systems.her[1].redis.host:",
        "empty: empty",
        "systems.her[2].redis.host: field required",
    ):
        assert wanted in text, text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("tls", "wanted"),
    [
        ({"enabled": True, "cert_file": __file__}, "cert_file and key_file go together"),
        ({"ca_file": __file__}, "files are given but enabled is false"),
    ],
)
def test_tls_that_cannot_be_meant(tls: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        deployment(redis=HOST | {"tls": tls})


def test_a_username_needs_a_password() -> None:
    with pytest.raises(ValidationError, match="a username without a password_file"):
        deployment(redis=HOST | {"username": "observer"})


def test_two_passwords_are_one_too_many(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("x")
    with pytest.raises(ValidationError, match="which of them is meant"):
        deployment(redis=HOST | {"password": SecretStr("y"), "password_file": file})


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_password_file_that_holds_no_password(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(ValidationError, match=r"password: (empty|not UTF-8)"):
        deployment(redis=HOST | {"password_file": file})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        deployment().deployment = "x"  # type: ignore[misc]


def test_no_variables_no_deployment() -> None:
    assert from_environment({}) is None
    assert from_environment({"REDIS_HOST": " ", "REDIS_PASSWORD": "x"}) is None
    assert from_environment({"REDIS_PORT": "6379"}) is None


def test_hers_own_variables() -> None:
    given = from_environment(
        {"REDIS_HOST": "redis", "REDIS_PORT": "6380", "REDIS_PASSWORD": " pass word ", "TZ": "UTC"}
    )
    assert given is not None
    made = HerSettings(**given)
    assert (made.deployment, made.redis.host, made.redis.port) == ("default", "redis", 6380)
    assert made.redis.secret() == " pass word "


def test_an_empty_variable_is_no_variable() -> None:
    given = from_environment({"REDIS_HOST": "redis", "REDIS_PORT": "", "REDIS_PASSWORD": "", "REDIS_USERNAME": ""})
    assert given == {"redis": {"host": "redis"}}


def test_a_password_from_a_file_named_by_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\n")
    variables = {"REDIS_HOST": "redis", "REDIS_USERNAME": "observer", "REDIS_PASSWORD_FILE": str(file)}
    made = HerSettings(**(from_environment(variables) or {}))
    assert (made.redis.username, made.redis.secret()) == ("observer", "from a file")
    file.write_text("another\n")
    assert made.redis.secret() == "another"
    file.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        made.redis.secret()


def test_variables_that_are_wrong_are_problems_too() -> None:
    variables = {"REDIS_HOST": "redis", "REDIS_PORT": "six", "REDIS_PASSWORD": "hunter2", "REDIS_PASSWORD_FILE": "/no"}
    with pytest.raises(ConfigError) as refused:
        load([HER], file=None, environment=variables)
    text = "\n".join(refused.value.problems)
    assert "redis.port: input should be a valid integer" in text
    assert "/no: No such file or directory" in text
    assert "hunter2" not in text


def test_a_password_never_prints() -> None:
    given = from_environment({"REDIS_HOST": "redis", "REDIS_PASSWORD": "hunter2"})
    made = HerSettings(**(given or {}))
    assert "hunter2" not in f"{given!r} {made!r} {made} {made.model_dump()} {made.model_dump_json()}"
    with pytest.raises(ValidationError) as refused:
        deployment(redis=HOST | {"password": "hunter2"})
    assert "hunter2" not in str(refused.value)


HER_DEBUGGER = {"REDIS_HOST": "redis", "WORKFLOW_DEBUG_SERVER_HOST": "her"}


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({}, "ws://her:8081/ws/workflow"),
        ({"WORKFLOW_DEBUG_SERVER_PORT": "9081"}, "ws://her:9081/ws/workflow"),
        ({"WORKFLOW_DEBUG_SERVER_HOST": "fd00::2"}, "ws://[fd00::2]:8081/ws/workflow"),
        ({"WORKFLOW_DEBUG_SERVER_HOST": "0.0.0.0"}, None),  # noqa: S104 - refused
        ({"WORKFLOW_DEBUG_SERVER_HOST": " "}, None),
        ({"WORKFLOW_DEBUG_SERVER_ENABLED": "false"}, None),
    ],
)
def test_the_debugger_by_hers_own_variables(more: dict[str, str], url: str | None) -> None:
    given = from_environment({**HER_DEBUGGER, **more})
    assert given is not None
    made = HerSettings(**given)
    assert (made.workflow.url if made.workflow else None) == url


def test_an_address_that_is_none_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="not an address") as refused:
        HerSettings(redis=RedisSettings(host="h"), workflow=WorkflowSettings(url="ws://me:hunter2@h/"))
    assert "hunter2" not in str(refused.value)


def test_the_authority_of_a_debugger_behind_tls(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    with pytest.raises(ValidationError, match="no such file"):
        WorkflowSettings(url="wss://her/ws/workflow", ca_file=file)
    file.write_text("certificate")
    assert WorkflowSettings(url="wss://her/ws/workflow", ca_file=file).ca_file == file
    with pytest.raises(ValidationError, match="the url is not wss://"):
        WorkflowSettings(url="ws://her/ws/workflow", ca_file=file)


POSTGRES = {"host": "127.0.0.1", "user": "observer"}


def test_postgres_is_optional(tmp_path: Path) -> None:
    assert deployment().postgres is None
    made = deployment(postgres=POSTGRES).postgres
    assert made is not None
    assert (made.port, made.dbname, made.sslmode, made.secret()) == (5432, "her_memory", "prefer", None)
    (tmp_path / "password").write_text("s3cret\n")
    made = deployment(postgres=POSTGRES | {"password_file": tmp_path / "password"}).postgres
    assert made is not None
    assert made.secret() == "s3cret"


def test_every_problem_of_postgres_is_named(tmp_path: Path) -> None:
    told = problems(
        tmp_path / "observatory.yml",
        "systems:\n  her:\n    - redis: {host: redis}\n"
        "      postgres: {host: h, port: 0, password: hunter2, sslmode: maybe, ca_file: nowhere.pem, databse: x}\n",
    )
    text = "\n".join(told)
    for wanted in (
        "systems.her[0].postgres.user: field required",
        "systems.her[0].postgres.port:",
        "systems.her[0].postgres.password: a password does not stand in the configuration",
        "systems.her[0].postgres.sslmode:",
        "nowhere.pem: no such file",
        "systems.her[0].postgres.databse: unknown key (known: host, port, dbname, user,",
    ):
        assert wanted in text, text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"sslmode": "verify-full"}, "sslmode verify-full needs a ca_file"),
        ({"cert_file": __file__}, "cert_file and key_file go together"),
        ({"password": SecretStr("x"), "password_file": __file__}, "which of them is meant"),
    ],
)
def test_postgres_that_cannot_be_meant(given: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        deployment(postgres=POSTGRES | given)


def test_hers_own_variables_for_postgres(tmp_path: Path) -> None:
    variables = {"REDIS_HOST": "redis", "POSTGRES_HOST": "postgres", "POSTGRES_PASSWORD": " pass word "}
    made = HerSettings(**(from_environment(variables) or {})).postgres
    assert made is not None
    assert (made.host, made.port, made.user, made.dbname) == ("postgres", 5432, "her", "her_memory")
    assert made.secret() == " pass word "
    file = tmp_path / "password"
    file.write_text("from a file\n")
    variables = {
        "REDIS_HOST": "redis", "POSTGRES_HOST": "postgres", "POSTGRES_PORT": "5433", "POSTGRES_USER": "observer",
        "POSTGRES_DB": "memory", "POSTGRES_PASSWORD_FILE": str(file), "POSTGRES_PASSWORD": "",
    }  # fmt: skip
    made = HerSettings(**(from_environment(variables) or {})).postgres
    assert made is not None
    assert (made.port, made.user, made.dbname, made.secret()) == (5433, "observer", "memory", "from a file")
    assert HerSettings(**(from_environment({"REDIS_HOST": "redis", "POSTGRES_USER": "her"}) or {})).postgres is None
