"""A price table in YAML, read strictly: every problem at once, each with its place.

    currency: USD                        # of every price below that names none itself
    models:
      - model: example-large             # the name as the system records it
        prices:
          - {valid_from: 2026-01-01, input: 2.50, cached_input: 0.25, output: 10.00}
          - {valid_from: 2026-07-01T00:00:00Z, input: 2.00, output: 8.00}
      - pattern: example-small-*         # for names without an entry of their own; the first pattern that fits
        prices:
          - {valid_from: 2026-01-01, currency: EUR, input: 0.10, output: 0.40}

Prices are of a million tokens. `valid_from` is a day (its beginning in UTC) or a moment with its offset. Numbers are
taken as they are written: 0.1 is a tenth, not the binary fraction next to it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from exporters.core.errors import ConfigError
from exporters.core.prices import Price, Prices, PriceTable

_TABLE_KEYS = ("currency", "models")
_MODEL_KEYS = ("model", "pattern", "prices")
_PRICE_KEYS = ("valid_from", "input", "cached_input", "output", "currency")
_LARGEST_FILE = 1024 * 1024
_LONGEST_NAME = 200

_CURRENCY = re.compile(r"[A-Z]{3}")
# With at most these digits the cost of two thousand million tokens is exact in the 28 digits of decimal arithmetic.
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,9})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


class _Texts(yaml.BaseLoader):
    """Every scalar stays the text it is; a key that is given twice is refused instead of overwritten."""


def _mapping(loader: _Texts, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for index, key in enumerate(keys):
        if not isinstance(key, str) or key in keys[:index]:
            mark = node.value[index][0].start_mark
            shown = f"{key!r} is given twice" if isinstance(key, str) else "a key is a word"
            raise yaml.constructor.ConstructorError(None, None, shown, mark)
    return loader.construct_mapping(node, deep=True)


_Texts.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_prices(path: Path) -> PriceTable:
    """The table in a file. ConfigError with every problem."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ConfigError([f"{path}: larger than a price table can be"])
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not UTF-8"]) from None
    try:
        return parse_prices(text)
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from None


def parse_prices(text: str) -> PriceTable:
    """The table in a text. ConfigError with every problem."""
    try:
        loaded = yaml.load(text, Loader=_Texts)  # noqa: S506 - it makes texts, lists and dicts alone
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError([f"not YAML{place}: {getattr(error, 'problem', None) or 'unreadable'}"]) from None
    table = _Reading()
    made = table.table(loaded)
    if table.problems:
        raise ConfigError(table.problems)
    return made


class _Reading:
    """Walks through what YAML made, and notes what is wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def table(self, loaded: Any) -> PriceTable:
        found = self._keys("the price table", loaded, _TABLE_KEYS)
        currency = self._currency("currency", found.get("currency"))
        models: dict[str, Prices] = {}
        patterns: dict[str, Prices] = {}
        entries = self._list("models", found.get("models"))
        for index, entry in enumerate(entries):
            place = f"models[{index}]"
            given = self._keys(place, entry, _MODEL_KEYS)
            if not isinstance(entry, dict):
                continue
            named = [key for key in ("model", "pattern") if key in given]
            prices = self._prices(place, given.get("prices"), currency)
            if len(named) != 1:
                self.problems.append(f"{place}: either `model` or `pattern`")
                continue
            name = given[named[0]]
            if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
                self.problems.append(f"{place}.{named[0]}: must be a name")
                continue
            known = models if named[0] == "model" else patterns
            if name in known:
                self.problems.append(f"{place}: there is another entry for {named[0]} {name!r}")
            if prices is not None:
                known[name] = prices
        return PriceTable(models, tuple(patterns.items()))

    def _prices(self, place: str, given: Any, currency: str) -> Prices | None:
        before = len(self.problems)
        steps = [
            self._price(f"{place}.prices[{index}]", item, currency)
            for index, item in enumerate(self._list(f"{place}.prices", given))
        ]
        made = [step for step in steps if step is not None]
        begins = [step.valid_from for step in made]
        for later in (index for index in range(1, len(begins)) if begins[index] <= begins[index - 1]):
            self.problems.append(f"{place}.prices: {begins[later].isoformat()} does not come after the one before it")
        return Prices(tuple(made)) if made and len(self.problems) == before else None

    def _price(self, place: str, item: Any, currency: str) -> Price | None:
        before = len(self.problems)
        given = self._keys(place, item, _PRICE_KEYS)
        if not isinstance(item, dict):
            return None
        own = self._currency(f"{place}.currency", given["currency"]) if "currency" in given else currency
        begins = self._moment(f"{place}.valid_from", given.get("valid_from"))
        read = self._number(f"{place}.input", given.get("input"))
        written = self._number(f"{place}.output", given.get("output"))
        cached = self._number(f"{place}.cached_input", given["cached_input"]) if "cached_input" in given else None
        if begins is None or read is None or written is None or len(self.problems) > before:
            return None
        return Price(begins, own, read, written, cached)

    def _keys(self, place: str, value: Any, legal: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.problems.append(f"{place}: must be a mapping of {', '.join(legal)}")
            return {}
        self.problems += [
            f"{place}: unknown key {key!r} (known: {', '.join(legal)})" for key in value if key not in legal
        ]
        return value

    def _list(self, place: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or not value:
            self.problems.append(f"{place}: must be a list of at least one entry")
            return []
        return value

    def _currency(self, place: str, value: Any) -> str:
        if isinstance(value, str) and _CURRENCY.fullmatch(value):
            return value
        self.problems.append(f"{place}: must be a currency of three capital letters, as USD{_not(value)}")
        return ""

    def _number(self, place: str, value: Any) -> Decimal | None:
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            return Decimal(value)
        self.problems.append(
            f"{place}: must be a price per million tokens, not negative, with at most 9 decimals{_not(value)}"
        )
        return None

    def _moment(self, place: str, value: Any) -> datetime | None:
        if isinstance(value, str):
            try:
                if _DAY.fullmatch(value):
                    return datetime.fromisoformat(value).replace(tzinfo=UTC)
                if _MOMENT.fullmatch(value):
                    return datetime.fromisoformat(value).astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        self.problems.append(f"{place}: must be a day, or a moment with its offset{_not(value)}")
        return None


def _not(value: Any) -> str:
    return f", not {value!r}" if isinstance(value, str) else ", and is missing" if value is None else ""
