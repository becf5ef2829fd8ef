"""Each system's life is told once, for all tests of the contract."""

from __future__ import annotations

import pytest

from exporters.core.contract import System
from tests.contract.observer import Observed, observed
from tests.contract.rooms import life_module


@pytest.fixture(scope="session")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Observed]:
    """What was observed so far, by system."""
    return {}


@pytest.fixture
def lived(system: System, lives: dict[str, Observed], tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """The whole life of the system, told by its simulator to its real servers and read by the exporter."""
    if system.name not in lives:
        lives[system.name] = observed(system, life_module(system), tmp_path_factory.mktemp(system.name))
    return lives[system.name]
