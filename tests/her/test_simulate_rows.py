"""The simulator's command line with a database: the tables are made, and rows follow the entries of Redis."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from exporters.demo.postgres import Postgres
from tests.servers.fixtures import StartRedis


def test_a_row_follows_each_decision(start_redis: StartRedis, postgres_server: Postgres, tmp_path: Path) -> None:
    server = start_redis(password=False)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE ROLE her LOGIN PASSWORD 'hers'")
        admin.execute("CREATE DATABASE her_memory OWNER her")
    (tmp_path / "password").write_text("hers\n")
    argv = [
        *(sys.executable, "-m", "exporters.her.simulate", "--redis.port", str(server.port), "--seed", "3"),
        *("--postgres.port", str(postgres_server.port), "--postgres.password-file", str(tmp_path / "password")),
        *("--backfill-hours", "0.2"),
    ]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as simulator:
        try:
            assert simulator.stderr is not None
            assert "HER writes to" in simulator.stderr.readline()
            with psycopg.connect(postgres_server.dsn("her_memory"), autocommit=True) as reader:
                deadline = time.monotonic() + 20
                count = 0
                while count < 20 and time.monotonic() < deadline:
                    row = reader.execute("SELECT count(*) FROM decision_logs").fetchone()
                    count = row[0] if row else 0
                future = reader.execute(
                    "SELECT count(*) FROM decision_logs WHERE \"timestamp\" > now() + interval '1 second'"
                ).fetchone()
        finally:
            simulator.terminate()
            assert simulator.wait(20) == 0
    assert count >= 20
    assert future == (0,)
