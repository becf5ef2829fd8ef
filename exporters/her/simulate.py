"""The simulator: writes to a Redis exactly what the HER assistant writes, for the demo and for tests.

One class, `Her`. Its inherited writers put one fact each (`interaction`, `log`, `sandbox_execution`, `scheduler_job`,
`decision`, `heartbeat`, `reinforcement`, `reflection`, `workflow_event`, `publish_capabilities`,
`publish_scheduler_state`, `append_context`) and return it. Its own methods tell whole stories in HER's order.

    her = Her(connect("127.0.0.1", port, password=None), seed=7)
    her.chat()                      # {"her:workflow:events": 10, "her:decision:logs": 6, ...}
    her.burst("logs", 201)
    her.run(seconds=60, rate=25)

From the command line it lives until it is told to stop:

    python -m exporters.her.simulate --redis.port 6379 --redis.password-file /run/secrets/redis --backfill-hours 6
"""

import argparse
import secrets
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from exporters.her import simulate_life as life
from exporters.her.simulate_agent import agent_request
from exporters.her.simulate_burst import Stream, burst
from exporters.her.simulate_chat import (
    ChatOutcome,
    DirectKind,
    api_chat,
    chat,
    direct_request,
    goes_nowhere,
    schedule_chat,
)
from exporters.her.simulate_chatter import trouble
from exporters.her.simulate_debugger import DebuggerServer
from exporters.her.simulate_jobs import reflect_on_everybody
from exporters.her.simulate_older import Planted, older_shapes
from exporters.her.simulate_poison import poison, wrong_type
from exporters.her.simulate_ports import serve_ports
from exporters.her.simulate_process import ABSENT
from exporters.her.simulate_requests import personality, schedule_command, tool_call
from exporters.her.simulate_start import Breakage, shutdown, startup
from exporters.her.simulate_wire import Story
from exporters.her.simulate_writers import Writers

if TYPE_CHECKING:
    from exporters.her.simulate_postgres import Database

__all__ = ["ABSENT", "Her", "Planted", "connect", "main"]

Produced = dict[str, int]


