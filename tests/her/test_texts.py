"""What may leave HER as text, what may never, and how it is cut: canaries in every free-text field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from exporters.core.contract import Effects
from exporters.her import metrics, texts
from exporters.her.names import member, mode, verdict
from exporters.her.simulate import Her
from exporters.her.sources import sources
from tests.her import sample_records as sample
from tests.her.deployments import ALL_TEXT, HASH_KEY, IDS, settings, streams
from tests.her.effects_check import only_point, points, run
from tests.her.reading import collected, readers
from tests.her.sample_records import changed, decision
from tests.her.whole_life import tell_everything
from tests.servers.fixtures import StartRedis

TOKEN = "bot5551009001:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


def fold(stream: str, *records: bytes, **text: bool) -> Effects:
    return run(streams(**text)[stream], *records)[1]


def test_chats_where_they_are_switched_on() -> None:
    long = "w ord" * 2000
    effects = fold("interactions", changed(sample.INTERACTION, response_message=f"see {TOKEN} {long}"), chats=True)
    point = only_point(effects, metrics.CHAT_TEXT)
    assert point.tags == {"user": IDS.of("5551001")}
    assert point.fields["message_text"] == "is the backup done?"
    reply = point.fields["reply_text"]
    assert isinstance(reply, str)
    assert reply.startswith("see bot[redacted] w ord")
    assert texts.CHAT_CHARACTERS - len(TOKEN) < len(reply) <= texts.CHAT_CHARACTERS


def test_an_empty_text_leaves_no_field() -> None:
    effects = fold("interactions", changed(sample.INTERACTION, response_message=""), chats=True)
    assert only_point(effects, metrics.CHAT_TEXT).fields == {"message_text": "is the backup done?"}
    silent = changed(sample.INTERACTION, response_message="", user_message="")
    assert points(fold("interactions", silent, chats=True), metrics.CHAT_TEXT) == []


def test_log_lines_where_they_are_switched_on() -> None:
    line = f"POST https://api.telegram.org/{TOKEN}/send to 5551001\x1b[0m \ud800\r\nnext"
    point = only_point(fold("logs", changed(sample.LOG, message=line), logs=True), metrics.LOG_TEXT)
    assert point.tags == {"level": "warning", "logger": "her_mcp.manager"}
    user = IDS.of("5551001")
    assert point.fields["line_text"] == (
        f"POST https://api.telegram.org/bot[redacted] to id:{user}\ufffd[0m \ufffd\nnext"
    )


def test_executions_where_they_are_switched_on() -> None:
    record = changed(
        sample.EXECUTION, command="curl -u me:hunter2 http://h", output="first\n" + "x y\n" * 5000 + "last", error=""
    )
    point = only_point(fold("executions", record, executions=True), metrics.EXECUTION_TEXT)
    assert point.tags == {"outcome": "failed", "kind": "command"}
    assert point.fields["command_text"] == "curl -u [redacted] http://h"
    output = point.fields["output_text"]
    assert isinstance(output, str)
    assert output.endswith("x y\nlast")
    assert len(output) == texts.OUTPUT_CHARACTERS
    assert (point.fields["exit_code"], point.fields["duration_seconds"]) == (2, 0.41)
    assert "error_text" not in point.fields


def test_decisions_where_they_are_switched_on() -> None:
    record = decision(
        "verifier_result",
        {"verified": False, "notes": "token: abc for lovelace"},
        user_id="lovelace",
        summary="Verified for lovelace and 5551001",
    )
    point = only_point(fold("decisions", record, decisions=True), metrics.DECISION_TEXT)
    who = IDS.of("lovelace")
    assert point.tags == {"event_type": "verifier_result", "source": "telegram", "verdict": "no", "user": who}
    assert point.fields == {
        "summary_text": f"Verified for id:{who} and id:{IDS.of('5551001')}",
        "detail_text": f"notes: token: [redacted] for id:{who}",
    }


def test_previews_of_replies_need_both_switches() -> None:
    record = decision("assistant_response", {"message_preview": "Yes, it finished"}, summary="")
    assert points(fold("decisions", record, decisions=True), metrics.DECISION_TEXT) == []
    assert points(fold("decisions", record, chats=True), metrics.DECISION_TEXT) == []
    point = only_point(fold("decisions", record, chats=True, decisions=True), metrics.DECISION_TEXT)
    assert point.fields == {"detail_text": "message_preview: Yes, it finished"}


@pytest.mark.parametrize("kept", [texts.head, texts.tail])
def test_a_secret_on_the_edge_of_a_cut_goes_whole(kept: Any) -> None:
    for shift in range(0, 60, 7):
        text = "a " * (500 - shift) + f"password=hunter2{'y' * 40} " + "b " * (500 + shift)
        assert "hunter2" not in kept(text, 1000)
        assert "yyy" not in kept(text, 1000)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("web_search", "web_search"),
        ("filesystem.list_directory", "filesystem.list_directory"),
        ("brave-search", "brave-search"),
        ("gpt-4o/mini:free", "gpt-4o/mini:free"),
        ("v2026", "v2026"),
        ("12345", "12345"),
        ("", "other"),
        ("two words", "other"),
        ("line\n", "other"),
        ("reminder_5551001", "other"),
        ("x" * 65, "other"),
        ("d41d8cd98f00b204e9800998ecf8427e", "other"),
        ("-option", "other"),
        ("è", "other"),
    ],
)
def test_members_of_open_sets(word: str, expected: str) -> None:
    assert member(word) == expected


def test_words_of_closed_sets() -> None:
    assert [verdict(value) for value in (True, False, None)] == ["yes", "no", "other"]
    assert [mode(word) for word in ("CHAT_MODE", "ACTION_MODE", "NEW")] == ["chat", "action", "new"]


@pytest.fixture
def client(start_redis: StartRedis) -> Iterator[redis.Redis]:
    with closing(redis.Redis(port=start_redis(password=False).port)) as made:
        yield made


def everything(client: redis.Redis, **text: bool) -> tuple[dict[str, str], list[Effects], str]:
    """Canaries, what every stream did, and everything the probes and the refusals said, as text."""
    canaries: dict[str, str] = {}
    port = client.connection_pool.connection_kwargs["port"]
    (source,) = sources(settings(redis={"host": "127.0.0.1", "port": port}, text=text), HASH_KEY)
    connection = source.connect()
    streams_read = readers(source, connection)
    for info_logs in (False, True):
        her = Her(client, seed=8, canaries=canaries, info_logs=info_logs)
        for story in (lambda her=her: tell_everything(her), her.older_shapes, lambda her=her: her.poison(huge=False)):
            story()
            for reader in streams_read.values():
                reader.read()
    told = "\n".join(line for reader in streams_read.values() for line in reader.refusals)
    told += "\n".join(str(collected(source, probe.name, connection)) for probe in source.probes)
    told += "\n".join(str(reader.view()) for reader in streams_read.values())
    told += "\n".join(str(reader.cursor) + str(reader.stream.encode(reader.state)) for reader in streams_read.values())
    source.close(connection)
    return canaries, [reader.effects for reader in streams_read.values()], told


def found(canaries: dict[str, str], text: str) -> set[str]:
    return {field for field, token in canaries.items() if token in text}


def outside_of_text(effects: list[Effects]) -> str:
    kept = [(e.counts, e.observations, [p for p in e.points if p.measurement.kind != "text"]) for e in effects]
    return str(kept)


def test_with_every_text_off_no_canary_leaves(client: redis.Redis) -> None:
    canaries, effects, told = everything(client)
    assert len(canaries) > 25
    assert found(canaries, told) == set()
    assert found(canaries, str(effects)) == set()
    assert not any(point.measurement.kind == "text" for done in effects for point in done.points)


def test_with_every_text_on_canaries_are_in_the_text_measurements_alone_and_secrets_nowhere(
    client: redis.Redis,
) -> None:
    canaries, effects, told = everything(client, **ALL_TEXT)
    assert found(canaries, told) == set()
    assert found(canaries, outside_of_text(effects)) == set()
    shown = found(canaries, str([p.fields for e in effects for p in e.points if p.measurement.kind == "text"]))
    assert {"user_message", "response_message", "log.message", "command", "output", "error"} <= shown
    assert {"decision.summary", "decision.notes", "decision.planner.action"} <= shown
    secrets = {field for field in canaries if field.startswith("secret.")}
    assert len(secrets) == 4
    assert not shown & secrets
    ids = {field for field in canaries if field.startswith(("user_id.", "api_user_id", "group_chat_id."))}
    assert len(ids) > 12
    assert not shown & ids
