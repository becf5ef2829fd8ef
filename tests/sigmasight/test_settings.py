"""One deployment of SigmaSight: what its settings accept, and how they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exporters.core import settings as core_settings
from exporters.core.errors import ConfigError
from exporters.readers.postgres_settings import parts_of
from exporters.sigmasight.intervals import INTERVALS
from exporters.sigmasight.settings import SigmaSightSettings, from_environment
from exporters.sigmasight.sources import sources
from exporters.sigmasight.system import SIGMASIGHT

CORE = {"host": "db.example", "dbname": "main", "user": "observer"}
AI = {"host": "ai.example", "dbname": "vectors", "user": "observer_ai"}
SECRET = "s3cret-of-the-back-end"
URL = f"postgresql+asyncpg://sigma:{SECRET}@db.example:5433/main"


def loaded(environment: dict[str, str], file: Path | None = None) -> SigmaSightSettings:
    """The only deployment, as the program loads it."""
    found = core_settings.load([SIGMASIGHT], file=file, environment=environment)
    (deployment,) = found.systems["sigmasight"]
    assert isinstance(deployment, SigmaSightSettings)
    return deployment


def problems(environment: dict[str, str] | None = None, file: Path | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded(environment or {}, file)
    assert SECRET not in str(refused.value)
    return str(refused.value)


def written(folder: Path, text: str) -> Path:
    file = folder / "observatory.yml"
    file.write_text(text)
    return file


def test_the_back_ends_own_variables_suffice() -> None:
    made = loaded({"DATABASE_URL": URL, "AI_DATABASE_URL": "postgresql://ai:x@ai.example/vectors?sslmode=require"})
    assert (made.core.host, made.core.port, made.core.dbname, made.core.user) == ("db.example", 5433, "main", "sigma")
    assert made.core.secret() == SECRET
    assert made.ai_database.sslmode == "require"
    assert made.ai_database.host == "ai.example"
    assert SECRET not in repr(made)
    assert [source.name for source in sources(made, bytes(32))] == ["core", "ai", "ratings"]


def test_back_end_and_log_are_sources_of_their_own(tmp_path: Path) -> None:
    made = loaded({"DATABASE_URL": URL, "SIGMASIGHT_BACKEND_URL": "http://back.example:8000/api/v1"})
    assert made.backend is not None
    assert [source.name for source in sources(made, bytes(32))] == ["core", "ai", "ratings", "backend"]
    whole = SigmaSightSettings(core=CORE, log={"path": tmp_path / "app.log", "text": True})
    assert [source.name for source in sources(whole, bytes(32))] == ["core", "ai", "ratings", "log"]


@pytest.mark.parametrize(
    ("url", "problem"), [("back.example:8000", "not an address like"), ("http://me:secret@back", "without user")]
)
def test_an_address_of_the_back_end_that_is_none_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        SigmaSightSettings(core=CORE, backend={"url": url})
    assert "secret" not in str(refused.value)


def test_without_an_ai_database_there_is_one_for_both() -> None:
    made = loaded({"DATABASE_URL": URL, "AI_DATABASE_URL": " "})
    assert made.ai is None
    assert made.ai_database is made.core


def test_without_its_variables_there_is_no_sigmasight() -> None:
    assert from_environment({"AI_DATABASE_URL": URL}) is None
    assert from_environment({"DATABASE_URL": "  "}) is None


def test_passwords_may_stand_in_files(tmp_path: Path) -> None:
    for name in ("core", "ai"):
        (tmp_path / name).write_text(f"password of {name}\n")
    made = loaded(
        {
            "DATABASE_URL": URL,
            "DATABASE_PASSWORD_FILE": str(tmp_path / "core"),
            "AI_DATABASE_URL": "postgres://observer@ai.example/vectors",
            "AI_DATABASE_PASSWORD_FILE": str(tmp_path / "ai"),
        }
    )
    assert made.core.secret() == "password of core", "a file is meant more than what stands in an address"
    assert made.ai_database.secret() == "password of ai"
    (tmp_path / "core").write_text("another")
    assert made.core.secret() == "another", "read at every connect"


def test_a_file_names_parts_and_paths_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(SECRET)
    (tmp_path / "prices.yml").write_text(
        "currency: USD\nmodels: [{model: a, prices: [{valid_from: 2026-01-01, input: 1, output: 2}]}]"
    )
    file = written(
        tmp_path,
        """
        systems:
          sigmasight:
            - deployment: home
              core: {host: db.example, dbname: main, user: observer, password_file: pw}
              prices_file: prices.yml
              windows: {minutes: 20, hours: 48}
              intervals: {ai_requests: 5}
        """,
    )
    made = loaded({}, file)
    assert made.core.secret() == SECRET
    prices = made.prices()
    assert prices is not None
    assert len(prices) == 1
    assert made.interval("ai_requests") == 5
    assert made.interval("activity") == INTERVALS["activity"]
    assert made.windows.wide == 2.4 * made.windows.narrow * 60


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "prices.yml").write_text("currency: dollars\nmodels: []")
    file = written(
        tmp_path,
        f"""
        systems:
          sigmasight:
            - deployment: Home
              core: {{host: "db example", dbname: main, password: {SECRET}, sslmode: verify-full, port: 0}}
              ai: {{address: "{URL}"}}
              prices_file: prices.yml
              windows: {{minutes: 0.5}}
              intervals: {{ai_requests: 60, nothing: 1}}
              text: true
        """,
    )
    told = problems(file=file)
    for part in (
        "deployment: string should match pattern",
        "core.host:",
        "core.user: field required",
        "core.port:",
        "put it into a file",
        "ai.address: unknown key (known: host",
        "currency: must be a currency of three capital letters",
        "models: must be a list of at least one entry",
        "windows.minutes:",
        "there is no 'nothing' (there are: ai_requests",
        "ai_requests must lie in 0.2..15 seconds, not 60",
        "text: unknown key (known: deployment, intervals, core, ai",
    ):
        assert part in told, part


@pytest.mark.parametrize(
    "address",
    [
        f"mysql://u:{SECRET}@db/main",
        f"postgresql://u:{SECRET}@db",
        f"postgresql://u:{SECRET}@db:port/main",
        f"postgresql://u:{SECRET}@[::1/main",
        f"postgresql:///main?password={SECRET}",
        SECRET,
    ],
)
def test_an_address_that_is_none_is_refused_without_being_quoted(address: str) -> None:
    assert "not an address of the form postgresql://" in problems({"DATABASE_URL": address})


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("postgresql://u@h/d", {"host": "h", "port": 5432, "user": "u", "dbname": "d"}),
        ("postgres://u@[::1]:6000/d", {"host": "::1", "port": 6000}),
        ("postgresql+psycopg2://u%40x@h/my%20d", {"user": "u@x", "dbname": "my d"}),
        ("postgresql+asyncpg://u@h/d?ssl=true", {"sslmode": "require"}),
        ("postgresql+asyncpg://u@h/d?ssl=disable&application_name=x", {"sslmode": "disable"}),
        (
            "postgresql://u@h/d?sslmode=verify-full&sslrootcert=/ca.crt",
            {"sslmode": "verify-full", "ca_file": "/ca.crt"},
        ),
    ],
)
def test_an_address_is_taken_apart(address: str, parts: dict[str, Any]) -> None:
    found = parts_of(address)
    assert {key: found[key] for key in parts} == parts


def test_a_password_of_signs_survives_the_address() -> None:
    assert parts_of("postgresql://u:p%40ss%2F%3Aw%25rd@h/d")["password"].get_secret_value() == "p@ss/:w%rd"


def test_two_databases_are_told_apart() -> None:
    made = SigmaSightSettings(core=CORE, ai=AI)
    assert made.ai_database.user == "observer_ai"
    with pytest.raises(ValueError, match="is what unknown label values become"):
        SigmaSightSettings(core=CORE, deployment="other")


def test_prices_that_went_bad_are_told_when_they_are_read(tmp_path: Path) -> None:
    file = tmp_path / "prices.yml"
    file.write_text("currency: USD\nmodels: [{model: a, prices: [{valid_from: 2026-01-01, input: 1, output: 2}]}]")
    made = SigmaSightSettings(core=CORE, prices_file=file)
    file.write_text("")
    with pytest.raises(ConfigError, match="must be a mapping"):
        sources(made, bytes(32))


READER = {"user": "reader", "password_file": "/run/secrets/words"}


def test_each_database_names_who_reads_its_words(tmp_path: Path) -> None:
    both = """systems: {sigmasight: {core: {host: a, dbname: c, user: o, text: {user: r, password_file: p}},
                ai: {host: a, dbname: i, user: o, text: {user: s, password_file: q, sslmode: disable}}}}"""
    made = loaded({}, written(tmp_path, both))
    assert made.core.text is not None
    assert made.ai_database.text is not None
    assert (made.core.text.user, made.core.text.sslmode, made.core.text.ca_file) == ("r", "require", None)
    assert (made.ai_database.text.user, made.ai_database.text.sslmode) == ("s", "disable")
    # Grafana opens the file, where Grafana is.
    assert not made.core.text.password_file.exists()


@pytest.mark.parametrize("half", ["core", "ai"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ({"password_file": "/p"}, "text.user"),
        ({"user": "r"}, "text.password_file"),
        ({**READER, "user": "observer"}, "the exporter's must not read words"),
        ({**READER, "sslmode": "prefer"}, "text.sslmode"),
        ({**READER, "sslmode": "verify-full"}, "needs a ca_file"),
        ({**READER, "password": SECRET}, "unknown key"),
        (True, "text"),
    ],
)
def test_an_account_for_words_that_nobody_could_use_is_refused(
    tmp_path: Path, half: str, text: Any, problem: str
) -> None:
    given = {"core": dict(CORE), "ai": {**AI, "user": "observer"}}
    given[half]["text"] = text
    file = written(tmp_path, json.dumps({"systems": {"sigmasight": given}}))
    told = problems(file=file)
    assert problem in told
    assert f"{half}" in told


def test_the_address_of_a_back_end_lets_nobody_read_words() -> None:
    made = loaded({"DATABASE_URL": URL, "AI_DATABASE_URL": URL})
    assert made.core.text is None
    assert made.ai_database.text is None
