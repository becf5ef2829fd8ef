"""Basic authentication against bcrypt hashes, cheap for those who have been here before.

A bcrypt of cost 10 takes 54 ms of CPU; a scraper signs in every few seconds. So an answer is remembered, under a
hash keyed with a secret of this process, never under the password itself.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum

import bcrypt

_BCRYPT_BYTES = 72
"""bcrypt reads no further, in every implementation; Python's refuses longer passwords instead of ignoring the rest."""


class SignIn(Enum):
    """What became of a sign-in."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    BUSY = "busy"
    """Too many unknown passwords at once: ask again."""


class BasicAuth:
    """Checks `Authorization` headers. Safe from any thread.

    `waiting` bounds how many requests may be held up by bcrypt at a time: fewer than the server has threads, so
    that guessing passwords never keeps out those who know theirs.
    """

    def __init__(self, *, waiting: int, remembered_refusals: int = 256) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        # One at a time, so that guessing never takes more than one core.
        self._bcrypt = threading.Lock()
        self._places = threading.BoundedSemaphore(waiting)
        self._allowed: dict[str, bytes] = {}
        self._refused: OrderedDict[bytes, None] = OrderedDict()
        self._remembered_refusals = remembered_refusals

    def check(self, users: Mapping[str, str], authorization: str | None) -> SignIn:
        """Whether this header opens the door for one of `users` (name -> bcrypt hash). No users: always."""
        if not users:
            return SignIn.ALLOWED
        credentials = _credentials(authorization)
        if credentials is None:
            return SignIn.REFUSED
        user, password = credentials
        known = user in users
        # Nobody learns from the time taken whether a name exists: an unknown one is compared with the hash of a
        # user picked by the name, so even hashes of different costs show nothing.
        hashed = users[user] if known else list(users.values())[self._number(user) % len(users)]
        token = self._token(user, hashed, password)
        answer = self._recall(user, token)
        if answer is None:
            if not self._places.acquire(blocking=False):
                return SignIn.BUSY
            try:
                with self._bcrypt:
                    # Another thread may have found it out while this one waited.
                    answer = self._recall(user, token)
                    if answer is None:
                        answer = _matches(password, hashed) and known
                        self._remember(users, user, token, allowed=answer)
            finally:
                self._places.release()
        return SignIn.ALLOWED if answer else SignIn.REFUSED

    def _recall(self, user: str, token: bytes) -> bool | None:
        with self._lock:
            if hmac.compare_digest(self._allowed.get(user, b""), token):
                return True
            return False if token in self._refused else None

    def _remember(self, users: Mapping[str, str], user: str, token: bytes, *, allowed: bool) -> None:
        with self._lock:
            if allowed:
                # One place for each user, those of former users dropped: it cannot grow.
                self._allowed = {name: kept for name, kept in self._allowed.items() if name in users}
                self._allowed[user] = token
                return
            self._refused[token] = None
            if len(self._refused) > self._remembered_refusals:
                self._refused.popitem(last=False)

    def _token(self, user: str, hashed: str, password: bytes) -> bytes:
        # The hash is part of it: a changed password ends what was remembered for the old one.
        parts = (user.encode("utf-8", "surrogateescape"), hashed.encode(), password)
        return hmac.digest(self._key, b"".join(len(part).to_bytes(4, "big") + part for part in parts), "sha256")

    def _number(self, user: str) -> int:
        return int.from_bytes(hmac.digest(self._key, user.encode("utf-8", "surrogateescape"), "sha256")[:8], "big")


def _credentials(authorization: str | None) -> tuple[str, bytes] | None:
    """User and password of a Basic header (RFC 7617); None when it is none."""
    scheme, _, encoded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip().encode("latin-1"), validate=True).partition(b":")
    except (binascii.Error, UnicodeEncodeError):
        return None
    return (user.decode("utf-8", "surrogateescape"), password) if colon else None


def _matches(password: bytes, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password[:_BCRYPT_BYTES], hashed.encode())
    except ValueError:
        return False
