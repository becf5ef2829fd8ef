"""A dashboard as data: its rows, variables, links and annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exporters.core.health import SOURCE_UP
from exporters.core.label import DEPLOYMENT, SYSTEM, Label
from exporters.core.metric import Kind, Metric
from exporters.core.promql import DASHBOARD, Expr
from exporters.core.sql import ALL, Sql
from grafana.dashboards._panel import Json, Panel, Row
from grafana.dashboards._query import POSTGRES, PROMETHEUS, database_of, reads_text

REFRESH = "10s"
REFRESH_CHOICES = ("1s", "5s", "10s", "30s", "1m", "5m", "15m", "1h")
HOME = "observatory-home"


@dataclass(frozen=True, slots=True)
class Variable:
    """One dashboard variable, in Grafana's JSON."""

    name: str
    json: Json


@dataclass(frozen=True, slots=True)
class Annotation:
    """Moments marked in every panel. asked: a series whose VALUE is the moment, in milliseconds since the epoch."""

    name: str
    asked: Expr
    colour: str


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard.

    system: the folder below generated/. page: the file's name. restricted: asks for text, and lives in the restricted
    set. refresh: how often it asks again, empty for never. tags: what lists of dashboards find it by; `reads-postgres`
    keeps a page out of installations that watch no source of that name, where it would be empty. utc: times are shown
    in UTC whatever the browser's zone, as where every point is a day of UTC: west of it, it would be the day before.
    """

    title: str
    uid: str
    system: str
    page: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    links: tuple[Json, ...] = ()
    tags: tuple[str, ...] = ()
    start: str = "now-3h"
    refresh: str = REFRESH
    utc: bool = False

    @property
    def restricted(self) -> bool:
        """Whether any panel reads text."""
        return any(reads_text(query.source) for panel in self.panels() for query in panel.queries)

    @property
    def path(self) -> str:
        """Where the generated file goes, relative to grafana/dashboards/."""
        return f"generated/{'restricted' if self.restricted else 'main'}/{self.system}/{self.page}.json"

    def panels(self) -> Iterator[Panel]:
        """Every panel, in reading order."""
        for row in self.rows:
            yield from row.panels


def deployments(system: str = "") -> Variable:
    """`$deployment`: which deployments of a system (of any system if empty) the page shows."""
    chosen = SOURCE_UP.value({SYSTEM: system} if system else None).render(_UNFILTERED)
    return _asked("deployment", "Deployment", f"label_values({chosen}, {DEPLOYMENT.name})")


def members(label: Label, title: str, metric: Metric, variable: str = "") -> Variable:
    """A filter by a label: the values it has now. variable: the variable's name if it is not the label's."""
    series = metric.name + ("_count" if metric.kind is Kind.HISTOGRAM else "")
    within = '{deployment=~"$deployment"}' if metric.per_deployment and label is not DEPLOYMENT else ""
    if label not in metric.labels:
        msg = f"{metric.name} has no label {label.name!r}"
        raise ValueError(msg)
    return _asked(variable or label.name, title, f"label_values({series}{within}, {label.name})")


def choice(label: Label, title: str, variable: str = "") -> Variable:
    """A filter by a closed label or tag: every value it can have."""
    if label.values is None:
        msg = f"label {label.name} has no closed set to choose from"
        raise ValueError(msg)
    name = variable or label.name
    values = [*label.values, "other"]
    options = [{"selected": True, "text": "All", "value": "$__all"}]
    options += [{"selected": False, "text": value, "value": value} for value in values]
    return Variable(
        name,
        {
            **_several(name, title),
            "options": options,
            "query": ",".join(values),
            "queryValue": "",
            "type": "custom",
        },
    )


def search_box(title: str = "Search", variable: str = "search", *, typed: str = "") -> Variable:
    """`$search`: words to look for in the text; nothing typed means everything. typed: what stands there at first."""
    first = {"selected": True, "text": typed, "value": typed}
    return Variable(
        variable,
        {
            "current": first,
            "hide": 0,
            "label": title,
            "name": variable,
            "options": [first],
            "query": typed,
            "skipUrlSync": False,
            "type": "textbox",
        },
    )


def databases(kind: str, variable: str = "database") -> Variable:
    """`$database`: whose database the page reads, among those of the deployments chosen.

    kind: what scripts/text_sources.py calls the data sources, without the deployment. variable: as its rows have it.
    """
    return Variable(
        variable,
        {
            "current": {},
            "hide": 0,
            "includeAll": False,
            "label": "Database",
            "multi": False,
            "name": variable,
            "options": [],
            "query": POSTGRES,
            "refresh": 1,
            "regex": f"/^{kind}: ${{deployment:regex}}$/",
            "skipUrlSync": False,
            "type": "datasource",
        },
    )


def offered(variable: str, title: str, asked: Sql) -> Variable:
    """A filter by values that SQL offers: `newest(…).options(column)`, used by `chosen(column=variable)`."""
    # When the page is opened, and on every change of a time range that counts; what is new since belongs to All.
    refresh = 2 if asked.rows.timed else 1
    return Variable(
        variable,
        {
            **_several(variable, title),
            "allValue": ALL,
            "datasource": database_of(asked.rows).json(),
            "definition": "",
            "options": [],
            "query": asked.text,
            "refresh": refresh,
            "regex": "",
            "sort": 0,
            "type": "query",
        },
    )


def home_link() -> Json:
    """A button at the top: back to Home."""
    return _top_link({"icon": "dashboard", "title": "Home", "type": "link", "url": f"/d/{HOME}"})


def pages_link(title: str, tags: Sequence[str]) -> Json:
    """A menu at the top: every dashboard with these tags."""
    return _top_link(
        {"asDropdown": True, "includeVars": True, "tags": list(tags), "title": title, "type": "dashboards"}
    )


def outward_link(title: str, variable: str, tooltip: str) -> Json:
    """A button at the top to another server's page, whose address stands in a text variable."""
    return _top_link(
        {
            "keepTime": False,
            "targetBlank": True,
            "title": title,
            "tooltip": tooltip,
            "type": "link",
            "url": f"${{{variable}:raw}}",
        }
    )


def go(title: str, uid: str, *, keep: Sequence[str] = (), **variables: str) -> Json:
    """A data link to another page, with the time window and the deployment kept.

    keep: more variables that stay as they are. variables: more of them to set.
    """
    kept = "".join(f"&${{{name}:queryparam}}" for name in keep)
    chosen = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return {
        "title": title,
        "url": f"/d/{uid}?${{__url_time_range}}&${{deployment:queryparam}}{kept}{chosen}",
        "targetBlank": False,
    }


_UNFILTERED = type(DASHBOARD)(matchers=(), keep=(), window=DASHBOARD.window)


def _asked(name: str, title: str, query: str) -> Variable:
    return Variable(
        name,
        {
            **_several(name, title),
            "datasource": PROMETHEUS.json(),
            "definition": query,
            "options": [],
            "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
            # On every change of the time range: a value that is gone from it is not offered.
            "refresh": 2,
            "regex": "",
            "sort": 1,
            "type": "query",
        },
    )


def _several(name: str, title: str) -> Json:
    return {
        # Not the list of the values that are known: what is new a minute later belongs to All, too.
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "includeAll": True,
        "label": title,
        "multi": True,
        "name": name,
        "skipUrlSync": False,
    }


def _top_link(link: Json) -> Json:
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": True,
        "tags": [],
        "targetBlank": False,
        "tooltip": "",
        "url": "",
        **link,
    }
