"""A real InfluxDB 2 on loopback, from the `influxd` on PATH or a release that was fetched."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_setup import FOREVER, WantedBucket, WantedToken, set_up
from exporters.demo.loopback import answers, request
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server, ServerError
from exporters.demo.secret import generated, write_private

ORGANISATION = "observatory"


class InfluxDB(Server):
    """influxd in `folder`. The operator's token, which may do everything, is made by `first_user` in `token_file`."""

    def __init__(self, program: Path, folder: Path, port: int, *, token_file: Path, name: str = "InfluxDB") -> None:
        self.port = port
        self.token_file = token_file
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            name,
            [
                program,
                "--http-bind-address",
                f"{LOOPBACK}:{port}",
                "--bolt-path",
                folder / "influxd.bolt",
                "--sqlite-path",
                folder / "influxd.sqlite",
                "--engine-path",
                folder / "engine",
                # Without it, it reports to its vendor.
                "--reporting-disabled",
            ],
            log=folder / "influxd.log",
            ready=answers(port, "/health"),
            # It reads INFLUXD_* as flags; HOME is where it would put a configuration of its own.
            env={"HOME": str(folder), **{key: None for key in os.environ if key.startswith("INFLUXD_")}},
        )

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def endpoint(self) -> InfluxEndpoint:
        """The operator's access."""
        return InfluxEndpoint(url=self.address, org=ORGANISATION, token_file=self.token_file)

    def first_user(self, bucket: str = "first", retention_seconds: int = FOREVER) -> None:
        """Make the user `admin`, the organisation and its first bucket, unless that was done before.

        Made up, each in a file of mode 0600: the token in `token_file`, the password in influxdb_password beside it.
        Raises ServerError with InfluxDB's reason.
        """
        if not request(self.port, "/api/v2/setup").json()["allowed"]:
            if not self.token_file.exists():
                message = f"{self.name} was set up before, and its token is not in {self.token_file}"
                raise ServerError(message)
            return
        token = secrets.token_urlsafe(32)
        document = {
            "username": "admin",
            "password": generated(self.token_file.with_name("influxdb_password")),
            "org": ORGANISATION,
            # It insists on a bucket to begin with.
            "bucket": bucket,
            "retentionPeriodSeconds": retention_seconds,
            "token": token,
        }
        answer = request(self.port, "/api/v2/setup", method="POST", body=json.dumps(document))
        if answer.status != http.client.CREATED:
            # Its reason alone, not the whole answer, which may repeat what was sent.
            message = f"{self.name}: set-up answered {answer.status}: {answer.json().get('message', '')}"
            raise ServerError(message)
        write_private(self.token_file, token)

    def make(self, buckets: Sequence[WantedBucket], tokens: Sequence[WantedToken] = ()) -> None:
        """The first user, then these buckets and tokens, as far as they are missing."""
        self.first_user(buckets[0].name, buckets[0].retention)
        set_up(self.endpoint, buckets, tokens)


def is_version_1(program: Path) -> bool:
    """Whether `influxd` is of InfluxDB 1, as Debian's own package: it has neither Flux buckets nor these flags."""
    said = subprocess.run(
        [program, "version"], capture_output=True, text=True, timeout=20, check=False, start_new_session=True
    )
    return " v1." in said.stdout
