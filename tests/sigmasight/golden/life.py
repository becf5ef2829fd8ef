"""SigmaSight's whole life, told by the simulator with one seed and one clock: the same rows every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.sigmasight import grants
from exporters.sigmasight.simulate import Habits
from exporters.sigmasight.simulate_backend import Backend
from exporters.sigmasight.simulate_batch import orchestrator, phantom, v2
from exporters.sigmasight.simulate_life import stories
from exporters.sigmasight.simulate_log import append
from tests.sigmasight.databases import Databases, prepare
from tests.sigmasight.golden import rare
from tests.sigmasight.houses import OBSERVER, PASSWORD, make_account

EXAMPLE: dict[str, Any] = {
    "core": {"host": "127.0.0.1", "user": "observer", "dbname": "sigmasight"},
    "ai": {"host": "127.0.0.1", "user": "observer", "dbname": "sigmasight_ai"},
    "backend": {"url": "http://127.0.0.1:8000"},
    "log": {"path": "/var/log/sigmasight/app.log", "text": True},
}
"""One deployment as observatory.yml has it, everything switched on; nobody connects to it."""
SEED = 20260114
BEGIN = datetime(2026, 1, 14, 9, 0, tzinfo=UTC)
AUDIT_SECONDS = 310
"""Rows of hours ago are found by the audit, which comes every five minutes."""
QUIET_SECONDS = 45
"""After the last event: a new member of an open set has shown its zero."""
NIGHT_SECONDS = 26 * 3600
CLOCK = """
CREATE SCHEMA clock;
CREATE TABLE clock.reading AS SELECT '2026-01-14 09:00:00+00'::timestamptz AS at;
CREATE FUNCTION clock.now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT at FROM clock.reading';
GRANT USAGE ON SCHEMA clock TO PUBLIC;
GRANT SELECT ON clock.reading TO PUBLIC;
"""
"""What is new in a table is told by the database's own clock, which here is that of the life."""
PRICES = """
currency: USD
models: [{model: gpt-5-mini, prices: [{valid_from: 2025-12-20, input: 1, output: 2}]}]
"""

