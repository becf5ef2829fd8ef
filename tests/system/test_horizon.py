"""Rows that commit late, out of order and under altered tables, read by a reader that keeps being killed.

Missed 0, doubled 0: every row that was ever committed leaves exactly one line, and no other row leaves any.
"""

from __future__ import annotations

import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from exporters.demo.postgres import Postgres

SECONDS = float(os.environ.get("HORIZON_SECONDS", "20"))
WRITERS = 16
SKEW = 2.0
OPEN_SECONDS = 2.0
OLD_ROWS = 400
KEEP_SECONDS = 15
SCHEMA = """
    CREATE TABLE facts (fact_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), happened_at timestamptz NOT NULL,
                        kind text NOT NULL, number int NOT NULL, secret text);
    CREATE INDEX ON facts (kind, happened_at DESC);
    CREATE ROLE reader LOGIN PASSWORD '{password}';
    GRANT SELECT (fact_id, happened_at, kind, number, xmin) ON facts TO reader;
"""


class Writers:
    """Sixteen clients with clocks of their own. `committed` holds the number of every row the server has confirmed."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.committed: set[int] = set()
        self.halt = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(n,), daemon=True) for n in range(WRITERS)]
        self.threads += [threading.Thread(target=work, daemon=True) for work in (self._delete, self._alter)]

    def _write(self, me: int) -> None:
        rng = random.Random(me)
        number = me * 1_000_000
        skew = rng.uniform(-SKEW, SKEW)
        with psycopg.connect(self.dsn) as connection:
            while not self.halt.is_set():
                kept: list[int] = []

                def insert() -> int:
                    nonlocal number
                    number += 1
                    connection.execute(
                        "INSERT INTO facts (happened_at, kind, number) VALUES (to_timestamp(%s), %s, %s)",
                        (time.time() + skew, rng.choice("abc"), number),
                    )
                    return number

                kept.append(insert())
                if rng.random() < 0.6:
                    self.halt.wait(rng.uniform(0, OPEN_SECONDS))
                for _ in range(rng.randrange(4)):
                    with suppress(ZeroDivisionError), connection.transaction():
                        inner = insert()
                        if rng.random() < 0.3:
                            raise ZeroDivisionError
                        kept.append(inner)
                if rng.random() < 0.15:
                    connection.rollback()
                else:
                    connection.commit()
                    self.committed.update(kept)
                self.halt.wait(rng.uniform(0, 0.1))

    def _delete(self) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            while not self.halt.wait(1.0):
                connection.execute(
                    "DELETE FROM facts WHERE number > 0 AND happened_at < now() - make_interval(secs => %s)",
                    (KEEP_SECONDS,),
                )

    def _alter(self) -> None:
        """Rewrites the whole table: every row gets a new transaction number.

        Early on: a rewrite shows every row once more, and would heal what was missed before it.
        """
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for wanted in ("bigint", "int"):
                if self.halt.wait(SECONDS / 5):
                    return
                connection.execute(f"ALTER TABLE facts ALTER COLUMN number TYPE {wanted}")


def lines(state: Path) -> Counter[int]:
    """Row number -> lines of it."""
    with sqlite3.connect(state / "state.db") as connection:
        found = [re.search(r"number=(-?\d+)i", line) for (line,) in connection.execute("SELECT line FROM outbox")]
    return Counter(int(match[1]) for match in found if match)


@pytest.mark.timeout(240)
def test_missed_none_doubled_none(postgres_server: Postgres, tmp_path: Path) -> None:
    secret = tmp_path / "reader-password"
    secret.write_text("a password of the test")
    state = tmp_path / "state"
    state.mkdir()
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA.format(password="a password of the test"))
        connection.execute(
            "INSERT INTO facts (happened_at, kind, number)"
            " SELECT now() - make_interval(mins => n), 'a', -n FROM generate_series(1, %s) AS n",
            (OLD_ROWS,),
        )
    writers = Writers(postgres_server.dsn())
    rng = random.Random(4)

    def read(where: str, commits: int) -> int:
        argv = [sys.executable, "-m", "tests.system.horizon_reader", str(state), str(postgres_server.port), str(secret)]
        done = subprocess.run([*argv, where, str(commits)], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode in (0, -9), done.stderr
        return done.returncode

    for thread in writers.threads:
        thread.start()
    kills = 0
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            where = ("before", "in", "after")[kills % 3]
            assert read(where, rng.randrange(1, 60)) == -9
            kills += 1
    finally:
        writers.halt.set()
        for thread in writers.threads:
            thread.join(30)
    assert read("never", 0) == 0
    found = lines(state)
    expected = writers.committed | {-n for n in range(1, OLD_ROWS + 1)}
    missed = expected - found.keys()
    doubled = {number: times for number, times in found.items() if times > 1}
    invented = found.keys() - expected
    print(f"rows {len(expected)}, kills {kills}, missed {len(missed)}, doubled {len(doubled)}")
    assert kills >= 3
    assert len(writers.committed) > 5 * SECONDS
    assert (len(missed), len(doubled), len(invented)) == (0, 0, 0)
