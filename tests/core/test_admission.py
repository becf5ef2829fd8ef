"""What gets in as a label value, what becomes `other`, and that each time is counted though much is remembered."""

from __future__ import annotations

from exporters.core.admission import Admission
from tests.core.tiny import SEEN, WORDS


def test_a_value_beyond_its_set_is_counted_every_time() -> None:
    admission = Admission()
    for _ in range(3):
        assert admission.admit(SEEN, ("green",)) == ("other",)
        assert admission.admit(SEEN, ("red",)) == ("red",)
    assert admission.clamped == {"colour": 3}


def test_an_open_set_keeps_its_first_members_for_ever() -> None:
    admission = Admission()
    assert [admission.admit(WORDS, (word,)) for word in "abcdab"] == [
        ("a",),
        ("b",),
        ("c",),
        ("other",),
        ("a",),
        ("b",),
    ]
    assert admission.clamped == {"word": 1}
    assert admission.admit(WORDS, ("d",)) == ("other",)
    assert admission.clamped == {"word": 2}


def test_other_is_nobodys_member_and_costs_nothing() -> None:
    admission = Admission()
    for _ in range(2):
        assert admission.admit(WORDS, ("other",)) == ("other",)
    assert not admission.clamped
    assert [admission.admit(WORDS, (word,)) for word in "abc"] == [("a",), ("b",), ("c",)]


def test_a_lone_surrogate_becomes_valid_text() -> None:
    admission = Admission()
    for _ in range(2):
        assert admission.admit(WORDS, ("\ud83d",)) == ("?",)


def test_what_the_state_file_knows_is_a_member() -> None:
    admission = Admission()
    for word in "abc":
        admission.remember(WORDS, ("home", word))
    assert admission.admit(WORDS, ("d",)) == ("other",)
    assert admission.admit(WORDS, ("c",)) == ("c",)
