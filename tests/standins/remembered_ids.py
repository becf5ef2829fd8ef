"""The ids of a stream that remembers, without a state file."""

from __future__ import annotations

from collections.abc import Sequence


class RememberedIds(dict[bytes, int]):
    """A `SeenIds`: hash of an id -> time of its record."""

    def among(self, hashes: Sequence[bytes]) -> set[bytes]:
        return {hashed for hashed in hashes if hashed in self}

    def oldest(self) -> int | None:
        return min(self.values(), default=None)
