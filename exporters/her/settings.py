"""One deployment of HER: where its Redis is, how often to look, and which texts may leave it.

    systems:
      her:
        - deployment: home
          redis: {host: 192.168.1.20, username: observer, password_file: secrets/her_redis_password}
          workflow: {url: "ws://192.168.1.20:8081/ws/workflow"}
          http: {liveness: "http://192.168.1.20:8000"}
          postgres: {host: 192.168.1.20, user: observer, password_file: secrets/her_postgres_password}
          text: {logs: true}
          intervals: {logs: 1}

Without a configuration file HER's own variables suffice: REDIS_HOST, REDIS_PORT, REDIS_PASSWORD or REDIS_PASSWORD_FILE,
and REDIS_USERNAME for an account of our own; WORKFLOW_DEBUG_SERVER_HOST and _PORT for its debugger; POSTGRES_HOST,
POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, if its database is to be read
as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from exporters.core.credentials import (
    ExistingFile,
    SecretFile,
    certificate_and_key,
    current_password,
    no_clear_text,
    one_password,
)
from exporters.core.deployment import DeploymentSettings
from exporters.core.settings import Section
from exporters.her.intervals import INTERVALS
from exporters.readers.http_json import Address as HttpAddress
from exporters.readers.postgres_settings import PostgresSettings, TextAccountSettings
from exporters.readers.websocket import Address

DEBUGGER_PORT = "8081"


class TlsSettings(Section):
    """TLS to Redis. ca_file: the authority to trust instead of the system's. cert_file, key_file: our own certificate.

    verify: false trusts whoever answers, and sends the password to them.
    """

    enabled: bool = False
    ca_file: ExistingFile | None = None
    cert_file: ExistingFile | None = None
    key_file: ExistingFile | None = None
    verify: bool = True

    @model_validator(mode="after")
    def _whole(self) -> TlsSettings:
        certificate_and_key(self.cert_file, self.key_file)
        if not self.enabled and (self.ca_file or self.cert_file):
            msg = "files are given but enabled is false"
            raise ValueError(msg)
        return self


class RedisSettings(Section):
    """HER's Redis. password_file is read at every connect, so that a changed password needs no restart."""

    model_config = ConfigDict(hide_input_in_errors=True)

    host: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")
    port: int = Field(6379, ge=1, le=65535)
    db: int = Field(0, ge=0, le=65535)
    username: str | None = Field(None, min_length=1, max_length=256)
    password: SecretStr | None = Field(None, description="from the environment only")
    password_file: SecretFile | None = None
    tls: TlsSettings = TlsSettings()
    timeout_seconds: float = Field(3.0, ge=0.1, le=30)

    @field_validator("password", mode="before")
    @classmethod
    def _not_in_a_file(cls, given: object) -> object:
        return no_clear_text(given)

    @model_validator(mode="after")
    def _one_password(self) -> RedisSettings:
        one_password(self.password, self.password_file)
        if self.username is not None and self.password is None and self.password_file is None:
            msg = "a username without a password_file"
            raise ValueError(msg)
        return self

    def secret(self) -> str | None:
        """The password as it is now, None for none. Raises ConfigError if its file has become unreadable."""
        return current_password(self.password, self.password_file)


class WorkflowSettings(Section):
    """HER's workflow debugger, listened to as a fast path. It has no password and no TLS of its own.

    url: of its WebSocket; wss:// where a proxy before it speaks TLS. ca_file: that proxy's authority, instead of the
    system's.
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

    @model_validator(mode="after")
    def _of_use(self) -> WorkflowSettings:
        if self.ca_file is not None and not Address.of(self.url).tls:
            msg = "a ca_file is given, but the url is not wss://"
            raise ValueError(msg)
        return self


class HerPostgresSettings(PostgresSettings):
    """HER's PostgreSQL. memory_table: HER's MEMORY_COLLECTION_NAME, or a view over that table.

    memory_text: another account, for people who read memories in Grafana; off without it.
    """

    dbname: str = Field("her_memory", min_length=1, max_length=63)
    memory_table: str = Field("memories", pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    memory_text: TextAccountSettings | None = None

    @model_validator(mode="after")
    def _nobodys_else(self) -> HerPostgresSettings:
        if self.memory_text is not None and self.memory_text.user == self.user:
            msg = "memory_text has an account of its own: the exporter's must not read texts"
            raise ValueError(msg)
        return self


class HttpSettings(Section):
    """HER's HTTP ports, each looked at where its address is given: liveness (8000), debugger (8081), api (8082).

    An address is that of the port, `http://192.168.1.20:8082`; what is asked there is known. ca_file: the authority to
    trust, where something in front of HER speaks https. timeout_seconds: what one answer may take before it is busy.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    liveness: str | None = Field(None, max_length=500)
    debugger: str | None = Field(None, max_length=500)
    api: str | None = Field(None, max_length=500)
    ca_file: ExistingFile | None = None
    timeout_seconds: float = Field(5.0, ge=0.2, le=10)

    @field_validator("liveness", "debugger", "api")
    @classmethod
    def _an_address(cls, url: str | None) -> str | None:
        if url is not None:
            try:
                HttpAddress.of(url)
            except ValueError as error:
                msg = f"not {error}"
                raise ValueError(msg) from None
        return url

    @model_validator(mode="after")
    def _something(self) -> HttpSettings:
        if not self.urls:
            msg = "no address: give liveness, debugger or api, or leave out http"
            raise ValueError(msg)
        return self

    @property
    def urls(self) -> Mapping[str, str]:
        """Endpoint -> address, of those that are configured."""
        given = {"liveness": self.liveness, "debugger": self.debugger, "api": self.api}
        return {name: url for name, url in given.items() if url is not None}


