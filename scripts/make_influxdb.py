#!/usr/bin/env python3
"""Make InfluxDB ready: first user and organisation, buckets of the configured systems, three tokens in three places.

usage: make_influxdb.py --config observatory.yml --url http://influxdb:8086 --password-file FILE
                        --operator-token-file FILE --tokens DIRECTORY

Run as often as you like: it makes what is missing and says what it changed, and what differs and was left as it is: a
bucket that keeps points longer than is wanted, or one of somebody else's. Under DIRECTORY come to stand writer/token
(the exporter's: writes only), reader/token (the main Grafana's: everything but text) and text/token (the restricted
Grafana's). Each is a volume of its own, so that a container sees the one it may have; the files are readable by all,
because each container has another user. Exit status 1: InfluxDB refused.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from watched import ContradictionError, Watched, watched

from exporters.core.errors import ObservatoryError
from exporters.core.influx_endpoint import InfluxEndpoint
from exporters.core.influx_setup import SetUp, SetUpFailed, WantedBucket, set_up, wanted_buckets, wanted_tokens

ORGANISATION = "observatory"
PATIENCE_SECONDS = 60
READABLE = 0o444
DAY_SECONDS = 86_400
TOKEN_FOLDERS = ("writer", "reader", "text")


def first_time(url: str, *, password: str, token: str, bucket: WantedBucket) -> bool:
    """Make the first user, the organisation and its first bucket; False if that was done before. Raises SetUpFailed."""
    if not call(f"{url}/api/v2/setup")["allowed"]:
        return False
    # A bucket is asked for; one that is wanted anyway, with its own retention, because set_up never shortens one.
    first = {"bucket": bucket.name, "retentionPeriodSeconds": bucket.retention}
    call(
        f"{url}/api/v2/setup",
        {"username": "admin", "password": password, "org": ORGANISATION, "token": token, **first},
    )
    return True


def call(url: str, document: Mapping[str, Any] | None = None) -> Any:
    """GET, or POST of a JSON document, answered in JSON; waits for a server that is still starting."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            # Never the body: it may repeat what was sent.
            message = f"InfluxDB: {url}: status {error.code}"
            if error.code != http.client.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                raise SetUpFailed(message) from None
        except OSError as error:
            if time.monotonic() > deadline:
                message = f"InfluxDB: {url}: {error}"
                raise SetUpFailed(message) from None
        time.sleep(0.5)


def make(options: argparse.Namespace, config: Watched) -> SetUp:
    """Everything there is to do, done; what was changed, and what differs and was left as it is."""
    systems = sorted(config.systems)
    buckets = wanted_buckets(
        systems,
        retention=round(config.retention_days * DAY_SECONDS),
        text_retention=round(config.text_retention_days * DAY_SECONDS),
        asked=config.asked,
    )
    operator = InfluxEndpoint(url=options.url, org=ORGANISATION, token_file=options.operator_token_file)
    before: list[str] = []
    made: list[str] = []
    password = options.password_file.read_text(encoding="utf-8").strip()
    if first_time(options.url, password=password, token=operator.token(), bucket=buckets[0]):
        before.append(f"first user `admin` and organisation {ORGANISATION!r} made")
        made.append(buckets[0].name)
    paths = [options.tokens / folder / "token" for folder in TOKEN_FOLDERS]
    tokens = [
        replace(token, path=path) for token, path in zip(wanted_tokens(systems, options.tokens), paths, strict=True)
    ]
    done = set_up(operator, buckets, tokens, made=made)
    for path in paths:
        path.chmod(READABLE)
    return replace(done, changes=(*before, *done.changes))


def main() -> int:
    """Make it, say what changed; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--password-file", type=Path, required=True, help="of the first user, `admin`")
    parser.add_argument("--operator-token-file", type=Path, required=True, help="the token that may do everything")
    parser.add_argument("--tokens", type=Path, required=True, help="directory with writer/, reader/ and text/")
    options = parser.parse_args()
    try:
        done = make(options, watched(options.config))
    except (ContradictionError, ObservatoryError, OSError) as problem:
        print(f"make_influxdb: {problem}", file=sys.stderr)
        return 1
    for change in done.changes or ["nothing to change"]:
        print(f"make_influxdb: {change}")
    for note in done.notes:
        print(f"make_influxdb: {note}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
