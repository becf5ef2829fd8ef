"""A place in a list as a JSON value, and the keyed hashes it is made of.

    {"v": 1, "h": "<base64: 16 bytes per entry, newest first>", "n": 50, "p": 0, "c": {"her:metrics:messages": 5274}}

No text of any entry is in it: a hash keyed with a secret says nothing to who has the state file alone.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import blake2b

from exporters.core.contract import Json
from exporters.core.errors import StreamError
from exporters.readers.list_alignment import HASH_BYTES
from exporters.readers.list_place import Place

VERSION = 1
_LONGEST_KEY = 64  # what BLAKE2b takes


class RecordHash:
    """Hashes of 16 bytes, keyed. key: at least 16 bytes (ValueError). person: sets apart hashes of different things."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes, person: bytes = b"list entry") -> None:
        if len(key) < HASH_BYTES:
            msg = f"hash key of {len(key)} bytes; at least {HASH_BYTES} are needed"
            raise ValueError(msg)
        key = key if len(key) <= _LONGEST_KEY else blake2b(key).digest()
        self._keyed = blake2b(digest_size=HASH_BYTES, key=key, person=person)

    def __call__(self, raw: bytes) -> bytes:
        """The hash of one entry."""
        keyed = self._keyed.copy()  # the key's own block is hashed once, not once per entry
        keyed.update(raw)
        return keyed.digest()


def encode(place: Place) -> Json:
    """The place as a JSON value."""
    value: dict[str, Json] = {
        "v": VERSION,
        "h": b64encode(b"".join(place.hashes)).decode("ascii"),
        "n": place.length,
        "p": place.pending,
    }
    if place.counters:
        value["c"] = dict(place.counters)
    if place.unsettled and place.pending:
        value["u"] = sorted(place.unsettled)
    return value


def decode(cursor: Json) -> Place | None:
    """The place a cursor holds; None for None. StreamError if another version of this program wrote it."""
    if cursor is None:
        return None
    if not isinstance(cursor, dict) or cursor.get("v") != VERSION:
        raise StreamError("defect", "the cursor is of another version of this program")
    joined = b64decode(cursor["h"])
    hashes = tuple(joined[start : start + HASH_BYTES] for start in range(0, len(joined), HASH_BYTES))
    return Place(hashes, cursor["n"], cursor["p"], cursor.get("c", {}), frozenset(cursor.get("u", ())))
