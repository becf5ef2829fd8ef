"""`observatory export`: a measurement or a metric over a time range, as CSV; a listing, as JSON lines.

A measurement comes from InfluxDB, one row per point at the event's own time. A metric comes from Prometheus, one row
per sample as it was scraped. A listing comes from the watched system itself, one object per row, with the account that
the configuration names for it. --from is part of the range, --to is not. A long range is asked for piece by piece, so
that memory stays flat here and there.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from exporters.core.errors import ConfigError, ObservatoryError
from exporters.core.label import DEPLOYMENT
from exporters.core.measurement import Measurement
from exporters.core.metric import Kind, Metric

_AGO = re.compile(r"-?(\d{1,9})([smhdw])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SAMPLES_AT_ONCE = timedelta(hours=1)
_POINTS_AT_ONCE = timedelta(days=1)
_TIMEOUT_SECONDS = 300.0
"""InfluxDB sorts a day before it sends the first row."""
_INFLUXDB_FLAGS = "--influxdb.url and --influxdb.token-file"

Cell = str | int | float | bool | None
Row = Sequence[Cell]
Range = tuple[datetime, datetime]


class ExportError(ObservatoryError):
    """The server asked did not give what was asked for. Never carries a token."""


def moment(text: str, now: datetime) -> datetime:
    """`now`, `24h` or `-24h` (that long ago), or ISO 8601 (UTC unless it says otherwise). ConfigError otherwise."""
    if text == "now":
        return now
    try:
        if ago := _AGO.match(text):
            at = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            at = datetime.fromisoformat(text)
            at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except ValueError:
        raise ConfigError([f"{text!r} is no time: use now, 24h, 7d or 2026-03-01T12:00:00Z"]) from None
    except OverflowError:
        at = _EARLIEST - timedelta(days=1)
    if at < _EARLIEST:
        raise ConfigError([f"{text!r} is before the year {_EARLIEST.year}: nothing is that old"])
    # Both servers' clocks are finer than a range needs to be; Prometheus's has milliseconds.
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def pieces(start: datetime, stop: datetime, length: timedelta) -> Iterator[Range]:
    """The range in pieces of at most this length, oldest first; each without its end."""
    while start < stop:
        end = min(start + length, stop)
        yield start, end
        start = end


def flux(measurement: Measurement, start: datetime, stop: datetime, deployments: Sequence[str]) -> str:
    """The Flux query for every point of a measurement, oldest first, one column per field and tag."""
    stages = [
        f'from(bucket: "{measurement.bucket}")',
        f"  |> range(start: {start.astimezone(UTC).isoformat()}, stop: {stop.astimezone(UTC).isoformat()})",
        f'  |> filter(fn: (r) => r._measurement == "{measurement.name}")',
    ]
    if deployments:
        wanted = " or ".join(f"r.{DEPLOYMENT.name} == {_flux_text(name)}" for name in deployments)
        stages.append(f"  |> filter(fn: (r) => {wanted})")
    stages += [
        '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
        "  |> group()",
        '  |> sort(columns: ["_time"])',
    ]
    return "\n".join(stages)


def _flux_text(text: str) -> str:
    """A Flux string: quoted as JSON, and with nothing in it to be evaluated."""
    return json.dumps(text, ensure_ascii=False).replace("${", "\\${")


def points(
    measurement: Measurement, client: Any, org: str, start: datetime, stop: datetime, deployments: Sequence[str]
) -> Iterator[Row]:
    """Header and rows of a measurement. client: an InfluxDBClient. ExportError if InfluxDB refuses."""
    from influxdb_client.client.flux_csv_parser import FluxQueryException
    from influxdb_client.rest import ApiException
    from urllib3.exceptions import HTTPError

    columns = [tag.name for tag in measurement.all_tags] + [field.name for field in measurement.fields]
    yield ("time", *columns)
    asked = client.query_api()
    try:
        for since, until in pieces(start, stop, _POINTS_AT_ONCE):
            for record in asked.query_stream(flux(measurement, since, until, deployments), org=org):
                yield (record.get_time().isoformat(), *(_cell(record.values.get(column)) for column in columns))
    except ApiException as error:
        msg = f"InfluxDB answered {error.status} for bucket {measurement.bucket}"
        raise ExportError(msg) from None
    except FluxQueryException as error:
        msg = f"InfluxDB broke off: {error.message}"
        raise ExportError(msg) from None
    except (HTTPError, OSError) as error:
        msg = f"InfluxDB cannot be reached: {type(error).__name__}"
        raise ExportError(msg) from None


def _cell(value: Cell) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    # InfluxDB's own CSV ends every line of a text as the rows end.
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def samples(
    metric: Metric, prometheus: str, start: datetime, stop: datetime, deployments: Sequence[str]
) -> Iterator[Row]:
    """Header and rows of a metric, as scraped. instance: which exporter. ExportError if Prometheus refuses."""
    labels = ["instance", *(label.name for label in metric.labels)]
    histogram = metric.kind is Kind.HISTOGRAM
    columns = [*labels, "le"] if histogram else labels
    yield ("time", "series", *columns, "value")
    matchers = [f'__name__=~"{metric.name}_(bucket|sum|count)"' if histogram else f'__name__="{metric.name}"']
    if deployments:
        # JSON quotes as PromQL does.
        matchers.append(f"{DEPLOYMENT.name}=~{json.dumps('|'.join(map(re.escape, deployments)))}")
    selector = "{" + ", ".join(matchers) + "}"
    for since, until in pieces(start, stop, _SAMPLES_AT_ONCE):
        first, end = _milliseconds(since), _milliseconds(until)
        # Prometheus 2 takes both ends of a range, Prometheus 3 the later one: more is asked for, and cut here.
        for result in _ask(prometheus, f"{selector}[{end - first + 1}ms]", end):
            names = result["metric"]
            for stamp, value in result["values"]:
                if first <= round(stamp * 1000) < end:
                    time = datetime.fromtimestamp(stamp, UTC).isoformat(timespec="milliseconds")
                    yield (time, names["__name__"], *(names.get(column, "") for column in columns), value)


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _ask(prometheus: str, query: str, at: int) -> list[dict[str, Any]]:
    arguments = urllib.parse.urlencode({"query": query, "time": f"{at / 1000:.3f}"})
    url = f"{prometheus.rstrip('/')}/api/v1/query?{arguments}"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - _run checked the scheme
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        with error:
            msg = f"Prometheus answered {error.code}{_said(error.read(65_536))}"
        raise ExportError(msg) from None
    except urllib.error.URLError as error:
        msg = f"Prometheus cannot be reached: {error.reason}"
        raise ExportError(msg) from None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        msg = f"Prometheus did not answer as Prometheus does: {type(error).__name__}"
        raise ExportError(msg) from None
    return result


def _said(body: bytes) -> str:
    """Prometheus's own reason, such as that a query would load too many samples."""
    try:
        return f": {json.loads(body)['error']}"
    except (ValueError, KeyError, TypeError):
        return ""


