"""The back end's log file: one line per record, as Python's logging writes them, with tracebacks below.

2026-01-14 09:00:01,250 - app.agent.stream - ERROR - upstream error api_failure after 3 attempts

Nobody promises the format, and nobody keeps personal data out of it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight.simulate_pen import Pen

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

ORDINARY: Final[tuple[tuple[Level, str, str], ...]] = (
    ("INFO", "app.api.v1.chat", "stream finished for conversation {id}"),
    ("INFO", "app.batch.batch_orchestrator", "phase 1.5 finished in 12.4 s"),
    ("DEBUG", "app.services.market_data", "cache hit for ACME"),
    ("WARNING", "app.services.market_data", "no price for ACME, tried again"),
    ("ERROR", "app.services.ai_metrics", "failed to record AI metrics for {email}: connection is closed"),
    ("CRITICAL", "app.main", "database pool exhausted"),
)
LLM_ERROR: Final = ("ERROR", "app.agent.stream", "upstream error {error} after 3 attempts: key sk-inv{id} refused")
CARDS: Final = (*ORDINARY, LLM_ERROR)
DECK: Final = (60, 20, 24, 4, 2, 0, 3)
"""How often each card stands in a diary's deck; the pool is exhausted on no ordinary day."""
TRACEBACKS: Final = 0.3
"""Share of a diary's errors that show where they came from."""
TRACEBACK: Final = (
    "Traceback (most recent call last):",
    '  File "/app/app/agent/stream.py", line 212, in stream',
    "RuntimeError: {secret}",
)


def lines(pen: Pen, records: int) -> Iterator[str]:
    """Text of `records` records: ordinary ones in turn, every third an error of the LLM, every seventh a traceback."""
    for number in range(records):
        error = names.AI_ERRORS[number // 3 % len(names.AI_ERRORS)]
        level, logger, message = LLM_ERROR if number % 3 == 2 else ORDINARY[(number - number // 3) % len(ORDINARY)]
        address = f"{pen.canaries.word('log.email', 'operator')}@mail.invalid"
        text = message.format(id=f"{pen.rng.getrandbits(48):012x}", email=address, error=error)
        yield f"{stamp(pen.now())} - {logger} - {level} - {text}"
        if number % 7 == 6:
            secret = pen.canaries.text("log.traceback", "the pool is closed")
            yield from (line.format(secret=secret) for line in TRACEBACK)


class Diary:
    """The log file of a back end that is mostly well: a deck of records, dealt to its end, then shuffled again."""

    def __init__(self, pen: Pen, path: Path) -> None:
        self._pen = pen
        self._path = path
        self._deck: list[int] = []

    def write(self, records: int) -> None:
        """Append that many records, each as long as its traceback makes it."""
        pen = self._pen
        with self._path.open("a", encoding="utf-8") as file:
            for _ in range(records):
                if not self._deck:
                    self._deck = [number for number, times in enumerate(DECK) for _ in range(times)]
                    pen.rng.shuffle(self._deck)
                file.writelines(f"{line}\n" for line in _record(pen, *CARDS[self._deck.pop()]))


def _record(pen: Pen, level: Level, logger: str, message: str) -> Iterator[str]:
    text = message.format(
        id=f"{pen.rng.getrandbits(48):012x}", email="operator@mail.invalid", error=pen.rng.choice(names.AI_ERRORS)
    )
    yield f"{stamp(pen.now())} - {logger} - {level} - {text}"
    if level == "ERROR" and pen.rng.random() < TRACEBACKS:
        yield from (line.format(secret="the pool is closed") for line in TRACEBACK)  # noqa: S106 - none


def stamp(at: datetime) -> str:
    """Naive UTC with milliseconds after a comma, as the logging module writes it in a container."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S},{utc.microsecond // 1000:03d}"


def append(path: Path, pen: Pen, records: int) -> int:
    """Append that many records to the file; returns how many lines that were."""
    written = list(lines(pen, records))
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in written)
    return len(written)
