"""The books of one list against a list that is pushed, trimmed, taken back, deleted and flushed: no server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from exporters.readers.list_ledger import account, stay
from exporters.readers.list_place import HISTORY, Place, Rules, Seen, Step

COUNTER = "pushes"
WEIGHT = "weight"


def entry_hash(entry: object) -> bytes:
    return blake2b(str(entry).encode(), digest_size=16).digest()


@dataclass
class Writer:
    """A capped list with its counters. Entries are numbers, or repeat over a few `payloads`."""

    cap: int
    payloads: int | None = None
    entries: list[object] = field(default_factory=list)
    pushed: int = 0
    counter: int = 0
    weight: int = 0
    saved: tuple[list[object], int, int] = ((), 0, 0)  # type: ignore[assignment]  # nothing saved yet: empty
    saved_at: int = 0

    def push(self, count: int, *, trim: bool = True) -> None:
        for _ in range(count):
            self.entries.insert(0, self.pushed if self.payloads is None else self.pushed % self.payloads)
            self.pushed += 1
            self.counter += 1
            self.weight += 10
            if trim:
                del self.entries[self.cap :]

    def save(self) -> None:
        self.saved, self.saved_at = (list(self.entries), self.counter, self.weight), self.pushed

    def restore(self) -> None:
        self.entries, self.counter, self.weight = list(self.saved[0]), self.saved[1], self.saved[2]

    def delete(self) -> None:
        self.entries = []

    def flush(self) -> None:
        self.entries, self.counter, self.weight = [], 0, 0


@dataclass
class Reader:
    """Looks at more and more entries, as the real one does, and emits the oldest pending ones."""

    writer: Writer
    rules: Rules
    first_look: int = 4
    place: Place | None = None
    emitted: list[object] = field(default_factory=list)
    lost: int = 0
    gaps: int = 0
    totals: list[dict[str, int | None]] = field(default_factory=list)

    def poll(self, limit: int = 10**9, *, commit: bool = True) -> Step:
        count = max(self.first_look, (self.place.pending if self.place else 10**9))
        while (step := account(self.place, self._look(count), self.rules)) is None:
            count *= 4
        assert 0 <= step.place.pending <= len(self.writer.entries)
        if not commit:
            return step
        batch = self.writer.entries[: step.place.pending][::-1][:limit]
        pending = step.place.pending - len(batch)
        self.place = replace(step.place, pending=pending, unsettled=step.place.unsettled if pending else frozenset())
        self.emitted += batch
        self.lost += step.lost
        self.gaps += step.gap
        self.totals.append(dict(step.totals))
        return step

    def _look(self, count: int) -> Seen:
        counters = {} if self.rules.companion is None else {COUNTER: self.writer.counter, WEIGHT: self.writer.weight}
        entries = self.writer.entries[:count]
        complete = len(entries) == len(self.writer.entries)
        return Seen(tuple(map(entry_hash, entries)), len(self.writer.entries), counters, complete)

    @property
    def accounted(self) -> int:
        return len(self.emitted) + self.lost + (self.place.pending if self.place else 0)


def reader_of(
    cap: int, *, companion: bool = True, payloads: int | None = None, repeats: bool = False
) -> tuple[Writer, Reader]:
    writer = Writer(cap, payloads)
    return writer, Reader(writer, Rules(cap, COUNTER if companion else None, repeats))


POLLS = st.tuples(st.just("poll"), st.integers(1, 30), st.booleans())
PUSHES = st.tuples(st.just("push"), st.integers(0, 40), st.booleans())
PLAIN = st.lists(POLLS | PUSHES, max_size=30)
ACCIDENTS = st.sampled_from(["save", "restore", "delete", "flush"]).map(lambda name: (name, 0, False))


@settings(deadline=None)
@given(cap=st.integers(1, 12), actions=PLAIN, payloads=st.none() | st.integers(1, 3), early=st.integers(0, 40))
def test_emitted_plus_lost_is_what_the_writer_pushed(
    cap: int, actions: Sequence[tuple[str, int, bool]], payloads: int | None, early: int
) -> None:
    """With a companion: exact from the writer's first push, bursts and repeated payloads and crashes included."""
    writer, reader = reader_of(cap, payloads=payloads)
    writer.push(early)
    for name, count, flag in actions:
        if name == "push":
            writer.push(count)
        else:
            reader.poll(count, commit=flag)
            if reader.place is not None and flag:
                assert reader.accounted == writer.pushed
    while reader.place is None or reader.place.pending:
        reader.poll(5)
    reader.poll()
    assert len(reader.emitted) + reader.lost == writer.pushed
    assert reader.gaps == 0
    for name, total in ((COUNTER, writer.counter), (WEIGHT, writer.weight)):
        assert sum(totals[name] or 0 for totals in reader.totals) == total
    if payloads is None:
        assert reader.emitted == sorted(set(map(int, map(str, reader.emitted))))


