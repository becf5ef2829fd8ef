"""What Redis itself says of the pages' numbers: from its raw entries, by means the exporter does not use."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from tests.her.pages.house import House, Numbers

Statement = Callable[[House], list[Numbers]]
EVENTS, LOGS, SANDBOX, JOBS = "her:metrics:events", "her:logs", "her:sandbox:executions", "her:scheduler:jobs"
STATE, CAPABILITIES, SCORES = "her:scheduler:state", "her:runtime:capabilities", "her:reinforcement:events"
TROUBLE = {"WARNING", "ERROR", "CRITICAL"}


def one(value: float) -> list[Numbers]:
    return [{"": float(value)}]


def tally(keys: Iterable[object]) -> list[Numbers]:
    return [{str(key): float(count) for key, count in Counter(keys).items()}]


def epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def number(house: House, key: str) -> float:
    return float(house.client.get(key) or 0)


def threads(house: House) -> dict[str, list[dict[str, Any]]]:
    return {key: house.document(key) for key in house.keys("her:context:*") if house.kind(key) == "string"}


def profiles(house: House) -> list[dict[str, float]]:
    found = [house.client.hgetall(key) for key in house.keys("her:reinforcement:profile:*")]
    return [{os.fsdecode(trait): float(value) for trait, value in profile.items()} for profile in found]


def mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def share(flags: Iterable[bool]) -> list[Numbers]:
    return one(mean(float(flag) for flag in flags))


def ended(code: int) -> str:
    return {0: "success", 124: "timeout", 127: "not_found", -1: "never_ran"}.get(code, "failed")


def kind(command: str) -> str:
    return "housekeeping" if "script_" in command else "command"


def exit_codes(house: House) -> list[int]:
    return [entry["exit_code"] for entry in house.entries(SANDBOX)]


def mcp(house: House) -> list[dict[str, Any]]:
    return [e for e in house.entries(LOGS) if e["level"] in TROUBLE and re.search("(?i)mcp|jsonrpc", e["message"])]


def failing_server(house: House) -> list[str]:
    named = (re.search("MCP server '([^']+)'", entry["message"]) for entry in mcp(house))
    return [found[1] for found in named if found]


def next_runs(house: House) -> dict[str, list[float]]:
    runs: dict[str, list[float]] = {}
    for task in house.document(STATE)["upcoming"]:
        runs.setdefault(task["type"], [])
        if task["next_run"]:
            runs[task["type"]].append(epoch(task["next_run"]))
    return runs


def upcoming(house: House) -> list[Numbers]:
    tasks, runs = house.document(STATE)["upcoming"], next_runs(house)
    by_status = {
        status: {name: float(sum(t["type"] == name and t["status"] == status for t in tasks)) for name in runs}
        for status in ("RETRY", "FAILED")
    }
    return [
        {name: min(at) * 1000 for name, at in runs.items() if at},
        tally(task["type"] for task in tasks)[0],
        by_status["RETRY"],
        by_status["FAILED"],
    ]


def job_errors(house: House) -> list[Numbers]:
    """By family and reason; a reason is told of what could not be sent."""
    families = []
    for entry in house.entries(JOBS):
        phrase, _, reason = entry["error"].partition(":")
        if not entry["success"]:
            sending = phrase.startswith(("reminder", "proactive"))
            families.append(f"{re.sub('_[0-9]+$', '', phrase)}/{reason if sending else 'none'}")
    return tally(families)


def autonomy(house: House, field: str) -> list[Any]:
    return [row[field] for row in house.document(STATE)["autonomy"]]


def result_family(result: str) -> str:
    """The contract's families, by their beginnings; what is several phrases is free text."""
    if "; " in result:
        return "text"
    words = re.split("[=:]", result)[0]
    return re.sub("(?<=reminder_sent)_chat_.*|(?<=optimization)_avg$|(?<=skipped)_no_steps$", "", words)


