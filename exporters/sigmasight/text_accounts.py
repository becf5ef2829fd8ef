"""The two databases, as the accounts for words reach them; for commands that people give, never for the exporter."""

from __future__ import annotations

from pydantic import ValidationError

from exporters.core.errors import ConfigError
from exporters.readers.postgres_settings import PostgresSettings, TextAccountSettings
from exporters.sigmasight.settings import DatabaseSettings, SigmaSightSettings


def text_databases(settings: SigmaSightSettings) -> tuple[PostgresSettings, PostgresSettings]:
    """(core, ai). Where one database is both, so is its account.

    Raises ConfigError for a database without such an account, and for a password that cannot be read here.
    """
    sides = {"core": settings.core, **({} if settings.ai is None else {"ai": settings.ai})}
    found: dict[str, PostgresSettings] = {}
    problems: list[str] = []
    for side, database in sides.items():
        place = f"sigmasight, deployment {settings.deployment}, {side}.text"
        if database.text is None:
            problems.append(
                f"{place}: no account; words are read with one of their own, and with no other:"
                " exporters/sigmasight/README.md says how it is made"
            )
            continue
        try:
            found[side] = _as_reader(database, database.text)
        except ValidationError as error:
            problems += [f"{place}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()]
    if problems:
        raise ConfigError(problems)
    return found["core"], found.get("ai", found["core"])


def _as_reader(database: DatabaseSettings, account: TextAccountSettings) -> PostgresSettings:
    """Nothing of the other account: neither its password nor its certificate."""
    return PostgresSettings(
        host=database.host,
        port=database.port,
        dbname=database.dbname,
        user=account.user,
        password_file=account.password_file,
        sslmode=account.sslmode,
        ca_file=account.ca_file,
        timeout_seconds=database.timeout_seconds,
    )
