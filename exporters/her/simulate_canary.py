"""Canaries: a token of its own in every free-text field, so that a leak test can look for each of them outside."""

import random
from collections.abc import MutableMapping


class Canaries:
    """Plants `CANARY-<field>-<random>` into texts and remembers field -> token in the mapping it was given.

    Without a mapping every method returns its text unchanged. Where a token in words cannot stand (numeric ids,
    secrets that must look real), the value itself is the canary and is remembered under the field's name.
    """

    def __init__(self, tokens: MutableMapping[str, str] | None, rng: random.Random) -> None:
        self._tokens = tokens
        self._rng = rng

    @property
    def planted(self) -> bool:
        """Whether canaries are on."""
        return self._tokens is not None

    def token(self, field: str) -> str:
        """The field's token, made on first use; `""` when canaries are off."""
        if self._tokens is None:
            return ""
        if field not in self._tokens:
            self._tokens[field] = f"CANARY-{field}-{self._rng.getrandbits(48):012x}"
        return self._tokens[field]

    def tail(self, field: str, text: str) -> str:
        """`text` with the token behind it: for texts whose beginning carries meaning. Empty texts stay empty."""
        return f"{text} {self.token(field)}" if self.planted and text else text

    def head(self, field: str, text: str, limit: int) -> str:
        """The first `limit` characters of `text` with the token in front, where no cut can lose it."""
        return f"{self.token(field)} {text}"[:limit] if self.planted and text else text[:limit]

    def word(self, field: str, text: str) -> str:
        """The token glued to `text` without a space: for names and ids that are one word."""
        return f"{text}-{self.token(field)}" if self.planted else text

    def value(self, field: str, real: str) -> str:
        """Remember `real` itself as the canary: ids made of digits, secrets that must look like secrets.

        One field keeps its first value, so that every occurrence of the field is covered by one entry.
        """
        if self._tokens is None:
            return real
        return self._tokens.setdefault(field, real)
