"""Tables: events from InfluxDB or rows from PostgreSQL, one per row; or what Prometheus has, one per label set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exporters.core.errors import DeclarationError
from exporters.core.flux import Flux
from exporters.core.label import Label
from exporters.core.promql import Expr
from exporters.core.sql import Sql
from grafana.dashboards._look import COUNT, TEXT, Limits, Unit, Word, mappings, meanings
from grafana.dashboards._panel import Json, Panel
from grafana.dashboards._query import Query, line

_BLANK: Json = {"matcher": {"id": "byRegexp", "options": "/.*/"}, "properties": [{"id": "noValue", "value": ""}]}
"""What a table says when it has no row would otherwise stand in every empty cell."""


_MERGE: Json = {"id": "merge", "options": {}}
"""The answers of several queries become rows of one table."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    name: a label, tag or field. title: the heading. asked: where the column is a number of its own, what is asked.
    words: what values are called and how they are coloured. wide: pixels, 0 lets Grafana choose.
    colour: of everything in it, where it is not blank. links: data links. numeric: the label's values are numbers, and
    sorted as such (7 before 14).
    """

    name: str
    title: str
    unit: Unit | None = None
    asked: Expr | None = None
    words: Mapping[float | str, Word] | None = None
    limits: Limits | None = None
    wide: int = 0
    wrap: bool = False
    colour: str = ""
    links: tuple[Json, ...] = ()
    numeric: bool = False


def column(label: Label | str, title: str, **look: Any) -> Column:
    """A column for a label or tag (closed ones are coloured by meaning, numbers among them sorted) or for a field."""
    if isinstance(label, str):
        return Column(label, title, **look)
    look.setdefault("words", meanings(label.values or ()))
    look.setdefault("numeric", all(value.isdecimal() for value in label.values or ("",)))
    return Column(label.name, title, unit=look.pop("unit", TEXT), **look)


def number(title: str, asked: Expr, unit: Unit = COUNT, **look: Any) -> Column:
    """A column of numbers, one query of its own; rows are joined by the labels the queries have in common."""
    return Column("", title, unit=unit, asked=asked, **look)


def event_table(
    title: str,
    question: str,
    asked: Flux,
    columns: Sequence[Column],
    *,
    nothing: str = "",
    width: int = 24,
    height: int = 10,
    **marks: Any,
) -> Panel:
    """The newest events, one per row, the time first. Sortable and filterable by column."""
    shown = [Column("_time", "Time", wide=180), *columns]
    return _table(
        title,
        question,
        (line(asked),),
        shown,
        filterable=True,
        sort=[{"desc": True, "displayName": "Time"}],
        nothing=nothing,
        width=width,
        height=height,
        **marks,
    )


def row_table(
    title: str,
    question: str,
    asked: Sql,
    columns: Sequence[Column],
    *,
    nothing: str = "",
    width: int = 24,
    height: int = 24,
    **marks: Any,
) -> Panel:
    """What a statement answers with, in its order. Raises DeclarationError for a column that is not in the answer."""
    strange = {one.name for one in columns} ^ set(asked.columns)
    if strange:
        msg = f"{title}: shows or leaves out {sorted(strange)} (answered: {', '.join(asked.columns)})"
        raise DeclarationError(msg)
    return _table(
        title,
        question,
        (line(asked),),
        columns,
        filterable=True,
        nothing=nothing,
        width=width,
        height=height,
        **marks,
    )


def label_table(
    title: str,
    question: str,
    columns: Sequence[Column],
    *,
    asked: Expr | None = None,
    sort_by: str = "",
    descending: bool = False,
    nothing: str = "",
    width: int = 24,
    height: int = 8,
    **marks: Any,
) -> Panel:
    """One row per set of labels: the label columns, then one column per `number`.

    asked: where there is no number to show, the series whose labels are the rows.
    """
    questions = [*([asked] if asked is not None else []), *(c.asked for c in columns if c.asked is not None)]
    refs = [chr(ord("A") + i) for i in range(len(questions))]
    values = iter(f"Value #{ref}" if len(refs) > 1 else "Value" for ref in refs)
    shown = [replace(c, name=next(values)) if c.asked is not None else c for c in columns]
    return _table(
        title,
        question,
        tuple(Query(q.text, q.source, "", (), "table", instant=True) for q in map(line, questions)),
        shown,
        sort=[{"desc": descending, "displayName": sort_by}] if sort_by else [],
        before=(
            *([_MERGE] if len(refs) > 1 else []),
            {"id": "filterFieldsByName", "options": {"include": {"names": [c.name for c in shown]}}},
            *_as_numbers(shown),
        ),
        nothing=nothing,
        width=width,
        height=height,
        **marks,
    )


def totals_table(
    title: str,
    question: str,
    tag: Label,
    heading: str,
    totals: Sequence[tuple[str, Flux]],
    *,
    nothing: str = "",
    width: int = 12,
    height: int = 10,
    **marks: Any,
) -> Panel:
    """One row per value of a tag, one column per total: `events(…).total(…, by=(tag,), name=title)`."""
    shown = [Column(tag.name, heading), *(Column(name, name, COUNT) for name, _ in totals)]
    return _table(
        title,
        question,
        tuple(line(asked) for _, asked in totals),
        shown,
        sort=[{"desc": True, "displayName": totals[0][0]}],
        before=(_MERGE,),
        nothing=nothing,
        width=width,
        height=height,
        **marks,
    )


def counts_table(
    title: str,
    question: str,
    field: str,
    heading: str,
    asked: Flux,
    *,
    nothing: str = "",
    width: int = 12,
    height: int = 10,
    **marks: Any,
) -> Panel:
    """How often each text of a field occurs: `events(…).frequent(field)`."""
    shown = [Column("_value", "Times", COUNT, wide=90), Column(field, heading, wrap=True)]
    return _table(
        title,
        question,
        (line(asked),),
        shown,
        nothing=nothing,
        width=width,
        height=height,
        **marks,
    )


def _table(
    title: str,
    question: str,
    queries: tuple[Query, ...],
    shown: Sequence[Column],
    *,
    filterable: bool = False,
    sort: Sequence[Json] = (),
    before: Sequence[Json] = (),
    **marks: Any,
) -> Panel:
    """The panel that every table is. before: transformations that make the columns which are then put in order."""
    return Panel(
        kind="table",
        title=title,
        question=question,
        queries=queries,
        defaults=_cells(filterable=filterable),
        overrides=(_BLANK, *(_override(c) for c in shown)),
        options=_options(list(sort)),
        transformations=(*before, _organize({c.name: c.title for c in shown})),
        **marks,
    )


def _cells(*, filterable: bool) -> Json:
    return {
        "custom": {
            "align": "auto",
            "cellOptions": {"type": "auto"},
            "filterable": filterable,
            "inspect": False,
            "minWidth": 60,
        },
        "mappings": [],
        "thresholds": {"mode": "absolute", "steps": [{"color": "text", "value": None}]},
    }


def _options(sort: list[Json]) -> Json:
    return {
        "cellHeight": "sm",
        "footer": {"countRows": False, "fields": "", "reducer": ["sum"], "show": False},
        "showHeader": True,
        "sortBy": sort,
    }


def _as_numbers(shown: Sequence[Column]) -> list[Json]:
    """Prometheus has its labels as text."""
    conversions = [{"targetField": c.name, "destinationType": "number"} for c in shown if c.numeric]
    return [{"id": "convertFieldType", "options": {"conversions": conversions, "fields": {}}}] if conversions else []


def _organize(titles: Mapping[str, str]) -> Json:
    """Order and headings."""
    return {
        "id": "organize",
        "options": {
            "excludeByName": {},
            "includeByName": {},
            "indexByName": {name: index for index, name in enumerate(titles)},
            "renameByName": dict(titles),
        },
    }


def _override(c: Column) -> Json:
    properties: list[Json] = []
    if c.unit is not None:
        properties.append({"id": "unit", "value": c.unit.grafana})
        if c.unit.decimals is not None:
            properties.append({"id": "decimals", "value": c.unit.decimals})
    if c.words:
        properties.append({"id": "mappings", "value": mappings(c.words)})
    if c.limits is not None:
        properties.append({"id": "thresholds", "value": {"mode": "absolute", "steps": c.limits.steps()}})
    if c.colour:
        properties.append({"id": "color", "value": {"fixedColor": c.colour, "mode": "fixed"}})
    if c.words or c.limits is not None or c.colour:
        properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    elif c.wrap:
        properties.append({"id": "custom.cellOptions", "value": {"type": "auto", "wrapText": True}})
        # Grafana 10 does not wrap: a click shows the whole text.
        properties.append({"id": "custom.inspect", "value": True})
    if c.wide:
        properties.append({"id": "custom.width", "value": c.wide})
    if c.links:
        properties.append({"id": "links", "value": list(c.links)})
    return {"matcher": {"id": "byName", "options": c.title}, "properties": properties}
