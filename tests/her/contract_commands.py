"""How HER's bytes get into Redis: the order and the shape of the commands, as MONITOR shows them."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis

from tests.her.contract_check import key_rule
from tests.her.contract_shapes import ContractError, require

Command = tuple[str, ...]

READS = {"GET", "TYPE", "LINDEX", "EXISTS", "PING", "HELLO", "CLIENT", "ECHO", "SELECT", "AUTH"}
WRITES = {"MULTI", "EXEC", "INCRBY", "INCR", "SADD", "SET", "SETEX", "LPUSH", "LTRIM", "HSET"}
DOCUMENTS = {"her:scheduler:state", "her:runtime:capabilities"}
TWINS = {
    "her:sandbox:executions": "sandbox_execution",
    "her:scheduler:jobs": "scheduler_execution",
    "her:reinforcement:events": "reinforcement_event",
    "her:reflection:": "reflection",
}
END = "end-of-recording"


@contextmanager
def recorded(client: redis.Redis) -> Iterator[list[Command]]:
    """Every command the server gets while the block runs; complete when the block has ended."""
    options = client.connection_pool.connection_kwargs
    commands: list[Command] = []
    with socket.create_connection((options["host"], options["port"]), timeout=10) as monitor:
        stream = monitor.makefile("rb")
        if options.get("password"):
            monitor.sendall(f"AUTH {options['password']}\r\n".encode())
            stream.readline()
        monitor.sendall(b"MONITOR\r\n")
        stream.readline()
        yield commands
        client.echo(END)
        for line in stream:
            command = parse_monitor_line(line)
            if command == ("ECHO", END):
                break
            commands.append(command)


def parse_monitor_line(line: bytes) -> Command:
    """`+1771750000.1 [0 127.0.0.1:5000] "LPUSH" "key" "value"`, unquoted."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line.decode("latin-1"))
    plain = [word.encode("latin-1").decode("unicode_escape") for word in words]
    return (plain[0].upper(), *plain[1:]) if plain else ()


def check_commands(commands: Sequence[Command]) -> int:
    """Judge the commands of one writer at tip; returns how many writes there were."""
    for command in commands:
        name = command[0]
        require("command", command[:2], holds=name in READS | WRITES, rule="is one that HER sends")
    writes = [command for command in commands if command[0] in WRITES]
    index = 0
    while index < len(writes):
        index += _check_one(writes, index)
    return len(writes)


def _check_one(writes: Sequence[Command], index: int) -> int:
    """Judge the write at `index` and what must follow it; returns how many writes that was."""
    name, *arguments = writes[index]
    if name == "MULTI":
        return _check_group(writes[index : index + 8])
    if name == "LPUSH":
        _check_push(writes, index)
        return 2
    if name == "SETEX":
        key, ttl = arguments[0], arguments[1]
        require(key, ttl, holds=key_rule(key).ttl == 86_400 and ttl == "86400", rule="is set for 86400 s")
        return 1
    if name == "HSET":
        require("HSET", arguments[0], holds=arguments[0].startswith("her:reinforcement:profile:"), rule="is a profile")
        return 1
    if name == "SET":
        require("SET", arguments[0], holds=arguments[0] in DOCUMENTS, rule=f"is one of {sorted(DOCUMENTS)}")
        if arguments[0] == "her:runtime:capabilities":
            following = writes[index + 1] if index + 1 < len(writes) else ()
            wanted = ("LPUSH", "her:runtime:capabilities:history", arguments[1])
            require("SET", following[:2], holds=following == wanted, rule="is followed by its history entry")
        return 1
    raise ContractError(name, "must be part of something else", arguments[:1])


def _check_group(group: Sequence[Command]) -> int:
    """One interaction: six commands between MULTI and EXEC."""
    names = [command[0] for command in group]
    increments = {"INCRBY", "INCR"}
    in_order = (
        len(group) == 8
        and names[0] == "MULTI"
        and names[7] == "EXEC"
        and names[1] == "INCRBY"
        and names[2] in increments
        and names[3:7] == ["SADD", "SET", "LPUSH", "LTRIM"]
    )
    require("MULTI", names, holds=in_order, rule="is INCRBY, INCR, SADD, SET, LPUSH, LTRIM, EXEC")
    _, tokens, messages, users, last, push, trim, _ = group
    event = json.loads(push[2])
    wanted = [
        ("INCRBY", "her:metrics:tokens", str(event["token_estimate"])),
        ("SADD", "her:metrics:users", event["user_id"]),
        ("SET", "her:metrics:last_response", push[2]),
        ("LPUSH", "her:metrics:events", push[2]),
        ("LTRIM", "her:metrics:events", "0", "49"),
    ]
    require("MULTI", tokens, holds=[tokens, users, last, push, trim] == wanted, rule="writes one event everywhere")
    one = messages[1] == "her:metrics:messages" and messages[2:] in ((), ("1",))
    require("MULTI", messages, holds=one, rule="counts one interaction")
    return 8


def _check_push(writes: Sequence[Command], index: int) -> None:
    _, key, *values = writes[index]
    require(key, len(values), holds=len(values) == 1, rule="is pushed one by one")
    cap = key_rule(key).cap or 0
    following = writes[index + 1] if index + 1 < len(writes) else ()
    require(
        key, following, holds=following == ("LTRIM", key, "0", str(cap - 1)), rule="is trimmed right after the push"
    )
    require(key, key, holds=key != "her:metrics:events", rule="interactions are pushed inside their transaction")
    kind = next((event_type for prefix, event_type in TWINS.items() if key.startswith(prefix)), None)
    if kind is not None:
        require(
            key, kind, holds=index >= 2 and writes[index - 2][:2] == ("LPUSH", "her:decision:logs"), rule="copy first"
        )
        copy, own = json.loads(writes[index - 2][2]), json.loads(values[0])
        require(key, copy["event_type"], holds=copy["event_type"] == kind, rule="is preceded by its own decision")
        shared = copy["details"].keys() & own.keys()
        same = bool(shared) and all(copy["details"][name] == own[name] for name in shared)
        require(key, copy["details"], holds=same, rule="says the same in both copies")
    if key == "her:reinforcement:events":
        profile = writes[index + 2][:2] if index + 2 < len(writes) else ()
        user = json.loads(values[0])["user_id"]
        wanted = ("HSET", f"her:reinforcement:profile:{user}")
        require(key, profile, holds=profile == wanted, rule="is followed by the user's profile")
