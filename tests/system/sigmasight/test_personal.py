"""Tokens in every column that holds people's words, addresses or secrets: none of them is anywhere we write or answer.

Where we write or answer: /metrics and the other pages, what is posted to InfluxDB, the state file, the log at its most
talkative, and what `observatory check` prints, while everything goes well and while reads fail.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import sql

from exporters.sigmasight import simulate_log
from exporters.sigmasight.simulate_backend import Backend
from tests.sigmasight.houses import PASSWORD, House
from tests.sigmasight.test_grants import PERSONAL
from tests.system.exporter import Scrape, Watching
from tests.system.sigmasight.test_clocks import BUCKETS, caught_up, standin
from tests.system.sigmasight.watched import watched

pytestmark = pytest.mark.servers

PAGES = ("/", "/metrics", "/healthz", "/readyz", "/sd/prometheus", "/nothing-here")
NO_WORDS = {"portfolios.equity_balance", "ai_kb_documents.embedding"}
IDS = (
    ("core", "SELECT id::text FROM users UNION SELECT user_id::text FROM ai_request_metrics WHERE user_id IS NOT NULL"),
    ("core", "SELECT conversation_id::text FROM ai_request_metrics UNION SELECT id::text FROM agent_conversations"),
    ("core", "SELECT id::text FROM admin_users UNION SELECT token_hash FROM admin_sessions"),
    ("ai", "SELECT user_id::text FROM ai_memories WHERE user_id IS NOT NULL"),
)
"""No word, but nobody's business either."""


def full_of_tokens(house: House) -> dict[str, str]:
    """A SigmaSight whose every personal column has been written: "table.column" -> its token."""
    house.sigma.found()
    house.sigma.backfill(3)
    house.sigma.edges(datetime.now(UTC))
    written = {f"{table}.{column}" for table, columns in PERSONAL.items() for column in columns}
    for name in written - house.canaries.keys() - NO_WORDS:
        table, column = name.split(".")
        side = "ai" if table.startswith("ai_") and table != "ai_request_metrics" else "core"
        plant(house, side, table, column)
    assert written - NO_WORDS <= house.canaries.keys()
    return house.canaries


def plant(house: House, side: str, table: str, column: str) -> None:
    """A token where SigmaSight itself writes nothing that a token fits into."""
    token = f"CANARY-{table}.{column}-0"
    kind = house.databases.number(
        "SELECT data_type FROM information_schema.columns WHERE table_name = %(t)s AND column_name = %(c)s",
        {"t": table, "c": column},
        half=side,
    )
    value = sql.SQL("jsonb_build_object('word', {}::text)") if kind == "jsonb" else sql.SQL("{}")
    statement = sql.SQL("UPDATE {} SET {} = {}").format(
        sql.Identifier(table), sql.Identifier(column), value.format(sql.Literal(token))
    )
    assert house.databases.side(side).execute(statement).rowcount > 0, f"{table} is empty"
    house.canaries[f"{table}.{column}"] = token


def answered(exporter: Watching) -> str:
    """What every page says, those that refuse included."""
    said = []
    for page in PAGES:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}{page}", timeout=5) as answer:
                said.append(answer.read().decode())
        except urllib.error.HTTPError as error:
            said.append(error.read().decode())
    return "\n".join(said)


def checked(exporter: Watching) -> str:
    argv = [sys.executable, "-m", "exporters", "check", "--config.file", str(exporter.config)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def failed(stream: str) -> Callable[[Scrape], bool]:
    return lambda scrape: scrape.total("observatory_stream_errors_total", stream=stream) > 0


def troubled(house: House) -> None:
    """Reads fail from now on, each in its own way: a column, a right, a view and a table are gone."""
    core, ai = house.databases.core, house.databases.ai
    core.execute("ALTER TABLE ai_request_metrics RENAME COLUMN first_token_ms TO first_token")
    core.execute("REVOKE SELECT ON user_activity_events FROM observer")
    core.execute("REVOKE SELECT (event_type) ON user_activity_events FROM observer")
    core.execute("DROP VIEW observatory.batch_runs")
    ai.execute("ALTER TABLE ai_memories RENAME TO memories_elsewhere")
    # Whoever reads it with an error has words of it in the error: a value that does not cast is quoted.
    core.execute(
        "CREATE VIEW observatory.batch_runs AS SELECT *, true AS uuid_id, triggered_by::int AS trigger"
        " FROM public.batch_run_history"
    )
    core.execute("GRANT SELECT ON observatory.batch_runs TO observer")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("texts", [False, True], ids=["texts off", "texts on"])
def test_no_token_is_anywhere(house: House, tmp_path: Path, *, texts: bool) -> None:
    tokens = full_of_tokens(house)
    log_file = tmp_path / "app.log"
    log_file.touch()
    with standin(tmp_path) as (influx, settings), Backend() as backend:
        exporter = watched(
            tmp_path / "exporter",
            house,
            influx=settings,
            log_level="debug",
            backend={"url": f"http://127.0.0.1:{backend.port}"},
            log={"path": str(log_file), "text": texts},
        )
        with exporter:
            exporter.until_read()
            simulate_log.append(log_file, house.sigma.pen, 60)
            house.sigma.backfill(0.1)
            caught_up(exporter)
            exporter.until(lambda s: s.total("observatory_stream_events_total", stream="log") > 50, "the log is read")
            said = answered(exporter) + checked(exporter)
            caught_up(exporter)
            troubled(house)
            failing = ("ai_requests", "activity", "batch_runs", "knowledge")
            for stream in failing:
                exporter.until(failed(stream), stream)
            said += answered(exporter) + checked(exporter)
        stored = {bucket: repr(influx.stored(bucket)) for bucket in BUCKETS}
        state = b"".join(path.read_bytes() for path in (tmp_path / "exporter" / "state").iterdir())
    log = exporter.log.read_text()
    numbers = stored["sigmasight"] + stored["sigmasight_daily"]
    for told in failing:
        assert f"/{told} cannot be read: " in log, "errors were told, and what they said is what is looked at"
    assert "sigmasight_ai_request" in numbers
    assert "sigmasight_activity" in numbers
    assert "sigmasight_batch_run" in numbers
    places = {"pages": said, "numbers": numbers, "log": log, "state": state.decode("latin-1")}
    leaks = {(place, column) for place, text in places.items() for column, token in tokens.items() if token in text}
    assert leaks == set()
    assert PASSWORD not in "".join(places.values())
    for half, query in IDS:
        for (key,) in house.databases.rows(query.replace("ai_memories", "memories_elsewhere"), half=half):
            assert not [place for place, text in places.items() if key in text], query
    text = stored["sigmasight_text"]
    assert not [column for column, token in tokens.items() if token in text], "not even where texts are switched on"
    assert (
        ("upstream error" in text and "[redacted] refused" in text and "[address]" in text) if texts else text == "{}"
    )
