"""Records of every stream of HER, as many as are wanted: the simulator's, with times of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

import redis

from exporters.core.contract import Batch, Json
from exporters.demo.ports import free_port
from exporters.demo.redis import Redis
from exporters.her.simulate import Her

START = datetime(2026, 2, 22, 9, 0, tzinfo=UTC)
NOW = START + timedelta(days=30)
LISTS: Mapping[str, str] = {
    "interactions": "her:metrics:events",
    "logs": "her:logs",
    "executions": "her:sandbox:executions",
    "jobs": "her:scheduler:jobs",
    "decisions": "her:decision:logs",
    "reinforcement": "her:reinforcement:events",
    "workflow": "her:workflow:events",
    "startups": "her:runtime:capabilities:history",
}
_TIME = re.compile(rb'("timestamp":")[^"]*')


def corpus(folder: Path) -> dict[str, list[bytes]]:
    """Some tens to thousands of different records per stream, oldest first."""
    with Redis(folder, free_port()) as server:
        client = redis.Redis(port=server.port)
        her = Her(client, seed=41)
        her.backfill(10, stories_per_hour=40)
        found = {
            stream: [raw for raw in reversed(client.lrange(key, 0, -1)) if isinstance(raw, bytes)]
            for stream, key in LISTS.items()
        }
        client.close()
    return found


def many(records: list[bytes], count: int, first: int = 0) -> list[bytes]:
    """`count` records, each 137 microseconds after the one before; workflow executions are kept apart by their ids."""
    made = []
    for number, raw in enumerate(islice(cycle(records), count), first):
        at = (START + timedelta(microseconds=137 * number)).isoformat()
        made.append(_TIME.sub(rb"\g<1>" + at.encode(), raw, count=1))
    return made


@dataclass
class InMemory:
    """A StreamReader of records that are there already, `at_once` at a time."""

    records: list[bytes]
    at_once: int

    def read(self, connection: None, cursor: Json, now: datetime) -> Batch:  # noqa: ARG002 - the protocol's
        """The next batch."""
        start = int(cursor or 0)
        end = min(start + self.at_once, len(self.records))
        return Batch(self.records[start:end], end, now, more=end < len(self.records))


def sizes(found: Mapping[str, list[bytes]]) -> Iterator[tuple[str, float]]:
    """Mean bytes of a record, by stream."""
    for stream, records in found.items():
        yield stream, sum(map(len, records)) / len(records)