def add_command(commands: Any) -> None:
    """Add `observatory export`."""
    parser = commands.add_parser(
        "export",
        help="a measurement or metric over a time range, as CSV; a listing, as JSON lines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: observatory export her_job --from 7d --influxdb.url http://127.0.0.1:8086 --influxdb.org "
        "observatory --influxdb.token-file secrets/influxdb_main_reader_token > jobs.csv",
    )
    parser.add_argument("name", metavar="NAME", help=f"measurement or metric, see docs/metrics.md; or {_listed()}")
    parser.add_argument(
        "--from", dest="start", metavar="TIME", help="24h, 7d or ISO 8601; default 24h, of a listing its own"
    )
    parser.add_argument("--to", dest="stop", metavar="TIME", help="default now, of a listing its end")
    parser.add_argument("--deployment", action="append", default=[], help="only these; may be repeated")
    parser.add_argument(
        "--only", action="append", default=[], metavar="COLUMN=VALUE", help="of a listing, only these; may be repeated"
    )
    parser.add_argument(
        "--config.file", dest="config_file", type=Path, metavar="FILE", help="observatory.yml: whom a listing asks"
    )
    parser.add_argument("--prometheus", metavar="URL", help="where a metric is asked for")
    parser.add_argument("--influxdb.url", dest="influx_url", metavar="URL", help="where a measurement is asked for")
    parser.add_argument("--influxdb.org", dest="influx_org", default="observatory", metavar="ORG")
    parser.add_argument("--influxdb.token-file", dest="influx_token", type=Path, metavar="FILE")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.set_defaults(run=_run)


