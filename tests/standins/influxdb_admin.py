"""Organisation, buckets and tokens of the InfluxDB stand-in, and as much of their API as setting them up needs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.standins.influxdb_store import Bucket

Permissions = frozenset[tuple[str, str]]
"""(read or write, bucket id)."""


class ApiError(Exception):
    """An answer that is an error: HTTP status, InfluxDB's code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Authorization:
    """A token. Permissions of the operator's are None: it may do everything."""

    id: str
    token: str
    description: str
    permissions: Permissions | None

    def may(self, action: str, bucket: Bucket) -> bool:
        return self.permissions is None or (action, bucket.id) in self.permissions


class Admin:
    """State of one organisation."""

    def __init__(self, org: str, token: str) -> None:
        self.org = org
        self.org_id = secrets.token_hex(8)
        self.buckets: dict[str, Bucket] = {}
        operator = Authorization(secrets.token_hex(8), token, "operator", None)
        self.authorizations: dict[str, Authorization] = {operator.id: operator}

    def create_bucket(self, name: str, retention_seconds: int, description: str = "") -> Bucket:
        if name in self.buckets:
            raise ApiError(422, "conflict", f"bucket with name {name} already exists")
        if retention_seconds and retention_seconds < 3600:
            raise ApiError(500, "internal error", "retention policy duration must be at least 1h0m0s")
        self.buckets[name] = Bucket(secrets.token_hex(8), name, retention_seconds, description)
        return self.buckets[name]

    def by_id(self, bucket_id: str) -> Bucket:
        for bucket in self.buckets.values():
            if bucket.id == bucket_id:
                return bucket
        raise ApiError(404, "not found", "bucket not found")

    def authorize(self, description: str, permissions: Permissions) -> Authorization:
        made = Authorization(secrets.token_hex(8), secrets.token_urlsafe(32), description, permissions)
        self.authorizations[made.id] = made
        return made

    def token_for(self, *, read: tuple[str, ...], write: tuple[str, ...]) -> str:
        wanted = [("read", name) for name in read] + [("write", name) for name in write]
        return self.authorize("", frozenset((action, self.buckets[name].id) for action, name in wanted)).token

    def authenticate(self, header: str) -> Authorization:
        scheme, _, token = header.partition(" ")
        for known in list(self.authorizations.values()):
            if scheme in {"Token", "Bearer"} and secrets.compare_digest(known.token, token):
                return known
        raise ApiError(401, "unauthorized", "unauthorized access")

    def to_write(self, query: Mapping[str, str], who: Authorization) -> Bucket:
        """The bucket a write request means."""
        if not query.get("org") and not query.get("orgID"):
            raise ApiError(400, "invalid", "Please provide either orgID or org")
        if query.get("org") != self.org and query.get("orgID") != self.org_id:
            raise ApiError(404, "not found", f'organization name "{query.get("org", "")}" not found')
        if not query.get("bucket"):
            raise ApiError(404, "not found", "bucket not found")
        bucket = self.buckets.get(query["bucket"])
        if bucket is None:
            raise ApiError(404, "not found", f'bucket "{query["bucket"]}" not found')
        if not who.may("write", bucket):
            raise ApiError(403, "forbidden", "insufficient permissions for write")
        return bucket


