"""HER's copies in PostgreSQL: a row for each decision, first message and reflection, a few milliseconds after Redis.

    her.pen.twin = SqlTwin(connect_sql(host=…, port=…, user="her", dbname="her_memory", password=…), seed=7)

A decision goes to Redis first. Its row bears the time of its own transaction, a few milliseconds later. When an insert
fails (a NUL in some output is enough: jsonb has none) HER's logger drops the rows of the next 2, 4, … 60 seconds, and
never writes them: a hole. `rows` and `holes` count by table what was written and what was not.
"""

import json
import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from exporters.her import simulate_wire as wire
from exporters.her.record import instant
from exporters.her.simulate_tables import SCHEMA

SHORTEST_HOLE: Final = 2.0
LONGEST_HOLE: Final = 60.0
SLOTS: Final = 3
KINDS: Final = ("checkin", "follow_up", "fact", "support", "curiosity", "reflection")


def connect_sql(
    *, host: str, port: int, user: str, dbname: str, password: str | None
) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection whose every statement is a transaction. Raises OSError, which names no account."""
    try:
        return psycopg.connect(
            host=host,
            port=port,
            user=user,
            dbname=dbname,
            password=password,
            autocommit=True,
            connect_timeout=5,
            # An invented HER may lose its last rows when the machine does.
            options="-c synchronous_commit=off",
        )
    except psycopg.Error:
        msg = f"PostgreSQL at {host}:{port} cannot be used"
        raise OSError(msg) from None


def create_schema(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """The tables, where they do not exist yet: as HER does at every start."""
    connection.execute(SCHEMA)


class SqlTwin:
    """Writes the rows. Safe to use from several threads. `seed` fixes their ids."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]", *, seed: int) -> None:
        self.connection = connection
        self.rows: Counter[str] = Counter()
        self.holes: Counter[str] = Counter()
        self._rng = random.Random(seed)  # noqa: S311 - invented data, no cryptography
        self._lock = threading.Lock()
        self._silent_until: datetime | None = None
        self._silence = SHORTEST_HOLE
        self._sent: Counter[tuple[str, str]] = Counter()

    def __call__(self, key: str, record: Mapping[str, object], now: datetime) -> None:
        """The copy of one list entry; of lists without a table nothing."""
        with self._lock:
            if key == wire.DECISIONS:
                self._decision(record, now)
                if record.get("event_type") == "proactive_outcome":
                    with self._tried("proactive_message_audit"):
                        self._proactive(record, now)
            elif key.startswith(wire.REFLECTION_PREFIX):
                with self._tried("autonomy_reflections"):
                    self._reflection(key.removeprefix(wire.REFLECTION_PREFIX), record, now)

    @contextmanager
    def _tried(self, table: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error:
            self.holes[table] += 1

    def _decision(self, record: Mapping[str, object], now: datetime) -> None:
        stamp = record.get("timestamp")
        at = (instant(stamp) if isinstance(stamp, str) else None) or now
        at += timedelta(microseconds=self._rng.randrange(900, 9000))
        if self._silent_until is not None and at < self._silent_until:
            self.holes["decision_logs"] += 1
            return
        user = str(record.get("user_id") or "") or None
        try:
            if user is not None:
                self._known(user, at)
            self.connection.execute(
                'INSERT INTO decision_logs (decision_id, "timestamp", event_type, user_id, source, summary, details)'
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (
                    self._uuid(),
                    at,
                    str(record.get("event_type")),
                    user,
                    str(record.get("source") or "runtime"),
                    str(record.get("summary") or ""),
                    json.dumps(record.get("details") or {}),
                ),
            )
        except psycopg.Error:
            self.holes["decision_logs"] += 1
            self._silent_until = at + timedelta(seconds=self._silence)
            self._silence = min(LONGEST_HOLE, 2 * self._silence)
            return
        self._silent_until, self._silence = None, SHORTEST_HOLE
        self.rows["decision_logs"] += 1

    def _known(self, user: str, at: datetime) -> None:
        """Any decision with a user bumps that user, and makes a stranger known."""
        self.connection.execute(
            "INSERT INTO users (user_id, created_at, last_interaction) VALUES (%(user)s, %(at)s, %(at)s)"
            " ON CONFLICT (user_id) DO UPDATE SET last_interaction = excluded.last_interaction",
            {"user": user, "at": at},
        )

    def _proactive(self, record: Mapping[str, object], now: datetime) -> None:
        details = record.get("details")
        said = details if isinstance(details, dict) else {}
        user, sent = str(record.get("user_id")), said.get("sent") is True
        day = now.date()
        self._sent[user, day.isoformat()] += sent
        slot = self._sent[user, day.isoformat()]
        self.connection.execute(
            "INSERT INTO proactive_message_audit (proactive_id, user_id, scheduled_at, sent_at, message_kind, mood,"
            " success, day_bucket, daily_slot, details) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                self._uuid(),
                user,
                now - timedelta(seconds=2),
                now if sent else None,
                KINDS[self.rows["proactive_message_audit"] % len(KINDS)],
                "calm",
                sent,
                day,
                slot if sent and slot <= SLOTS else None,
                json.dumps({"reason": said.get("error", ""), "chat_id": None, "trigger_reasons": []}),
            ),
        )
        self.rows["proactive_message_audit"] += 1

    def _reflection(self, user: str, record: Mapping[str, object], now: datetime) -> None:
        """One row per user and day: a rerun overwrites values and time, and keeps the id."""
        made = self.connection.execute(
            "INSERT INTO autonomy_reflections (reflection_id, user_id, reflection_date, engagement_trend,"
            " initiative_adjustment, notes, confidence, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (user_id, reflection_date) DO UPDATE SET engagement_trend = excluded.engagement_trend,"
            " initiative_adjustment = excluded.initiative_adjustment, notes = excluded.notes,"
            " confidence = excluded.confidence, created_at = excluded.created_at RETURNING xmax = 0",
            (
                self._uuid(),
                user,
                record.get("date"),
                record.get("engagement_trend"),
                record.get("initiative_adjustment"),
                record.get("notes"),
                record.get("confidence"),
                now,
            ),
        ).fetchone()
        if made is not None and made[0]:
            self.rows["autonomy_reflections"] += 1

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)
