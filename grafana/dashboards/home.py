"""Home: every system, its state, its pages. The first thing a person sees."""

from __future__ import annotations

from exporters.core import health
from exporters.core.label import DEPLOYMENT, SYSTEM
from grafana.dashboards.panels import (
    AGE,
    COUNT,
    HOME,
    UP_DOWN,
    Limits,
    alerts,
    board,
    column,
    deployments,
    foreign,
    label_table,
    line,
    number,
    pages,
    pages_link,
    row,
    stat,
    timeseries,
)

BY_SYSTEM = (SYSTEM, DEPLOYMENT)
DAY = "24h"

BOARD = board(
    "Home",
    uid=HOME,
    system="home",
    page="home",
    description="Every watched system, its state, and its pages.",
    tags=("observatory",),
    links=(pages_link("Observatory", ["observatory"]),),
    variables=(deployments(),),
    rows=[
        row(
            "",
            stat(
                "Systems",
                "How many systems are watched, every deployment by itself?",
                health.SOURCE_UP.max(by=BY_SYSTEM).aggregate("count"),
                nothing="none",
            ),
            stat(
                "Sources down",
                "How many Redis servers, databases and the like can the exporter not reach?",
                (health.SOURCE_UP.value().equals(0)).aggregate("count").or_zero(),
                limits=Limits(bad_above=0),
                may_be_zero="every source is reached.",
            ),
            stat(
                "Alerts firing",
                "How many alerts are firing?",
                foreign("ALERTS", alertstate="firing").aggregate("count").or_zero(),
                limits=Limits(warn_above=0),
                may_be_zero="nothing is wrong.",
            ),
            stat(
                "Lost in 24 hours",
                "How many records are known to have passed unread in the last 24 hours?",
                health.STREAM_LOST.increase(DAY),
                limits=Limits(bad_above=0),
                may_be_zero="nothing was lost.",
            ),
            stat(
                "Waiting for InfluxDB",
                "How many points wait for InfluxDB? More than a few thousand: it is away or slow.",
                health.OUTBOX_LINES.sum(),
                limits=Limits(warn_above=10_000, bad_above=500_000),
                nothing="no InfluxDB",
                may_be_zero="InfluxDB takes points as they come.",
                may_be_empty="there is no InfluxDB.",
            ),
            stat(
                "Exporters",
                "How many exporters does Prometheus reach?",
                foreign("up", job="observatory").aggregate("sum"),
                limits=Limits(bad_below=1),
                nothing="none",
            ),
        ),
        row(
            "Systems",
            label_table(
                "Every system",
                "Which systems are watched, are they reached, when did each say something last, and was anything lost?",
                [
                    column(
                        SYSTEM,
                        "System",
                        links=(
                            {
                                "title": "Open ${__value.text}",
                                "url": "/d/${__value.text}-overview?${__url_time_range}"
                                "&var-deployment=${__data.fields.Deployment}",
                                "targetBlank": False,
                            },
                        ),
                    ),
                    column(DEPLOYMENT, "Deployment"),
                    number("Sources", health.SOURCE_UP.min(by=BY_SYSTEM), words=UP_DOWN),
                    number("Newest record", health.STREAM_LAST_EVENT.age(by=BY_SYSTEM), AGE),
                    number("Records in 24 h", health.STREAM_EVENTS.increase(DAY, by=BY_SYSTEM)),
                    number("Lost in 24 h", health.STREAM_LOST.increase(DAY, by=BY_SYSTEM), limits=Limits(bad_above=0)),
                    number("Gaps in 24 h", health.STREAM_GAPS.increase(DAY, by=BY_SYSTEM), limits=Limits(warn_above=0)),
                    number(
                        "Refused in 24 h",
                        health.STREAM_REJECTED.increase(DAY, by=BY_SYSTEM),
                        limits=Limits(warn_above=0),
                    ),
                ],
                sort_by="System",
                nothing="No system is reported: is an exporter running, and does Prometheus reach it?",
                height=5,
            ),
        ),
        row(
            "Where to look",
            pages("Pages", "Where is more to see about each system, and about the exporter?", width=9, height=18),
            alerts("Alerts", "What fires, or is about to?", width=15, height=18),
        ),
        row(
            "Activity",
            timeseries(
                "Records per minute",
                "Which systems are active, and when?",
                line(health.STREAM_EVENTS.rate(by=SYSTEM) * 60, SYSTEM),
                unit=COUNT,
                interval="1m",
                width=24,
                height=7,
            ),
        ),
    ],
)
