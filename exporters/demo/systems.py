"""The invented systems a demo watches. One entry each: it starts what the system is made of and a simulator of it.

An entry is a function of the stage and the options. It returns the system's deployments, as they stand under
`systems: <name>:` in observatory.yml; none where the system cannot be here, after telling why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.demo.her_database import her_database
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server
from exporters.demo.redis import Redis
from exporters.demo.sigmasight_database import sigmasight_databases
from exporters.demo.stage import Stage

DEPLOYMENT = "demo"
SOON = 15
"""Seconds between looks at what changes seldom: nobody watches a demo for five minutes."""

REDIS_MEMORY = "64mb"
"""An invented HER fills three; a limit that is there can be looked at."""

SIGMASIGHT_SELDOM = (
    *("batch_runs", "batch_now", "ratings", "ratings_by_model", "annotations", "knowledge", "learning", "people"),
    *("windows_requests", "windows_onboarding", "windows_batch", "windows_answers", "windows_daily", "windows_tuning"),
    *("days_requests", "days_activity", "days_batch", "days_people", "retention", "ai_messages", "health"),
)
PRICES = Path(__file__).resolve().parents[2] / "docker" / "demo.prices.yml"
SIGMASIGHT_HABITS = (
    *("--calm", "--rate", "1.5", "--stories-per-day", "80", "--aggregated", "0.9"),
    *("--nightly-minutes", "2", "--clean-up-minutes", "60"),
    # Production counts no tokens; a demo without them would show half of its pages empty.
    *("--tokens", "0.8", "--model", "gpt-5-mini", "--model", "gpt-5-mini", "--model", "gpt-5"),
)


@dataclass(frozen=True, slots=True)
class Invention:
    """How much is made up. history_hours: how far back HER begins. history_days: how far back SigmaSight does."""

    history_hours: float
    history_days: float


Deployments = list[dict[str, Any]]


def her(stage: Stage, invention: Invention) -> Deployments:
    """An assistant in a Redis of its own, and in a PostgreSQL where one is installed."""
    password_file = stage.secret_file("her_redis_password")
    folder = stage.folder / "her"
    again = (folder / "redis" / "appendonlydir").exists()
    port = stage.port(6379, "HER's Redis")
    # It keeps every write, so that a demo that is continued finds the lists where it left them.
    limit = {"maxmemory": REDIS_MEMORY}
    redis = Redis(
        folder / "redis", port, password_file=password_file, appendonly=True, options=limit, name="HER's Redis"
    )
    stage.start(redis, address=redis.address, purpose="what an invented HER leaves behind")
    database = her_database(stage)
    debugger = stage.port(8081, "HER's workflow debugger")
    liveness, api = stage.port(8000, "HER's liveness port"), stage.port(8082, "HER's API")
    log = folder / "simulator.log"
    simulator = Server(
        "HER simulator",
        [
            *(sys.executable, "-m", "exporters.her.simulate"),
            *("--redis.host", LOOPBACK, "--redis.port", str(port), "--redis.password-file", password_file),
            *("--debugger.host", LOOPBACK, "--debugger.port", str(debugger)),
            *("--ports.host", LOOPBACK, "--liveness.port", str(liveness), "--api.port", str(api)),
            *(database.for_simulator if database else ()),
            # History comes before anything else or not at all.
            *("--backfill-hours", str(0 if again else invention.history_hours)),
        ],
        log=log,
        # It says so once the history is written. Only then may the exporter look: history goes into capped lists
        # faster than life does, and the exporter would rightly report entries as lost.
        ready=lambda: "HER writes to" in log.read_text(errors="replace"),
    )
    stage.start(simulator, address="-", purpose="lives, and writes to both" if database else "lives, and writes to it")
    return [
        {
            "deployment": DEPLOYMENT,
            **({"postgres": database.settings} if database else {}),
            "intervals": {"endpoints": SOON, **({"memory": SOON, "known_users": SOON} if database else {})},
            "redis": {"host": LOOPBACK, "port": port, "password_file": str(password_file)},
            "workflow": {"url": f"ws://{LOOPBACK}:{debugger}/ws/workflow"},
            "http": {
                "liveness": f"http://{LOOPBACK}:{liveness}",
                "debugger": f"http://{LOOPBACK}:{debugger}",
                "api": f"http://{LOOPBACK}:{api}",
            },
            # Nobody stands behind these texts.
            "text": {"chats": True, "executions": True, "logs": True, "workflow": True},
        }
    ]


def sigmasight(stage: Stage, invention: Invention) -> Deployments:
    """A portfolio adviser in a PostgreSQL of its own; without one installed there is no SigmaSight."""
    databases = sigmasight_databases(stage)
    if databases is None:
        return []
    folder = stage.folder / "sigmasight"
    backend = stage.port(8001, "SigmaSight's back end")
    log, app_log = folder / "simulator.log", folder / "app.log"
    simulator = Server(
        "SigmaSight simulator",
        [
            *(sys.executable, "-m", "exporters.sigmasight.simulate", *databases.for_simulator),
            *("--backfill-days", str(invention.history_days), *SIGMASIGHT_HABITS),
            *("--backend.host", LOOPBACK, "--backend.port", str(backend), "--log.file", app_log),
        ],
        log=log,
        ready=lambda: "SigmaSight writes to" in log.read_text(errors="replace"),
    )
    stage.start(simulator, address=f"http://{LOOPBACK}:{backend}", purpose="lives, and writes to its databases")
    return [
        {
            "deployment": DEPLOYMENT,
            **databases.settings,
            "prices_file": str(PRICES),
            "backend": {"url": f"http://{LOOPBACK}:{backend}"},
            # Nobody stands behind its lines.
            "log": {"path": str(app_log), "text": True},
            "intervals": dict.fromkeys(SIGMASIGHT_SELDOM, SOON),
        }
    ]


DEMO_SYSTEMS: Mapping[str, Callable[[Stage, Invention], Deployments]] = {"her": her, "sigmasight": sigmasight}
