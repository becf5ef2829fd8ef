"""One PostgreSQL for all tests of SigmaSight; each test has databases of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from tests.sigmasight.databases import Databases, prepare
from tests.sigmasight.houses import House, make_account
from tests.sigmasight.texts_house import World, lived_world

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SOMEWHERE = {"timezone": "America/New_York", "max_connections": "50"}
"""Whoever does not say which zone he means gets the wrong day."""


@pytest.fixture(scope="session")
def sigmasight_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that does not wait for the disk, with the templates, and the exporter's account."""
    folder: Path = tmp_path_factory.mktemp("sigmasight")
    with Postgres(
        folder / "postgres", free_port(), password_file=folder / "password", settings=QUICK | SOMEWHERE
    ) as server:
        prepare(server)
        make_account(server)
        yield server


@pytest.fixture
def databases(sigmasight_postgres: Postgres) -> Iterator[Databases]:
    """Two empty databases with all tables."""
    with Databases(sigmasight_postgres) as made:
        yield made


@pytest.fixture
def one_database(sigmasight_postgres: Postgres) -> Iterator[Databases]:
    """One empty database with the tables of both."""
    with Databases(sigmasight_postgres, single=True) as made:
        yield made


@pytest.fixture
def house(databases: Databases, tmp_path: Path) -> Iterator[House]:
    """A living SigmaSight with two databases, and all that the exporter needs to watch it."""
    with closing(House(databases, tmp_path)) as made:
        yield made


@pytest.fixture(scope="session")
def world(sigmasight_postgres: Postgres) -> Iterator[World]:
    """A life with every odd row and canaries in every text, and the readers of its words. Nobody changes it."""
    with lived_world(sigmasight_postgres) as made:
        yield made
