"""Secrets are made once, stay what they are, and show nowhere; the first observatory.yml comes from HER's variables."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from exporters.core.settings import Settings
from exporters.core.settings import load as load_settings
from exporters.registry import SYSTEMS
from tests.stack.compose import ROOT, load, services, text

PREPARE = [sys.executable, str(ROOT / "scripts" / "prepare.py")]
WORDS = (
    *("REDIS_HOST", "REDIS_PORT", "REDIS_USERNAME", "REDIS_PASSWORD", "SMTP_PASSWORD"),
    *("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "MEMORY_COLLECTION_NAME"),
    *("POSTGRES_TEXT_USER", "POSTGRES_TEXT_PASSWORD"),
    *("SIGMASIGHT_CORE_PASSWORD", "SIGMASIGHT_AI_PASSWORD"),
    *("SIGMASIGHT_CORE_TEXT_PASSWORD", "SIGMASIGHT_AI_TEXT_PASSWORD"),
)
PASSWORD = "p#w $x'y\"z\\"


def prepare(folder: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in WORDS}
    return subprocess.run(
        [*PREPARE, *flags],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def contents(folder: Path) -> Mapping[str, str]:
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def test_it_makes_every_secret_that_compose_mounts(tmp_path: Path) -> None:
    assert prepare(tmp_path, REDIS_HOST="her.example.org").returncode == 0
    mounted = {Path(secret["file"]).name for secret in load("docker-compose.yml")["secrets"].values()}
    assert contents(tmp_path).keys() == mounted


def test_only_the_owner_gets_to_them_and_a_containers_user_can_read_them(tmp_path: Path) -> None:
    prepare(tmp_path, REDIS_HOST="her.example.org")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()} == {0o444}


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o755)
    prepare(tmp_path, REDIS_HOST="her.example.org")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_no_two_secrets_and_no_two_installations_are_alike(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        prepare(tmp_path / name, REDIS_HOST="her.example.org")
        made += [secret for secret in contents(tmp_path / name).values() if secret]
    assert len(made) == 2 * 7
    assert len(set(made)) == len(made)
    assert min(map(len, made)) >= 43


def test_a_second_run_changes_nothing_and_says_nothing(tmp_path: Path) -> None:
    prepare(tmp_path, REDIS_HOST="her.example.org")
    before = contents(tmp_path)
    again = prepare(tmp_path, REDIS_HOST="her.example.org")
    assert contents(tmp_path) == before
    assert (again.stdout, again.stderr) == ("", "")


def test_two_runs_at_once_agree(tmp_path: Path) -> None:
    (tmp_path / "observatory.yml").write_text("systems: {}\n")
    runs = [subprocess.Popen(PREPARE, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    said = [line for run in runs for line in run.communicate(timeout=30)[0].splitlines()]
    assert [run.returncode for run in runs] == [0] * len(runs)
    # Each secret was made by exactly one of them, and nothing half-made stays behind.
    assert sorted(said) == sorted(["made prices.yml", *(f"made secrets/{name}" for name in contents(tmp_path))])


def test_nothing_it_prints_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "REDIS_HOST=her.example.org\nREDIS_PASSWORD=redis-canary\nSMTP_PASSWORD=smtp-canary\nSMS_URLS=sms-canary\n"
        "POSTGRES_HOST=her.example.org\nPOSTGRES_PASSWORD=postgres-canary\n"
        "POSTGRES_TEXT_PASSWORD=text-canary\n"
        "SIGMASIGHT_CORE_PASSWORD=core-canary\nSIGMASIGHT_AI_PASSWORD=ai-canary\n"
        "SIGMASIGHT_CORE_TEXT_PASSWORD=core-text-canary\nSIGMASIGHT_AI_TEXT_PASSWORD=ai-text-canary\n"
    )
    run = prepare(tmp_path)
    for name, secret in contents(tmp_path).items():
        assert secret not in run.stdout + run.stderr, name
        assert f"made secrets/{name}" in run.stdout


def test_a_line_that_cannot_be_read_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_HOST=h\nREDIS_PASSWORD='canary\n")
    run = prepare(tmp_path)
    assert run.returncode == 2
    assert ".env, line 2" in run.stderr
    assert "canary" not in run.stderr


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("REDIS_PASSWORD=plain", "plain"),
        ("REDIS_PASSWORD = spaced  # why", "spaced"),
        ("export REDIS_PASSWORD=exported", "exported"),
        ("REDIS_PASSWORD='a#b $c \"d\"' # why", 'a#b $c "d"'),
        (r'REDIS_PASSWORD="a\"b\\c # d"', r'a"b\c # d'),
        ("REDIS_PASSWORD=a#b", "a#b"),
        ("REDIS_PASSWORD=", ""),
        ("#REDIS_PASSWORD=no", ""),
    ],
)
def test_a_password_in_env_becomes_a_file(tmp_path: Path, line: str, password: str) -> None:
    (tmp_path / ".env").write_text(f"REDIS_HOST=her.example.org\n{line}\n")
    assert prepare(tmp_path).returncode == 0
    assert contents(tmp_path)["her_redis_password"] == password


def test_a_new_password_in_env_replaces_the_old_one_and_none_keeps_it(tmp_path: Path) -> None:
    for given, expected in (("old", "old"), ("new", "new"), ("", "new")):
        prepare(tmp_path, REDIS_HOST="her.example.org", REDIS_PASSWORD=given)
        assert contents(tmp_path)["her_redis_password"] == expected


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_HOST=filed\nREDIS_PASSWORD=filed\n")
    prepare(tmp_path, REDIS_PASSWORD=PASSWORD)
    assert contents(tmp_path)["her_redis_password"] == PASSWORD


def test_the_demo_invents_what_nobody_gives(tmp_path: Path) -> None:
    prepare(tmp_path, "--invent", REDIS_HOST="redis")
    assert len(contents(tmp_path)["her_redis_password"]) >= 43


@pytest.mark.parametrize("password", ["", "secret"])
def test_hers_own_variables_make_the_first_configuration(tmp_path: Path, password: str) -> None:
    prepare(tmp_path, REDIS_HOST="her.example.org", REDIS_PORT="6380", REDIS_PASSWORD=password)
    made = yaml.safe_load((tmp_path / "observatory.yml").read_text())
    expected = yaml.safe_load(text("observatory.example.yml"))
    redis = {"host": "her.example.org", "port": 6380}
    if password:
        # Without a password there must be no file for one: it would be empty, and an empty one is refused.
        redis["password_file"] = "/run/secrets/her_redis_password"
    expected["systems"]["her"][0]["redis"] = redis
    assert made == expected
    # A container's user reads it.
    assert stat.S_IMODE((tmp_path / "observatory.yml").stat().st_mode) == 0o644


def usable(folder: Path, config: str) -> Settings:
    """The exporter's own reading of a configuration, with the secrets of `folder` where a container has them."""
    file = folder / "read.yml"
    config = config.replace("/etc/observatory/prices.yml", str(folder / "prices.yml"))
    file.write_text(config.replace("/run/secrets", str(folder / "secrets")))
    return load_settings(SYSTEMS, file=file, environment={})


