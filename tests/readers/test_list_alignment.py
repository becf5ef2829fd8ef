"""Alignment against its own definition, and against a list that is pushed, trimmed and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.readers.list_alignment import Alignment, align


def hashed(names: Sequence[object]) -> list[bytes]:
    return [blake2b(str(name).encode(), digest_size=16).digest() for name in names]


def by_definition(
    prev: Sequence[bytes], cur: Sequence[bytes], delta: int | None = None, floor: int = 0
) -> tuple[int, int] | None:
    """Every (j, k) there is, the definition word by word."""
    fits = []
    for back in range(len(prev)):
        for new in range(floor, len(cur)):
            common = min(len(prev) - back, len(cur) - new)
            if list(cur[new : new + common]) == list(prev[back : back + common]):
                fits.append((new - back != delta if delta is not None else False, back + new, back, new))
    return min(fits)[2:] if fits else None


def found(alignment: Alignment | None) -> tuple[int, int] | None:
    return None if alignment is None else (alignment.rolled_back, alignment.new)


WINDOWS = st.integers(1, 4).flatmap(lambda letters: st.lists(st.integers(0, letters), max_size=9))


@settings(deadline=None)
@given(WINDOWS, WINDOWS, st.none() | st.integers(-10, 10), st.integers(0, 4))
def test_it_is_the_smallest_of_all_that_fit(prev: list[int], cur: list[int], delta: int | None, floor: int) -> None:
    before, after = hashed(prev), hashed(cur)
    assert found(align(before, after, delta=delta, floor=floor)) == by_definition(before, after, delta, floor)


@settings(deadline=None)
@given(WINDOWS, WINDOWS)
def test_the_overlap_is_what_it_says(prev: list[int], cur: list[int]) -> None:
    before, after = hashed(prev), hashed(cur)
    alignment = align(before, after)
    if alignment is None:
        assert not set(before[-1:]) & set(after)
        assert not set(after[-1:]) & set(before)
        return
    back, new, overlap = alignment.rolled_back, alignment.new, alignment.overlap
    assert overlap == min(len(prev) - back, len(cur) - new) >= 1
    matched = before[back : back + overlap]
    assert matched == after[new : new + overlap]
    assert alignment.witnesses == sum(before.count(item) == after.count(item) == 1 for item in matched)


@settings(deadline=None)
@given(
    cap=st.integers(1, 12),
    pushed_before=st.integers(1, 30),
    taken_back=st.integers(0, 12),
    pushed_after=st.integers(0, 30),
    look=st.integers(1, 14),
)
def test_distinct_entries_are_never_mistaken(
    cap: int, pushed_before: int, taken_back: int, pushed_after: int, look: int
) -> None:
    """Distinct entries, also seen in part: the true (j, k), or None where nothing of prev is left in sight."""
    history = [f"old {i}" for i in range(pushed_before)]
    prev = hashed(history[::-1][:cap])
    kept = history[: max(0, len(history) - taken_back)]
    cur = hashed((kept + [f"new {i}" for i in range(pushed_after)])[::-1][:cap][:look])
    back = len(history) - len(kept)
    in_sight = set(prev) & set(cur)
    assert found(align(prev, cur)) == ((back, pushed_after) if in_sight else None)
    assert found(align(prev, cur, delta=pushed_after - back)) == ((back, pushed_after) if in_sight else None)


def test_the_counter_decides_where_payloads_repeat() -> None:
    same = hashed("AAAAAAAAAA")
    assert found(align(same, same)) == (0, 0)
    assert found(align(same, same, delta=7)) == (0, 7)
    assert found(align(same, same, delta=-3)) == (3, 0)
    beyond = align(same, same, delta=10)
    assert beyond is not None
    assert not beyond.on_diagonal
    assert beyond.witnesses == 0


def test_the_length_decides_where_payloads_repeat() -> None:
    assert found(align(hashed("AAA"), hashed("AAAAA"), floor=2)) == (0, 2)


def test_a_power_cut_takes_entries_back_before_new_ones_come() -> None:
    """Five pushes were lost with the server and two came after: two are new, not everything above a known entry."""
    prev = hashed(range(100, 50, -1))
    cur = hashed(["b", "a", *range(95, 47, -1)])
    assert found(align(prev, cur)) == (5, 2)
    assert found(align(prev, cur, delta=-3)) == (5, 2)


@pytest.mark.parametrize(
    ("prev", "cur", "expected"),
    [
        ("", "", None),
        ("", "A", None),
        ("A", "", None),
        ("A", "A", (0, 0)),
        ("A", "B", None),
        ("CBA", "DCB", (0, 1)),
        ("CBA", "FEDC", (0, 3)),
        ("CBA", "FED", None),
        ("CBA", "BA", (1, 0)),
        ("CBA", "A", (2, 0)),
        ("DCB", "DCBA", (0, 0)),
    ],
)
def test_small_windows(prev: str, cur: str, expected: tuple[int, int] | None) -> None:
    assert found(align(hashed(prev), hashed(cur))) == expected


@pytest.mark.parametrize(
    ("payloads", "expected", "with_an_odd_one"),
    [(4000, (0, 500), (1001, 1501)), (1, (0, 0), (0, 1000)), (2, (0, 0), (0, 1000)), (7, (0, 3), (0, 1004))],
)
def test_large_windows(payloads: int, expected: tuple[int, int], with_an_odd_one: tuple[int, int]) -> None:
    """The definition would take minutes here: it compares every pair of places."""
    entries = hashed([i % payloads for i in range(4000)])
    prev, cur = entries[2000:], entries[1500:3500]
    assert found(align(prev, cur)) == expected
    prev[1000] = hashed(["odd"])[0]
    assert found(align(prev, cur)) == with_an_odd_one
