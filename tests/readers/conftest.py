"""One Redis for all tests of the readers that need nothing special, emptied for each; a table for those of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis

from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.redis import Redis
from exporters.readers.redis_client import close, connect
from tests.readers.rows_house import SCHEMA, House


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    folder: Path = tmp_path_factory.mktemp("readers")
    with Redis(folder / "redis", free_port(), password_file=None) as server:
        yield server


@pytest.fixture
def writer(shared_redis: Redis) -> Iterator[redis.Redis]:
    """The watched system's connection, on an empty server."""
    client = redis.Redis(host="127.0.0.1", port=shared_redis.port, protocol=2)
    client.flushall()
    client.config_resetstat()
    yield client
    client.close()


@pytest.fixture
def connection(shared_redis: Redis, writer: redis.Redis) -> Iterator[redis.Redis]:
    """The exporter's connection."""
    client = connect(host="127.0.0.1", port=shared_redis.port)
    yield client
    close(client)


@pytest.fixture
def house(postgres_server: Postgres) -> Iterator[House]:
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA)
    with closing(House(postgres_server)) as made:
        yield made
