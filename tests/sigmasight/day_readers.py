"""The streams of days as the runner reads them, and the bucket that their lines fill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from exporters.core.contract import Stream
from exporters.core.prices_file import read_prices
from exporters.readers import postgres_client
from exporters.readers.postgres_account import log_in
from exporters.sigmasight.days_reader import midnight
from exporters.sigmasight.days_streams import day_streams
from exporters.sigmasight.intervals import INTERVALS
from tests.sigmasight.houses import House
from tests.sigmasight.watching import watching
from tests.standins.line_parser import parse

NAMES = ("days_requests", "days_activity", "days_batch", "days_people")
Fields = Mapping[str, Any]
Series = tuple[str, tuple[str, ...], date]
"""Measurement, the values of its own tags, day."""


class Written:
    """The daily bucket: points of one time and series replace each other."""

    def __init__(self) -> None:
        self.points: dict[Series, dict[str, Any]] = {}
        self.lines: list[str] = []

    def post(self, lines: list[str]) -> None:
        self.lines += lines
        for line in lines:
            point = parse(line)
            assert point.time_ns is not None
            tags = tuple(value for name, value in sorted(point.tags.items()) if name != "deployment")
            at = datetime.fromtimestamp(point.time_ns / 10**9, UTC)
            assert at == midnight(at.date())
            assert point.time_ns == int(at.timestamp()) * 10**9, "not a nanosecond beside it"
            self.points.setdefault((point.measurement, tags, at.date()), {}).update(point.fields)

    def of(self, name: str, day: date, *tags: str) -> Fields:
        return self.points.get((f"sigmasight_daily_{name}", tags, day), {})

    def days(self, name: str) -> set[date]:
        return {day for measurement, _, day in self.points if measurement == f"sigmasight_daily_{name}"}


class Read:
    """The streams of days of one house, over a state file each, as the runner reads them."""

    def __init__(self, house: House, folder: Path, prices: Path | None = None) -> None:
        self.house = house
        self.folder = folder
        self.streams: dict[str, Stream[Any, Any, Any]] = {
            stream.name: stream
            for stream in day_streams(INTERVALS.__getitem__, read_prices(prices) if prices else None)
        }
        self.written = Written()

    def read(self, now: datetime | None = None, *, times: int = 1, names: tuple[str, ...] = NAMES) -> Written:
        """Read all that is due, as the runner does, so many times; each with a new process."""
        connection = log_in(self.house.settings().core)
        try:
            for name in names:
                for _ in range(times):
                    file = self.folder / f"{name}.sqlite"
                    with watching(file, self.streams[name], connection, now) as watch:
                        before = len(watch.lines("sigmasight_daily"))
                        watch.live()
                        self.written.post(watch.lines("sigmasight_daily")[before:])
        finally:
            postgres_client.close(connection)
        return self.written


def request(house: House, at: datetime, **given: Any) -> None:
    """One row of ai_request_metrics."""
    row = {"model": "gpt-5-mini", "total_latency_ms": 1000, "created_at": at, **given}
    columns = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    query = (
        f"INSERT INTO ai_request_metrics (conversation_id, message_id, {columns})"  # noqa: S608
        f" VALUES (gen_random_uuid(), gen_random_uuid(), {values})"
    )
    house.databases.core.execute(query.encode(), row)
