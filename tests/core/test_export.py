"""`observatory export`: what was scraped and what was written comes out again, from a real Prometheus and influxd."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from exporters import export
from exporters.cli import main
from exporters.core.errors import ConfigError
from exporters.core.influx_post import InfluxPoster
from exporters.core.influx_setup import WantedBucket, WantedToken
from exporters.core.line_protocol import encode
from exporters.core.measurement import FieldValue
from exporters.core.series import Feed, SeriesStore
from exporters.demo import programs
from exporters.demo.influxdb import InfluxDB
from exporters.demo.ports import free_port
from exporters.demo.prometheus import Prometheus
from exporters.her import metrics as m
from exporters.registry import METRICS
from tests.core.web_clients import Shown, serving
from tests.servers.fixtures import skip_without

pytestmark = pytest.mark.servers
NOW = datetime(2026, 2, 22, 12, 0, tzinfo=UTC)
Table = list[dict[str, str]]


class Exported:
    """One run of the command: exit code, what it wrote, what it complained of."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        capsys.readouterr()
        self.code = main(["export", *arguments])
        self.out, self.err = capsys.readouterr()

    @property
    def rows(self) -> Table:
        """The table, by column."""
        assert self.code == 0, self.err
        return list(csv.DictReader(io.StringIO(self.out)))


# What is asked for.


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", NOW),
        ("24h", NOW - timedelta(days=1)),
        ("-90s", NOW - timedelta(seconds=90)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-02-22T12:00:00Z", NOW),
        ("2026-02-22T13:00:00+01:00", NOW),
        ("2026-02-22T12:00:00", NOW),
        ("2026-02-22", datetime(2026, 2, 22, tzinfo=UTC)),
        ("2026-02-22T12:00:00.123456Z", NOW + timedelta(milliseconds=123)),
    ],
)
def test_times_as_people_write_them(text: str, at: datetime) -> None:
    assert export.moment(text, NOW) == at


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "7y", "1.5h", "2026-13-01", "99999w", "999999999w", "0001-01-01", "h"]
)
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        export.moment(text, NOW)
    assert repr(text) in error.value.problems[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["her_job", "--from", "later"], "'later' is no time"),
        (["her_job", "--from", "1h", "--to", "2h"], "--from 1h is not before --to 2h"),
        (["her_jobs"], "there is no measurement, metric or listing 'her_jobs'"),
        (["her_job"], "her_job is a measurement: give --influxdb.url and --influxdb.token-file"),
        (["her_jobs_total"], "her_jobs_total is a metric: give --prometheus"),
        (["her_jobs_total", "--prometheus", "localhost:9090"], "http or https address"),
        (["her_jobs_total", "--prometheus", "http://me:secret@localhost"], "without user or password"),
        (["her_jobs_total", "--prometheus", "ftp://localhost"], "http or https address"),
        (
            ["observatory_state_bytes", "--prometheus", "http://localhost", "--deployment", "home"],
            "has no deployment",
        ),
        (["her_job", "--influxdb.url", "http://localhost", "--influxdb.token-file", "/nowhere"], "/nowhere"),
        (["her_job", "--influxdb.url", "localhost", "--influxdb.token-file", "/nowhere"], "url is http://host:port"),
    ],
)
def test_a_wrong_request_is_told_and_ends_with_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = Exported(capsys, *arguments)
    assert exported.code == 2
    assert said in exported.err
    assert exported.out == ""
    assert "secret" not in exported.err


def test_a_range_is_cut_into_pieces_without_gap_or_overlap() -> None:
    made = list(export.pieces(NOW, NOW + timedelta(hours=25), timedelta(hours=10)))
    assert made[0][0] == NOW
    assert made[-1][1] == NOW + timedelta(hours=25)
    assert all(left[1] == right[0] for left, right in pairwise(made))
    assert len(made) == 3


# From Prometheus.


