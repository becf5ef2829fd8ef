"""Canaries: a token of its own in every column that holds personal or free text, for a test to look for elsewhere."""

import random
from collections.abc import MutableMapping
from typing import Final

LONGEST_ADDRESS: Final = 45


class Canaries:
    """Plants `CANARY-<table.column>-<random>` and remembers column -> token in the mapping it was given.

    Without a mapping every method returns what it was given.
    """

    def __init__(self, tokens: MutableMapping[str, str] | None, rng: random.Random) -> None:
        self._tokens = tokens
        self._rng = rng

    @property
    def planted(self) -> bool:
        """Whether canaries are on."""
        return self._tokens is not None

    def token(self, column: str) -> str:
        """The column's token, made on first use; `""` when canaries are off."""
        if self._tokens is None:
            return ""
        if column not in self._tokens:
            self._tokens[column] = f"CANARY-{column}-{self._rng.getrandbits(48):012x}"
        return self._tokens[column]

    def text(self, column: str, text: str, limit: int | None = None) -> str:
        """`text` with the token in front, where no cut loses it; at most `limit` characters. Empty stays empty."""
        whole = f"{self.token(column)} {text}" if self.planted and text else text
        return whole[:limit]

    def word(self, column: str, text: str) -> str:
        """The token glued to `text`: for names that are one word and for the local part of an address."""
        return f"{self.token(column)}-{text}" if self.planted else text

    def code(self, column: str, real: str) -> str:
        """The token instead of `real`, cut to what an address may be long (45 characters)."""
        if self._tokens is None:
            return real
        self._tokens[column] = self.token(column)[-LONGEST_ADDRESS:]
        return self._tokens[column]
