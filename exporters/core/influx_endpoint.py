"""Where InfluxDB is and how to be let in. The token lives in a file and is read anew for every connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exporters.core.errors import ConfigError, ObservatoryError

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient


class TokenUnreadable(ObservatoryError):  # noqa: N818 - a state, like SourceDown
    """The token file cannot be read or holds no token. The text names the file, never its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxEndpoint:
    """One InfluxDB 2 server and organisation.

    url: http(s)://host[:port][/path] without user or password. Timeouts in seconds, each for one wait on the network.
    ca_file: own certificate authority. cert_file, key_file: client certificate.
    """

    url: str
    org: str
    token_file: Path
    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises ConfigError listing every problem."""
        problems: list[str] = []
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            problems.append("influxdb: url is http://host:port or https://host:port")
        if parts.username is not None or parts.password is not None:
            problems.append("influxdb: url holds a user or password; the token belongs in a file")
        if parts.query or parts.fragment:
            problems.append("influxdb: url has no query and no fragment")
        if not self.org:
            problems.append("influxdb: org is empty")
        if min(self.connect_timeout, self.read_timeout) <= 0:
            problems.append("influxdb: a timeout is more than 0 seconds")
        if problems:
            raise ConfigError(problems)

    def token(self) -> str:
        """The token, fresh from its file. Raises TokenUnreadable."""
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{self.token_file}: {type(error).__name__}"
            raise TokenUnreadable(msg) from None
        # Anything else cannot stand in a header, and http.client would quote it in its error.
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            msg = f"{self.token_file}: holds no token"
            raise TokenUnreadable(msg)
        return token

    @contextmanager
    def client(self) -> Iterator[InfluxDBClient]:
        """A connected influxdb-client for the length of a block. Raises TokenUnreadable."""
        client = self.open()
        try:
            yield client
        finally:
            client.close()  # type: ignore[no-untyped-call]

    def open(self) -> InfluxDBClient:
        """An influxdb-client with a pool of its own, to be closed by the caller. Raises TokenUnreadable."""
        # Imported here: it takes 0.3 s, and a host agent without InfluxDB needs none of it.
        from influxdb_client.client.influxdb_client import InfluxDBClient

        return InfluxDBClient(
            url=self.url,
            token=self.token(),
            org=self.org,
            timeout=(round(self.connect_timeout * 1000), round(self.read_timeout * 1000)),
            ssl_ca_cert=str(self.ca_file) if self.ca_file else None,
            cert_file=str(self.cert_file) if self.cert_file else None,
            cert_key_file=str(self.key_file) if self.key_file else None,
            connection_pool_maxsize=1,
        )
