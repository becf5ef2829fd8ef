"""SQL asked of a Grafana as its pages ask it: through its own interface, as some user of it."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any

from exporters.demo.loopback import Answer, request
from tests.stack.grafanas import PASSWORD, StackGrafana


def ask(
    grafana: StackGrafana,
    sql: str,
    uid: str = "her-memories-home",
    user: str = f"admin:{PASSWORD}",
    start: str = "now-1h",
) -> Answer:
    query = {"refId": "A", "datasource": {"uid": uid, "type": "postgres"}, "rawSql": sql, "format": "table"}
    return request(
        grafana.port,
        "/api/ds/query",
        method="POST",
        headers={
            "Authorization": "Basic " + base64.b64encode(user.encode()).decode(),
            "Content-Type": "application/json",
        },
        body=json.dumps({"queries": [query], "from": start, "to": "now"}),
    )


def columns(answer: Answer) -> dict[str, list[Any]]:
    assert answer.status == http.client.OK, answer.text
    (frame,) = answer.json()["results"]["A"]["frames"]
    names = [field["name"] for field in frame["schema"]["fields"]]
    return dict(zip(names, frame["data"]["values"] or [[] for _ in names], strict=True))
