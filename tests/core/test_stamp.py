"""Every point has a nanosecond of its own, and always the same one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporters.core.stamp import REMEMBERED, Stamps


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3), st.binary(max_size=4)), max_size=200))
def test_points_of_one_series_never_share_a_nanosecond(records: list[tuple[str, int, bytes]]) -> None:
    stamps = Stamps()
    given_out = [(series, stamps.assign(series, tick * 1000, 1000, raw)) for series, tick, raw in records]
    assert len(set(given_out)) == len(given_out)
    for (_, tick, _), (_, time_ns) in zip(records, given_out, strict=True):
        assert tick * 1000 <= time_ns < (tick + 1) * 1000


@given(st.lists(st.binary(max_size=4), max_size=50))
def test_the_same_records_after_the_same_past_get_the_same_times(records: list[bytes]) -> None:
    past = Stamps()
    past.assign("a", 0, 1000, b"before")
    packed = past.packed()
    first, again = Stamps(packed), Stamps(packed)
    assert [first.assign("a", 0, 1000, r) for r in records] == [again.assign("a", 0, 1000, r) for r in records]


def test_a_restart_between_two_equal_records_keeps_them_apart() -> None:
    before = Stamps()
    first = before.assign("a", 5000, 1000, b"same")
    assert Stamps(before.packed()).assign("a", 5000, 1000, b"same") != first


def test_what_is_remembered_is_bounded() -> None:
    stamps = Stamps()
    for number in range(3 * REMEMBERED):
        stamps.assign("a", number * 1000, 1000, b"x")
    assert len(stamps.packed()) == 8 * REMEMBERED


def test_a_full_tick_moves_to_the_next() -> None:
    stamps = Stamps()
    times = [stamps.assign("a", 0, 2, bytes([n])) for n in range(3)]
    assert sorted(times[:2]) == [0, 1]
    assert times[2] == 2