@settings(deadline=None)
@given(cap=st.integers(1, 12), actions=PLAIN)
def test_without_a_companion_nothing_is_missed_unsaid(cap: int, actions: Sequence[tuple[str, int, bool]]) -> None:
    writer, reader = reader_of(cap, companion=False)
    reader.poll()
    for name, count, flag in actions:
        if name == "push":
            writer.push(count)
            continue
        missed, gaps = writer.pushed - reader.accounted, reader.gaps
        reader.poll(count, commit=flag)
        if not flag:
            continue
        missed = writer.pushed - reader.accounted
        if reader.gaps == gaps:
            assert missed == 0
        reader.lost += missed  # said: not asked for again
    assert len(set(reader.emitted)) == len(reader.emitted)


@settings(deadline=None)
@given(
    cap=st.integers(1, 20),
    actions=st.lists(POLLS | PUSHES | ACCIDENTS, max_size=40),
    companion=st.booleans(),
    trim=st.booleans(),
)
def test_accidents_double_nothing_and_are_flagged(
    cap: int,
    actions: Sequence[tuple[str, int, bool]],
    companion: bool,  # noqa: FBT001 - drawn by hypothesis
    trim: bool,  # noqa: FBT001
) -> None:
    """Servers that come up from older files, deleted lists, FLUSHALL: entries are distinct, none is emitted twice, and
    each that was pushed since the last look and is in sight is emitted."""
    writer, reader = reader_of(cap, companion=companion)
    for _ in range(20):  # a list that has been watched for a while
        writer.push(1)
        reader.poll()
    looked_at = writer.pushed
    for name, count, flag in [*actions, ("poll", 1, True)]:
        if name == "push":
            writer.push(count, trim=trim or flag)
        elif name == "restore" and writer.pushed - writer.saved_at < HISTORY:
            writer.restore()
        elif name != "poll":
            getattr(writer, "save" if name == "restore" else name)()
        else:
            step = reader.poll(count, commit=flag)
            if flag and reader.place is not None:
                new = {entry for entry in writer.entries if int(str(entry)) >= looked_at}
                assert new <= {*reader.emitted, *writer.entries[: reader.place.pending]}
                looked_at = writer.pushed
                event(f"gap {step.gap}")
        assert len(set(reader.emitted)) == len(reader.emitted), "doubled"
    visible = set(writer.entries[: reader.place.pending if reader.place else 0])
    while reader.place is None or reader.place.pending:
        reader.poll(7)
    assert visible <= set(reader.emitted)
    assert len(set(reader.emitted)) == len(reader.emitted), "doubled"
    assert reader.poll().gap is False, "a discontinuity is flagged once"


@pytest.mark.parametrize("burst", [49, 50, 51, 150])
def test_bursts_around_the_cap(burst: int) -> None:
    writer, reader = reader_of(50)
    writer.push(20)
    reader.poll()
    writer.push(burst)
    step = reader.poll()
    assert (len(reader.emitted), reader.lost, step.gap) == (20 + min(burst, 50), max(0, burst - 50), False)
    assert step.totals == {COUNTER: burst, WEIGHT: 10 * burst}

    blind_writer, blind = reader_of(50, companion=False)
    blind_writer.push(50)
    blind.poll()
    blind_writer.push(burst)
    assert blind.poll().gap is (burst >= 50)
    assert (len(blind.emitted), blind.lost) == (50 + min(burst, 50), 0)


def test_what_the_counter_says_was_trimmed_before_the_first_look_is_lost() -> None:
    writer, reader = reader_of(50)
    writer.push(5274)
    step = reader.poll()
    assert (len(reader.emitted), reader.lost, step.gap) == (50, 5224, False)
    assert step.totals == {COUNTER: 5274, WEIGHT: 52740}


