"""One PostgreSQL in the settings: where it is, who asks, and how. Nothing here loads libpq.

An account is given part by part, or by the watched system's own address, from the environment alone:

    postgresql+asyncpg://observer:secret@db.example:5432/main?ssl=require
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from exporters.core.credentials import (
    ExistingFile,
    SecretFile,
    certificate_and_key,
    current_password,
    no_clear_text,
    one_password,
    verifiable,
)
from exporters.core.settings import Section

DEFAULT_PORT = 5432
_SCHEMES = ("postgresql", "postgres")
_FROM_QUERY = {
    "sslmode": "sslmode",
    "ssl": "sslmode",
    "sslrootcert": "ca_file",
    "sslcert": "cert_file",
    "sslkey": "key_file",
}
_SSL_WORDS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
"""What drivers other than libpq take for `ssl`."""


class TextAccountSettings(Section):
    """The account through which the restricted Grafana reads texts word for word. The exporter never uses it.

    password_file, ca_file: as Grafana has them, and so not looked at here. sslmode: Grafana knows no `prefer`.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    user: str = Field(min_length=1, max_length=63)
    password_file: Path
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "require"
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> TextAccountSettings:
        verifiable(self.sslmode, self.ca_file)
        return self


class PostgresSettings(Section):
    """One database, with an account that may read a few columns. password_file is read at every connect.

    sslmode: in libpq's words; only `verify-full` knows whom it talks to. ca_file: the authority to trust.
    timeout_seconds: what one query may take.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    host: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")
    port: int = Field(DEFAULT_PORT, ge=1, le=65535)
    dbname: str = Field(min_length=1, max_length=63)
    user: str = Field(min_length=1, max_length=63)
    password: SecretStr | None = Field(None, description="from the environment only")
    password_file: SecretFile | None = None
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    ca_file: ExistingFile | None = None
    cert_file: ExistingFile | None = None
    key_file: ExistingFile | None = None
    timeout_seconds: float = Field(5.0, ge=0.5, le=30)

    @model_validator(mode="before")
    @classmethod
    def _from_address(cls, given: Any) -> Any:
        """An address is a SecretStr, which no file can hold: in a file it would be a password in clear text."""
        if not isinstance(given, Mapping) or not isinstance(given.get("address"), SecretStr):
            return given
        parts = parts_of(given["address"].get_secret_value())
        others = {key: value for key, value in given.items() if key != "address"}
        if "password_file" in others:
            parts.pop("password", None)
        return parts | others

    @field_validator("password", mode="before")
    @classmethod
    def _not_in_a_file(cls, given: object) -> object:
        return no_clear_text(given)

    @model_validator(mode="after")
    def _whole(self) -> PostgresSettings:
        one_password(self.password, self.password_file)
        certificate_and_key(self.cert_file, self.key_file)
        verifiable(self.sslmode, self.ca_file)
        return self

    def secret(self) -> str | None:
        """The password as it is now, None for none. Raises ConfigError if its file has become unreadable."""
        return current_password(self.password, self.password_file)


def parts_of(address: str) -> dict[str, Any]:
    """The parts of an address as libpq and SQLAlchemy write it. ValueError, which never quotes it, if it is none."""
    try:
        split = urlsplit(address.strip())
        scheme, _, _driver = split.scheme.partition("+")
        # Taken apart here: urlsplit finds the last `@`, and says no word about what stands in a bad port.
        found = {"host": split.hostname, "port": split.port, "user": split.username, "password": split.password}
        query = parse_qs(split.query)
    except ValueError:
        raise ValueError(_NO_ADDRESS) from None
    if scheme not in _SCHEMES or not found["host"] or not split.path.strip("/"):
        raise ValueError(_NO_ADDRESS)
    parts: dict[str, Any] = {key: unquote(value) for key, value in found.items() if isinstance(value, str) and value}
    parts |= {"port": found["port"] or DEFAULT_PORT, "dbname": unquote(split.path.strip("/"))}
    if "password" in parts:
        parts["password"] = SecretStr(parts["password"])
    for name, key in _FROM_QUERY.items():
        if name in query:
            parts[key] = query[name][-1]
    if "sslmode" in parts:
        parts["sslmode"] = _SSL_WORDS.get(parts["sslmode"].lower(), parts["sslmode"])
    return parts


_NO_ADDRESS = "not an address of the form postgresql://user:password@host:port/database"
