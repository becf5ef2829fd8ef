"""What two looks at a capped list mean for the books: what is new, what is lost, where continuity ends. Pure.

Every entry that was ever seen, or that the companion counter says was pushed, is emitted once, lost once, or pending.

    emitted + lost + pending = companion      from the writer's first push, as long as nothing is taken back

| two looks | new | lost | gap |
|---|---|---|---|
| first look ever | all visible | companion - visible | |
| overlap | k | pending ones that were trimmed or taken back | if j > 0, or the companion contradicts |
| no overlap, companion grew by d >= visible | all visible | d - visible | if a trim cannot explain it |
| no overlap, companion fell or grew less | all visible (a reset) | companion - visible | yes |
| no overlap, no companion | all visible | | yes, unless the list was known to be empty and shows less than its cap |
| the key is gone | | what the companion grew by | once |

Seen from the last look j entries were taken back and k are new (`list_alignment`). Entries beyond the cap are visible
entries like others: push and trim are separate commands. `totals` are stated by the look that saw them, once; after a
fall they are None until everything that was seen then is emitted, so that a system can settle from those events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exporters.readers.list_alignment import Alignment, align, align_distinct
from exporters.readers.list_place import PROOF, Counters, Place, Rules, Seen, Step

_UNREAD = bytes(8)
"""How the stand-ins for entries that passed unread begin; a hash does so once in 2**64."""


def account(before: Place | None, seen: Seen, rules: Rules) -> Step | None:
    """The step from one look to the next. None: these newest entries are not enough, look at more.

    Never None for a complete look. before None: first look ever.
    """
    if before is None:
        return _first(seen, rules) if seen.complete else None
    growth = _growth(before, seen, rules)
    found = _overlap(before, seen, growth, rules)
    if found is not None:
        if seen.complete or _proven(found, growth):
            return _continued(before, seen, growth, found, rules)
        return None
    return _disjoint(before, seen, growth, rules) if seen.complete else None


def stay(before: Place, counters: Counters) -> Step:
    """The step for a list that is as it was: only accumulators may have moved."""
    totals = _growths(before, Seen((), before.length, counters, complete=True))
    step = Step(replace(before, counters=dict(counters)), lost=0, gap=False, totals=totals)
    return _settling(step, before.unsettled if before.pending else frozenset())


def _first(seen: Seen, rules: Rules) -> Step:
    visible = len(seen.hashes)
    pushed = seen.counters.get(rules.companion or "")
    doubt = rules.companion is not None and (pushed is None or pushed < visible)
    lost = max(0, (seen.length if pushed is None else pushed) - visible)
    return Step(_place(seen, visible, (), rules), lost, doubt, dict(seen.counters))


def _growth(before: Place, seen: Seen, rules: Rules) -> int | None:
    if rules.companion is None:
        return None
    then, now = before.counters.get(rules.companion), seen.counters.get(rules.companion)
    return None if then is None or now is None else now - then


def _overlap(before: Place, seen: Seen, growth: int | None, rules: Rules) -> Alignment | None:
    found = _aligned(before, seen, growth, rules)
    # Where entries passed unread the memory has holes; any entry in both windows is known all the same.
    doubtful = found.rolled_back > 0 if found is not None else seen.complete
    if doubtful and not rules.repeats and _many(before):
        known = align_distinct(before.hashes, seen.hashes, delta=growth)
        if known is not None and (found is None or known.new < found.new):
            return known
    return found


def _aligned(before: Place, seen: Seen, growth: int | None, rules: Rules) -> Alignment | None:
    """The alignment that can be believed. One that contradicts a counter or the lengths needs proof of its own."""
    floor = max(0, seen.length - before.length)
    found = align(before.hashes, seen.hashes, delta=growth, floor=floor)
    if found is not None and (growth is None or found.on_diagonal or _outweighs(found, before, seen, rules)):
        return found
    if floor == 0:
        return None
    # Longer, though nothing was pushed: the trim after the last push was lost with the server, or files were restored.
    found = align(before.hashes, seen.hashes, delta=growth)
    if found is None or found.on_diagonal:
        return found
    if growth is None:
        return found if found.witnesses >= min(PROOF, len(before.hashes)) else None
    return found if _outweighs(found, before, seen, rules) else None


def _outweighs(found: Alignment, before: Place, seen: Seen, rules: Rules) -> bool:
    """Whether the list is believed and not the counter: never where whole stretches of entries may repeat.

    Eight entries that occur once prove it; one does in a list whose many entries all differ; and in a short list all
    of them, as long as none can have been trimmed.
    """
    return not rules.repeats and (
        found.witnesses >= PROOF
        or (found.distinct and _many(before))
        or (found.witnesses >= len(before.hashes) and seen.length < rules.cap)
    )


def _many(before: Place) -> bool:
    """Whether so many entries are remembered that repeating payloads would show."""
    return len(before.hashes) >= 2 * PROOF and sum(not h.startswith(_UNREAD) for h in before.hashes) >= 2 * PROOF


def _proven(found: Alignment, growth: int | None) -> bool:
    """Whether older entries than those looked at could not change it."""
    plain = growth is not None and found.on_diagonal and found.rolled_back == max(0, -growth)
    return found.witnesses >= PROOF or (plain and found.overlap >= PROOF)


def _continued(before: Place, seen: Seen, growth: int | None, found: Alignment, rules: Rules) -> Step:
    contradicts = (growth is not None and not found.on_diagonal) or _companion_vanished(before, seen, rules)
    too_long = growth is None and found.new < seen.length - before.length
    short = found.overlap < min(PROOF, len(before.hashes)) and (rules.repeats or found.witnesses == 0)
    accident = growth is None and short
    visible = len(seen.hashes) if seen.complete else min(seen.length, rules.depth)
    pending = max(0, before.pending - found.rolled_back) + found.new
    lost = min(before.pending, found.rolled_back) + max(0, pending - visible)
    pending = min(pending, visible)
    back = found.rolled_back > 0
    unknown = back or (growth is not None and not found.on_diagonal)
    totals = dict.fromkeys(seen.counters) if unknown else _growths(before, seen)
    known = len(seen.hashes) - found.new + found.rolled_back
    place = _place(seen, pending, before.hashes[max(0, known) :], rules)
    carried = before.unsettled if before.pending else frozenset[str]()
    return _settling(Step(place, lost, back or contradicts or too_long or accident, totals), carried)


def _disjoint(before: Place, seen: Seen, growth: int | None, rules: Rules) -> Step:
    visible = len(seen.hashes)
    vanished = visible == 0 and before.length > 0
    fell = any(_fell(before, seen, name) for name in seen.counters)
    totals: Counters = dict(seen.counters) if fell else _growths(before, seen)
    if growth is None:
        lost = before.pending + max(0, seen.length - visible)
        gap = before.length > 0 or seen.length >= rules.cap or _companion_vanished(before, seen, rules)
    elif growth >= visible and not fell:
        lost = before.pending + growth - visible
        gap = vanished or (growth > visible and seen.length < rules.cap)
    else:
        totals = dict(seen.counters)
        lost = before.pending + max(0, (seen.counters[rules.companion or ""] or 0) - visible)
        gap = True
    unread = _unread(seen, lost - before.pending, rules)
    place = _place(seen, visible, (*unread, *before.hashes), rules)
    return _settling(Step(place, lost, gap, totals), frozenset())


def _place(seen: Seen, pending: int, older: Sequence[bytes], rules: Rules) -> Place:
    """older: the hashes that come after those of seen, of the list and of what was trimmed before."""
    hashes = (*seen.hashes, *older)[: max(len(seen.hashes), min(seen.length, rules.depth), rules.memory)]
    return Place(hashes, seen.length, pending, dict(seen.counters))


def _unread(seen: Seen, count: int, rules: Rules) -> Sequence[bytes]:
    """Stand-ins for entries that passed unread: with them, places in the memory still agree with the companion."""
    pushed = seen.counters.get(rules.companion or "") or 0
    last = pushed - len(seen.hashes)
    return [_UNREAD + (last - i).to_bytes(8, "big", signed=True) for i in range(min(count, rules.memory))]


def _settling(step: Step, carried: frozenset[str]) -> Step:
    """With the counters that cannot be stated until everything pending is emitted."""
    names = frozenset(name for name, total in step.totals.items() if total is None or name in carried)
    totals = {name: None if name in names else total for name, total in step.totals.items()}
    return replace(step, place=replace(step.place, unsettled=names), totals=totals)


def _growths(before: Place, seen: Seen) -> Counters:
    return {name: _grown(before.counters.get(name, 0), now) for name, now in seen.counters.items()}


def _grown(then: int | None, now: int | None) -> int | None:
    return None if then is None or now is None or now < then else now - then


def _fell(before: Place, seen: Seen, name: str) -> bool:
    then, now = before.counters.get(name), seen.counters[name]
    return then is not None and now is not None and now < then


def _companion_vanished(before: Place, seen: Seen, rules: Rules) -> bool:
    name = rules.companion
    return name is not None and before.counters.get(name) is not None and seen.counters.get(name) is None
