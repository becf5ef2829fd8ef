"""A stream whose every record stands for itself: no fold state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from exporters.core.contract import Effects, Record, Stream, StreamReader
from exporters.core.metric import Metric


class Timed(Protocol):
    """An event that knows its time."""

    @property
    def at(self) -> datetime: ...


C = TypeVar("C")
R = TypeVar("R", bound=Record)
T = TypeVar("T", bound=Timed)


def event_time(event: Timed) -> datetime:
    """The event's own time."""
    return event.at


def nothing() -> None:
    """The state of a stream without state."""
    return


def stateless(
    *,
    name: str,
    interval: float,
    reader: StreamReader[C],
    parse: Callable[[R], T],
    fold: Callable[[None, T], tuple[None, Effects]],
    feeds: tuple[Metric, ...],
    settle: Callable[[Mapping[str, int | None], Sequence[T]], Effects] | None = None,
) -> Stream[C, T, None]:
    """The stream of these parts."""
    return Stream(
        name=name,
        interval=interval,
        reader=reader,
        parse=parse,
        fold=fold,
        initial=nothing,
        event_time=event_time,
        feeds=feeds,
        settle=settle,
    )