class Growing(Shown):
    """Counters, a gauge and a histogram of two deployments, which move with every scrape."""

    def __init__(self) -> None:
        super().__init__()
        self._store = SeriesStore(METRICS)
        self._feed = Feed("test", caught_up=True, fresh_until=float("inf"))
        self.scrapes = 0

    def metrics(self, openmetrics: bool) -> bytes:  # noqa: FBT001 - the protocol's
        self.scrapes += 1
        for deployment, factor in (("attic", 1), ("cellar-2", 100)):
            total = float(self.scrapes * factor)
            self._store.put(self._feed, m.JOBS, (deployment, "reminder", "success"), total)
            self._store.put(self._feed, m.JOBS, (deployment, "reminder", "failed"), 0.5)
            self._store.put(self._feed, m.TASKS, (deployment,), 7.0 * factor)
            buckets = [0] * len(m.JOB_SECONDS.buckets) + [self.scrapes]
            self._store.put(self._feed, m.JOB_SECONDS, (deployment, "reminder"), total, buckets)
        return self._store.render(openmetrics=openmetrics).encode() + (b"# EOF\n" if openmetrics else b"")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, Prometheus]]:
    """A Prometheus that scraped `Growing` at least eight times, and one that may not load two samples at once."""
    shown = Growing()
    folder = tmp_path_factory.mktemp("prometheus")
    with serving(shown) as target, ExitStack() as servers:
        job = {"job_name": "observatory", "static_configs": [{"targets": [target.addresses[0]]}]}
        config = {"global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"}, "scrape_configs": [job]}
        generous = servers.enter_context(Prometheus(folder / "generous", free_port(), config))
        flags = ["--query.max-samples=1"]
        strict = servers.enter_context(Prometheus(folder / "strict", free_port(), config, flags=flags))
        deadline = time.monotonic() + 30
        for prometheus in (generous, strict):
            while "her_jobs_total" not in prometheus.api("label/__name__/values"):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        enough = shown.scrapes + 16
        while shown.scrapes < enough:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield generous, strict


@pytest.fixture
def scraped(pair: tuple[Prometheus, Prometheus]) -> Prometheus:
    """A Prometheus with samples, one every quarter of a second."""
    return pair[0]


@pytest.fixture
def until() -> str:
    """A moment that has passed for good, so that a second question has the same answer."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def stored(prometheus: Prometheus, selector: str, until: str) -> Counter[tuple[str, str, str]]:
    """(metric, deployment, value) of every sample Prometheus has before `until`."""
    at = datetime.fromisoformat(until).timestamp()
    found: Counter[tuple[str, str, str]] = Counter()
    for series in prometheus.api("query", query=f"{selector}[1h]", time=f"{at - 0.001:.3f}")["result"]:
        names = series["metric"]
        found.update((names["__name__"], names.get("deployment", ""), value) for _, value in series["values"])
    return found


def test_every_sample_comes_out_once(scraped: Prometheus, until: str, capsys: pytest.CaptureFixture[str]) -> None:
    exported = Exported(capsys, "her_jobs_total", "--from", "1h", "--to", until, "--prometheus", scraped.address)
    assert list(exported.rows[0]) == ["time", "series", "instance", "deployment", "type", "outcome", "value"]
    given = Counter((row["series"], row["deployment"], row["value"]) for row in exported.rows)
    assert given == stored(scraped, "her_jobs_total", until)
    assert given.total() >= 8 * 4
    times = {datetime.fromisoformat(row["time"]) for row in exported.rows}
    assert all(time.tzinfo is not None for time in times)


def test_no_sample_is_given_twice_where_two_pieces_meet(
    scraped: Prometheus, until: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces that begin and end exactly where samples lie: Prometheus 2 counts such a sample to both, 3 to one."""
    command = ["her_scheduler_tasks", "--to", until, "--prometheus", scraped.address]
    whole = Exported(capsys, *command, "--from", "1h").rows
    first = whole[0]["time"]
    monkeypatch.setattr(export, "_SAMPLES_AT_ONCE", timedelta(milliseconds=250))
    pieces = Exported(capsys, *command, "--from", first).rows

    def key(row: dict[str, str]) -> tuple[str, str]:
        return row["time"], row["deployment"]

    assert sorted(pieces, key=key) == sorted(whole, key=key)
    assert len({key(row) for row in pieces}) == len(pieces) >= 16
    last = max(row["time"] for row in whole)
    short = Exported(capsys, *command[:-4], "--from", first, "--to", last, *command[-2:]).rows
    assert max(row["time"] for row in short) < last, "the end of a range is not part of it"


