"""What a model's tokens cost: prices per million tokens, each valid from a moment until the next one.

    table.price("example-large", at)          ->  Price, or why there is none
    price.cost(input_tokens=1200, output_tokens=80)  ->  Cost("USD", Decimal("0.0030"), Decimal("0.0008"))

A call is priced at its own time. Nothing is guessed: a model without a price, or one whose first price is younger than
the call, has none. All arithmetic is in Decimal and exact; `prices_file` reads a table from YAML.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal, get_args

MissingPrice = Literal["no_table", "unknown_model", "before_first_price"]
"""Why a call has no price: nobody gave prices; none for this model; none that was valid yet."""

MISSING_PRICES: tuple[str, ...] = get_args(MissingPrice)

MILLION_DIGITS = 6
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call cost, in `currency`. input: with what was read from the provider's cache."""

    currency: str
    input: Decimal
    output: Decimal

    @property
    def total(self) -> Decimal:
        """Both together."""
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of a million tokens, in `currency`, from `valid_from` (aware) on.

    cached_input: of input tokens that the provider had in its cache; None: as any other.
    """

    valid_from: datetime
    currency: str
    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None

    def cost(self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Cost:
        """The cost of one call. cached_tokens: how many of the input tokens came from the provider's cache.

        ValueError for fewer than no tokens, or more cached ones than there are.
        """
        if output_tokens < 0 or not 0 <= cached_tokens <= input_tokens:
            msg = "tokens are counted from zero, and cached ones are part of the input"
            raise ValueError(msg)
        cached = self.input if self.cached_input is None else self.cached_input
        read = (input_tokens - cached_tokens) * self.input + cached_tokens * cached
        return Cost(self.currency, read.scaleb(-MILLION_DIGITS), (output_tokens * self.output).scaleb(-MILLION_DIGITS))


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one model, by ascending `valid_from`."""

    steps: tuple[Price, ...]
    _begins: tuple[datetime, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        begins = tuple(step.valid_from for step in self.steps)
        if not begins or list(begins) != sorted(set(begins)):
            msg = "prices of a model begin at different moments, in ascending order"
            raise ValueError(msg)
        object.__setattr__(self, "_begins", begins)

    def at(self, moment: datetime) -> Price | None:
        """The price that is valid at this moment, its first one included; None before the first."""
        index = bisect_right(self._begins, moment)
        return self.steps[index - 1] if index else None


class PriceTable:
    """Prices by the model's exact name, else by the first of the patterns (`*`, `?`, `[…]`) that fits it."""

    def __init__(self, models: Mapping[str, Prices], patterns: Sequence[tuple[str, Prices]] = ()) -> None:
        self._models = dict(models)
        self._patterns = tuple(patterns)
        # A model is named by every call; a pattern is tried once. Bounded, as names come from outside.
        self._found: dict[str, Prices | None] = {}

    def __len__(self) -> int:
        """How many names and patterns there are."""
        return len(self._models) + len(self._patterns)

    def price(self, model: str, at: datetime) -> Price | MissingPrice:
        """The price of this model for a call at this moment (aware), or why there is none."""
        prices = self._found.get(model) or self._prices(model)
        if prices is None:
            return "unknown_model"
        return prices.at(at) or "before_first_price"

    def changes(self, after: datetime, before: datetime) -> list[datetime]:
        """The moments between these two, without them, at which any price begins; in order."""
        every = (*self._models.values(), *(prices for _, prices in self._patterns))
        begins = {step.valid_from for prices in every for step in prices.steps}
        return sorted(moment for moment in begins if after < moment < before)

    def _prices(self, model: str) -> Prices | None:
        if model in self._found:
            return self._found[model]
        prices = self._models.get(model)
        if prices is None:
            prices = next((p for pattern, p in self._patterns if fnmatchcase(model, pattern)), None)
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[model] = prices
        return prices
