"""One deployment of SigmaSight: its two databases, the prices of its models, and how far back to look for late rows.

    systems:
      sigmasight:
        - deployment: home
          core: {host: db.example, dbname: sigmasight, user: observer, password_file: secrets/sigmasight_core}
          ai: {host: ai.example, dbname: sigmasight_ai, user: observer, password_file: secrets/sigmasight_ai}
          prices_file: prices.yml
          backend: {url: "http://sigmasight.example:8000"}
          log: {path: /var/log/sigmasight/app.log}

Each database may name one more account, with which people read words in the restricted Grafana:

          core: {host: …, text: {user: reader, password_file: /run/secrets/sigmasight_core_text}}

Without `ai` both are one database, as SigmaSight itself has it. Without a configuration file SigmaSight's own variables
suffice: DATABASE_URL, and AI_DATABASE_URL where there are two, as its back end writes them (`postgresql+asyncpg://…`),
but with an account that can only read. A password may stand in a file of its own instead: DATABASE_PASSWORD_FILE,
AI_DATABASE_PASSWORD_FILE. SIGMASIGHT_PRICES_FILE names the price table, SIGMASIGHT_BACKEND_URL the back end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from exporters.core.credentials import ExistingFile
from exporters.core.deployment import DeploymentSettings
from exporters.core.errors import ConfigError
from exporters.core.prices import PriceTable
from exporters.core.prices_file import read_prices
from exporters.core.settings import Section
from exporters.readers.http_json import Address
from exporters.readers.postgres_settings import PostgresSettings, TextAccountSettings
from exporters.sigmasight.intervals import INTERVALS


class DatabaseSettings(PostgresSettings):
    """One of its databases. text: another account, for people who read words in Grafana; off without it."""

    text: TextAccountSettings | None = None

    @model_validator(mode="after")
    def _an_account_of_its_own(self) -> DatabaseSettings:
        if self.text is not None and self.text.user == self.user:
            msg = "text has an account of its own: the exporter's must not read words"
            raise ValueError(msg)
        return self


class WindowSettings(Section):
    """How far back rows are looked for that became visible after their own time.

    minutes: at each read, for transactions that took that long. hours: every five minutes, for clocks that are behind:
    a back end whose zone is east of UTC writes its rows up to 14 hours in the past. Rows that come even later are not
    found.
    """

    minutes: float = Field(10.0, ge=1, le=120)
    hours: float = Field(24.0, ge=6, le=168)

    @property
    def narrow(self) -> timedelta:
        """The look back of each read."""
        return timedelta(minutes=self.minutes)

    @property
    def wide(self) -> timedelta:
        """The look back of each audit."""
        return timedelta(hours=self.hours)


class BackendSettings(Section):
    """Its back end, whose health endpoints are asked. url: `http://host:8000`, with or without /api/v1.

    ca_file: the authority to trust, where something in front of it speaks https.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(max_length=500)
    ca_file: ExistingFile | None = None

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        try:
            Address.of(url)
        except ValueError as error:
            msg = f"not {error}"
            raise ValueError(msg) from None
        return url


class LogSettings(Section):
    """Its log file. path: absolute; it may be missing, and appear later. text: keep its lines, redacted, for the bucket
    `sigmasight_text`, which only the restricted Grafana reads.
    """

    path: Path
    text: bool = False


class SigmaSightSettings(DeploymentSettings):
    """One deployment."""

    declared_intervals = INTERVALS

    core: DatabaseSettings
    ai: DatabaseSettings | None = None
    prices_file: Path | None = None
    backend: BackendSettings | None = None
    log: LogSettings | None = None
    windows: WindowSettings = WindowSettings()

    @field_validator("prices_file")
    @classmethod
    def _is_a_price_table(cls, path: Path | None) -> Path | None:
        if path is not None:
            try:
                read_prices(path)
            except ConfigError as error:
                raise ValueError("; ".join(error.problems)) from None
        return path

    @property
    def ai_database(self) -> DatabaseSettings:
        """The AI database: the core one where there is one for both."""
        return self.ai or self.core

    def prices(self) -> PriceTable | None:
        """The price table as its file is now; None without one. ConfigError with every problem."""
        return None if self.prices_file is None else read_prices(self.prices_file)


def from_environment(environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """One deployment from SigmaSight's own variables; None without DATABASE_URL. An empty variable is no variable."""
    core = _database(environment, "DATABASE")
    if core is None:
        return None
    found: dict[str, Any] = {"core": core}
    if (ai := _database(environment, "AI_DATABASE")) is not None:
        found["ai"] = ai
    if prices := environment.get("SIGMASIGHT_PRICES_FILE", "").strip():
        found["prices_file"] = prices
    if url := environment.get("SIGMASIGHT_BACKEND_URL", "").strip():
        found["backend"] = {"url": url}
    return found


def _database(environment: Mapping[str, str], prefix: str) -> dict[str, Any] | None:
    address = environment.get(f"{prefix}_URL", "").strip()
    if not address:
        return None
    found: dict[str, Any] = {"address": SecretStr(address)}
    if password_file := environment.get(f"{prefix}_PASSWORD_FILE", "").strip():
        found["password_file"] = password_file
    return found
