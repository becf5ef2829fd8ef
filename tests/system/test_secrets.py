"""No canary planted in a free-text field reaches /metrics, another bucket, a log or an error message."""

from __future__ import annotations

import random
from pathlib import Path

import psycopg
import pytest

from exporters.demo.postgres import Postgres
from exporters.demo.redis import Redis
from exporters.her.simulate import Her, connect
from exporters.her.simulate_canary import Canaries
from exporters.her.simulate_postgres import Database
from tests.system.exporter import Exporter
from tests.system.test_torture import drained, standin

MAY_BE_SHOWN = ("server", "logger", "language", "tool", "type", "mcp_server")
"""Names that HER's configuration gives, which are labels by design; their canaries may be shown."""


def planted(server: Redis) -> tuple[Her, dict[str, str]]:
    """A HER whose every free-text field carries a canary, after a whole day's variety and some nonsense."""
    canaries: dict[str, str] = {}
    her = Her(connect("127.0.0.1", server.port, server.password), seed=31, canaries=canaries)
    her.startup()
    for _ in range(4):
        her.chat()
        her.api_chat()
        her.agent_request()
        her.schedule_command()
        her.tool_call()
        her.trouble()
        her.tick()
    for kind in range(6):
        her.trouble(kind)
    her.chat("error")
    her.api_chat("error")
    her.daily()
    her.older_shapes()
    her.poison(huge=False)
    return her, canaries


def test_no_memory_leaves(redis_server: Redis, postgres_server: Postgres, tmp_path: Path) -> None:
    """Not even where the exporter's account may read the payloads, and the restricted Grafana shows their texts."""
    canaries: dict[str, str] = {}
    her = Her(connect("127.0.0.1", redis_server.port, redis_server.password), seed=31)
    owner = psycopg.connect(postgres_server.dsn(), autocommit=True)
    database = Database(owner, her, seed=3)
    database.tables.canaries = Canaries(canaries, random.Random(5))
    database.begin(5)
    database.admit("observer", "of the test")
    database.admit_reader("reader", "another")
    (tmp_path / "observer").write_text("of the test")
    reader = {"user": "reader", "password_file": str(tmp_path / "not there"), "sslmode": "disable"}
    settings = {
        "host": "127.0.0.1",
        "port": postgres_server.port,
        "dbname": "postgres",
        "user": "observer",
        "password_file": str(tmp_path / "observer"),
        "memory_text": reader,
    }
    her.startup()
    her.chat()
    text = dict.fromkeys(("chats", "executions", "logs", "decisions", "workflow"), True)
    with standin(tmp_path) as (influx, stored):
        exporter = Exporter(tmp_path / "exporter", redis_server, influx=stored, text=text, postgres=settings)
        with exporter:
            exporter.until(lambda scrape: scrape.total("her_memories") > 0, "memories are counted")
            exporter.until_read()
            drained(exporter)
            metrics = exporter.scrape().text
        everything = [repr(influx.stored(bucket)) for bucket in ("her", "her_daily", "her_text")]
        state = b"".join(path.read_bytes() for path in (tmp_path / "exporter" / "state").iterdir())
    assert {"memory.text"} <= canaries.keys()
    counted = owner.execute(
        "SELECT count(*) FROM memories WHERE payload ->> 'data' LIKE %s", (f"%{canaries['memory.text']}%",)
    )
    assert counted.fetchone() != (0,)
    owner.close()
    for place in (metrics, *everything, exporter.log.read_text(), state.decode("latin-1")):
        assert leaked(canaries, place) == set()


def leaked(canaries: dict[str, str], text: str) -> set[str]:
    """Fields whose canary stands in the text."""
    return {field for field, token in canaries.items() if len(token) >= 6 and token in text}


@pytest.mark.parametrize("texts_on", [False, True], ids=["texts off", "texts on"])
def test_no_canary_leaves(redis_server: Redis, tmp_path: Path, texts_on: bool) -> None:  # noqa: FBT001 - a parameter
    _, canaries = planted(redis_server)
    assert len(canaries) > 30
    text = dict.fromkeys(("chats", "executions", "logs", "decisions"), texts_on)
    with standin(tmp_path) as (influx, settings):
        with Exporter(tmp_path / "exporter", redis_server, influx=settings, text=text) as exporter:
            exporter.until_read()
            drained(exporter)
            metrics = exporter.scrape().text
        numbers = repr(influx.stored("her")) + repr(influx.stored("her_daily"))
        texts = repr(influx.stored("her_text"))
        state = b"".join(path.read_bytes() for path in (tmp_path / "exporter" / "state").iterdir())
    log = exporter.log.read_text()
    assert "her_interactions_total" in metrics
    assert "her_decision" in numbers
    assert leaked(canaries, metrics) == set()
    assert leaked(canaries, numbers) == set()
    assert leaked(canaries, log) == set()
    assert leaked(canaries, state.decode("latin-1")) == set(), "the state file keeps hashes, and no text after delivery"
    if texts_on:
        assert "her_chat" in texts
        secrets = {field for field in canaries if "secret" in field or "token" in field}
        assert leaked(canaries, texts), "what was switched on does arrive"
        assert leaked({field: canaries[field] for field in secrets}, texts) == set(), "redacted even there"
    else:
        assert texts == "{}"
