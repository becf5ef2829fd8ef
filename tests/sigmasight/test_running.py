"""SigmaSight's streams in the runner: what is cleaned up, restarted and hidden."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporters.core import health
from exporters.core.contract import Source
from exporters.readers.postgres_rows import PostgresRows
from exporters.sigmasight import metrics, probes_metrics
from exporters.sigmasight.sources import sources
from tests.sigmasight.houses import House
from tests.sigmasight.running import Running

pytestmark = pytest.mark.servers


def core(house: House, *, page: int = 10_000) -> Source[Any]:
    """The source `core`, history in pages of this size."""
    source = house.sources()["core"]
    streams = tuple(
        replace(stream, reader=replace(stream.reader, history_page=page))
        if isinstance(stream.reader, PostgresRows)
        else stream
        for stream in source.streams
    )
    return replace(source, streams=streams)


def fallen(before: dict[str, float], after: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Samples that fell or went away."""
    return {name: (value, after.get(name, -1)) for name, value in before.items() if after.get(name, -1) < value}


def test_a_clean_up_takes_nothing_back(house: House, tmp_path: Path) -> None:
    house.sigma.found()
    house.sigma.backfill(45, stories_per_day=6)
    with closing(Running(tmp_path / "state.db", core(house))) as running:
        running.live()
        running.history()
        rows = house.databases.number("SELECT count(*) FROM ai_request_metrics")
        assert running.total(metrics.AI_REQUESTS) == rows
        before = running.counters()
        deleted = house.sigma.clean_up()
        assert min(deleted["ai_request_metrics"], deleted["user_activity_events"]) > 30
        running.live()
        after = running.counters()
        assert fallen(before, after) == {}
        assert {name: value for name, value in after.items() if name in before and not name.startswith("obs")} == {
            name: value for name, value in before.items() if not name.startswith("obs")
        }, "nor does anything jump"
        house.sigma.burst(7)
        running.live()
        assert running.total(metrics.AI_REQUESTS) == rows + 7
        before = running.counters()
    with closing(Running(tmp_path / "state.db", core(house))) as running:
        own = {name: value for name, value in before.items() if not name.startswith("observatory_")}
        assert fallen(own, running.counters()) == {}, "what was counted shows at once"
        running.live()
        assert running.total(metrics.AI_REQUESTS) == rows + 7


def test_a_clean_up_amidst_history_doubles_nothing(house: House, tmp_path: Path) -> None:
    house.sigma.found()
    house.sigma.backfill(45, stories_per_day=6)
    rows = house.databases.number("SELECT count(*) FROM ai_request_metrics")
    page, pages = 10, 2
    with closing(Running(tmp_path / "state.db", core(house, page=page))) as running:
        running.live()
        running.history(most=pages)
        assert house.sigma.clean_up()["ai_request_metrics"] > page * pages
        house.sigma.burst(5)
        running.live()
    left = house.databases.number("SELECT count(*) FROM ai_request_metrics")
    with closing(Running(tmp_path / "state.db", core(house, page=page))) as running:
        running.live()
        running.history()
        counted = running.total(metrics.AI_REQUESTS)
        assert left <= counted <= left + page * pages < rows + 5, "what was read is counted, deleted since or not"
        house.sigma.burst(1)
        running.live()
        assert running.total(metrics.AI_REQUESTS) == counted + 1


def test_another_hash_key_is_a_gap_and_doubles_nothing(house: House, tmp_path: Path) -> None:
    house.sigma.found()
    house.sigma.backfill(0.9)
    with closing(Running(tmp_path / "state.db", core(house))) as running:
        running.live()
        running.history()
        house.sigma.tell(house.sigma.company.question())
        running.live()
        counted = {metric: running.total(metric) for metric in OWNERS}
    key = b"another hash key, of 32 bytes or more"
    source, *_ = sources(house.settings(), key)
    with closing(Running(tmp_path / "state.db", source, rebase=True)) as running:
        running.live()
        assert {metric: running.total(metric) for metric in OWNERS} == counted
        assert running.total(health.STREAM_GAPS) == len(source.streams)
        house.sigma.burst(2)
        running.live()
        assert running.total(metrics.AI_REQUESTS) == counted[metrics.AI_REQUESTS] + 2


OWNERS = (metrics.AI_REQUESTS, metrics.AI_MESSAGES, metrics.ACTIVITY_EVENTS)


def test_no_text_and_no_id_gets_anywhere(house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house.sigma.found()
    house.sigma.backfill(3)
    house.sigma.edges(datetime.now(UTC))
    with closing(Running(tmp_path / "state.db", core(house))) as running:
        running.live()
        running.history()
        house.sigma.backfill(0.2)
        running.live()
        shown = running.store.render(openmetrics=True)
        lines = running.checkpoint.outbox_fill()
        assert lines > 0, "points are on their way"
    state = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    assert b"sigmasight_ai_request," in state
    said = shown.encode() + caplog.text.encode() + state
    assert len(house.canaries) > 15
    assert {"ai_request_metrics.error_message", "agent_messages.content", "users.email"} <= set(house.canaries)
    for column, token in house.canaries.items():
        assert token.encode() not in said, column
    users = house.databases.rows("SELECT id::text FROM users UNION SELECT user_id::text FROM ai_request_metrics")
    for (user,) in users:
        assert user is None or user.encode() not in said
    for (conversation,) in house.databases.rows("SELECT conversation_id::text FROM ai_request_metrics"):
        assert conversation.encode() not in said


def test_every_metric_lives_when_sigmasight_does_everything(house: House, tmp_path: Path) -> None:
    (tmp_path / "prices.yml").write_text(
        "currency: USD\nmodels: [{model: gpt-5-mini, prices: [{valid_from: 2020-01-01, input: 1, output: 2}]}]"
    )
    house.sigma.found()
    house.sigma.backfill(2)
    house.sigma.edges(datetime.now(UTC))
    source = house.sources(prices_file=tmp_path / "prices.yml")["core"]
    source = replace(source, streams=tuple(s for s in source.streams if s.name != "batch_runs"))
    with closing(Running(tmp_path / "state.db", source, influx=False)) as running:
        running.live()
        running.history()
        for _ in range(5):
            house.sigma.tell(house.sigma.company.question())
        running.live()
        fed = {metric for stream in source.streams for metric in stream.feeds}
        own = [metric for metric in metrics.METRICS if metric not in probes_metrics.METRICS]
        fed.remove(metrics.AI_MODEL_SINCE)
        assert fed == {metric for metric in (*own, *metrics.SHARED) if metric.kind.value != "gauge"}
        names = {name.split("{")[0] for name, value in running.counters().items() if value > 0}
        dead = [metric.name for metric in fed if not names & {metric.name, metric.name + "_count"}]
        assert dead == []