class Her(Writers):
    """HER, writing to `redis_client`. Stories return how many entries they put into which list.

    Told one by one, stories end now and carry the stamps they would have had; `run` lets them overlap in real time.
    Redis errors are raised, except in `run`, which loses what could not be written, as HER does.
    """

    @property
    def produced(self) -> Counter[str]:
        """Entries ever pushed by this object, by list."""
        return self.pen.produced

    def chat(self, outcome: ChatOutcome = "reply", *, in_group: bool = False) -> Produced:
        """A Telegram chat: answered, answered by the fallback provider, or ended by an exception."""
        return self._tell(chat(self, outcome, in_group=in_group))

    def schedule_chat(self, *, fallback_parser: bool = False) -> Produced:
        """A Telegram message that makes a reminder due in two minutes of the scheduler."""
        return self._tell(schedule_chat(self, fallback_parser=fallback_parser))

    def api_chat(self, outcome: Literal["reply", "error"] = "reply") -> Produced:
        """A chat through the API; an error is recorded with an apology."""
        return self._tell(api_chat(self, outcome))

    def agent_request(self, *, failing: bool = False, disputed: bool = False, gives_up: bool = False) -> Produced:
        """An ACTION_MODE request with debate, steps and sandbox commands."""
        return self._tell(agent_request(self, failing=failing, disputed=disputed, gives_up=gives_up))

    def direct_request(self, kind: DirectKind | None = None) -> Produced:
        """A request that a handler answers without a model."""
        return self._tell(direct_request(self, kind))

    def rate_limited(self) -> Produced:
        """A request that is refused: its execution never ends."""
        return self._tell(goes_nowhere(self))

    def ignored_group_message(self) -> Produced:
        """A group message that was not meant for HER: kept as context, never answered."""
        return self._tell(goes_nowhere(self, group_message=True))

    def schedule_command(self, command: str | None = None) -> Produced:
        """A slash command about a task: `schedule_add`, `…_toggle`, `…_interval_update` or `…_run_now`."""
        return self._tell(schedule_command(self, command))

    def personality(self, *, of_system: bool = False) -> Produced:
        """A personality trait moves, of a user or of the pseudo user `system`."""
        return self._tell(personality(self, of_system=of_system))

    def tool_call(self) -> Produced:
        """A call of an MCP tool, without a result."""
        return self._tell(tool_call(self))

    def trouble(self, kind: int | None = None) -> Produced:
        """A log line of ordinary trouble; with canaries also lines that contain secrets."""
        return self._tell(trouble(self, kind))

    def startup(self, breakage: Breakage | None = None) -> Produced:
        """A process start, by default with the MCP server `pdf` failing in one of five ways."""
        return self._tell(startup(self, breakage))

    def shutdown(self) -> None:
        """A clean stop: the scheduler's state without any next run."""
        shutdown(self)

    def tick(self, minute: int | None = None) -> Produced:
        """One minute of the scheduler (the next one by default): the heartbeat and what is due."""
        before = Counter(self.produced)
        life.tick(self, self.minute + 1 if minute is None else minute)
        return dict(self.produced - before)

    def daily(self) -> Produced:
        """The daily reflections and the job run that made them."""
        before = Counter(self.produced)
        written = reflect_on_everybody(self)
        self.scheduler_job("autonomy_reflection", "autonomy_reflection", result=f"autonomy_reflections={written}")
        return dict(self.produced - before)

    def burst(self, stream: Stream, n: int) -> int:
        """`n` entries into one list, pipelined, push and trim still two commands."""
        return burst(self, stream, n)

    def older_shapes(self) -> list[Planted]:
        """Records of older builds and the oddities beside them."""
        return older_shapes(self)

    def poison(self, *, huge: bool = True) -> list[Planted]:
        """Malformed entries in every capped list."""
        return poison(self, huge=huge)

    def wrong_type(self, key: str) -> None:
        """Replace `key` by one of another Redis type."""
        wrong_type(self, key)

    def backfill(
        self, hours: float, *, stories_per_hour: float = 12.0, stop: threading.Event | None = None
    ) -> Produced:
        """History up to two minutes ago, or until `stop`; call it before anything else is written."""
        before = Counter(self.produced)
        life.backfill(self, hours, stories_per_hour=stories_per_hour, stop=stop or threading.Event())
        return dict(self.produced - before)

    def run(self, seconds: float | None = None, *, rate: float = 4.0, stop: threading.Event | None = None) -> Produced:
        """Live for `seconds` (None: until `stop` is set) at about `rate` list entries per second."""
        before = Counter(self.produced)
        life.Life(self, rate=rate, stop=stop or threading.Event()).live(seconds)
        return dict(self.produced - before)

    def _tell(self, story: Story) -> Produced:
        before = Counter(self.produced)
        self.pen.tell(story)
        return dict(self.produced - before)


