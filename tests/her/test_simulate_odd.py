"""Older shapes, poison, canaries and the command line of the simulator."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from exporters.her.simulate import Her, main
from tests.her.contract_check import check_keyspace, check_record
from tests.her.contract_shapes import ContractError
from tests.her.whole_life import tell_everything
from tests.servers.fixtures import StartRedis


@pytest.fixture
def client(start_redis: StartRedis) -> redis.Redis:
    return redis.Redis(port=start_redis(password=False).port)


def test_older_shapes_are_what_the_contract_remembers(client: redis.Redis) -> None:
    her = Her(client, seed=31)
    planted = her.older_shapes()
    check_keyspace(client, older=True, twins=False)
    with pytest.raises(ContractError):
        check_keyspace(client, twins=False)
    for key, raw, why in planted:
        if client.type(key) == b"list":
            assert raw in client.lrange(key, 0, -1), why
    reasons = " / ".join(why for _, _, why in planted)
    for wanted in ("without name", "integer 0", "NUL", "`task`", "reminder", "operator", "{}", "list", "not an object"):
        assert wanted in reasons
    raws = b"\n".join(raw for _, raw, _ in planted)
    assert b"\\u0000\\u0000" in raws
    assert b'"execution_time":0,' in raws


def test_poison_is_planted_whole_and_refused(client: redis.Redis) -> None:
    her = Her(client, seed=32)
    planted = her.poison()
    whole = [entry for entry in planted if entry.why.startswith("whole")]
    assert len(whole) == 1
    assert len(whole[0].raw) > 5_000_000
    check_record(whole[0].key, whole[0].raw)
    # NaN and a far future are JSON and times to Python; what a reader does with them is its own decision.
    readable = {"timestamp is the last of all", "NaN and Infinity"}
    for entry in planted:
        assert entry.raw in client.lrange(entry.key, 0, -1), entry.why
        if entry not in whole and entry.why not in readable:
            with pytest.raises((ContractError, RecursionError)):
                check_record(entry.key, entry.raw)
    by_key = {key: [entry.why for entry in planted if entry.key == key] for key, _, _ in planted}
    assert len(by_key) == 9
    for key, reasons in by_key.items():
        assert {"truncated", "invalid UTF-8", "empty"} <= set(reasons)
        assert ("timestamp is missing" in reasons) is not key.startswith("her:reflection:")
    assert her.produced.total() == len(planted) + 1


@pytest.mark.parametrize("key", ["her:logs", "her:metrics:messages", "her:scheduler:state"])
def test_wrong_types_replace_a_key(client: redis.Redis, key: str) -> None:
    her = Her(client, seed=33)
    her.startup()
    her.chat()
    before = client.type(key)
    her.wrong_type(key)
    assert client.type(key) != before
    with pytest.raises((ContractError, redis.ResponseError)):
        check_keyspace(client)


def strings(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string inside `value` with its path, list positions left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, path)
    elif isinstance(value, str):
        yield path, value


FREE = {
    "her:metrics:events": {".user_id", ".user_message", ".response_message"},
    "her:logs": {".message"},
    "her:sandbox:executions": {".command", ".output", ".error", ".workdir"},
    "her:decision:logs": {
        ".summary",
        ".details.message_preview",
        ".details.command",
        ".details.output",
        ".details.error",
        ".details.query_preview",
        ".details.args_preview",
        ".details.planner.action",
        ".details.planner.assumptions",
        ".details.planner.risk",
        ".details.skeptic.notes",
        ".details.skeptic.hallucination_risk",
        ".details.notes",
        ".details.action.command",
        ".details.action.code",
        ".details.action.write_to",
        ".details.action.result",
        ".details.reason",
        ".details.task",
        ".details.task_name",
        ".details.task.name",
        ".details.strong_areas",
        ".details.weak_areas",
    },
    "her:reinforcement:events": {".user_id", ".user_message_preview", ".assistant_message_preview"},
    "her:runtime:capabilities:history": {".capabilities.internet.reason", ".mcp_servers.pdf.message"},
    "her:workflow:events": {
        ".details.message",
        ".details.raw_messages",
        ".details.response_preview",
        ".details.output_preview",
        ".details.planner.action",
        ".details.skeptic.notes",
        ".details.verifier.notes",
        ".details.token",
    },
}
# Machine phrases that share a field with free text.
PHRASES = re.compile(
    r"(reminder_(retry|failed):|workflow_source_http_|proactive_send_failed:|chat_id missing|transient_error)"
)


def test_every_free_text_carries_its_canary(client: redis.Redis) -> None:
    canaries: dict[str, str] = {}
    her = Her(client, seed=34, users=3, canaries=canaries, info_logs=True)
    tell_everything(her)
    check_keyspace(client)
    tokens = tuple(canaries.values())
    assert len(set(tokens)) == len(tokens) > 55
    for field, token in canaries.items():
        if not field.startswith(("user_id", "group_chat_id", "secret")):
            assert re.fullmatch(rf"CANARY-{re.escape(field)}-[0-9a-f]{{12}}", token)
    for key, free in FREE.items():
        found = set()
        for row in client.lrange(key, 0, -1):
            for path, value in strings(json.loads(row)):
                if path in free and value and not PHRASES.match(value):
                    found.add(path)
                    assert any(token in value for token in tokens), f"{key} {path}: {value[:80]}"
        assert found >= free - {".details.task.name", ".details.token"}, key
    kept = client.get("her:scheduler:state") or b""
    everything = [kept if isinstance(kept, bytes) else kept.encode()]
    for name in client.scan_iter():
        everything.append(name)
        if client.type(name) == b"list":
            everything += [row for row in client.lrange(name, 0, -1) if isinstance(row, bytes)]
        elif client.type(name) == b"string":
            stored = client.get(name)
            everything.append(stored if isinstance(stored, bytes) else b"")
    planted = b"\n".join(everything)
    assert [field for field, token in canaries.items() if token.encode() not in planted] == []


def test_secrets_in_log_text_look_like_secrets(client: redis.Redis) -> None:
    canaries: dict[str, str] = {}
    her = Her(client, seed=35, canaries=canaries)
    her.trouble()
    lines = b"\n".join(row for row in client.lrange("her:logs", 0, -1) if isinstance(row, bytes)).decode()
    token = re.search(r"/bot(\d+:[\w-]{35})/", lines)
    assert token is not None
    assert token[1] == canaries["secret.bot_token"]
    assert re.search(rf"https://[^:/]+:{canaries['secret.url_password']}@", lines)
    assert len(canaries["secret.hex"]) == 64
    assert canaries["secret.hex"] in lines
    assert canaries["secret.base64"] in lines


def test_without_canaries_nothing_says_canary(client: redis.Redis) -> None:
    tell_everything(Her(client, seed=36))
    for name in client.scan_iter():
        assert b"CANARY" not in (client.dump(name) or b"")


def test_the_command_line_lives_until_it_is_told_to_stop(start_redis: StartRedis, tmp_path: Path) -> None:
    server = start_redis()
    assert server.password_file is not None
    command = [
        sys.executable,
        "-m",
        "exporters.her.simulate",
        *("--redis.port", str(server.port)),
        *("--redis.password-file", str(server.password_file)),
        *("--rate", "50", "--seed", "1", "--backfill-hours", "1"),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as simulator:
        assert simulator.stderr is not None
        assert "HER writes to" in simulator.stderr.readline()
        simulator.send_signal(signal.SIGTERM)
        assert simulator.wait(10) == 0
        assert "stopped after" in simulator.stderr.read()
    client = redis.Redis(port=server.port, password=server.password)
    assert check_keyspace(client, older=True)["her:decision:logs"] > 50


def test_the_command_line_says_what_is_wrong(start_redis: StartRedis, capsys: pytest.CaptureFixture[str]) -> None:
    server = start_redis()
    assert main(["--redis.port", str(server.port)]) == 1
    assert "authenticat" in capsys.readouterr().err
    assert main(["--redis.port", str(server.port), "--redis.password-file", "/no/such/file"]) == 1
    assert "/no/such/file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--redis.port", "1", "--rate", "0"])
