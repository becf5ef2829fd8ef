"""The same id is the same hash; without the key nobody can tell; texts keep their words and lose their ids."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.core.errors import ConfigError
from exporters.core.pseudonym import Pseudonyms

KEY = bytes(range(32))
IDS = Pseudonyms(KEY)


def test_a_hash_is_keyed_and_sixteen_digits_long() -> None:
    assert IDS.of("5551001") == blake2b(b"5551001", digest_size=8, key=KEY).hexdigest()
    assert IDS.of("5551001") != Pseudonyms(KEY[::-1]).of("5551001")


def test_an_empty_id_stays_empty() -> None:
    assert IDS.of("") == ""


@settings(deadline=None)
@given(st.text(st.characters(), min_size=1))
def test_any_text_has_a_hash(text: str) -> None:
    assert len(IDS.of(text)) == 16


def test_a_key_longer_than_the_hash_takes_still_counts_to_its_end() -> None:
    assert Pseudonyms(b"k" * 65).of("x") != Pseudonyms(b"k" * 64 + b"l").of("x")


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 15])
def test_a_key_that_protects_nothing_is_refused(key: bytes) -> None:
    with pytest.raises(ConfigError, match="at least 16"):
        Pseudonyms(key)


def test_ids_in_a_text() -> None:
    hashed = IDS.of("5551001")
    assert IDS.disguise("Replied to 5551001.") == f"Replied to id:{hashed}."
    assert IDS.disguise("reminder_5551001_call") == f"reminder_id:{hashed}_call"
    assert IDS.disguise("chat -1005551001") == f"chat -id:{IDS.of('1005551001')}"
    assert IDS.disguise("Hello ada, ada!", "ada") == "Hello ada, ada!"
    assert IDS.disguise("Hello lovelace!", "lovelace") == f"Hello id:{IDS.of('lovelace')}!"
    assert IDS.disguise("x5551001y", "5551001") == f"xid:{hashed}y"


@pytest.mark.parametrize(
    "text", ["", "llm 812.441234ms", "port 8081", "d41d8cd9123456789abc", "12:00:01.123456", "a.b"]
)
def test_what_is_no_id_stays(text: str) -> None:
    assert IDS.disguise(text) == text


def test_an_id_that_is_a_pattern_is_taken_literally() -> None:
    assert IDS.disguise("a.*b and axxb", "a.*b") == f"id:{IDS.of('a.*b')} and axxb"