_ONLY_CHATS = dict.fromkeys(
    ("text_completion", "generate_content", "embeddings", "execute_tool", "invoke_agent"), "SigmaSight only chats"
)
_NO_END = dict.fromkeys(("system", "unknown", "user"), "rows of the tracker, which nobody ever ends")
_ORCHESTRATOR = ("cron", "manual", "admin", "onboarding", "settings")
_NIGHTLY = ("v2_cron", "v2_cron_portfolio")
_NO_NIGHT = dict.fromkeys(_ORCHESTRATOR, "runs at any hour, for any days; only a nightly run has one of its own")
_NO_CODE = dict.fromkeys(
    (
        *("auth.logout", "chat.feedback_given", "onboarding.login_success", "onboarding.portfolio_complete"),
        *("onboarding.portfolio_start", "onboarding.register_complete", "onboarding.register_start"),
    ),
    "no error event: it has no code",
)
_UNSUMMED = {"total": "the back end computes means of tokens read and written, and none of their total"}
_FOR_EVER = {"daily_metrics": "kept for ever, and without a time of its own"}
NEVER: Mapping[tuple[str, str], Mapping[str, str]] = {
    **{
        (family, "gen_ai_operation_name"): _ONLY_CHATS
        for family in (
            "gen_ai_client_operation_duration_seconds",
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "gen_ai_client_token_usage",
        )
    },
    **{
        (f"sigmasight_batch_{name}", "trigger"): _NO_END
        for name in (
            *("runs_total", "runs_with_errors_total", "duration_seconds"),
            *("last_end_timestamp_seconds", "last_duration_seconds", "last_phase_seconds"),
        )
    },
    ("sigmasight_ai_messages_total", "recorded"): {"unknown": "only after weeks in which nobody watched"},
    ("sigmasight_ai_unpriced_tokens_total", "reason"): {"no_table": "this life has a price table"},
    ("sigmasight_batch_crashes_total", "trigger"): {
        **_NO_END,
        **dict.fromkeys(_NIGHTLY, "a nightly run that dies writes no row"),
    },
    ("sigmasight_batch_dates_total", "trigger"): {
        **_NO_END,
        **dict.fromkeys(_NIGHTLY, "its jobs are symbols or portfolios"),
    },
    ("sigmasight_batch_last_phase_seconds", "phase"): {"phase_2_fundamentals": "switched off: it takes 0 seconds"},
    ("sigmasight_batch_market_date_timestamp_seconds", "trigger"): {
        **_NO_END,
        **{trigger: why for trigger, why in _NO_NIGHT.items() if trigger != "manual"},
    },
    ("sigmasight_batch_nights_missed", "trigger"): {**_NO_END, **_NO_NIGHT},
    ("sigmasight_batch_error_messages_total", "trigger"): {**_NO_END, **_NO_NIGHT},
    ("sigmasight_batch_unfinished_runs", "trigger"): dict.fromkeys(_NIGHTLY, "its row comes at its end"),
    ("sigmasight_window_tokens_mean", "kind"): _UNSUMMED,
    ("sigmasight_day_tokens_mean", "kind"): _UNSUMMED,
    ("sigmasight_window_onboarding_users", "step"): {"register_start": "nobody is known before a registration"},
    ("sigmasight_window_onboarding_errors", "event_type"): _NO_CODE,
    ("sigmasight_table_rows_recent", "table"): {**_FOR_EVER, "admin_sessions": "the back end does not count them"},
    ("sigmasight_table_rows_overdue", "table"): _FOR_EVER,
    ("sigmasight_table_oldest_timestamp_seconds", "table"): _FOR_EVER,
}
"""(metric, label) -> value that no SigmaSight of today brings forth -> why it is declared all the same."""
_ODD = "a value that no writer of today uses, planted on purpose"
OTHERS: Mapping[tuple[str, str], str] = {
    **{
        (name, "gen_ai_request_model"): "a model of a hundred letters is longer than a label may be"
        for name in (
            *("sigmasight_ai_requests_total", "sigmasight_ai_requests_without_tokens_total"),
            *("sigmasight_ai_model_first_request_timestamp_seconds", "sigmasight_window_requests_by_model"),
            *("sigmasight_window_model_latency_mean_seconds", "gen_ai_client_operation_duration_seconds"),
            "gen_ai_client_operation_time_to_first_chunk_seconds",
        )
    },
    ("sigmasight_ai_tools_listed_total", "tool"): "a model invented a name of three thousand letters",
    ("sigmasight_window_tools_listed", "tool"): "a model invented a name of three thousand letters",
    **dict.fromkeys(
        (
            ("sigmasight_activity_events_total", "event_type"),
            ("sigmasight_activity_errors_total", "step"),
            ("sigmasight_activity_errors_total", "error_code"),
            ("sigmasight_window_onboarding_errors", "error_code"),
            ("sigmasight_knowledge_documents", "scope"),
            ("sigmasight_knowledge_documents_made", "scope"),
            ("sigmasight_knowledge_newest_document_timestamp_seconds", "scope"),
            ("sigmasight_memories", "scope"),
            ("sigmasight_batch_runs_total", "trigger"),
            ("sigmasight_batch_runs_total", "status"),
            ("sigmasight_batch_duration_seconds", "trigger"),
            ("sigmasight_batch_phase_duration_seconds", "phase"),
            ("sigmasight_batch_last_end_timestamp_seconds", "trigger"),
            ("sigmasight_batch_last_end_timestamp_seconds", "status"),
            ("sigmasight_batch_last_duration_seconds", "trigger"),
            ("sigmasight_batch_last_phase_seconds", "trigger"),
            ("sigmasight_feedback", "rating"),
            ("sigmasight_window_feedback", "rating"),
            ("sigmasight_annotations", "annotation_type"),
            ("sigmasight_annotations", "status"),
            ("sigmasight_annotations_by_severity", "severity"),
            ("sigmasight_annotations_by_severity", "status"),
            ("sigmasight_annotations_by_suggestion", "status"),
            ("sigmasight_window_annotations", "annotation_type"),
            ("sigmasight_window_annotations_by_severity", "severity"),
            ("sigmasight_window_annotations_by_status", "status"),
            ("sigmasight_window_batch_runs", "status"),
            ("sigmasight_window_conversations", "mode"),
        ),
        _ODD,
    ),
}
"""(metric, label) -> why its series `other` moves."""


