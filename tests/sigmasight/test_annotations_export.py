"""`observatory export sigmasight_annotations`: every annotation with its answer, by the accounts for words alone."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg import sql

from exporters.cli import main
from exporters.core.errors import ConfigError, SourceDown
from exporters.core.listing import Selection
from exporters.demo.postgres import Postgres
from exporters.readers.postgres_account import log_in
from exporters.sigmasight import annotations_export, grants
from exporters.sigmasight.annotations_export import lines
from exporters.sigmasight.settings import SigmaSightSettings
from exporters.sigmasight.simulate_tuning import annotate, review
from tests.sigmasight.databases import Databases
from tests.sigmasight.houses import House

pytestmark = pytest.mark.servers
WORDS = "an invented password of whoever reads words"
EVER = Selection(datetime(2000, 1, 1, tzinfo=UTC))
KEYS = [
    *("deployment", "id", "message_id", "type", "severity", "status", "tags", "content", "suggested_response"),
    *("created_at", "updated_at", "role", "mode", "model", "question", "message"),
]
_numbers = count()


class Words:
    """One house, and an account that reads its words."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.account = f"words_{next(_numbers)}"
        self.password_file = house.folder / "words"
        self.password_file.write_text(WORDS + "\n")
        databases = house.databases
        databases.core.execute(grants.reader(self.account).encode())
        databases.core.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(self.account), sql.Literal(WORDS))
        )
        databases.core.execute(grants.texts("core", self.account).encode())
        databases.ai.execute(grants.texts("ai", self.account).encode())

    def address(self, half: str, **given: object) -> dict[str, object]:
        text = {"user": self.account, "password_file": self.password_file, "sslmode": "disable", **given}
        return self.house.address(half, text=text)

    def deployment(self) -> dict[str, object]:
        ai = {} if self.house.databases.single else {"ai": self.address("ai")}
        return {"deployment": "home", "core": self.address("core"), **ai}

    def settings(self) -> SigmaSightSettings:
        return SigmaSightSettings(**self.deployment())

    def config(self, *deployments: dict[str, object]) -> Path:
        file = self.house.folder / "observatory.yml"
        document = {"systems": {"sigmasight": list(deployments) or [self.deployment()]}}
        file.write_text(yaml.safe_dump(json.loads(json.dumps(document, default=str))))
        return file

    def annotate(self, content: str, message: uuid.UUID | None = None, **given: object) -> uuid.UUID:
        """One annotation, as it is given."""
        row = {
            "message_id": message or uuid.uuid4(),
            "admin_user_id": uuid.uuid4(),
            "annotation_type": "correction",
            "content": content,
            **given,
        }
        columns = sql.SQL(", ").join(map(sql.Identifier, row))
        values = sql.SQL(", ").join(map(sql.Placeholder, row))
        insert = sql.SQL("INSERT INTO ai_admin_annotations ({}) VALUES ({}) RETURNING id").format(columns, values)
        ((key,),) = self.house.databases.ai.execute(insert, row).fetchall()
        return uuid.UUID(str(key))

    def message(self, text: str | None, at: datetime, conversation: uuid.UUID, role: str = "assistant") -> uuid.UUID:
        """One message."""
        key = uuid.uuid4()
        self.house.databases.core.execute(
            "INSERT INTO agent_messages (id, conversation_id, role, content, tool_calls, created_at)"
            " VALUES (%s, %s, %s, %s, '[]', %s)",
            (key, conversation, role, text, at),
        )
        return key

    def conversation(self, mode: str = "green") -> uuid.UUID:
        key = uuid.uuid4()
        self.house.databases.core.execute(
            "INSERT INTO agent_conversations (id, user_id, mode, provider, created_at, updated_at, metadata)"
            " VALUES (%s, gen_random_uuid(), %s, 'openai', now(), now(), '{}')",
            (key, mode),
        )
        return key


@contextmanager
def words(databases: Databases, folder: Path) -> Iterator[Words]:
    with closing(House(databases, folder)) as house:
        yield Words(house)


@pytest.fixture
def quiet(databases: Databases, tmp_path: Path) -> Iterator[Words]:
    """Nothing has happened yet."""
    with words(databases, tmp_path) as made:
        yield made


