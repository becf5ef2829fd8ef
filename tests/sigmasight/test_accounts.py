"""The exporter's account: the columns that are read and no others, and a password that is never told."""

from __future__ import annotations

import psycopg
import pytest

from exporters.core.errors import SourceDown, StreamError
from exporters.sigmasight import grants
from exporters.sigmasight.tables import READ
from tests.sigmasight.houses import OBSERVER, PASSWORD, House
from tests.sigmasight.reading import Reader

pytestmark = pytest.mark.servers


def test_the_columns_that_are_read_are_granted(house: House) -> None:
    for table, columns in READ.items():
        assert set(columns) <= set(grants.NUMBERS["core"][table])
    with psycopg.connect(
        host="127.0.0.1",
        port=house.databases.server.port,
        user=OBSERVER,
        password=PASSWORD,
        dbname=house.databases.core_name,
    ) as connection:
        for column in ("error_message", "conversation_id"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT {column} FROM ai_request_metrics".encode())  # noqa: S608
            connection.rollback()


@pytest.mark.parametrize("table", READ)
def test_fewer_columns_than_that_do_not_suffice(house: House, table: str) -> None:
    """What is granted beyond need would be a leak that nobody notices; each column is needed by some stream."""
    owner = {"ai_request_metrics": "ai_requests", "user_activity_events": "activity", "agent_messages": "ai_messages"}
    house.sigma.found()
    house.sigma.burst(1)
    for column in READ[table]:
        house.databases.core.execute(f"REVOKE ALL ON {table} FROM {OBSERVER}".encode())
        rest = ", ".join(other for other in READ[table] if other != column)
        house.databases.core.execute(f"GRANT SELECT ({rest}) ON {table} TO {OBSERVER}".encode())
        with house.readers() as streams:
            failed = refused(streams)
        if (table, column) == ("ai_request_metrics", "message_id"):
            assert failed == {}, "nothing is looked up before there is an answer"
        else:
            assert failed == {owner[table]: "no_permission"}, column


@pytest.mark.parametrize(
    ("table", "stream"), [("ai_request_metrics", "ai_requests"), ("user_activity_events", "activity")]
)
def test_a_missing_table_fails_its_own_stream_alone(house: House, table: str, stream: str) -> None:
    house.databases.core.execute(f"DROP TABLE {table}".encode())
    with house.readers() as streams:
        assert refused(streams) == {stream: "missing"}


def refused(streams: dict[str, Reader]) -> dict[str, str]:
    """Which streams cannot be read, and why."""
    found = {}
    for name, reader in streams.items():
        try:
            reader.read().read()
        except StreamError as error:
            found[name] = str(error.reason)
    return found


def test_the_password_is_read_at_each_connect_and_never_told(house: House) -> None:
    for source in house.sources().values():
        source.close(source.connect())
        (house.folder / "observer").write_text("hunter2")
        with pytest.raises(SourceDown, match="auth") as failure:
            source.connect()
        assert "hunter2" not in str(failure.value)
        (house.folder / "observer").write_text(PASSWORD)
