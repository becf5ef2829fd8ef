"""The exporter's own counters: they ride along, outlive it, and never fall."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.core import health
from exporters.core.errors import StateError
from tests.core.tiny import Clock, exposed, open_runtime

WHO = ("default", "tiny", "words", "refused")
LINE = 'observatory_source_errors_total{deployment="default",reason="refused",source="words",system="tiny"}'


def test_what_was_counted_shows_at_once_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    before = open_runtime(tmp_path, clock)
    before.health.start(health.SOURCE_ERRORS, *WHO)
    before.health.add(health.SOURCE_ERRORS, *WHO, amount=3)
    assert exposed(before)[LINE] == 3
    before.health.flush()
    before.checkpoint.close()
    after = open_runtime(tmp_path, clock)
    assert exposed(after)[LINE] == 3
    after.health.start(health.SOURCE_ERRORS, *WHO)
    assert exposed(after)[LINE] == 3, "starting it again does not reset it"
    after.checkpoint.close()


def test_a_counter_born_later_shows_zero_first(tmp_path: Path) -> None:
    clock = Clock()
    runtime = open_runtime(tmp_path, clock)
    runtime.health.add(health.SOURCE_ERRORS, *WHO)
    assert exposed(runtime)[LINE] == 0
    clock.seconds += 31
    assert exposed(runtime)[LINE] == 1
    runtime.checkpoint.close()


def test_it_rides_along_in_somebody_elses_transaction(tmp_path: Path) -> None:
    runtime = open_runtime(tmp_path)
    runtime.health.add(health.SOURCE_ERRORS, *WHO)
    with runtime.checkpoint.transaction() as connection:
        runtime.health.ride_along(connection)
    runtime.checkpoint.close()
    again = open_runtime(tmp_path)
    assert exposed(again)[LINE] == 1
    again.checkpoint.close()


def test_what_rode_along_in_vain_waits_for_the_next_transaction(tmp_path: Path) -> None:
    runtime = open_runtime(tmp_path)
    runtime.health.add(health.SOURCE_ERRORS, *WHO)

    def ride_in_vain() -> None:
        with runtime.checkpoint.transaction() as connection:
            runtime.health.ride_along(connection)
            connection.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StateError):
        ride_in_vain()
    runtime.health.flush()
    runtime.checkpoint.close()
    again = open_runtime(tmp_path)
    assert exposed(again)[LINE] == 1
    again.checkpoint.close()