@pytest.fixture(scope="module", params=["two databases", "one database"])
def lived(
    request: pytest.FixtureRequest, sigmasight_postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Words]:
    """Some days with annotations of every kind, some of whose answers are gone."""
    folder = tmp_path_factory.mktemp("lived")
    with (
        Databases(sigmasight_postgres, single=request.param == "one database") as databases,
        words(databases, folder) as made,
    ):
        sigma = made.house.sigma
        sigma.found()
        sigma.backfill(4)
        people = sigma.company.people
        keys = [annotate(sigma.pen, people, answer) for person in people.users for answer in person.answers]
        for key in keys[::3]:
            review(sigma.pen, key, "reviewed")
        made.annotate("of an answer that is gone")
        databases.core.execute(
            "DELETE FROM agent_conversations WHERE id IN (SELECT id FROM agent_conversations ORDER BY id LIMIT 3)"
        )
        sigma.edges(datetime.now(UTC))
        yield made


class Exported:
    """One run of the command."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        capsys.readouterr()
        self.code = main(["export", "sigmasight_annotations", *map(str, arguments)])
        self.out, self.err = capsys.readouterr()

    @property
    def rows(self) -> list[dict[str, Any]]:
        assert self.code == 0, self.err
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


def iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def joined(databases: Databases) -> list[dict[str, Any]]:
    """Every annotation with what belongs to it, put together from whole tables."""
    messages = {row["id"]: row for row in databases.dicts("SELECT * FROM agent_messages")}
    modes = dict(databases.rows("SELECT id, mode FROM agent_conversations"))
    models = dict(databases.rows("SELECT message_id, model FROM ai_request_metrics ORDER BY created_at, id DESC"))
    found = []
    for row in databases.dicts("SELECT * FROM ai_admin_annotations ORDER BY created_at, id", half="ai"):
        answer = messages.get(row["message_id"])
        asked = [
            (other["created_at"], -other["id"].int, other["content"])
            for other in messages.values()
            if answer is not None
            and answer["role"] != "user"
            and other["role"] == "user"
            and other["conversation_id"] == answer["conversation_id"]
            and other["created_at"] <= answer["created_at"]
        ]
        found.append(
            {
                "deployment": "home",
                "id": str(row["id"]),
                "message_id": str(row["message_id"]),
                "type": row["annotation_type"],
                **{name: row[name] for name in ("severity", "status", "tags", "content", "suggested_response")},
                "created_at": iso(row["created_at"]),
                "updated_at": iso(row["updated_at"]),
                "role": answer["role"] if answer else None,
                "mode": modes[answer["conversation_id"]] if answer else None,
                "model": models.get(row["message_id"]),
                "question": max(asked)[2] if asked else None,
                "message": answer["content"] if answer else None,
            }
        )
    return found


def test_every_annotation_with_its_answer_question_mode_and_model(
    lived: Words, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = Exported(capsys, "--config.file", lived.config(), "--from", "2000-01-01")
    wanted = joined(lived.house.databases)
    assert exported.rows == wanted
    assert [list(row) for row in exported.rows] == [KEYS] * len(wanted)
    assert len(wanted) > 20
    gone = sum(row["role"] is None for row in wanted)
    assert 0 < gone < len(wanted)
    assert f"home: {len(wanted)} annotations, {gone} of them of messages that core no longer has" in exported.err
    assert any(row["question"] for row in wanted)


def test_pages_and_look_ups_of_any_size_say_the_same(
    lived: Words, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = joined(lived.house.databases)
    for at_once, most in ((1, 10**9), (7, 300), (1000, 1)):
        monkeypatch.setattr(annotations_export, "AT_ONCE", at_once)
        monkeypatch.setattr(annotations_export, "MOST_BYTES", most)
        assert Exported(capsys, "--config.file", lived.config(), "--from", "2000-01-01").rows == wanted


CHOICES: list[tuple[list[str], Callable[[dict[str, Any]], bool]]] = [
    (["status=reviewed"], lambda row: row["status"] == "reviewed"),
    (["severity=none"], lambda row: row["severity"] is None),
    (["severity=none", "severity=critical"], lambda row: row["severity"] in (None, "critical")),
    (
        ["type=flag", "type=approved", "status=pending"],
        lambda row: row["type"] in ("flag", "approved") and row["status"] == "pending",
    ),
]


@pytest.mark.parametrize(("chosen", "fits"), CHOICES, ids=[" ".join(chosen) for chosen, _ in CHOICES])
def test_only_those_that_are_asked_for(
    lived: Words,
    capsys: pytest.CaptureFixture[str],
    chosen: list[str],
    fits: Callable[[dict[str, Any]], bool],
) -> None:
    only = [word for one in chosen for word in ("--only", one)]
    rows = Exported(capsys, "--config.file", lived.config(), "--from", "2000-01-01", *only).rows
    wanted = [row for row in joined(lived.house.databases) if fits(row)]
    assert rows == wanted
    assert 0 < len(wanted) < len(joined(lived.house.databases))


def test_90_days_unless_somebody_says_and_no_end(quiet: Words, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    for days in (-1, 0, 10, 89, 91, 400):
        quiet.annotate(f"{days} days ago", created_at=now - timedelta(days=days))

    def contents(*arguments: str) -> list[str]:
        return [row["content"] for row in Exported(capsys, "--config.file", quiet.config(), *arguments).rows]

    assert contents() == ["89 days ago", "10 days ago", "0 days ago", "-1 days ago"]
    assert contents("--from", "1000d", "--to", "30d") == ["400 days ago", "91 days ago", "89 days ago"]
    tenth = (now - timedelta(days=10)).replace(microsecond=0)
    assert contents("--from", tenth.isoformat(), "--to", (tenth + timedelta(seconds=1)).isoformat()) == ["10 days ago"]


def test_texts_come_as_they_are_and_never_break_a_line(quiet: Words, capsys: pytest.CaptureFixture[str]) -> None:
    odd = 'first\nsecond\r\n"quoted" \\ \t \x01 \x7f \x85 \u2028 \u2029 Übergrößenträger 猫 🐈‍⬛ \u202e'
    conversation = quiet.conversation()
    at = datetime.now(UTC) - timedelta(hours=1)
    quiet.message(odd + "?", at - timedelta(minutes=1), conversation, "user")
    answer = quiet.message(odd + "!", at, conversation)
    tags = '["a\\u2028b", 1e400, 123456789012345678901234567890, null, {"k": [true]}]'
    quiet.annotate(odd, answer, suggested_response=odd, tags=tags, severity=None)
    exported = Exported(capsys, "--config.file", quiet.config())
    assert len(exported.out.splitlines()) == 1, "whatever a reader takes for the end of a line"
    (row,) = exported.rows
    assert (row["content"], row["suggested_response"]) == (odd, odd)
    assert (row["question"], row["message"]) == (odd + "?", odd + "!")
    assert row["tags"][0] == "a\u2028b"
    assert row["tags"][2] == 123456789012345678901234567890
    assert "Übergrößenträger" in exported.out, "no escapes where none is needed"


def test_odd_rows_do_not_end_an_export(quiet: Words, capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    quiet.annotate("an unknown type", annotation_type="praise", status="parked", severity="huge", created_at=at)
    quiet.annotate("ever and never", created_at=at, updated_at="infinity")
    quiet.annotate("at the end of time", created_at="infinity")
    quiet.annotate("before all time", created_at="-infinity")
    quiet.annotate("a scalar for tags", created_at=at, tags="7")
    conversation = quiet.conversation("beige")
    answer = quiet.message(None, at, conversation)
    asked = quiet.message("a question with a note of its own", at, conversation, "user")
    quiet.annotate("an answer without a text", answer, created_at=at)
    quiet.annotate("about a question", asked, created_at=at)
    rows = {row["content"]: row for row in Exported(capsys, "--config.file", quiet.config()).rows}
    assert len(rows) == 5
    assert rows["an unknown type"]["type"] == "praise"
    assert rows["ever and never"]["updated_at"] is None
    assert rows["a scalar for tags"]["tags"] == 7
    empty = rows["an answer without a text"]
    assert (empty["role"], empty["mode"], empty["message"]) == ("assistant", "beige", None)
    assert empty["question"] == "a question with a note of its own", "both are stamped with the same moment"
    assert (rows["about a question"]["role"], rows["about a question"]["question"]) == ("user", None)


def test_an_empty_database_is_no_line(quiet: Words, capsys: pytest.CaptureFixture[str]) -> None:
    exported = Exported(capsys, "--config.file", quiet.config())
    assert (exported.code, exported.out) == (0, "")
    assert "home: 0 annotations, 0 of them of messages" in exported.err


# By which account.


def test_nothing_is_read_beyond_the_grant(quiet: Words, capsys: pytest.CaptureFixture[str]) -> None:
    """With a single column less, of those that are granted, or of others, it would not run."""
    quiet.annotate("a word")
    whole = Exported(capsys, "--config.file", quiet.config())
    assert len(whole.rows) == 1
    for half, table, column in (
        ("ai", "ai_admin_annotations", "suggested_response"),
        ("core", "agent_messages", "content"),
        ("core", "agent_conversations", "mode"),
        ("core", "ai_request_metrics", "model"),
    ):
        owner = quiet.house.databases.side(half)
        owner.execute(f"REVOKE SELECT ({column}) ON {table} FROM {quiet.account}".encode())  # noqa: S608
        refused = Exported(capsys, "--config.file", quiet.config())
        assert (refused.code, refused.out) == (2, "")
        assert "may not read the table" in refused.err
        owner.execute(f"GRANT SELECT ({column}) ON {table} TO {quiet.account}".encode())
    assert "admin_user_id" not in whole.out


def test_the_exporters_own_account_is_never_asked(quiet: Words) -> None:
    """Its password is wrong, and nobody notices."""
    quiet.annotate("a word")
    (quiet.house.folder / "observer").write_text("a wrong password\n")
    assert len(list(lines(quiet.settings(), EVER, lambda _: None))) == 1
    quiet.password_file.write_text("a wrong password of the other\n")
    with pytest.raises(SourceDown, match="auth"):
        list(lines(quiet.settings(), EVER, lambda _: None))


def test_a_deployment_without_such_an_account_is_told_what_to_do(
    quiet: Words, capsys: pytest.CaptureFixture[str]
) -> None:
    none: dict[str, object] = {"deployment": "attic", "core": quiet.house.address(), "ai": quiet.address("ai")}
    refused = Exported(capsys, "--config.file", quiet.config(quiet.deployment(), none))
    assert (refused.code, refused.out) == (2, ""), "before the other one says a word"
    assert "deployment attic, core.text: no account" in refused.err
    assert "exporters/sigmasight/README.md" in refused.err
    with pytest.raises(ConfigError) as both:
        lines(quiet.house.settings(), EVER, lambda _: None)
    assert len(both.value.problems) == 2
    quiet.password_file.unlink()
    gone = Exported(capsys, "--config.file", quiet.config())
    assert gone.code == 2
    assert str(quiet.password_file) in gone.err
    assert WORDS not in gone.err + refused.err


def test_only_the_deployments_asked_for(quiet: Words, capsys: pytest.CaptureFixture[str]) -> None:
    quiet.annotate("a word")
    twice: list[dict[str, object]] = [{**quiet.deployment(), "deployment": name} for name in ("home", "attic")]
    config = quiet.config(*twice)
    assert [row["deployment"] for row in Exported(capsys, "--config.file", config).rows] == ["home", "attic"]
    one = Exported(capsys, "--config.file", config, "--deployment", "attic")
    assert [row["deployment"] for row in one.rows] == ["attic"]
    unknown = Exported(capsys, "--config.file", config, "--deployment", "cellar")
    assert unknown.code == 2
    assert "no deployment 'cellar' (there are: home, attic)" in unknown.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "status=done"], "status is one of pending, reviewed, applied"),
        (["--only", "colour=red"], "chosen from by type, severity, status"),
        (["--only", "pending"], "chosen from by type, severity, status"),
        (["--from", "1d", "--to", "2d"], "--from 1d is not before --to 2d"),
        (["--from", "soon"], "'soon' is no time"),
    ],
)
def test_a_wrong_request_is_told(
    quiet: Words, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    refused = Exported(capsys, "--config.file", quiet.config(), *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err


def test_metrics_are_not_chosen_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "sigmasight_users", "--prometheus", "http://localhost", "--only", "a=b"]) == 2
    assert "--only chooses rows of a listing" in capsys.readouterr().err


def test_a_file_stays_as_it_was_where_nothing_can_be_read(quiet: Words, capsys: pytest.CaptureFixture[str]) -> None:
    quiet.annotate("a word: größer")
    file = quiet.house.folder / "annotations.jsonl"
    arguments = ("--config.file", quiet.config(), "--output", file)
    assert Exported(capsys, *arguments).out == ""
    before = file.read_text(encoding="utf-8")
    assert json.loads(before)["content"] == "a word: größer"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "nobody else reads it"
    quiet.password_file.write_text("wrong\n")
    assert Exported(capsys, *arguments).code == 2
    assert file.read_text(encoding="utf-8") == before


# How it reads.


def many(databases: Databases, number: int) -> None:
    """Annotations with some kilobytes each, and an answer for every second one."""
    databases.ai.execute(
        "INSERT INTO ai_admin_annotations (message_id, admin_user_id, annotation_type, content, created_at)"
        " SELECT md5(n::text)::uuid, gen_random_uuid(), 'flag', repeat(md5(n::text), 30),"
        "        now() - n * interval '1 minute' FROM generate_series(1, %s) AS n",
        (number,),
    )
    databases.core.execute(
        "INSERT INTO agent_conversations (id, user_id, mode, provider, created_at, updated_at, metadata)"
        " SELECT md5('c' || n)::uuid, gen_random_uuid(), 'blue', 'openai', now(), now(), '{}'"
        " FROM generate_series(0, 1999) AS n"
    )
    databases.core.execute(
        "INSERT INTO agent_messages (id, conversation_id, role, content, tool_calls, created_at)"
        " SELECT md5(n::text)::uuid, md5('c' || n %% 2000)::uuid, 'assistant', repeat(md5('m' || n), 60), '[]',"
        "        now() - n * interval '1 minute' FROM generate_series(2, %s, 2) AS n",
        (number,),
    )
    for side, table in ((databases.ai, "ai_admin_annotations"), (databases.core, "agent_messages")):
        side.execute(f"ANALYZE {table}".encode())


def test_20_000_annotations_come_whole_in_little_memory(quiet: Words) -> None:
    many(quiet.house.databases, 20_000)
    told: list[str] = []
    ids, last, characters = set(), "", 0
    tracemalloc.start()
    try:
        for line in lines(quiet.settings(), EVER, told.append):
            # Not json.loads, which takes ten times as long under this watch.
            found = re.search(r'"id": "([0-9a-f-]{36})".* "created_at": "([^"]*)"', line)
            assert found is not None
            ids.add(found[1])
            characters += len(line)
            assert found[2] > last
            last = found[2]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ids) == 20_000
    assert characters > 35_000_000
    assert peak < 12_000_000, "20 000 ids of this test included"
    assert told == ["home: 20000 annotations, 10000 of them of messages that core no longer has"]


def test_no_transaction_waits_for_whoever_reads_the_lines(quiet: Words) -> None:
    many(quiet.house.databases, 500)
    made = lines(quiet.settings(), EVER, lambda _: None)
    assert isinstance(made, Generator)
    next(made)
    states = (
        "SELECT DISTINCT state FROM pg_stat_activity WHERE usename = %(account)s",
        {"account": quiet.account},
    )
    assert quiet.house.databases.rows(*states) == [("idle",)]
    made.close()


def test_it_can_only_read(quiet: Words) -> None:
    seen: list[str] = []

    def watched(database: Any) -> Any:
        connection = log_in(database)
        with connection.transaction():
            for name in ("transaction_read_only", "transaction_isolation", "statement_timeout"):
                ((value,),) = connection.execute(f"SHOW {name}".encode()).fetchall()
                seen.append(value)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporters.sigmasight.annotations_export.log_in", watched)
        list(lines(quiet.settings(), EVER, lambda _: None))
    assert seen == ["on", "repeatable read", "5s"] * 2


def test_whoever_has_read_enough_may_go(quiet: Words) -> None:
    """`… | head -1`: exit code 0, and no traceback."""
    many(quiet.house.databases, 3000)
    command = [sys.executable, "-m", "exporters", "export", "sigmasight_annotations", "--config.file"]
    process = subprocess.Popen([*command, str(quiet.config())], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["type"] == "flag"
    process.stdout.close()
    with process.stderr as errors:
        said = errors.read().decode()
    assert process.wait(30) == 0, said
    assert said == ""


def test_an_index_finds_the_question(quiet: Words) -> None:
    """One conversation among 40 000 messages, and no look at the others."""
    databases = quiet.house.databases
    databases.core.execute(
        "INSERT INTO agent_conversations (id, user_id, mode, provider, created_at, updated_at, metadata)"
        " SELECT md5('c' || n)::uuid, gen_random_uuid(), 'blue', 'openai', now(), now(), '{}'"
        " FROM generate_series(0, 999) AS n"
    )
    databases.core.execute(
        "INSERT INTO agent_messages (id, conversation_id, role, content, tool_calls, created_at)"
        " SELECT md5(n::text)::uuid, md5('c' || n / 40)::uuid, CASE n % 2 WHEN 0 THEN 'user' ELSE 'assistant' END,"
        "        'm' || n, '[]', now() - n * interval '1 second' FROM generate_series(0, 39999) AS n"
    )
    databases.core.execute("ANALYZE agent_messages")
    ids = [key for (key,) in databases.rows("SELECT md5((2 * n + 1)::text) FROM generate_series(0, 19990, 100) AS n")]
    query = f"EXPLAIN (ANALYZE, FORMAT JSON) {annotations_export._ANSWERS}"
    ((plan,),) = databases.core.execute(query.encode(), {"ids": ids, "bytes": 10**9}).fetchall()
    assert "Seq Scan" not in json.dumps(plan)
    assert "created_at" not in "".join(index_names(plan)), "through time, half the table would lie before the question"
    assert "idx_agent_messages_conversation_id" in index_names(plan)


def index_names(plan: Any) -> set[str]:
    """Every index that a plan uses."""
    if isinstance(plan, list):
        return set().union(*map(index_names, plan))
    if not isinstance(plan, dict):
        return set()
    own = {plan["Index Name"]} if "Index Name" in plan else set()
    return own.union(*map(index_names, plan.values()))
