"""Every number on HER's pages equals what Redis or PostgreSQL itself computes: the whole way, for every shape.

Simulator -> real Redis and PostgreSQL -> `observatory serve` -> real Prometheus -> the generated page's own PromQL.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.her.pages.house import BOARDS, House, Numbers, asked, house, of_a_moment
from tests.her.pages.life import SHAPES
from tests.her.pages.told_by_redis import BY_REDIS
from tests.her.pages.told_by_sql import BY_SQL, MEMORY, PLAIN

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

PAGES = ("her-overview", "her-executors", "her-jobs", "her-decisions", "her-memory", "her-state", "her-copies")
STATEMENTS = {**BY_REDIS, **BY_SQL}
ELSEWHERE = {
    ("her-overview", "HER is"): "tests/system/test_pictures.py",
    ("her-state", "HER is"): "tests/system/test_pictures.py",
    ("her-overview", "Alerts firing"): "no rules are loaded here",
    ("her-overview", "In progress"): "tests/her/test_fold_workflow.py; ten minutes of a clock",
    ("her-state", "Requests in progress"): "as there",
    ("her-state", "Sign of life, Redis"): "as on HER / Overview",
    ("her-overview", "Failures by kind"): "the same lines by another label",
    ("her-executors", "95 % faster than"): "an estimate from a histogram",
    ("her-decisions", "Newest"): "as HER / Database copies",
    ("her-decisions", "Capability probes"): "tests/her/test_fold_decisions.py",
    ("her-copies", "PostgreSQL has"): "compared six minutes later: tests/her/test_copies.py",
    ("her-copies", "Compared"): "as there",
    ("her-copies", "Missing copies"): "as there",
    ("her-copies", "First messages"): "of both copies: tests/her/test_rows.py",
    ("her-copies", "Days reflected on"): "as there",
    ("her-memory", "The table"): "test_the_shape",
}
"""Panels whose numbers are not proven here, and where they are."""
ARRIVING = (("her-overview", "Sign of life"), ("her-state", "Sign of life, PostgreSQL"))
"""Timed by the exporter's clock when it arrives: later than its stamp, by a look and what a busy machine adds."""
LATEST_ARRIVAL = 5.0


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("pages")) as made:
        yield made


def is_as(shown: Numbers, expected: Numbers, most: int) -> None:
    """Equal, zeros aside, but for the thousandth that a range of one more millisecond adds.

    Prometheus is asked for a moment in whole milliseconds: of an age of a second that is a thousandth, too.
    """
    shown, expected = ({key: value for key, value in found.items() if value} for found in (shown, expected))
    if len(expected) > most:
        # Of equal ones nobody knows which are left out.
        assert sorted(shown.values()) == pytest.approx(sorted(expected.values())[-most:], rel=1e-3, abs=2e-3)
        expected = {key: value for key, value in expected.items() if key in shown}
    assert shown == pytest.approx(expected, rel=1e-3, abs=2e-3)


def most(uid: str, title: str) -> int:
    """How many bars a panel shows at most."""
    _, panel = asked(uid, title)
    _, top, rest = panel["targets"][0]["expr"].partition("topk(")
    return int(rest.split(",")[0]) if top else 1000


STAMPED = [statement for statement in STATEMENTS if statement not in ARRIVING]


@pytest.mark.parametrize(("uid", "title"), STAMPED, ids=[f"{uid}: {title}" for uid, title in STAMPED])
def test_the_panel_shows_what_the_source_says(lived: House, uid: str, title: str) -> None:
    shown, expected = lived.shown(uid, title), STATEMENTS[uid, title](lived)
    assert len(shown) == len(expected)
    for found, wanted in zip(shown, expected, strict=True):
        is_as(found, wanted, most(uid, title))


@pytest.mark.parametrize(("uid", "title"), ARRIVING, ids=[f"{uid}: {title}" for uid, title in ARRIVING])
def test_a_sign_of_life_is_as_old_as_its_arrival(lived: House, uid: str, title: str) -> None:
    (shown,), (stamped,) = lived.shown(uid, title), STATEMENTS[uid, title](lived)
    assert shown.keys() == stamped.keys()
    for key, age in shown.items():
        assert stamped[key] - LATEST_ARRIVAL <= age <= stamped[key] * 1.001


@pytest.mark.parametrize("title", MEMORY)
@pytest.mark.parametrize("shape", PLAIN)
def test_memory_is_told_rightly_in_every_shape(lived: House, shape: str, title: str) -> None:
    lived.databases[shape].execute(f"CREATE OR REPLACE TEMPORARY VIEW plain AS {PLAIN[shape]}".encode())
    expected = [lived.sql(query, shape) for query in MEMORY[title]]
    if title == "Newest":
        expected = [{"": lived.end - expected[0][""]}]
    for found, wanted in zip(lived.shown("her-memory", title, shape), expected, strict=True):
        is_as(found, wanted, most("her-memory", title))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape(lived: House, shape: str) -> None:
    assert lived.shown("her-memory", "The table", shape) == [{shape: 1}]


def test_without_a_table_nothing_is_claimed(lived: House) -> None:
    assert all(not answer for title in MEMORY for answer in lived.shown("her-memory", title, "none"))


def test_the_range_holds_something_of_everything(lived: House) -> None:
    """Two zeros are equal, too."""
    empty = {key for key, statement in STATEMENTS.items() if not any(any(told.values()) for told in statement(lived))}
    assert empty == {("her-overview", "Entries lost"), ("her-jobs", "Waiting for a retry")}


def test_no_number_is_left_out() -> None:
    proven = {*STATEMENTS, *ELSEWHERE, *(("her-memory", title) for title in MEMORY)}
    shown = {(uid, panel["title"]) for uid in PAGES for panel in of_a_moment(BOARDS[uid])}
    assert shown - proven == set(), "a statement, or a reason why not"
    assert proven - shown == set(), "no such panel"
