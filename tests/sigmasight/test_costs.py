"""What requests cost: priced at their own time, or counted as unpriced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporters.sigmasight import metrics
from tests.sigmasight.houses import House, lived
from tests.sigmasight.reading import numbers

pytestmark = pytest.mark.servers


def priced(folder: Path, at: datetime) -> Path:
    """A table whose price changes at this moment."""
    file = folder / "prices.yml"
    file.write_text(
        "currency: USD\nmodels:\n  - model: gpt-5-mini\n    prices:\n"
        "      - {valid_from: 2000-01-01, input: 0.25, output: 2}\n"
        f'      - {{valid_from: "{at.isoformat()}", input: 0.3, output: 2.5, currency: EUR}}\n'
    )
    return file


def test_a_call_costs_what_it_cost_at_its_own_time(house: House, tmp_path: Path) -> None:
    house.sigma.found()
    now = datetime.now(UTC)
    change = now - timedelta(days=2)
    for offset in (-1, 0, 1):
        with house.sigma.held_request(
            created_at=change + timedelta(microseconds=offset), input_tokens=1000, output_tokens=10, total_tokens=1010
        ):
            pass
    house.sigma.backfill(5)
    house.sigma.edges(now)
    with house.readers(prices_file=priced(tmp_path, change)) as streams:
        requests = streams["ai_requests"].read()
    paid = house.databases.rows(
        """SELECT created_at >= %(change)s, sum(input_tokens), sum(output_tokens) FROM ai_request_metrics
           WHERE model = 'gpt-5-mini' GROUP BY 1 ORDER BY 1""",
        {"change": change},
    )
    expected = {}
    for (_, read, written), (currency, *prices) in zip(
        paid, (("USD", "0.25", "2"), ("EUR", "0.3", "2.5")), strict=True
    ):
        for kind, tokens, price in zip(("input", "output"), (read, written), prices, strict=True):
            expected["gpt-5-mini", kind, currency] = float(Decimal(price) * tokens / 1_000_000)
    assert requests.counted(metrics.AI_COST) == pytest.approx(expected)
    borders = [p for p in requests.points(metrics.AI_REQUEST_POINT) if abs(p.at - change) <= timedelta(microseconds=1)]
    assert [p.tags["currency"] for p in sorted(borders, key=lambda point: point.at)] == ["USD", "EUR", "EUR"]
    assert sorted(float(p.fields["cost"]) for p in borders) == pytest.approx([0.00027, 0.000325, 0.000325])
    spent = sum(numbers(requests.points(metrics.AI_REQUEST_POINT), "cost"))
    assert spent == pytest.approx(requests.total(metrics.AI_COST))
    # A total alone belongs to neither price.
    assert requests.counted(metrics.AI_UNPRICED) == {("gpt-5-mini", "unsplit", "unsplit"): 77}


def test_without_a_price_tokens_are_counted_and_cost_nothing(house: House) -> None:
    lived(house)
    with house.readers() as streams:
        requests = streams["ai_requests"].read()
    assert requests.counted(metrics.AI_COST) == {}
    unpriced = requests.counted(metrics.AI_UNPRICED)
    for kind in ("input", "output"):
        number = house.databases.number(f"SELECT sum({kind}_tokens) FROM ai_request_metrics")  # noqa: S608
        assert unpriced["gpt-5-mini", kind, "no_table"] == number
    assert sum(numbers(requests.points(metrics.AI_REQUEST_POINT), "unpriced_tokens")) == sum(unpriced.values())
