"""Lines per second: ours beside influxdb-client's Point, in one run, alternating.

python -m tests.bench.bench_line_protocol
"""

from __future__ import annotations

import time
from collections.abc import Callable

from influxdb_client.client.write.point import Point

from exporters.core.line_protocol import encode
from exporters.core.measurement import FieldValue

ROUNDS = 7
START_NS = 1_700_000_000_000_000_000

CASES: dict[str, tuple[str, dict[str, str], dict[str, FieldValue]]] = {
    "2 tags, 1 int": ("her_decision", {"source": "agent", "deployment": "home"}, {"count": 1}),
    "3 tags, int and float": (
        "her_execution",
        {"tool": "shell", "outcome": "ok", "deployment": "home"},
        {"exit_code": 0, "seconds": 1.257},
    ),
    "4 tags, 6 fields, text": (
        "her_log",
        {"level": "error", "logger": "her.agent", "source": "main", "deployment": "home"},
        {"count": 1, "size": 120, "seconds": 0.25, "ok": False, "hash": "9f86d081884c7d65", "text": 'said "no", twice'},
    ),
}


def ours(measurement: str, tags: dict[str, str], fields: dict[str, FieldValue], time_ns: int) -> str:
    return encode(measurement, tags, fields, time_ns)


def clients(measurement: str, tags: dict[str, str], fields: dict[str, FieldValue], time_ns: int) -> str:
    point = Point(measurement)  # type: ignore[no-untyped-call]
    point.time(time_ns)  # type: ignore[no-untyped-call]
    for key, tag in tags.items():
        point.tag(key, tag)  # type: ignore[no-untyped-call]
    for key, value in fields.items():
        point.field(key, value)  # type: ignore[no-untyped-call]
    written: str = point.to_line_protocol()  # type: ignore[no-untyped-call]
    return written


Encoder = Callable[[str, dict[str, str], dict[str, FieldValue], int], str]


def lines_per_second(encoder: Encoder, case: tuple[str, dict[str, str], dict[str, FieldValue]], count: int) -> float:
    measurement, tags, fields = case
    began = time.process_time()
    for number in range(count):
        encoder(measurement, tags, fields, START_NS + number)
    return count / (time.process_time() - began)


def main() -> None:
    print(f"{'lines/s of CPU time, best of ' + str(ROUNDS):32} {'ours':>12} {'Point':>12} {'ratio':>7}")
    for name, case in CASES.items():
        assert ours(*case, START_NS) == clients(*case, START_NS)
        runs = [(lines_per_second(ours, case, 50_000), lines_per_second(clients, case, 10_000)) for _ in range(ROUNDS)]
        best, theirs = (max(run[side] for run in runs) for side in (0, 1))
        print(f"{name:32} {best:12,.0f} {theirs:12,.0f} {best / theirs:6.1f}x")


if __name__ == "__main__":
    main()
