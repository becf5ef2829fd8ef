"""Asks a panel's query as Grafana would: variables at All, the time range filled in, the answer as plain numbers."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from exporters.core.errors import ConfigError, ObservatoryError

TIMEOUT_SECONDS = 30
POINTS = 200
_SIMPLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")
_DURATION = re.compile(r"(\d+)(ms|[smhd])")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.*),\s*)?(?P<label>\w+)\)\Z", re.DOTALL)
_NUMBERS = frozenset({"long", "unsignedLong", "double"})


class QueryFailed(ObservatoryError):  # noqa: N818 - an answer, like SourceDown
    """The server refused the query or could not be asked; the text is its own reason, cut, and never a token."""


@dataclass(frozen=True, slots=True)
class Range:
    """The time range asked for."""

    start: datetime
    stop: datetime

    @property
    def seconds(self) -> float:
        return (self.stop - self.start).total_seconds()

    def step(self, interval: str) -> float:
        """Seconds from one point to the next. interval: the shortest step a panel wishes for, empty for any."""
        return max(1.0, self.seconds / POINTS, seconds(interval) if interval else 0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """rows: how many samples, or rows of a table, came. moved: whether any number among them is not zero."""

    rows: int
    moved: bool


class Prometheus:
    """One Prometheus. url: http(s)://host:port, without user or password."""

    def __init__(self, url: str) -> None:
        self._url = checked_url(url, "--prometheus")

    def systems(self) -> set[str]:
        """Names of the systems that any exporter watches."""
        return set(self._get("label/system/values", {"match[]": "observatory_source_up"}))

    def sources(self, system: str) -> set[str]:
        """Names of the sources of a system that any exporter watches."""
        return set(self._get("label/source/values", {"match[]": f'observatory_source_up{{system="{system}"}}'}))

    @cached_property
    def scrape_seconds(self) -> float:
        """The interval at which exporters are scraped, 15 if none is."""
        targets = self._get("targets", {"state": "active"})["activeTargets"]
        known = [t["scrapeInterval"] for t in targets if t["labels"].get("job") == "observatory"]
        return max(map(seconds, known), default=15.0)

    def ask(self, target: Mapping[str, Any], variables: Mapping[str, str], when: Range, interval: str) -> Answer:
        """One target of a panel. Raises QueryFailed."""
        step, scrape = when.step(interval), self.scrape_seconds
        given = {
            **variables,
            "__rate_interval": f"{math.ceil(max(4 * scrape, step + scrape))}s",
            "__interval": f"{math.ceil(step)}s",
            "__range": f"{math.ceil(when.seconds)}s",
        }
        query = filled_in(str(target["expr"]), given)
        stop = f"{when.stop.timestamp():.3f}"
        if target.get("instant"):
            data = self._get("query", {"query": query, "time": stop})
        else:
            start = f"{when.start.timestamp():.3f}"
            data = self._get("query_range", {"query": query, "start": start, "end": stop, "step": f"{step:.3f}"})
        numbers = [number for number in _numbers(data, instant=bool(target.get("instant"))) if not math.isnan(number)]
        return Answer(len(numbers), any(numbers))

    def values_of(self, query: str, variables: Mapping[str, str]) -> int:
        """How many values a variable's `label_values(…)` offers."""
        matched = _LABEL_VALUES.match(query)
        if matched is None:
            msg = f"not a label_values query: {query}"
            raise QueryFailed(msg)
        selector = matched["selector"]
        chosen = {"match[]": filled_in(selector, variables)} if selector else {}
        return len(self._get(f"label/{matched['label']}/values", chosen))

    def _get(self, path: str, arguments: Mapping[str, str]) -> Any:
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        try:
            return json.loads(answer_of(urllib.request.Request(url)))["data"]  # noqa: S310 - scheme checked
        except (ValueError, KeyError, TypeError):
            msg = f"{self._url} does not answer as Prometheus does"
            raise QueryFailed(msg) from None


