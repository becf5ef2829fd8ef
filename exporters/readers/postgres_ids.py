"""Which rows were emitted before, by the keyed hashes of their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporters.core.contract import SeenIds
from exporters.readers.list_cursor import RecordHash
from exporters.readers.postgres_table import Fetched, Row, Table, instant, microseconds


class Nothing:
    """Remembers nothing: for who only looks. Implements contract.SeenIds."""

    def among(self, hashes: Sequence[bytes]) -> set[bytes]:
        """None of them."""
        del hashes
        return set()

    def oldest(self) -> int | None:
        """None."""
        return None


@dataclass(slots=True)
class RowIds:
    """Of one table. key: as `RecordHash` has it. kept: ids are kept for ever, as rows are written again in place."""

    table: Table
    key: bytes = field(repr=False)
    kept: bool
    _hashed: RecordHash = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._hashed = RecordHash(self.key, b"row id")

    def fresh(self, rows: list[Fetched], seen: SeenIds) -> tuple[list[Fetched], list[bytes]]:
        """The rows not emitted before, and the hashes of their ids."""
        hashes = [self._hashed(row[0].encode()) for row in rows]
        known = seen.among(hashes)
        if not known:
            return rows, hashes
        fresh = [(row, hashed) for row, hashed in zip(rows, hashes, strict=True) if hashed not in known]
        return [row for row, _ in fresh], [hashed for _, hashed in fresh]

    def fresh_of_history(
        self, rows: list[Fetched], floor: int, seen: SeenIds
    ) -> tuple[list[Row], list[tuple[bytes, int]]]:
        """The records of rows that were not emitted before, and what to remember of them.

        floor: no window to come reaches below it, in microseconds since the epoch.
        """
        times = self.table.times(rows)
        records: list[Row] = [(row[0], at, False, *row[3:]) for row, at in zip(rows, times, strict=True)]
        # A row older than all that are remembered was not emitted, and no window will meet it: its id need be neither
        # made, nor asked for, nor kept, which is a fifth of what a row of long history costs. Only where rows are
        # written again in place may its time have changed.
        oldest = seen.oldest()
        bound = None if self.kept else instant(floor if oldest is None else min(floor, oldest))
        near = [n for n, at in enumerate(times) if bound is None or at is None or at >= bound]
        if not near:
            return records, []
        hashes = {n: self._hashed(rows[n][0].encode()) for n in near}
        known = seen.among(list(hashes.values()))
        if known:
            records = [record for n, record in enumerate(records) if hashes.get(n) not in known]
        add = [(hashed, microseconds(times[n])) for n, hashed in hashes.items() if hashed not in known]
        return records, [(hashed, at) for hashed, at in add if self.kept or at >= floor]