class SigmaLife:
    """One SigmaSight in two databases of one PostgreSQL."""

    def __init__(self, databases: Databases, backend: Backend, folder: Path) -> None:
        self._at = BEGIN
        self._backend = backend
        self._log = folder / "app.log"
        self._log.touch()
        (folder / "prices.yml").write_text(PRICES)
        self._databases = databases
        databases.core.execute(CLOCK)
        databases.core.execute(
            f"ALTER DATABASE {databases.core_name} SET search_path = clock, pg_catalog, public".encode()
        )
        databases.core.execute(grants.numbers("core", OBSERVER).encode())
        databases.ai.execute(grants.numbers("ai", OBSERVER).encode())
        (folder / "observer").write_text(PASSWORD)
        self._sigma = databases.sigma(SEED, clock=self.clock, habits=Habits(tokens=0.5))
        address = {
            "host": "127.0.0.1",
            "port": databases.server.port,
            "user": OBSERVER,
            "password_file": folder / "observer",
        }
        self.deployment: dict[str, Any] = {
            "deployment": "golden",
            "core": {**address, "dbname": databases.core_name},
            "ai": {**address, "dbname": databases.ai_name},
            "prices_file": folder / "prices.yml",
            "backend": {"url": f"http://127.0.0.1:{backend.port}"},
            "log": {"path": self._log, "text": True},
        }

    def clock(self) -> datetime:
        """The life's own time."""
        return self._at

    def chapters(self) -> Iterator[None]:
        """The chapters, the core database's clock going with the life's."""
        for _ in self._chapters():
            self._databases.core.execute("UPDATE clock.reading SET at = %s", (self._at,))
            yield

    def _chapters(self) -> Iterator[None]:
        """A past, every odd row, a morning of everything, and an answer that never got its row."""
        sigma = self._sigma
        sigma.found()
        sigma.backfill(32, stories_per_day=8, aggregated=0.5)
        rare.every_day(sigma.pen, self._at)
        yield
        self._forward(AUDIT_SECONDS)
        sigma.edges(self._at)
        rare.odd_values(sigma.pen, self._at)
        append(self._log, sigma.pen, 60)
        yield
        self._forward(AUDIT_SECONDS)
        self._backend.warming = True
        for trigger in ("cron", "manual", "admin", "onboarding", "settings"):
            for breakage in ("failed", "partial", "crashed", None):
                sigma.tell(orchestrator(sigma.pen, trigger, breakage))
                self._forward(60)
        for kind in ("symbol_batch", "portfolio_refresh"):
            for failed in (False, True):
                sigma.tell(v2(sigma.pen, kind, failed=failed, errors=2))
                self._forward(60)
        phantom(sigma.pen, "system")
        rare.running(sigma.pen)
        for story in islice(stories(sigma.company), 60):
            self._forward(30)
            sigma.tell(story)
        append(self._log, sigma.pen, 9)
        yield
        self._backend.warming = False
        self._forward(1200)
        sigma.burst(5)
        yield
        # A night without a row, and the hours of grace after it.
        self._forward(NIGHT_SECONDS)
        for trigger in ("admin", "cron"):
            # What was planted in the future is past by now, and no longer the last of its kind.
            sigma.tell(orchestrator(sigma.pen, trigger))
        yield
        self._forward(QUIET_SECONDS)
        yield

    def _forward(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)


@contextmanager
def living(folder: Path) -> Iterator[SigmaLife]:
    """A real PostgreSQL with a SigmaSight in it, and its back end."""
    quick = {"fsync": "off", "synchronous_commit": "off"}
    with Postgres(folder / "postgres", free_port(), password_file=folder / "password", settings=quick) as server:
        prepare(server)
        make_account(server)
        with Databases(server) as databases, Backend() as backend:
            yield SigmaLife(databases, backend, folder)