def test_a_server_that_lost_its_last_pushes() -> None:
    """Five are taken back, two come after: two are new, totals cannot be said, and it is flagged."""
    writer, reader = reader_of(50)
    writer.push(60)
    writer.save()
    writer.push(5)
    reader.poll()
    writer.restore()
    writer.push(2)
    emitted = len(reader.emitted)
    step = reader.poll()
    assert step.gap
    assert step.totals == {COUNTER: None, WEIGHT: None}
    assert len(reader.emitted) == emitted + 2
    writer.push(3)
    step = reader.poll()
    assert (step.gap, step.totals) == (False, {COUNTER: 3, WEIGHT: 30})


def test_totals_stay_unsaid_until_what_was_seen_at_the_fall_is_emitted() -> None:
    """A system then settles from the events of every batch; one batch with totals 0 would drop its events."""
    writer, reader = reader_of(50)
    writer.push(30)
    writer.save()
    writer.push(2)
    reader.poll()
    writer.restore()
    writer.push(9)
    assert reader.poll(4).totals == {COUNTER: None, WEIGHT: None}
    writer.push(1)
    assert reader.poll(5).totals == {COUNTER: None, WEIGHT: None}
    assert reader.poll(1).totals == {COUNTER: None, WEIGHT: None}
    writer.push(2)
    assert reader.poll().totals == {COUNTER: 2, WEIGHT: 20}


def test_flushall_then_new_entries() -> None:
    writer, reader = reader_of(50)
    writer.push(70)
    reader.poll()
    writer.flush()
    step = reader.poll()
    assert (step.gap, step.lost, step.totals) == (True, 0, {COUNTER: 0, WEIGHT: 0})
    step = reader.poll()
    assert (step.gap, step.lost) == (False, 0)
    writer.push(10)
    step = reader.poll()
    assert (step.gap, step.lost, step.totals) == (False, 0, {COUNTER: 10, WEIGHT: 100})
    assert len(reader.emitted) == 60


def test_flushall_between_two_looks() -> None:
    writer, reader = reader_of(50)
    writer.push(70)
    reader.poll()
    writer.flush()
    writer.push(58)
    step = reader.poll()
    assert (step.gap, step.lost, step.totals) == (True, 8, {COUNTER: 58, WEIGHT: 580})
    assert len(reader.emitted) == 100


def test_files_restored_after_flushall_double_nothing() -> None:
    writer, reader = reader_of(50)
    writer.push(70)
    writer.save()
    reader.poll()
    writer.flush()
    writer.push(3)
    reader.poll()
    writer.restore()
    step = reader.poll()
    assert step.gap
    assert len(reader.emitted) == 53
    writer.push(2)
    reader.poll()
    assert len(reader.emitted) == 55


def test_a_deleted_list_is_flagged_once_and_may_come_back() -> None:
    writer, reader = reader_of(50, companion=False)
    writer.push(10)
    reader.poll()
    writer.delete()
    assert reader.poll().gap
    assert not reader.poll().gap
    writer.push(49)
    assert not reader.poll().gap, "fewer than the cap: nothing can have been trimmed"
    writer.delete()
    reader.poll()
    writer.push(50)
    assert reader.poll().gap, "as many as the cap: there may have been more"


def test_pending_entries_that_are_trimmed_are_lost_also_without_a_companion() -> None:
    writer, reader = reader_of(10, companion=False)
    reader.poll()
    writer.push(9)
    reader.poll(2)
    writer.push(6)
    step = reader.poll()
    assert (step.lost, step.gap) == (3, False)
    assert sorted(map(str, reader.emitted)) == sorted(map(str, [0, 1, *range(5, 15)]))


def test_the_push_before_its_trim_is_no_discontinuity() -> None:
    writer, reader = reader_of(10, companion=False)
    writer.push(10)
    reader.poll()
    writer.push(2, trim=False)
    assert len(writer.entries) == 12
    assert not reader.poll().gap
    del writer.entries[10:]
    assert not reader.poll().gap
    assert len(reader.emitted) == 12


def test_repeated_payloads_grow_with_the_list() -> None:
    """A list of equal entries below its cap: its length says how many are new."""
    writer, reader = reader_of(61, companion=False, payloads=1, repeats=True)
    for count in (1, 1, 0, 3):
        writer.push(count)
        assert not reader.poll().gap
    assert len(reader.emitted) == 5


