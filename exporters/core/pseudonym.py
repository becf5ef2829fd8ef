"""Keyed hashes in place of ids: the same id is the same hash, and without the key nobody can say whose it is.

    Pseudonyms(key).of("5551001")  ->  16 hexadecimal digits (BLAKE2b, keyed, 8 bytes)

An unkeyed hash would be no disguise: there are few enough Telegram ids to try them all.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from exporters.core.errors import ConfigError

DIGEST_BYTES = 8
SHORTEST_KEY = 16
_LONGEST_KEY = 64  # what BLAKE2b takes
_SHORTEST_NAME = 4  # a shorter id would be found inside ordinary words

# Not part of a hash, nor the fraction of a number. Underscores may touch it: ids stand inside the names of tasks.
_NUMERIC_ID = r"(?<![0-9A-Za-z.])[0-9]{6,}(?![0-9A-Za-z])"


class Pseudonyms:
    """Keyed hashes of ids. key: the state directory's hash key, 16 bytes or more (ConfigError otherwise)."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < SHORTEST_KEY:
            raise ConfigError([f"hash key: {len(key)} bytes; at least {SHORTEST_KEY} are needed"])
        self._key = key if len(key) <= _LONGEST_KEY else blake2b(key).digest()

    def of(self, value: str) -> str:
        """16 hexadecimal digits for an id or a name; an empty one stays empty."""
        if not value:
            return ""
        return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES, key=self._key).hexdigest()

    def disguise(self, text: str, known: str = "") -> str:
        """The text with ids replaced by `id:<hash>`: the known one, and every number of six or more digits.

        The hash of a number is the hash of its digits, the same as the tag `user` of the same person.
        """
        pattern = f"{re.escape(known)}|{_NUMERIC_ID}" if len(known) >= _SHORTEST_NAME else _NUMERIC_ID
        return re.sub(pattern, lambda found: f"id:{self.of(found[0])}", text)
