"""The metrics of what HER stands on: its ports, its servers, and the settings it can be seen to have.

One owner per fact, as in metrics.py: each is fed by one stream or probe.
"""

from __future__ import annotations

from exporters.core.metric import Metric, counter, gauge, info
from exporters.her import labels as lb

# HTTP: 8000, 8081, 8082 -- probe `endpoints` of the source `http`, where configured

ENDPOINT_STATE = gauge(
    "her_endpoint_state",
    "1 for how a port of HER's was found at the last look, 0 for the other states.",
    (lb.ENDPOINT, lb.ENDPOINT_STATE),
)
ENDPOINT_ANSWER = gauge(
    "her_endpoint_answer_seconds",
    "Time a port of HER's took to answer, connecting included; absent where it did not.",
    (lb.ENDPOINT,),
)

# INFO -- probe `redis_server`

REDIS_INFO = info(
    "her_redis_info", "Version of HER's Redis, and what it does when its memory is full.", (lb.VERSION, lb.EVICTION)
)
REDIS_STARTED = gauge("her_redis_start_timestamp_seconds", "When HER's Redis was started, by its own clock.")
REDIS_USED = gauge("her_redis_used_memory_bytes", "Memory that HER's Redis holds data and buffers in.")
REDIS_LIMIT = gauge("her_redis_max_memory_bytes", "Memory that HER's Redis may use; absent where nothing limits it.")
REDIS_CLIENTS = gauge(
    "her_redis_clients", "Connections to HER's Redis, ours included; `blocked` ones wait in it.", (lb.CLIENT_STATE,)
)
REDIS_CLIENT_LIMIT = gauge("her_redis_max_clients", "Connections that HER's Redis accepts at most.")
REDIS_SAVED = gauge(
    "her_redis_save_ok",
    "1 if HER's Redis last wrote to its disk without trouble, 0 if not; `aof` is absent where it is off.",
    (lb.SAVE_METHOD,),
)
REDIS_LAST_SAVE = gauge(
    "her_redis_last_save_timestamp_seconds", "When HER's Redis last wrote a snapshot; its start where it wrote none."
)

# INFO -- stream `redis_counters`: what the server counts since its own start, added up over its restarts

REDIS_EVICTED = counter(
    "her_redis_evicted_keys_total", "Keys that HER's Redis threw away for want of memory, since they are watched."
)
REDIS_REJECTED = counter(
    "her_redis_rejected_connections_total", "Connections that HER's Redis refused: too many, since they are watched."
)
REDIS_EXPIRED = counter(
    "her_redis_expired_keys_total", "Keys whose time to live ended, as conversations' does, since they are watched."
)

# The server's own views -- probe `postgres_server` of the source `postgres`, where it is configured

POSTGRES_INFO = info("her_postgres_info", "Version of HER's PostgreSQL.", (lb.VERSION,))
POSTGRES_STARTED = gauge("her_postgres_start_timestamp_seconds", "When HER's PostgreSQL was started.")
POSTGRES_SIZE = gauge("her_postgres_database_bytes", "Size of HER's database on disk, with its indexes.")
POSTGRES_CONNECTIONS = gauge(
    "her_postgres_connections",
    "Connections to the whole server, ours included, by what they do.",
    (lb.CONNECTION_STATE,),
)
POSTGRES_CONNECTION_LIMIT = gauge("her_postgres_max_connections", "Connections that HER's PostgreSQL accepts at most.")
POSTGRES_HELD = gauge(
    "her_postgres_oldest_transaction_seconds",
    "How long the oldest transaction that writes has been open, at least; 0 for none. It holds what is read as final.",
)

# Settings, none of them secret -- probe `scheduler_state` for HER's, probe `settings` for the exporter's own

TIME_ZONES = info(
    "her_time_zones_info",
    "Time zone HER's scheduler works in, and the one it assumes of users.",
    (lb.ZONE, lb.USER_ZONE),
)
CONTENT_STORED = gauge(
    "her_content_stored", "1 if texts of this kind leave HER for the restricted bucket, 0 if not.", (lb.CONTENT,)
)

HTTP_METRICS: tuple[Metric, ...] = (ENDPOINT_STATE, ENDPOINT_ANSWER)
"""Of the source `http`."""

POSTGRES_METRICS: tuple[Metric, ...] = (
    POSTGRES_INFO, POSTGRES_STARTED, POSTGRES_SIZE, POSTGRES_CONNECTIONS, POSTGRES_CONNECTION_LIMIT, POSTGRES_HELD,
)  # fmt: skip
"""Of the source `postgres`."""

SYSTEM_METRICS: tuple[Metric, ...] = (
    *HTTP_METRICS,
    REDIS_INFO, REDIS_STARTED, REDIS_USED, REDIS_LIMIT, REDIS_CLIENTS, REDIS_CLIENT_LIMIT, REDIS_SAVED, REDIS_LAST_SAVE,
    REDIS_EVICTED, REDIS_REJECTED, REDIS_EXPIRED,
    *POSTGRES_METRICS,
    TIME_ZONES, CONTENT_STORED,
)  # fmt: skip
"""All of them; what is of neither is of the source `redis`."""