def test_a_companion_that_stops_counting_is_flagged_and_the_list_still_counted() -> None:
    rules = Rules(50, COUNTER)
    hashes = tuple(map(entry_hash, range(20, 0, -1)))
    first = account(None, Seen(hashes[5:], 15, {COUNTER: 15}, complete=True), rules)
    assert first is not None
    before = replace(first.place, pending=0)
    step = account(before, Seen(hashes[3:], 17, {COUNTER: None}, complete=True), rules)
    assert step is not None
    assert (step.place.pending, step.lost, step.gap, step.totals) == (2, 0, True, {COUNTER: None})
    step = account(replace(step.place, pending=0), Seen(hashes[1:], 19, {COUNTER: None}, complete=True), rules)
    assert step is not None
    assert (step.place.pending, step.gap, step.totals) == (2, False, {COUNTER: None})
    step = account(replace(step.place, pending=0), Seen(hashes, 20, {COUNTER: 20}, complete=True), rules)
    assert step is not None
    assert (step.place.pending, step.lost, step.gap, step.totals) == (1, 0, False, {COUNTER: None})


def test_a_companion_somebody_set_doubles_nothing() -> None:
    writer, reader = reader_of(50)
    writer.push(80)
    reader.poll()
    writer.counter = 100_000
    writer.push(1)
    step = reader.poll()
    assert (step.gap, step.lost) == (True, 0)
    assert len(reader.emitted) == 51
    writer.push(1)
    assert reader.poll().totals == {COUNTER: 1, WEIGHT: 10}


def test_an_unchanged_list_may_have_moved_its_accumulators() -> None:
    place = Place((entry_hash(1),), 1, 0, {COUNTER: 1, WEIGHT: 10})
    step = stay(place, {COUNTER: 1, WEIGHT: 25})
    assert step.totals == {COUNTER: 0, WEIGHT: 15}
    assert step.place.counters == {COUNTER: 1, WEIGHT: 25}


def test_a_short_overlap_of_repeated_payloads_proves_nothing() -> None:
    """Sixty of sixty-one differ: one equal entry where payloads repeat may be an accident, and is flagged."""
    rules = Rules(61, repeats=True)
    before = Place(tuple(map(entry_hash, ["x", *range(60)])), 61)
    cur = tuple(map(entry_hash, [*range(100, 160), "x"]))
    step = account(before, Seen(cur, 61, {}, complete=True), rules)
    assert step is not None
    assert (step.place.pending, step.gap) == (60, True)


def test_pending_entries_that_are_taken_back_are_lost() -> None:
    writer, reader = reader_of(50)
    writer.push(5)
    writer.save()
    writer.push(5)
    reader.poll(2)
    writer.restore()
    step = reader.poll()
    assert (step.gap, step.lost) == (True, 5)
    assert (len(reader.emitted), reader.lost) == (5, 5)


@pytest.mark.parametrize("companion", [True, False])
def test_entries_that_passed_unread_and_come_into_sight_again_double_nothing(companion: bool) -> None:  # noqa: FBT001
    """Entry 20 passed unread. Files from when 21 was the newest show it between 19 and 21, which are both known."""
    writer, reader = reader_of(15, companion=companion)
    for _ in range(20):
        writer.push(1)
        reader.poll()
    writer.push(2)
    writer.save()
    writer.push(14)
    reader.poll()
    writer.restore()
    step = reader.poll()
    assert (step.gap, step.place.pending) == (True, 0)
    writer.push(1)
    reader.poll()
    assert reader.emitted == [*range(20), *range(21, 37)]


def test_a_young_list_that_lost_an_entry_and_is_taken_back_doubles_nothing() -> None:
    """What passed unread keeps its place in the memory, so that the counter still fits."""
    writer, reader = reader_of(3)
    writer.push(3)
    writer.save()
    reader.poll()
    writer.push(4)
    assert reader.poll().lost == 1
    writer.restore()
    assert reader.poll().gap
    assert reader.emitted == [0, 1, 2, 4, 5, 6]


def test_where_stretches_repeat_the_counter_is_believed() -> None:
    """The same fifty entries again, in the same order: only the counter knows that they are new."""
    writer, reader = reader_of(50, payloads=50, repeats=True)
    writer.push(50)
    reader.poll()
    writer.push(100)
    step = reader.poll()
    assert (len(reader.emitted), reader.lost, step.gap) == (100, 50, False)


def test_an_accumulator_that_fell_tells_a_reset_from_a_burst() -> None:
    """The counter has passed its old value again, by as much as a burst would; the sum of weights has not."""
    writer, reader = reader_of(50)
    writer.push(10)
    writer.weight += 5000
    reader.poll()
    writer.flush()
    writer.push(60)
    step = reader.poll()
    assert (step.gap, step.lost, step.totals) == (True, 10, {COUNTER: 60, WEIGHT: 600})