class TextSettings(Section):
    """Which texts may leave HER, for the bucket `her_text`. All are redacted and cut; none is needed for any number.

    chats: what users write and HER answers. executions: commands and the end of their output. logs: log lines.
    decisions: HER's own sentences, plans and notes; with chats on, previews of replies too. workflow: prompts, plans,
    commands and outputs of workflow steps; with chats on, messages and replies too. Prompts quote chats and memories.
    """

    chats: bool = False
    executions: bool = False
    logs: bool = False
    decisions: bool = False
    workflow: bool = False


class HerSettings(DeploymentSettings):
    """One deployment."""

    declared_intervals = INTERVALS

    redis: RedisSettings
    postgres: HerPostgresSettings | None = None
    text: TextSettings = TextSettings()
    workflow: WorkflowSettings | None = None
    http: HttpSettings | None = None


def from_environment(environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """One deployment from HER's own variables; None without REDIS_HOST. An empty variable is no variable.

    PostgreSQL only where POSTGRES_HOST is set, with the names that HER assumes for its user and database.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    if "REDIS_HOST" not in given:
        return None
    names = {"host": "REDIS_HOST", "port": "REDIS_PORT", "username": "REDIS_USERNAME"}
    redis: dict[str, Any] = {key: given[name] for key, name in names.items() if name in given}
    # A password keeps the blanks around it.
    if "REDIS_PASSWORD" in given:
        redis["password"] = SecretStr(environment["REDIS_PASSWORD"])
    if "REDIS_PASSWORD_FILE" in given:
        redis["password_file"] = given["REDIS_PASSWORD_FILE"]
    url, postgres = _debugger_url(given), _postgres_from(given, environment)
    return {
        "redis": redis,
        **({"postgres": postgres} if postgres else {}),
        **({"workflow": {"url": url}} if url else {}),
    }


def _debugger_url(given: Mapping[str, str]) -> str:
    """Of HER's debugger by HER's own variables; empty where it is off, or where its address is `every interface`."""
    host = given.get("WORKFLOW_DEBUG_SERVER_HOST", "")
    off = given.get("WORKFLOW_DEBUG_SERVER_ENABLED", "true").lower() in {"0", "false", "no", "off"}
    if off or host in {"", "0.0.0.0", "::"}:  # noqa: S104 - what is refused here
        return ""
    shown = f"[{host}]" if ":" in host else host
    return f"ws://{shown}:{given.get('WORKFLOW_DEBUG_SERVER_PORT', DEBUGGER_PORT)}/ws/workflow"


def _postgres_from(given: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, Any] | None:
    if "POSTGRES_HOST" not in given:
        return None
    names = {"host": "POSTGRES_HOST", "port": "POSTGRES_PORT", "user": "POSTGRES_USER", "dbname": "POSTGRES_DB"}
    postgres: dict[str, Any] = {"user": "her"} | {key: given[name] for key, name in names.items() if name in given}
    if "MEMORY_COLLECTION_NAME" in given:
        postgres["memory_table"] = given["MEMORY_COLLECTION_NAME"]
    if "POSTGRES_PASSWORD" in given:
        postgres["password"] = SecretStr(environment["POSTGRES_PASSWORD"])
    if "POSTGRES_PASSWORD_FILE" in given:
        postgres["password_file"] = given["POSTGRES_PASSWORD_FILE"]
    return postgres