@pytest.mark.parametrize("host", ["her.example.org", "192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("account", [{}, {"REDIS_USERNAME": "on: [", "REDIS_PASSWORD": "secret"}])
def test_the_exporter_can_use_it(tmp_path: Path, host: str, account: dict[str, str]) -> None:
    prepare(tmp_path, REDIS_HOST=host, **account)
    redis = usable(tmp_path, (tmp_path / "observatory.yml").read_text()).systems["her"][0].redis
    assert (redis.host, redis.port) == (host, 6379)
    assert redis.username == account.get("REDIS_USERNAME")
    assert redis.secret() == account.get("REDIS_PASSWORD")


@pytest.mark.parametrize(
    ("account", "port", "user", "memory_table"),
    [
        ({}, 5432, "her", "memories"),
        (
            {
                "POSTGRES_PORT": "5433",
                "POSTGRES_USER": "observer",
                "POSTGRES_PASSWORD": PASSWORD,
                "MEMORY_COLLECTION_NAME": "her_memory_facts",
            },
            5433,
            "observer",
            "her_memory_facts",
        ),
    ],
)
def test_the_exporter_can_use_what_it_says_of_postgresql(
    tmp_path: Path, account: dict[str, str], port: int, user: str, memory_table: str
) -> None:
    prepare(tmp_path, REDIS_HOST="her.example.org", POSTGRES_HOST="192.0.2.8", POSTGRES_DB="memory", **account)
    postgres = usable(tmp_path, (tmp_path / "observatory.yml").read_text()).systems["her"][0].postgres
    assert (postgres.host, postgres.port, postgres.dbname, postgres.user) == ("192.0.2.8", port, "memory", user)
    assert postgres.memory_table == memory_table
    assert postgres.secret() == account.get("POSTGRES_PASSWORD")


def test_who_reads_memories_has_an_account_that_the_exporter_does_not_open(tmp_path: Path) -> None:
    given = {"POSTGRES_TEXT_USER": "reader", "POSTGRES_TEXT_PASSWORD": PASSWORD}
    prepare(tmp_path, REDIS_HOST="h", POSTGRES_HOST="h", POSTGRES_USER="observer", **given)
    assert contents(tmp_path)["her_postgres_text_password"] == PASSWORD
    made = (tmp_path / "observatory.yml").read_text()
    (tmp_path / "secrets" / "her_postgres_text_password").unlink()
    postgres = usable(tmp_path, made).systems["her"][0].postgres
    assert (postgres.user, postgres.memory_text.user, postgres.memory_text.sslmode) == ("observer", "reader", "require")


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    run = prepare(tmp_path, REDIS_HOST="her.example.org", POSTGRES_HOST="h", POSTGRES_PORT="many")
    assert run.returncode != 0
    assert "POSTGRES_PORT=many" in run.stderr
    assert not (tmp_path / "observatory.yml").exists()


@pytest.mark.parametrize("name", ["observatory.example.yml", "docker/demo.observatory.yml"])
def test_the_exporter_can_use_our_examples(tmp_path: Path, name: str) -> None:
    prepare(tmp_path, "--invent", REDIS_HOST="redis")
    settings = usable(tmp_path, text(name))
    assert settings.systems["her"][0].redis.host in services()
    # Every text switch is shown, off in the example, on in the demo, where nobody stands behind the texts.
    assert set(settings.systems["her"][0].text.model_dump().values()) == {name.startswith("docker")}
    assert settings.systems["her"][0].text.model_fields_set == set(type(settings.systems["her"][0].text).model_fields)
    assert settings.state.key_file.name == "hash_key"
    assert len(bytes.fromhex(settings.state.key_file.read_text())) == 32
    assert settings.influxdb is not None
    assert settings.influxdb.url == "http://influxdb:8086"


def test_a_configuration_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "observatory.yml").write_text("mine\n")
    run = prepare(tmp_path, REDIS_HOST="her.example.org")
    assert (tmp_path / "observatory.yml").read_text() == "mine\n"
    # Whoever changes .env and sees no effect learns why.
    assert "REDIS_HOST=her.example.org" in run.stderr


def test_the_first_price_table_is_the_examples_and_the_operators_from_then_on(tmp_path: Path) -> None:
    prepare(tmp_path, REDIS_HOST="her.example.org")
    prices = tmp_path / "prices.yml"
    assert prices.read_text() == text("prices.example.yml")
    assert stat.S_IMODE(prices.stat().st_mode) == 0o644
    prices.write_text("mine\n")
    assert prepare(tmp_path, REDIS_HOST="her.example.org").stdout == ""
    assert prices.read_text() == "mine\n"


def test_the_demos_sigmasight_has_its_prices_and_two_accounts_for_each_database(tmp_path: Path) -> None:
    (tmp_path / "prices.yml").write_text(text("docker/demo.prices.yml"))
    prepare(tmp_path, "--invent", REDIS_HOST="redis")
    one = usable(tmp_path, text("docker/demo.observatory.yml")).systems["sigmasight"][0]
    command = services()["sigmasight"]["command"]
    flags = dict(flag.removeprefix("--").split("=") for flag in command if "=" in flag)
    for model in {flag.partition("=")[2] for flag in command if flag.startswith("--model=")}:
        assert not isinstance(one.prices().price(model, datetime.now(tz=UTC)), str), "it has a price"
    for half, database in (("core", one.core), ("ai", one.ai)):
        assert (flags[f"{half}.host"], flags[f"{half}.dbname"]) == (database.host, database.dbname)
        for role, account in (("observer", database), ("reader", database.text)):
            assert flags[f"{half}.{role}"] == account.user
            assert Path(flags[f"{half}.{role}-password-file"]).name == account.password_file.name
    assert flags["log.file"] == str(one.log.path)
    assert one.backend.url == f"http://sigmasight:{flags['backend.port']}"


def test_with_nothing_to_watch_it_says_what_to_do_and_makes_nothing(tmp_path: Path) -> None:
    run = prepare(tmp_path)
    assert run.returncode != 0
    assert "REDIS_HOST" in run.stderr
    assert "observatory.example.yml" in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["her: {", "a b", "{x}", "h#x", "her/0"])
def test_a_host_that_would_break_the_file_is_refused(tmp_path: Path, host: str) -> None:
    run = prepare(tmp_path, REDIS_HOST=host)
    assert run.returncode != 0
    assert not (tmp_path / "observatory.yml").exists()