BY_REDIS: dict[tuple[str, str], Statement] = {
    ("her-overview", "Redis"): lambda _: one(1),
    ("her-overview", "Sign of life"): lambda h: one(h.end - heartbeat(h)),
    ("her-overview", "Running for"): lambda h: one(h.end - epoch(h.document(CAPABILITIES)["timestamp"])),
    ("her-overview", "Entries lost"): lambda _: one(0),
    ("her-overview", "Interactions"): lambda h: one(number(h, "her:metrics:messages")),
    ("her-overview", "Tokens (estimate)"): lambda h: one(number(h, "her:metrics:tokens")),
    ("her-overview", "Users"): lambda h: one(h.client.scard("her:metrics:users")),
    ("her-overview", "Short memory"): lambda h: one(len(threads(h))),
    ("her-overview", "Commands"): lambda h: one(len(h.entries(SANDBOX))),
    ("her-overview", "Jobs"): lambda h: one(len(h.entries(JOBS))),
    ("her-overview", "Internet"): lambda h: one(h.document(CAPABILITIES)["capabilities"]["internet"]["available"]),
    ("her-overview", "Sandbox"): lambda h: one(h.document(CAPABILITIES)["capabilities"]["sandbox"]["available"]),
    ("her-overview", "Tools"): lambda h: one(h.document(CAPABILITIES)["tool_count"]),
    ("her-overview", "MCP servers"): lambda h: tally(
        server["status"] for server in h.document(CAPABILITIES)["mcp_servers"].values()
    ),
    ("her-overview", "MCP server states"): lambda h: tally(
        f"{name}/{server['status']}" for name, server in h.document(CAPABILITIES)["mcp_servers"].items()
    ),
    ("her-overview", "Warnings and errors"): lambda h: one(len(mcp(h))),
    ("her-overview", "Failures by server"): lambda h: tally(failing_server(h)),
    ("her-overview", "Starts"): lambda h: one(len(h.entries("her:runtime:capabilities:history"))),
    ("her-executors", "Commands"): lambda h: one(len(exit_codes(h))),
    ("her-executors", "Success rate"): lambda h: share(code == 0 for code in exit_codes(h)),
    ("her-executors", "Failed"): lambda h: one(sum(code != 0 for code in exit_codes(h))),
    ("her-executors", "Timed out"): lambda h: one(exit_codes(h).count(124)),
    ("her-executors", "Never ran"): lambda h: one(exit_codes(h).count(-1)),
    ("her-executors", "Exit codes"): lambda h: tally(exit_codes(h)),
    ("her-executors", "Commands and housekeeping"): lambda h: tally(
        f"{kind(e['command'])}/{ended(e['exit_code'])}" for e in h.entries(SANDBOX)
    ),
    ("her-jobs", "Tasks"): lambda h: one(h.document(STATE)["task_count"]),
    ("her-jobs", "Next run in"): lambda h: one(
        min(at for runs in next_runs(h).values() for at in [min(runs, default=0)] if at > h.end) - h.end
    ),
    ("her-jobs", "Schedule published"): lambda h: one(h.end - epoch(h.document(STATE)["timestamp"])),
    ("her-jobs", "Waiting for a retry"): lambda h: one(sum(upcoming(h)[2].values())),
    ("her-jobs", "Upcoming"): upcoming,
    ("her-jobs", "Upcoming by state"): lambda h: tally(t["status"].lower() for t in h.document(STATE)["upcoming"]),
    ("her-jobs", "Runs"): lambda h: one(len(h.entries(JOBS))),
    ("her-jobs", "Success rate"): lambda h: share(entry["success"] for entry in h.entries(JOBS)),
    ("her-jobs", "Failed"): lambda h: one(sum(not entry["success"] for entry in h.entries(JOBS))),
    ("her-jobs", "Reminders failed"): lambda h: one(
        sum(entry["error"].startswith("reminder_failed") for entry in h.entries(JOBS))
    ),
    ("her-jobs", "Results"): lambda h: tally(
        result_family(entry["result"]) for entry in h.entries(JOBS) if entry["success"]
    ),
    ("her-jobs", "Errors"): job_errors,
    ("her-jobs", "Engagement"): lambda h: one(mean(autonomy(h, "engagement_score"))),
    ("her-jobs", "Initiative"): lambda h: one(mean(autonomy(h, "initiative_level"))),
    ("her-jobs", "Sent today, and aim"): lambda h: [
        one(sum(autonomy(h, field)))[0] for field in ("messages_sent_today", "daily_target")
    ],
    ("her-jobs", "Moods"): lambda h: tally(autonomy(h, "current_mood")),
    ("her-decisions", "Reasons"): lambda h: tally(token for e in h.entries(SCORES) for token in e["reasoning"]),
    ("her-decisions", "Traits"): lambda h: [
        {trait: mean(p[trait] for p in profiles(h)) for trait in ("concise", "helpful", "empathy", "initiative")}
    ],
    ("her-decisions", "Profiles"): lambda h: one(len(profiles(h))),
    ("her-decisions", "Tasks succeeded"): lambda h: share(entry["task_succeeded"] for entry in h.entries(SCORES)),
    ("her-decisions", "Daily reflections"): lambda h: tally(
        e["engagement_trend"] for key in h.keys("her:reflection:*") for e in h.entries(key)
    ),
    ("her-memory", "Conversations"): lambda h: tally(
        "group" if key.startswith("her:context:group:") else "user" for key in threads(h)
    ),
    ("her-memory", "Messages"): lambda h: tally(entry["role"] for thread in threads(h).values() for entry in thread),
    ("her-memory", "Longest conversations"): lambda h: [
        {str(n): float(size) for n, size in enumerate(sorted(map(len, threads(h).values()), reverse=True)[:10], 1)}
    ],
}
"""Page and panel -> what it must show. Lists are those entries that were written within the range."""


def heartbeat(house: House) -> float:
    """The newest sign of life among the decisions."""
    return max(
        epoch(entry["timestamp"])
        for entry in house.entries("her:decision:logs")
        if entry["event_type"] == "scheduler_system_job"
    )
