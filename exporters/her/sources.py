"""One deployment of HER -> its source `redis`: one connection, ten streams, seven probes.

And, where they are configured, `postgres` with three streams of rows and eight probes, `workflow`, which rings when the
list of workflow events is worth a look, and `http`, which asks HER's ports whether they answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import redis

from exporters.core.bell import Bell
from exporters.core.contract import Probe, Sample, Source, Stream
from exporters.core.errors import ConfigError, SourceDown
from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics, state_views, streams_requests, streams_runs, streams_words, system_metrics
from exporters.her.context_view import ContextProbe
from exporters.her.copies import Copies
from exporters.her.debugger import DebuggerSource, ListProgress
from exporters.her.ports import http_source
from exporters.her.profile_view import ProfileProbe
from exporters.her.redis_server import redis_counters, server_probes
from exporters.her.settings import HerSettings, RedisSettings
from exporters.her.workflow_requests import WorkflowState
from exporters.readers import redis_client

SYSTEM_NAME = "her"
SOURCE_NAME = "redis"


def sources(settings: HerSettings, hash_key: bytes) -> tuple[Source[Any], ...]:
    """The sources of one deployment. hash_key keys the hashes of ids and of records; ConfigError if it is too short."""
    # Nothing is compared, so nothing is remembered, where only one copy is watched.
    copies: Copies | None = None
    others: tuple[Source[Any], ...] = ()
    if settings.postgres is not None:
        # A host that watches no PostgreSQL has no libpq.
        from exporters.her.rows_source import rows_source

        copies = Copies()
        others = (rows_source(settings, settings.postgres, hash_key, copies),)
    made = redis_source(settings, hash_key, Pseudonyms(hash_key), copies)
    if settings.http is not None:
        others = (*others, http_source(settings, settings.http, SYSTEM_NAME))
    if settings.workflow is None:
        return (made, *others)
    bell, progress = Bell(), ListProgress()
    watched = replace(
        made,
        streams=tuple(_noted(stream, progress) if stream.name == "workflow" else stream for stream in made.streams),
        bells={"workflow": bell},
    )
    debugger = DebuggerSource(settings, settings.workflow.url, bell, progress, ca_file=settings.workflow.ca_file)
    return (watched, *others, debugger.source(SYSTEM_NAME))


def redis_source(settings: HerSettings, hash_key: bytes, ids: Pseudonyms, copies: Copies | None) -> Source[redis.Redis]:
    """What HER leaves behind in its Redis. copies: shared with the stream `decision_rows` of the source `postgres`."""
    return Source(
        system=SYSTEM_NAME,
        deployment=settings.deployment,
        name=SOURCE_NAME,
        connect=partial(connect, settings.redis),
        close=redis_client.close,
        streams=(
            streams_words.interactions(settings, hash_key, ids),
            streams_words.logs(settings, hash_key, ids),
            streams_runs.executions(settings, hash_key),
            streams_runs.jobs(settings, hash_key, ids),
            streams_words.decisions(settings, hash_key, ids, copies),
            streams_words.reinforcement(settings, hash_key, ids),
            streams_requests.workflow(settings, hash_key, ids),
            streams_runs.startups(settings, hash_key),
            streams_runs.reflections(settings, hash_key),
            redis_counters(settings),
        ),
        probes=(*probes(settings), *server_probes(settings)),
    )


def _noted(
    stream: Stream[redis.Redis, Any, WorkflowState], progress: ListProgress
) -> Stream[redis.Redis, Any, WorkflowState]:
    """The stream, telling after each read how far it has come."""
    view: Callable[[WorkflowState, datetime], list[Sample]] | None = stream.view

    def telling(state: WorkflowState, now: datetime) -> list[Sample]:
        progress.note(state.newest)
        return [] if view is None else view(state, now)

    return replace(stream, view=telling)


def connect(settings: RedisSettings) -> redis.Redis:
    """One connection, with the password as its file holds it now. Raises SourceDown."""
    try:
        password = settings.secret()
    except ConfigError as error:
        raise SourceDown("auth", "; ".join(error.problems)) from None
    tls = settings.tls
    return redis_client.connect(
        host=settings.host,
        port=settings.port,
        db=settings.db,
        username=settings.username,
        password=password,
        tls=redis_client.Tls(
            ca_file=tls.ca_file, certificate_file=tls.cert_file, key_file=tls.key_file, verify=tls.verify
        )
        if tls.enabled
        else None,
        timeout=settings.timeout_seconds,
    )


def probes(settings: HerSettings) -> tuple[Probe[redis.Redis], ...]:
    """The state HER keeps; what each reads and shows is said where it is collected."""
    return (
        Probe(
            name="users",
            interval=settings.interval("users"),
            collect=state_views.users,
            feeds=(metrics.USERS,),
        ),
        Probe(
            name="scheduler_state",
            interval=settings.interval("scheduler_state"),
            collect=state_views.scheduler_state,
            feeds=(
                metrics.SCHEDULER_STATE_TIME,
                metrics.TASKS,
                metrics.UPCOMING,
                metrics.NEXT_RUN,
                metrics.AUTONOMY_USERS,
                metrics.AUTONOMY_ENGAGEMENT,
                metrics.AUTONOMY_INITIATIVE,
                metrics.AUTONOMY_SENT_TODAY,
                metrics.AUTONOMY_TARGET,
                system_metrics.TIME_ZONES,
            ),
        ),
        Probe(
            name="capabilities",
            interval=settings.interval("capabilities"),
            collect=state_views.capabilities,
            feeds=(
                metrics.CAPABILITIES_TIME,
                metrics.CAPABILITY_AVAILABLE,
                metrics.TOOLS,
                metrics.MCP_SERVERS,
                metrics.MCP_SERVER_STATUS,
            ),
        ),
        Probe(
            name="contexts",
            interval=settings.interval("contexts"),
            collect=ContextProbe().collect,
            feeds=(
                metrics.CONTEXT_THREADS,
                metrics.CONTEXT_MESSAGES,
                metrics.CONTEXT_LARGEST,
                metrics.CONTEXT_LAST_ACTIVITY,
            ),
        ),
        Probe(
            name="profiles",
            interval=settings.interval("profiles"),
            collect=ProfileProbe().collect,
            feeds=(metrics.PROFILES, metrics.PROFILE_TRAITS),
        ),
    )