def test_a_histogram_has_its_edges(scraped: Prometheus, until: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = Exported(
        capsys, "her_job_seconds", "--from", "1h", "--to", until, "--prometheus", scraped.address
    ).rows  # fmt: skip
    assert list(rows[0]) == ["time", "series", "instance", "deployment", "type", "le", "value"]
    assert {row["series"] for row in rows} == {f"her_job_seconds_{part}" for part in ("bucket", "sum", "count")}
    edges = {row["le"] for row in rows if row["series"].endswith("_bucket")}
    assert {float(edge) for edge in edges} == {*m.JOB_SECONDS.buckets, float("inf")}
    assert all(row["le"] == "" for row in rows if not row["series"].endswith("_bucket"))
    given = Counter((row["series"], row["deployment"], row["value"]) for row in rows)
    assert given == stored(scraped, '{__name__=~"her_job_seconds_.*"}', until)


def test_only_the_deployments_asked_for(scraped: Prometheus, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["her_jobs_total", "--from", "1h", "--prometheus", scraped.address]
    one = Exported(capsys, *command, "--deployment", "cellar-2").rows
    assert {row["deployment"] for row in one} == {"cellar-2"}
    both = Exported(capsys, *command, "--deployment", "cellar-2", "--deployment", "attic").rows
    assert {row["deployment"] for row in both} == {"attic", "cellar-2"}
    for other in ("cell.r-2", 'cellar-2"} or {x="', "\\"):
        assert Exported(capsys, *command, "--deployment", other).rows == [], "a name, not a pattern"


def test_a_range_without_samples_is_a_head_alone(scraped: Prometheus, capsys: pytest.CaptureFixture[str]) -> None:
    exported = Exported(capsys, "her_users", "--from", "3h", "--to", "2h", "--prometheus", scraped.address)
    assert exported.code == 0
    assert exported.out == "time,series,instance,deployment,value\n"


def test_a_file_is_written_only_once_there_is_something_to_write(
    scraped: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "jobs.csv"
    command = ["her_jobs_total", "--from", "1h", "--output", str(file), "--prometheus"]
    assert Exported(capsys, *command, scraped.address).out == ""
    before = file.read_text()
    assert before.count("\n") > 32
    gone = Exported(capsys, *command, f"http://127.0.0.1:{free_port()}")
    assert gone.code == 2
    assert "Prometheus cannot be reached" in gone.err
    assert file.read_text() == before
    nowhere = Exported(capsys, *command[:-2], str(tmp_path / "no" / "jobs.csv"), "--prometheus", scraped.address)
    assert nowhere.code == 2
    assert "No such file or directory" in nowhere.err


def test_prometheus_says_why_it_refuses(
    pair: tuple[Prometheus, Prometheus], capsys: pytest.CaptureFixture[str]
) -> None:
    refused = Exported(capsys, "her_jobs_total", "--from", "1h", "--prometheus", pair[1].address)
    assert (refused.code, refused.out) == (2, "")
    assert "Prometheus answered 422: " in refused.err
    assert "too many samples" in refused.err


def test_something_else_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        other = Exported(capsys, "her_users", "--prometheus", f"http://{server.addresses[0]}")
    assert other.code == 2
    assert "Prometheus answered 404" in other.err


# From InfluxDB.


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """An influxd with the buckets of HER."""
    skip_without("influxd")
    folder = tmp_path_factory.mktemp("influxdb")
    program = programs.need("influxd", package="none")
    with InfluxDB(program, folder, free_port(), token_file=folder / "operator.token") as server:
        server.make([WantedBucket("her", 0), WantedBucket("her_text", 0)])
        yield server


def nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000


JOB = {"type": "reminder", "outcome": "success", "task": "0f3b6a0c6b3d4d0e"}


@pytest.fixture(scope="module")
def filled(influx: InfluxDB) -> InfluxDB:
    """Three days of points: two deployments, fields that come and go, two points within one microsecond, a text."""
    start = nanoseconds(NOW)
    lines = []
    for hour in range(72):
        tags = {**JOB, "deployment": "attic" if hour % 2 else "cellar-2"}
        whole: dict[str, FieldValue] = {"duration_seconds": hour / 2, "phrase": "reminder_sent"}
        fields = whole if hour % 3 else {"duration_seconds": 0.0}
        lines.append(encode("her_job", tags, fields, start + hour * 3600 * 10**9))
    lines += [encode("her_job", {**JOB, "deployment": "attic"}, {"phrase": "none"}, start + extra) for extra in (1, 2)]
    lines.append(encode("her_log", {"level": "error", "deployment": "attic"}, {"characters": 9}, start))
    score = {"score": -0.5, "task_succeeded": True, "helpful": False}
    lines.append(encode("her_reinforcement", {"label": "neutral", "deployment": "attic"}, score, start))
    text = {"line_text": 'first, "quoted"\nsecond'}
    poster = InfluxPoster(influx.endpoint)
    assert poster.post("her", lines).outcome == "written"
    line = encode("her_log_line", {"level": "error", "deployment": "attic"}, text, start)
    assert poster.post("her_text", [line]).outcome == "written"
    poster.close()
    return influx


def asked(server: InfluxDB, *more: str, token_file: Path | None = None, hours: int = 72) -> list[str]:
    """Arguments for everything that `filled` wrote."""
    stop = (NOW + timedelta(hours=hours)).isoformat()
    token = str(token_file or server.token_file)
    reached = ["--influxdb.url", server.address, "--influxdb.token-file", token]
    return ["--from", NOW.isoformat(), "--to", stop, *reached, *more]


@pytest.mark.real_influxdb
def test_every_point_comes_out_once_in_order(filled: InfluxDB, capsys: pytest.CaptureFixture[str]) -> None:
    rows = Exported(capsys, "her_job", *asked(filled)).rows
    columns = ["deployment", "type", "outcome", "task", "duration_seconds", "next_run_seconds", "phrase"]
    assert list(rows[0]) == ["time", *columns]
    assert len(rows) == 72 + 2
    times = [datetime.fromisoformat(row["time"]) for row in rows]
    assert times == sorted(times)
    assert times[0] == NOW
    for row, at in zip(rows, times, strict=True):
        hour, rest = divmod((at - NOW).total_seconds(), 3600)
        assert rest == 0, "the two of the first hour are nanoseconds away"
        assert {name: row[name] for name in JOB} == JOB
        if row["phrase"] == "none":
            assert row["duration_seconds"] == ""
        else:
            assert float(row["duration_seconds"]) == (hour / 2 if hour % 3 else 0.0)
            assert row["phrase"] == ("reminder_sent" if hour % 3 else "")
        assert row["next_run_seconds"] == "", "a field nobody ever wrote is an empty column"


@pytest.mark.real_influxdb
def test_the_end_of_the_range_is_not_part_of_it(filled: InfluxDB, capsys: pytest.CaptureFixture[str]) -> None:
    rows = Exported(capsys, "her_job", *asked(filled, hours=48)).rows
    assert max(row["time"] for row in rows) == (NOW + timedelta(hours=47)).isoformat()


@pytest.mark.real_influxdb
def test_only_the_deployments_asked_for_of_influxdb(filled: InfluxDB, capsys: pytest.CaptureFixture[str]) -> None:
    one = Exported(capsys, "her_job", *asked(filled, "--deployment", "cellar-2")).rows
    assert {row["deployment"] for row in one} == {"cellar-2"}
    assert len(one) == 36
    for other in ("cell.r-2", 'x" or true or "', "\\", "${x}"):
        assert Exported(capsys, "her_job", *asked(filled, "--deployment", other)).rows == []


@pytest.mark.real_influxdb
def test_flags_and_texts_survive_the_table(filled: InfluxDB, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = Exported(capsys, "her_reinforcement", *asked(filled)).rows
    assert (row["score"], row["task_succeeded"], row["helpful"], row["concise"]) == ("-0.5", "true", "false", "")
    (line,) = Exported(capsys, "her_log_line", *asked(filled)).rows
    assert line["line_text"] == 'first, "quoted"\nsecond'


@pytest.mark.real_influxdb
def test_a_measurement_without_points_is_a_head_alone(filled: InfluxDB, capsys: pytest.CaptureFixture[str]) -> None:
    exported = Exported(capsys, "her_startup", *asked(filled))
    assert exported.code == 0
    assert exported.out.count("\n") == 1


@pytest.mark.real_influxdb
def test_what_influxdb_refuses_is_told_without_the_token(
    filled: InfluxDB, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("a-token-nobody-may-see\n")
    refused = Exported(capsys, "her_job", *asked(filled, token_file=wrong))
    assert (refused.code, refused.out) == (2, "")
    assert "InfluxDB answered 401 for bucket her" in refused.err
    assert "nobody-may-see" not in refused.err
    # A reader of the bucket without texts, as the main Grafana's token is.
    narrow = WantedToken("reader of her", tmp_path / "narrow", read=("her",))
    filled.make([WantedBucket("her", 0)], [narrow])
    assert len(Exported(capsys, "her_job", *asked(filled, token_file=narrow.path)).rows) == 74
    text = Exported(capsys, "her_log_line", *asked(filled, token_file=narrow.path))
    assert text.code == 2
    assert "InfluxDB answered 404 for bucket her_text" in text.err
    assert narrow.path.read_text().strip() not in text.err


def test_an_influxdb_that_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-nobody-may-see\n")
    url = f"http://127.0.0.1:{free_port()}"
    away = Exported(capsys, "her_job", "--influxdb.url", url, "--influxdb.token-file", str(token))
    assert away.code == 2
    assert "InfluxDB cannot be reached" in away.err
    assert "nobody-may-see" not in away.err