def connect(host: str, port: int, password: str | None) -> redis.Redis:
    """A client that never retries: a retried LPUSH can be stored twice."""
    return redis.Redis(host=host, port=port, password=password, retry=Retry(NoBackoff(), 0), socket_timeout=5)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m exporters.her.simulate",
        description="Write what the HER assistant writes into a Redis, until stopped by Ctrl-C or SIGTERM.",
    )
    parser.add_argument("--redis.host", dest="host", default="127.0.0.1", help="Redis host (%(default)s)")
    parser.add_argument("--redis.port", dest="port", type=int, required=True, help="Redis port")
    parser.add_argument("--redis.password-file", dest="password_file", type=Path, help="file holding the password")
    parser.add_argument("--postgres.host", dest="sql_host", default="127.0.0.1", help="PostgreSQL host (%(default)s)")
    parser.add_argument("--postgres.port", dest="sql_port", type=int, help="PostgreSQL port; without it no tables")
    parser.add_argument("--postgres.user", dest="sql_user", default="her", help="account that owns the tables")
    parser.add_argument("--postgres.dbname", dest="sql_dbname", default="her_memory", help="database (%(default)s)")
    parser.add_argument("--postgres.password-file", dest="sql_password_file", type=Path, help="file holding it")
    parser.add_argument("--postgres.observer", dest="sql_observer", help="account that may read what an exporter reads")
    parser.add_argument(
        "--postgres.observer-password-file",
        dest="sql_observer_file",
        type=Path,
        help="make that account, with the password in this file",
    )
    parser.add_argument("--postgres.reader", dest="sql_reader", help="account that may read memories word for word")
    parser.add_argument(
        "--postgres.reader-password-file",
        dest="sql_reader_file",
        type=Path,
        help="make that account, with the password in this file",
    )
    parser.add_argument("--memory-days", type=int, default=30, help="memories to begin with (%(default)s)")
    parser.add_argument("--seed", type=int, help="fixes every random choice; by default each run differs")
    parser.add_argument("--rate", type=float, default=4.0, help="list entries per second, about (%(default)s)")
    parser.add_argument("--backfill-hours", type=float, default=0.0, help="history to write first (%(default)s)")
    parser.add_argument("--debugger.port", dest="debugger_port", type=int, help="serve the workflow debugger, too")
    parser.add_argument("--debugger.host", dest="debugger_host", default="127.0.0.1", help="where (%(default)s)")
    parser.add_argument("--liveness.port", dest="liveness_port", type=int, help="say that the process exists, too")
    parser.add_argument("--api.port", dest="api_port", type=int, help="serve what of the API needs no model, too")
    parser.add_argument("--ports.host", dest="ports_host", default="127.0.0.1", help="where both (%(default)s)")
    parser.add_argument("--info-logs", action="store_true", help="the build in which INFO lines reach the log list")
    arguments = parser.parse_args(argv)
    if arguments.rate <= 0:
        parser.error("--rate must be greater than 0")
    if arguments.backfill_hours < 0:
        parser.error("--backfill-hours must not be negative")
    return arguments


def _database(arguments: argparse.Namespace, her: Her, seed: int) -> "Database":
    """HER's tables with somebody to write them. Raises OSError if they cannot be made."""
    # Only a HER with a database needs libpq.
    from exporters.her.simulate_postgres import Database
    from exporters.her.simulate_sql import connect_sql

    file = arguments.sql_password_file
    connection = connect_sql(
        host=arguments.sql_host,
        port=arguments.sql_port,
        user=arguments.sql_user,
        dbname=arguments.sql_dbname,
        password=file.read_text().strip() if file else None,
    )
    made = Database(connection, her, seed=seed)
    made.begin(arguments.memory_days)
    if arguments.sql_observer:
        theirs = arguments.sql_observer_file
        made.admit(arguments.sql_observer, theirs.read_text().strip() if theirs else None)
    if arguments.sql_reader:
        theirs = arguments.sql_reader_file
        made.admit_reader(arguments.sql_reader, theirs.read_text().strip() if theirs else None)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator; 0 after a clean stop, 1 when Redis or PostgreSQL refuses it at the start."""
    arguments = parse_arguments(argv)
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    try:
        password = arguments.password_file.read_text().strip() if arguments.password_file else None
        client = connect(arguments.host, arguments.port, password)
        client.ping()
        seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
        her = Her(client, seed=seed, info_logs=arguments.info_logs)
        debugger = None
        if arguments.debugger_port is not None:
            debugger = DebuggerServer(arguments.debugger_port, host=arguments.debugger_host, waits_for_model=True)
            debugger.start()
        ports = serve_ports(
            arguments.liveness_port, arguments.api_port, arguments.ports_host, debugger.free if debugger else None
        )
        database = _database(arguments, her, seed) if arguments.sql_port is not None else None
        if arguments.backfill_hours:
            her.backfill(arguments.backfill_hours, stop=stop)
        # Not told of history: HER forgets its executions when it restarts.
        her.told = debugger.tell if debugger else None
    except (OSError, redis.RedisError) as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 1
    print(f"simulate: HER writes to {arguments.host}:{arguments.port}, {arguments.rate:g} entries/s", file=sys.stderr)
    if database is not None:
        database.live(stop)
    her.run(rate=arguments.rate, stop=stop)
    if database is not None:
        database.join()
    for port in ports:
        port.stop()
    if debugger is not None:
        debugger.stop()
    print(f"simulate: stopped after {her.produced.total()} entries", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