class InfluxDB:
    """One InfluxDB 2. The token is read from its file and stands in a header only."""

    def __init__(self, url: str, org: str, token_file: Path) -> None:
        self._url = checked_url(url, "--influxdb")
        self._org = org
        self._token_file = token_file

    def ask(self, target: Mapping[str, Any], variables: Mapping[str, str], when: Range, interval: str) -> Answer:
        """One target of a panel. Raises QueryFailed."""
        query = filled_in(str(target["query"]), variables)
        for name, value in (
            ("v.timeRangeStart", f"{when.start.isoformat()}"),
            ("v.timeRangeStop", f"{when.stop.isoformat()}"),
            ("v.windowPeriod", f"{round(when.step(interval) * 1000)}ms"),
        ):
            query = query.replace(name, value)
        body = {"query": query, "type": "flux", "dialect": {"annotations": ["datatype"], "header": True}}
        try:
            token = self._token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError([f"{self._token_file}: {error.strerror}"]) from None
        request = urllib.request.Request(  # noqa: S310 - scheme checked
            f"{self._url}/api/v2/query?{urllib.parse.urlencode({'org': self._org})}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
        )
        return table_answer(answer_of(request).decode())


def _numbers(data: Mapping[str, Any], *, instant: bool) -> list[float]:
    match data["resultType"]:
        case "vector":
            return [float(series["value"][1]) for series in data["result"]]
        case "scalar":
            return [float(data["result"][1])]
        case "matrix" if not instant:
            return [float(value) for series in data["result"] for _, value in series["values"]]
    msg = f"an instant query that answers with a {data['resultType']}: no panel shows that"
    raise QueryFailed(msg)


def table_answer(annotated: str) -> Answer:
    """InfluxDB's annotated CSV. A table without numbers (text, or tags alone) moves by having a row."""
    rows, moved = 0, False
    numeric: list[int] = []
    header = False
    for line in csv.reader(io.StringIO(annotated)):
        if not line:
            continue
        if line[0] == "#datatype":
            # The first three are about the answer: the annotation's own name, the result, the table.
            numeric = [column for column, kind in enumerate(line) if column > 2 and kind in _NUMBERS]
            header = True
        elif header:
            header = False
        else:
            rows += 1
            moved = moved or not numeric or any(line[c] and float(line[c]) for c in numeric)
    return Answer(rows, moved)


def filled_in(query: str, variables: Mapping[str, str]) -> str:
    """The query with Grafana's variables replaced. Raises QueryFailed for one that the dashboard lacks."""

    def value(matched: re.Match[str]) -> str:
        name = matched[1] or matched[2]
        if name not in variables:
            msg = f"no variable ${name} on this dashboard"
            raise QueryFailed(msg)
        return variables[name]

    return _SIMPLE.sub(value, query)


def seconds(duration: str) -> float:
    """Seconds of a Prometheus or Grafana duration of one or more parts (`1m30s`)."""
    parts = _DURATION.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration or not parts:
        msg = f"not a duration: {duration!r}"
        raise QueryFailed(msg)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def checked_url(url: str, flag: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ConfigError([f"{flag}: give http(s)://host:port, without user and password"])
    return url.rstrip("/")


def answer_of(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - scheme checked
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        said = error.read(2000).decode(errors="replace")
        try:
            document = json.loads(said)
            # Grafana tells it for each query by itself; ours are asked one by one.
            within: Mapping[str, Any] = next(iter(document.get("results", {}).values()), {})
            said = str(document.get("error") or document.get("message") or within.get("error") or said)
        except (ValueError, AttributeError):
            pass
        msg = f"answered {error.code}: {' '.join(said.split())[:300]}"
        raise QueryFailed(msg) from None
    except OSError as error:
        msg = f"{request.host} cannot be asked: {getattr(error, 'reason', error)}"
        raise QueryFailed(msg) from None
