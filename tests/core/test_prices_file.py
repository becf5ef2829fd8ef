"""A price table in a file: taken as it is written, or refused with everything that is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.core.errors import ConfigError
from exporters.core.prices import Price
from exporters.core.prices_file import parse_prices, read_prices

EXAMPLE = Path(__file__).parents[2] / "prices.example.yml"
WHOLE = """
currency: USD
models:
  - model: example-large
    prices:
      - {valid_from: 2026-01-01, input: 0.1, cached_input: 0.01, output: 10.00}
      - {valid_from: "2026-07-01T02:00:00.000001+02:00", input: 1, output: 2, currency: EUR}
  - pattern: example-*
    prices: [{valid_from: 2026-01-01, input: 3, output: 4}]
"""
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse_prices(text)
    return list(refused.value.problems)


def one(**changes: str) -> str:
    """A table with one price, changed."""
    whole = {"valid_from": "2026-01-01", "input": "1", "output": "2"} | changes
    inner = ", ".join(f"{key}: {value}" for key, value in whole.items() if value)
    return f"currency: USD\nmodels:\n  - model: a\n    prices:\n      - {{{inner}}}\n"


def test_numbers_and_times_are_taken_as_they_are_written() -> None:
    table = parse_prices(WHOLE)
    assert table.price("example-large", JANUARY) == Price(
        JANUARY, "USD", Decimal("0.1"), Decimal("10.00"), Decimal("0.01")
    )
    july = datetime(2026, 7, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert table.price("example-large", july) == Price(july, "EUR", Decimal(1), Decimal(2), None)
    assert table.price("example-large", july.replace(microsecond=0)) == table.price("example-large", JANUARY)
    other = table.price("example-other", JANUARY)
    assert isinstance(other, Price)
    assert (other.input, other.output) == (Decimal(3), Decimal(4))


@given(st.decimals(Decimal(0), Decimal("999999.999999999"), places=9))
def test_a_price_is_exactly_what_stands_there(amount: Decimal) -> None:
    found = parse_prices(one(input=f"{amount:f}")).price("a", JANUARY)
    assert isinstance(found, Price)
    assert found.input == amount


def test_the_example_can_be_used_and_names_nobody() -> None:
    table = read_prices(EXAMPLE)
    assert len(table) == 3
    at = datetime(2026, 7, 1, tzinfo=UTC)
    found = table.price("example-large", at)
    assert isinstance(found, Price)
    assert found.input == Decimal("2.00")
    assert table.price("example-small-7", datetime(2025, 12, 31, tzinfo=UTC)) == "before_first_price"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"input": "-1"}, "models[0].prices[0].input: must be a price per million tokens"),
        ({"input": "1e3"}, ", not '1e3'"),
        ({"input": ".inf"}, "input: must be"),
        ({"input": ".nan"}, "input: must be"),
        ({"input": "1,5"}, "unknown key '5'"),
        ({"input": '"1_000"'}, "not '1_000'"),
        ({"input": "0.0000000001"}, "at most 9 decimals"),
        ({"input": "1000000"}, "input: must be"),
        ({"input": "[1]"}, "input: must be"),
        ({"output": ""}, "models[0].prices[0].output: must be a price per million tokens"),
        ({"output": ""}, "and is missing"),
        ({"cached_input": "~"}, "cached_input: must be"),
        ({"valid_from": "2026-02-30"}, "valid_from: must be a day, or a moment with its offset"),
        ({"valid_from": "2026-01-01T00:00:00"}, "with its offset"),
        ({"valid_from": "soon"}, "not 'soon'"),
        ({"valid_from": "0001-01-01T00:00:00+14:00"}, "valid_from: must be"),
        ({"valid_from": ""}, "and is missing"),
        ({"currency": "usd"}, "three capital letters, as USD, not 'usd'"),
        ({"currency": "EURO"}, "prices[0].currency"),
        ({"price": "3"}, "unknown key 'price' (known: valid_from, input, cached_input, output, currency)"),
    ],
)
def test_a_price_that_is_none_is_refused(changes: dict[str, str], told: str) -> None:
    assert told in "\n".join(problems(one(**changes)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the price table: must be a mapping of currency, models"),
        ("[]", "the price table: must be a mapping"),
        ("currency: USD", "models: must be a list of at least one entry"),
        ("currency: USD\nmodels: []", "models: must be a list of at least one entry"),
        ("currency: USD\nmodels: [3]", "models[0]: must be a mapping of model, pattern, prices"),
        ("currency: USD\nmodels: [{model: a}]", "models[0].prices: must be a list of at least one entry"),
        ("currency: USD\nmodels: [{prices: []}]", "models[0]: either `model` or `pattern`"),
        ("currency: USD\nmodels: [{model: a, pattern: b, prices: []}]", "models[0]: either `model` or `pattern`"),
        ("currency: USD\nmodels: [{model: ' ', prices: []}]", "models[0].model: must be a name"),
        ("currency: USD\nmodels: [{model: [a], prices: []}]", "models[0].model: must be a name"),
        ("currency: USD\ncurrency: EUR", "not YAML at line 2, column 1: 'currency' is given twice"),
        ("? [a]\n: b", "a key is a word"),
        ("a: [1", "not YAML at line 1"),
        ("models: *nobody", "not YAML at line 1"),
        ("!!python/object/apply:os.system [true]", "must be a mapping"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, told: str) -> None:
    assert told in "\n".join(problems(text))


def test_an_entry_stands_once_and_its_prices_in_order() -> None:
    entry = "{model: a, prices: [{valid_from: 2026-01-01, input: 1, output: 2}]}"
    assert problems(f"currency: USD\nmodels: [{entry}, {entry}]") == ["models[1]: there is another entry for model 'a'"]
    steps = ", ".join(f"{{valid_from: {day}, input: 1, output: 2}}" for day in ("2026-02-01", "2026-01-01"))
    assert problems(f"currency: USD\nmodels: [{{model: a, prices: [{steps}]}}]") == [
        "models[0].prices: 2026-01-01T00:00:00+00:00 does not come after the one before it"
    ]
    # A pattern may be spelled like a name: they are not the same.
    parse_prices(f"currency: USD\nmodels: [{entry}, {entry.replace('model', 'pattern')}]")


def test_every_problem_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "prices.yml"
    file.write_text(
        "currency: dollars\nextra: 1\nmodels:\n"
        "  - {model: a, prices: [{valid_from: never, input: x}]}\n"
        "  - {pattern: b, prices: []}\n"
    )
    with pytest.raises(ConfigError) as refused:
        read_prices(file)
    assert [problem.removeprefix(f"{file}: ").split(":")[0] for problem in refused.value.problems] == [
        "the price table",
        "currency",
        "models[0].prices[0].valid_from",
        "models[0].prices[0].input",
        "models[0].prices[0].output",
        "models[1].prices",
    ]
    assert all(problem.startswith(f"{file}: ") for problem in refused.value.problems)


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    for name, content, told in (
        ("missing", None, "No such file"),
        ("binary", b"\xff\xfe", "not UTF-8"),
        ("large", b"#" * (1024 * 1024 + 1), "larger than a price table can be"),
    ):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ConfigError, match=told) as refused:
            read_prices(file)
        assert str(file) in str(refused.value)