class Api:
    """/api/v2/orgs, /buckets and /authorizations."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def call(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, who: Authorization
    ) -> tuple[int, dict[str, Any] | None]:
        """Status and JSON document of the answer; None for no content."""
        sent = json.loads(body) if body else {}
        collection, _, item = path.removeprefix("/api/v2/").partition("/")
        if (method, collection) == ("GET", "buckets") and not item:
            return 200, self._list_buckets(query, who)
        if (method, collection) == ("GET", "orgs"):
            found = [] if who.permissions is not None else [{"id": self._admin.org_id, "name": self._admin.org}]
            return 200, {"orgs": found}
        if who.permissions is not None:
            raise ApiError(401, "unauthorized", "unauthorized access")
        if (method, collection) == ("POST", "buckets"):
            return 201, self._show(
                self._admin.create_bucket(sent["name"], _retention(sent), sent.get("description", ""))
            )
        if (method, collection) == ("PATCH", "buckets"):
            return 200, self._change_bucket(self._admin.by_id(item), sent)
        if (method, collection) == ("GET", "authorizations"):
            return 200, {
                "authorizations": [self._show_token(a, secret="") for a in self._admin.authorizations.values()]
            }
        if (method, collection) == ("POST", "authorizations"):
            wanted = frozenset((p["action"], p["resource"]["id"]) for p in sent["permissions"])
            made = self._admin.authorize(sent.get("description", ""), wanted)
            return 201, self._show_token(made, secret=made.token)
        if (method, collection) == ("DELETE", "authorizations"):
            if self._admin.authorizations.pop(item, None) is None:
                raise ApiError(404, "not found", "authorization not found")
            return 204, None
        raise ApiError(404, "not found", "path not found")

    def _list_buckets(self, query: Mapping[str, str], who: Authorization) -> dict[str, Any]:
        seen = [bucket for bucket in self._admin.buckets.values() if who.may("read", bucket)]
        named = [bucket for bucket in seen if query.get("name") in {None, bucket.name}]
        if "name" in query and not named and who.permissions is None:
            raise ApiError(404, "not found", f'bucket "{query["name"]}" not found')
        ids = [bucket.id for bucket in named]
        start = ids.index(query["after"]) + 1 if query.get("after") in ids else int(query.get("offset", 0))
        end = start + int(query.get("limit", 20))
        links = {"self": "/api/v2/buckets"} | ({"next": f"/api/v2/buckets?offset={end}"} if end < len(named) else {})
        return {"links": links, "buckets": [self._show(bucket) for bucket in named[start:end]]}

    def _change_bucket(self, bucket: Bucket, sent: dict[str, Any]) -> dict[str, Any]:
        rules = sent.get("retentionRules") or []
        if rules:  # an empty list changes nothing
            every = _retention(sent)
            shard = rules[0].get("shardGroupDurationSeconds")
            if every and shard != 0 and every < (shard or _shard_seconds(bucket.retention_seconds)):
                raise ApiError(
                    422,
                    "unprocessable entity",
                    "shard-group duration must also be updated to be smaller than new retention duration",
                )
            bucket.retention_seconds = every
        bucket.description = sent.get("description", bucket.description)
        return self._show(bucket)

    def _show(self, bucket: Bucket) -> dict[str, Any]:
        rules = [{"type": "expire", "everySeconds": bucket.retention_seconds}]
        return {
            "id": bucket.id,
            "orgID": self._admin.org_id,
            "type": "user",
            "name": bucket.name,
            # Left out where there is none.
            **({"description": bucket.description} if bucket.description else {}),
            "retentionRules": rules if bucket.retention_seconds else [],
        }

    def _show_token(self, authorization: Authorization, *, secret: str) -> dict[str, Any]:
        """The secret is shown once, in the answer that made it."""
        return {
            "id": authorization.id,
            "token": secret,
            "status": "active",
            "description": authorization.description,
            "orgID": self._admin.org_id,
            "permissions": [
                {"action": action, "resource": {"type": "buckets", "id": bucket_id, "orgID": self._admin.org_id}}
                for action, bucket_id in sorted(authorization.permissions or ())
            ],
        }


def _retention(sent: dict[str, Any]) -> int:
    rules = sent.get("retentionRules") or []
    return int(rules[0]["everySeconds"]) if rules else 0


def _shard_seconds(retention_seconds: int) -> int:
    """How long a shard of a bucket is, if nobody said."""
    day = 86_400
    if not retention_seconds or retention_seconds > 180 * day:
        return 7 * day
    return day if retention_seconds >= 2 * day else 3600
