"""Prices are piecewise constant in time, to the microsecond, and costs are exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.core.prices import Price, Prices, PriceTable

MICROSECOND = timedelta(microseconds=1)
YEAR = datetime(2026, 1, 1, tzinfo=UTC)

moments = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
amounts = st.decimals(Decimal(0), Decimal("999999.999999999"), places=9, allow_nan=False)
counts = st.integers(0, 2**31 - 1)


def price(valid_from: datetime, given_: str = "1", currency: str = "USD") -> Price:
    return Price(valid_from, currency, Decimal(given_), Decimal(given_) * 4)


@st.composite
def tables(draw: st.DrawFn) -> tuple[PriceTable, list[Price]]:
    """A table with one model, and its prices."""
    begins = sorted(draw(st.sets(moments, min_size=1, max_size=6)))
    steps = [Price(at, "USD", draw(amounts), draw(amounts), draw(st.none() | amounts)) for at in begins]
    return PriceTable({"example": Prices(tuple(steps))}), steps


@given(tables(), moments)
def test_a_call_has_the_last_price_that_began_before_it(made: tuple[PriceTable, list[Price]], at: datetime) -> None:
    table, steps = made
    before = [step for step in steps if step.valid_from <= at]
    assert table.price("example", at) == (before[-1] if before else "before_first_price")


@given(tables())
def test_a_price_begins_to_the_microsecond(made: tuple[PriceTable, list[Price]]) -> None:
    table, steps = made
    for index, step in enumerate(steps):
        assert table.price("example", step.valid_from) is step
        earlier = table.price("example", step.valid_from - MICROSECOND)
        if index:
            assert earlier is not step
            assert isinstance(earlier, Price)
            assert earlier.valid_from < step.valid_from
        else:
            assert earlier == "before_first_price"


@given(tables(), moments, st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_the_same_in_every_zone(
    made: tuple[PriceTable, list[Price]], at: datetime, offset_minutes: int
) -> None:
    elsewhere = at.astimezone(timezone(timedelta(minutes=offset_minutes)))
    assert made[0].price("example", elsewhere) == made[0].price("example", at)


@given(amounts, amounts, st.none() | amounts, counts, counts, st.data())
def test_a_cost_is_exact(
    read: Decimal, written: Decimal, cached: Decimal | None, asked: int, answered: int, data: st.DataObject
) -> None:
    hit = data.draw(st.integers(0, asked))
    cost = Price(YEAR, "USD", read, written, cached).cost(input_tokens=asked, output_tokens=answered, cached_tokens=hit)
    cheap = Fraction(read if cached is None else cached)
    assert Fraction(cost.input) == ((asked - hit) * Fraction(read) + hit * cheap) / 1_000_000
    assert Fraction(cost.output) == answered * Fraction(written) / 1_000_000
    assert cost.total == cost.input + cost.output


@given(amounts, counts, counts)
def test_tokens_of_two_calls_cost_what_they_cost_in_one(read: Decimal, first: int, second: int) -> None:
    step = Price(YEAR, "USD", read, read)
    apart = [step.cost(input_tokens=tokens, output_tokens=tokens).total for tokens in (first, second)]
    assert sum(map(Fraction, apart)) == Fraction(
        step.cost(input_tokens=first + second, output_tokens=first + second).total
    )


@pytest.mark.parametrize("tokens", [(-1, 0, 0), (1, -1, 0), (1, 1, -1), (1, 1, 2)])
def test_tokens_that_cannot_be_are_refused(tokens: tuple[int, int, int]) -> None:
    read, written, cached = tokens
    with pytest.raises(ValueError, match="counted from zero"):
        price(YEAR).cost(input_tokens=read, output_tokens=written, cached_tokens=cached)


def test_a_name_of_its_own_comes_before_patterns_and_patterns_in_their_order() -> None:
    own, first, second = (Prices((price(YEAR, digit),)) for digit in "123")
    table = PriceTable({"example-small-1": own}, [("example-small-*", first), ("example-*", second)])
    found = {name: table.price(name, YEAR) for name in ("example-small-1", "example-small-2", "example-large", "else")}
    assert found == {
        "example-small-1": own.steps[0],
        "example-small-2": first.steps[0],
        "example-large": second.steps[0],
        "else": "unknown_model",
    }
    assert len(table) == 3


def test_between_two_changes_every_price_stays_as_it_is() -> None:
    begins = [YEAR + timedelta(hours=n) for n in range(4)]
    own, loose = Prices((price(begins[0]), price(begins[2]))), Prices((price(begins[1]), price(begins[3])))
    table = PriceTable({"example": own}, [("other-*", loose)])
    assert table.changes(begins[0], begins[3]) == [begins[1], begins[2]]
    assert table.changes(begins[0] - MICROSECOND, begins[3] + MICROSECOND) == begins
    assert PriceTable({}).changes(begins[0], begins[3]) == []


def test_a_pattern_is_no_guess_about_capitals() -> None:
    table = PriceTable({}, [("example-*", Prices((price(YEAR),)))])
    assert table.price("Example-large", YEAR) == "unknown_model"


def test_names_without_end_take_no_memory_without_end() -> None:
    table = PriceTable({}, [("a*", Prices((price(YEAR),)))])
    for number in range(5000):
        assert table.price(f"a{number}", YEAR) is not None
        assert table.price(f"b{number}", YEAR) == "unknown_model"
    assert len(table._found) <= 1024


@pytest.mark.parametrize("begins", [(), (YEAR, YEAR), (YEAR, YEAR - MICROSECOND)])
def test_prices_of_a_model_begin_one_after_the_other(begins: tuple[datetime, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        Prices(tuple(price(at) for at in begins))
