"""The simulator: writes into one or two PostgreSQL databases exactly what SigmaSight's back end writes.

    sigma = Sigma(core, ai, seed=7)         # two connections in autocommit; leave out `ai` for one database
    sigma.create()                          # tables, indexes, alembic_version
    sigma.found()                           # administrators, users, portfolios, knowledge
    sigma.tell(sigma.company.question())    # a story of exporters.sigmasight.simulate_company
    sigma.backfill(30)
    sigma.run(seconds=60, rate=25)

With the same seed and clock the same calls write the same rows. From the command line it lives until it is stopped:

    python -m exporters.sigmasight.simulate --core.port 5432 --core.password-file /run/secrets/core --backfill-days 30
"""

import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Final

from exporters.sigmasight import schema, simulate_upkeep
from exporters.sigmasight import simulate_life as life
from exporters.sigmasight.simulate_canary import Canaries
from exporters.sigmasight.simulate_chat import Habits, metrics_row
from exporters.sigmasight.simulate_company import Company
from exporters.sigmasight.simulate_edges import Planted, plant_edges
from exporters.sigmasight.simulate_pen import Connection, Pen, Story, utcnow

__all__ = ["IN_KOLKATA", "IN_NEW_YORK", "Habits", "Planted", "Sigma"]

Produced = dict[str, int]
IN_NEW_YORK: Final = timedelta(hours=5)
"""`skew` of a process whose local zone is New York's: its naive UTC times land five hours in the future."""
IN_KOLKATA: Final = timedelta(hours=-5, minutes=-30)
"""The same in Kolkata: five and a half hours in the past."""


class Sigma:
    """SigmaSight writing to `core` and `ai` (the same database if that is left out), connections in autocommit.

    clock: returns aware times. another: opens one more connection to core, for transactions that commit late. canaries:
    filled with "table.column" -> token as columns get written. legacy: the back end's own sign-up form is in use, as
    it is not in production: only it writes the first three steps of the funnel. All calls come from one thread.
    """

    def __init__(
        self,
        core: Connection,
        ai: Connection | None = None,
        *,
        seed: int,
        clock: Callable[[], datetime] = utcnow,
        another: Callable[[], Connection] | None = None,
        canaries: MutableMapping[str, str] | None = None,
        habits: Habits | None = None,
        legacy: bool = True,
    ) -> None:
        rng = random.Random(seed)
        self.pen = Pen(core, ai or core, rng=rng, clock=clock, canaries=Canaries(canaries, rng), another=another)
        self.company = Company(self.pen, habits or Habits(), legacy=legacy)

    @property
    def produced(self) -> Counter[str]:
        """Rows ever inserted by this object, by table."""
        return self.pen.produced

    def connect(self, core: Connection, ai: Connection | None = None) -> None:
        """Write over other connections from now on; the old ones are closed."""
        for old in {self.pen.core, self.pen.ai}:
            old.close()
        self.pen.core, self.pen.ai = core, ai or core

    def create(self) -> None:
        """Every table, where it is missing."""
        sides: dict[schema.Half, Connection] = {"core": self.pen.core, "ai": self.pen.ai}
        for half, connection in sides.items():
            if not schema.exists(connection, half):
                schema.create(connection, half)

    def found(self, users: int = 12, *, days_ago: float = 0.0) -> bool:
        """Who is there before the first story; in a database that was lived in before, those who are there.

        Returns whether it is a new one. days_ago: when the stories begin; people came in as many days before that.
        """
        if self.pen.core.execute("SELECT 1 FROM admin_users").fetchone():
            self.company.resume()
            return False
        begin = self.pen.db_now() - timedelta(days=days_ago)
        self.company.found(users, *((begin - timedelta(days=days_ago), begin) if days_ago else (None, None)))
        return True

    def tell(self, story: Story, at: datetime | None = None) -> Produced:
        """A story at once, as if it began at `at` (now); returns what it inserted, by table."""
        before = Counter(self.produced)
        self.pen.tell(story, at)
        return dict(self.produced - before)

    def backfill(
        self,
        days: float,
        *,
        stories_per_day: float = 60.0,
        aggregated: float = 0.0,
        stop: threading.Event | None = None,
    ) -> Produced:
        """A past that ends two minutes ago. aggregated: share of its days for which somebody aggregated."""
        before = Counter(self.produced)
        life.backfill(
            self.company, days, stories_per_day=stories_per_day, aggregated=aggregated, stop=stop or threading.Event()
        )
        return dict(self.produced - before)

    def run(
        self,
        seconds: float | None = None,
        *,
        rate: float = 4.0,
        stop: threading.Event | None = None,
        reconnect: Callable[[], None] | None = None,
        chores: Sequence[life.Chore] = (),
    ) -> Produced:
        """Live for `seconds` (None: until `stop` is set) at about `rate` rows per second, what bursts write on top.

        reconnect: called until it succeeds when a connection fails; without it the error is raised.
        """
        before = Counter(self.produced)
        life.Life(self.company, rate=rate, stop=stop or threading.Event(), reconnect=reconnect, chores=chores).live(
            seconds
        )
        return dict(self.produced - before)

    def burst(self, requests: int) -> int:
        """That many answered requests end at this moment, in one transaction; returns how many."""
        with self.pen.core.transaction():
            for _ in range(requests):
                self.pen.insert("ai_request_metrics", self._request())
        return requests

    @contextmanager
    def skewed(self, skew: timedelta) -> Iterator[None]:
        """Rows written inside come from a process whose clock is off by `skew`."""
        before = self.pen.skew
        self.pen.skew = skew
        try:
            yield
        finally:
            self.pen.skew = before

    @contextmanager
    def held_request(self, **changes: object) -> Iterator[dict[str, object]]:
        """A request's row, stamped now, whose transaction commits when the block ends; with columns changed."""
        row = {"id": self.pen.new_id(), **self._request(), **changes}
        with self.pen.held() as connection:
            self.pen.insert_on(connection, "ai_request_metrics", row)
            yield row
        self.produced["ai_request_metrics"] += 1

    def edges(self, now: datetime) -> list[Planted]:
        """Every odd row the back end is known to leave, with window borders around `now`; what was planted."""
        return plant_edges(self.pen, now)

    def aggregate(self, day: date) -> int:
        """A super administrator aggregates a day."""
        return simulate_upkeep.aggregate(self.pen, day)

    def clean_up(self) -> Produced:
        """A super administrator cleans up: rows deleted by table."""
        return simulate_upkeep.clean_up(self.pen)

    def _request(self) -> dict[str, object]:
        pen = self.pen
        person = self.company.people.pick(pen)
        tools: list[str] = []
        return metrics_row(
            pen, self.company.habits, pen.new_id(), pen.new_id(), person.key, (600, 4_200), tools, error=None
        )


def main() -> int:
    """The program around it: exporters.sigmasight.simulate_command."""
    from exporters.sigmasight import simulate_command

    return simulate_command.main()


if __name__ == "__main__":
    sys.exit(main())
