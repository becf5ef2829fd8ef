"""Every number that SigmaSight's admin endpoints compute, stated a second time in SQL and nothing else.

    reference = Reference(core, ai, now)
    reference.one("ai_metrics", days=7)["error_rate"]
    reference.table("ai_models")                # a list of rows

Nothing here is imported from the product: pages are compared with it. Days of "…_by_day" and "…_daily" are those of the
session's time zone, as in the back end; everything else is the same in any zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.sigmasight import (
    reference_batch,
    reference_onboarding,
    reference_requests,
    reference_system,
    reference_tuning,
)
from tests.sigmasight.reference_sql import Statement

STATEMENTS: Mapping[str, Statement] = {
    **reference_requests.STATEMENTS,
    **reference_onboarding.STATEMENTS,
    **reference_batch.STATEMENTS,
    **reference_tuning.STATEMENTS,
    **reference_system.STATEMENTS,
}
Row = dict[str, Any]


class Reference:
    """core and ai: connections, the same one for a single database. now: what the back end's clock says."""

    def __init__(self, core: psycopg.Connection[Any], ai: psycopg.Connection[Any], now: datetime) -> None:
        self._sides = {"core": core, "ai": ai}
        self._now = now

    def table(self, name: str, *, days: int | None = None, **values: object) -> list[Row]:
        """The rows of one endpoint's statement; decimals become floats."""
        statement = STATEMENTS[name]
        given = {"now": self._now, "days": statement.days if days is None else days, **values}
        with self._sides[statement.half].cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(statement.sql.encode(), given).fetchall()
        return [{key: float(v) if isinstance(v, Decimal) else v for key, v in row.items()} for row in rows]

    def one(self, name: str, *, days: int | None = None, **values: object) -> Row:
        """The only row of a statement."""
        (row,) = self.table(name, days=days, **values)
        return row

    def counts(self, name: str, *, days: int | None = None) -> dict[str, int]:
        """A statement of (value, count) as a mapping."""
        return {row["value"]: row["count"] for row in self.table(name, days=days)}