def _listed() -> str:
    from exporters.registry import LISTINGS

    return ", ".join(listing.name for listing in LISTINGS) or "a listing"


def _run(arguments: argparse.Namespace) -> int:
    from exporters.registry import LISTINGS

    listing = next((one for one in LISTINGS if one.name == arguments.name), None)
    now = datetime.now(UTC)
    since, until = arguments.start or (listing.since if listing else "24h"), arguments.stop or "now"
    start, stop = moment(since, now), moment(until, now)
    if start >= stop:
        raise ConfigError([f"--from {since} is not before --to {until}"])
    if listing is not None:
        from exporters.export_listing import export_listing

        # Without an end there is none: whoever wrote the rows may have a clock that is ahead of ours.
        return export_listing(arguments, listing, start, stop if arguments.stop else None)
    if arguments.only:
        raise ConfigError([f"--only chooses rows of a listing, and {arguments.name} is none"])
    with ExitStack() as stack:
        rows = _rows(arguments, start, stop, stack)
        # The first answer comes before the file is touched: a wrong token must not cost an older export.
        begun = list(islice(rows, 2))
        output: TextIO = sys.stdout
        if arguments.output:
            try:
                output = stack.enter_context(arguments.output.open("w", encoding="utf-8", newline=""))
            except OSError as error:
                raise ConfigError([f"--output {arguments.output}: {error.strerror}"]) from None
        csv.writer(output, lineterminator="\n").writerows(chain(begun, rows))
        output.flush()
    return 0


def _rows(arguments: argparse.Namespace, start: datetime, stop: datetime, stack: ExitStack) -> Iterator[Row]:
    from exporters.registry import MEASUREMENTS, METRICS

    measurement = next((m for m in MEASUREMENTS if m.name == arguments.name), None)
    if measurement is not None:
        if not (arguments.influx_url and arguments.influx_token):
            raise ConfigError([f"{measurement.name} is a measurement: give {_INFLUXDB_FLAGS}"])
        from exporters.core.influx_endpoint import InfluxEndpoint

        endpoint = InfluxEndpoint(
            url=arguments.influx_url,
            org=arguments.influx_org,
            token_file=arguments.influx_token,
            read_timeout=_TIMEOUT_SECONDS,
        )
        client = stack.enter_context(endpoint.client())
        return points(measurement, client, arguments.influx_org, start, stop, arguments.deployment)
    metric = next((m for m in METRICS if m.name == arguments.name), None)
    if metric is None:
        raise ConfigError(
            [f"there is no measurement, metric or listing {arguments.name!r}; docs/metrics.md and --help list them"]
        )
    if not arguments.prometheus:
        raise ConfigError([f"{metric.name} is a metric: give --prometheus"])
    if not re.match(r"https?://[^/@\s]+(/\S*)?\Z", arguments.prometheus):
        raise ConfigError(["--prometheus must be an http or https address without user or password"])
    if arguments.deployment and DEPLOYMENT not in metric.labels:
        raise ConfigError([f"{metric.name} is about the exporter itself and has no deployment"])
    return samples(metric, arguments.prometheus, start, stop, arguments.deployment)
