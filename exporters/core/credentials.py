"""What a password, a secret's file and a certificate must be, wherever they stand in the settings.

Every function raises ValueError with what a person is to read, and never with the secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from exporters.core.errors import ConfigError
from exporters.core.settings import read_secret


def no_clear_text(given: object) -> object:
    """A password as the environment gives it; none that stands in a file of settings."""
    if given is not None and not isinstance(given, SecretStr):
        msg = "a password does not stand in the configuration; put it into a file and name that in password_file"
        raise ValueError(msg)
    return given


def one_password(password: SecretStr | None, file: Path | None) -> None:
    """At most one of both."""
    if password is not None and file is not None:
        msg = "a password and a password_file are given; which of them is meant?"
        raise ValueError(msg)


def current_password(password: SecretStr | None, file: Path | None) -> str | None:
    """The password as it is now, None for none. Raises ConfigError if its file has become unreadable."""
    if file is not None:
        return read_secret(file).get_secret_value()
    return password.get_secret_value() if password else None


def _readable(path: Path) -> Path:
    try:
        read_secret(path)
    except ConfigError as error:
        raise ValueError("; ".join(error.problems)) from None
    return path


def _existing(path: Path) -> Path:
    if not path.is_file():
        msg = f"{path}: no such file"
        raise ValueError(msg)
    return path


SecretFile = Annotated[Path, AfterValidator(_readable)]
"""A file that a secret can be read from."""

ExistingFile = Annotated[Path, AfterValidator(_existing)]
"""A file that is there."""


def certificate_and_key(certificate: Path | None, key: Path | None) -> None:
    """Both or none."""
    if (certificate is None) != (key is None):
        msg = "cert_file and key_file go together"
        raise ValueError(msg)


def verifiable(sslmode: str, authority: Path | None) -> None:
    """Who is to verify a server must know by whom."""
    if sslmode.startswith("verify") and authority is None:
        msg = f"sslmode {sslmode} needs a ca_file"
        raise ValueError(msg)
