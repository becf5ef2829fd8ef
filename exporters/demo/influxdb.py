"""A real InfluxDB 2 on loopback, from the `influxd` on PATH or a release that was fetched."""

from __future__ import annotations

import http.client
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exporters.demo.loopback import Answer, answers, request
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server, ServerError
from exporters.demo.secret import generated, write_private

ORGANISATION = "observatory"


class InfluxDB(Server):
    """influxd in `folder`. After `set_up`, `token` is the operator's and may do everything."""

    def __init__(self, program: Path, folder: Path, port: int, *, name: str = "InfluxDB") -> None:
        self.port = port
        self.token = ""
        self._organisation_id = ""
        self._folder = folder
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

    def set_up(self, token_file: Path, *, buckets: Sequence[str] = ()) -> None:
        """Make the first user, the organisation and `buckets`, once; the operator's token goes to `token_file`.

        The user's password goes beside it. Raises ServerError with InfluxDB's reason.
        """
        password_file = token_file.with_name("influxdb_password")
        if request(self.port, "/api/v2/setup").json()["allowed"]:
            self.token = write_private(token_file, secrets.token_urlsafe(32)).read_text()
            self._post(
                "setup",
                {
                    "username": "admin",
                    "password": generated(password_file),
                    "org": ORGANISATION,
                    # It wants a bucket to begin with; nothing is ever written there.
                    "bucket": "unused",
                    "token": self.token,
                },
            )
        elif token_file.exists():
            self.token = token_file.read_text().strip()
        else:
            message = f"{self.name} was set up before, and its token is not in {token_file}"
            raise ServerError(message)
        self._organisation_id = self._get("orgs", org=ORGANISATION)["orgs"][0]["id"]
        for bucket in buckets:
            self.bucket(bucket)

    def bucket(self, name: str, *, retention_seconds: int = 0) -> str:
        """The id of the bucket `name`; makes it if there is none. Retention 0 keeps for ever."""
        answer = self._call("GET", "buckets", query={"name": name, "org": ORGANISATION})
        # Asked for one bucket by name, it may answer 404 instead of an empty list.
        found = [] if answer.status == http.client.NOT_FOUND else self._checked(answer, "buckets")["buckets"]
        if found:
            return str(found[0]["id"])
        rules = [{"type": "expire", "everySeconds": retention_seconds}] if retention_seconds else []
        made = self._post("buckets", {"orgID": self._organisation_id, "name": name, "retentionRules": rules})
        return str(made["id"])

    def token_for(self, file: Path, description: str, *, read: Sequence[str] = (), write: Sequence[str] = ()) -> Path:
        """A token that may only read and write the buckets named, in `file`. It is shown once, so an old file stays."""
        if file.exists():
            return file
        permissions = [
            {"action": action, "resource": {"type": "buckets", "id": self.bucket(name), "orgID": self._organisation_id}}
            for action, names in (("read", read), ("write", write))
            for name in names
        ]
        made = self._post(
            "authorizations",
            {"orgID": self._organisation_id, "description": description, "permissions": permissions},
        )
        return write_private(file, str(made["token"]))

    def _get(self, path: str, **query: str) -> Any:
        return self._checked(self._call("GET", path, query=query), path)

    def _post(self, path: str, document: dict[str, Any]) -> Any:
        return self._checked(self._call("POST", path, body=json.dumps(document)), path)

    def _call(self, method: str, path: str, *, query: dict[str, str] | None = None, body: str | None = None) -> Answer:
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        return request(self.port, f"/api/v2/{path}", method=method, query=query, headers=headers, body=body)

    def _checked(self, answer: Answer, path: str) -> Any:
        if answer.status >= http.client.BAD_REQUEST:
            message = f"{self.name}: /api/v2/{path} answered {answer.status}: {answer.text.strip()[:300]}"
            raise ServerError(message)
        return answer.json()
