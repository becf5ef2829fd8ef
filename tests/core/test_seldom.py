"""What may happen a thousand times a second is told once a minute, with its number."""

from __future__ import annotations

from exporters.core.seldom import Seldom
from tests.core.tiny import Clock


def test_the_first_is_told_at_once_and_the_rest_as_a_number() -> None:
    clock = Clock()
    seldom = Seldom(60.0, clock)
    assert seldom.times("poison") == 1
    assert [seldom.times("poison") for _ in range(5)] == [0] * 5
    assert seldom.times("partial") == 1, "another kind is news"
    clock.seconds += 60
    assert seldom.times("poison") == 6
    assert seldom.times("poison") == 0
    clock.seconds += 3600
    assert seldom.times("partial") == 1
