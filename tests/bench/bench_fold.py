"""Records per second of CPU through parse, fold, stamp, line and commit, per stream and mixed.

    python -m tests.bench.bench_fold [RECORDS] [--at-once N] [--profile STREAM]

Beside it, in the same run: the same parse and fold with what follows done by the usual libraries (prometheus_client's
counters and histograms, influxdb_client's Point), kept nowhere; and json.loads alone. The last row is a stream whose
records cost next to nothing to understand: what the core itself takes. Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import pstats
import resource
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

from influxdb_client.client.write.point import Point as ClientPoint
from prometheus_client import CollectorRegistry, Counter, Histogram

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Checkpoint
from exporters.core.contract import Source, Stream
from exporters.core.health_counters import HealthCounters
from exporters.core.metric import Kind, Metric
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime
from exporters.core.series import SeriesStore
from exporters.core.stream_worker import StreamWorker
from exporters.her.metrics import MEASUREMENTS
from exporters.registry import METRICS
from tests.bench.records import NOW, InMemory, corpus, many, sizes
from tests.core import tiny
from tests.her.deployments import streams

AT_ONCE = 10_000
CATALOG = (*METRICS, *(metric for metric in tiny.METRICS if metric not in METRICS))
Work = list[tuple[Stream[Any, Any, Any], list[bytes]]]
COUNT = 50_000


@contextmanager
def runtime(folder: Path, *, influx: bool) -> Iterator[Runtime]:
    """What a running exporter's workers share."""
    store = SeriesStore(CATALOG)
    checkpoint = Checkpoint(folder / "observatory.db", CATALOG, Outbox())
    own = HealthCounters(store, checkpoint)
    own.load(health.METRICS)
    buckets = {measurement.bucket: None for measurement in (*MEASUREMENTS, tiny.THING)} if influx else {}
    try:
        yield Runtime(
            checkpoint=checkpoint,
            store=store,
            health=own,
            metrics={metric.name: metric for metric in CATALOG},
            buckets=buckets,
            now=lambda: NOW,
        )
    finally:
        checkpoint.close()


def worker(
    shared: Runtime, stream: Stream[Any, Any, Any], records: Sequence[bytes], at_once: int
) -> StreamWorker[None]:
    """The stream's worker over these records, loaded."""
    read = replace(stream, reader=InMemory(list(records), at_once))
    source: Source[None] = Source(
        system="her", deployment="bench", name="memory", connect=lambda: None, close=lambda _: None, streams=(read,)
    )
    made: StreamWorker[None] = StreamWorker(source, read, shared, Admission())
    made.load(rebase=False)
    return made


def ours(work: Work, *, influx: bool, at_once: int) -> float:
    """CPU seconds for these streams, one batch of each in turn."""
    with tempfile.TemporaryDirectory() as folder, runtime(Path(folder), influx=influx) as shared:
        workers = [worker(shared, stream, records, at_once) for stream, records in work]
        gc.collect()
        started = process_time()
        while workers:
            workers = [one for one in workers if one.run(None)]
        return process_time() - started


def libraries(work: Work) -> float:
    """CPU seconds for a plain program around the same parse and fold: no state file, no stamps, no bounds."""
    registry = CollectorRegistry()
    counters: dict[Metric, Counter] = {}
    histograms: dict[Metric, Histogram] = {}
    for metric in {metric for stream, _ in work for metric in stream.feeds}:
        names = [label.name for label in metric.labels]
        if metric.kind is Kind.COUNTER:
            counters[metric] = Counter(metric.name, metric.help, names, registry=registry)
        elif metric.kind is Kind.HISTOGRAM:
            histograms[metric] = Histogram(metric.name, metric.help, names, registry=registry, buckets=metric.buckets)
    lines = []
    gc.collect()
    started = process_time()
    for stream, records in work:
        state = stream.initial()
        for raw in records:
            state, effects = stream.fold(state, stream.parse(raw))
            for metric, own, amount in effects.counts:
                counters[metric].labels("bench", *own).inc(amount)
            for metric, own, value in effects.observations:
                histograms[metric].labels("bench", *own).observe(value)
            for point in effects.points:
                made: Any = ClientPoint(point.measurement.name)  # type: ignore[no-untyped-call]
                made.tag("deployment", "bench").time(point.at)
                for tag, text in point.tags.items():
                    made.tag(tag, text)
                for field, content in point.fields.items():
                    made.field(field, content)
                lines.append(made.to_line_protocol())
    return process_time() - started


def json_alone(records: Sequence[bytes]) -> float:
    """CPU seconds for json.loads and nothing else."""
    started = process_time()
    for raw in records:
        json.loads(raw)
    return process_time() - started


def best(measure: Callable[[], float], rounds: int = 3) -> float:
    """The fastest of a few rounds, as others use the machine too."""
    return min(measure() for _ in range(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs="?", type=int, default=COUNT)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    parser.add_argument("--profile", metavar="STREAM", help="where the time of one stream goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = corpus(Path(folder))
    declared = streams()
    if arguments.profile:
        records = many(found[arguments.profile], arguments.records)
        profiler = cProfile.Profile()
        profiler.enable()
        ours([(declared[arguments.profile], records)], influx=True, at_once=arguments.at_once)
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(28)
        return
    print(f"{arguments.records} records per row, {arguments.at_once} at once; thousands of records per second of CPU\n")
    columns = ("bytes", "ours", "no InfluxDB", "libraries", "json alone", "ours/libraries")
    print(f"{'stream':<14}" + "".join(f"{column:>16}" for column in columns))
    mixed: Work = []
    for stream, size in sizes(found):
        records = many(found[stream], arguments.records)
        mixed.append((declared[stream], records[: arguments.records // len(found)]))
        show(stream, size, [(declared[stream], records)], arguments.at_once)
    total = [raw for _, records in mixed for raw in records]
    show("mixed", sum(map(len, total)) / len(total), mixed, arguments.at_once)
    words = [f"{number} red apple".encode() for number in range(arguments.records)]
    show("core alone", 14, [(tiny.stream(), words)], arguments.at_once)
    print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def show(name: str, size: float, work: Work, at_once: int) -> None:
    """One row of the table."""
    records = [raw for _, part in work for raw in part]
    count = len(records) / 1000
    whole = count / best(lambda: ours(work, influx=True, at_once=at_once))
    plain = count / best(lambda: ours(work, influx=False, at_once=at_once))
    usual = count / best(lambda: libraries(work))
    bare = f"{count / best(lambda: json_alone(records)):.0f}" if records[0].startswith(b"{") else "-"
    row = (f"{size:.0f}", f"{whole:.1f}", f"{plain:.1f}", f"{usual:.1f}", bare, f"{whole / usual:.1f} x")
    print(f"{name:<14}" + "".join(f"{cell:>16}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
