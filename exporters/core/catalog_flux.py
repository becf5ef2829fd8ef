"""What a Flux text names: buckets, measurements, fields, tags, and the columns it makes itself.

Read from tokens, as far as the queries of a dashboard, a rule or the documentation go; whether the text is Flux at all
is InfluxDB's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|//[^\n]*)
    | (?P<string>"(?:\\.|[^"\\])*")
    | (?P<regex>(?<=~)\s*/(?:\\.|[^/\\\n])+/)
    | (?P<number>\d[\w.:+-]*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<operator>=~|!~|!=|==|<=|>=|<-|=>|\|>|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LISTS = frozenset({"columns", "rowKey", "columnKey", "on"})
_ROW = "r"

Token = tuple[str, str]


@dataclass(slots=True)
class FluxNames:
    """What a text names. values: (column, value it is compared with). made: columns the text makes itself."""

    buckets: list[str] = field(default_factory=list)
    measurements: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    values: list[tuple[str, str]] = field(default_factory=list)
    made: set[str] = field(default_factory=set)


def flux_names(text: str) -> FluxNames:
    """Everything a Flux text names, in the order of the text."""
    tokens = [(m.lastgroup or "", m.group().strip()) for m in _TOKEN.finditer(text) if m.lastgroup != "skip"]
    names = FluxNames()
    for at, (kind, word) in enumerate(tokens):
        if kind != "word":
            continue
        after = [t for _, t in tokens[at + 1 : at + 5]]
        if word == _ROW and after[:1] in (["."], ["["]):
            _comparison(tokens, at, names)
        elif word == "bucket" and after[:1] == [":"] and tokens[at + 2][0] == "string":
            names.buckets.append(_plain(tokens[at + 2][1]))
        elif word in _LISTS and after[:2] == [":", "["]:
            names.columns += _strings(tokens, at + 3)
        elif word == "column" and after[:1] == [":"] and tokens[at + 2][0] == "string":
            names.columns.append(_plain(tokens[at + 2][1]))
        elif word in {"as", "key"} and after[:1] == [":"] and tokens[at + 2][0] == "string":
            names.made.add(_plain(tokens[at + 2][1]))
        elif word == "with":
            names.made.update(_keys(tokens, at + 1))
    return names


def _comparison(tokens: list[Token], at: int, names: FluxNames) -> None:
    """`r.column` or `r["column"]`, and what it is compared with if a string follows."""
    bracket = tokens[at + 1][1] == "["
    column = _plain(tokens[at + 2][1]) if bracket else tokens[at + 2][1]
    rest = tokens[at + (4 if bracket else 3) :][:2]
    compared = len(rest) == 2 and rest[0][1] in {"==", "!="} and rest[1][0] == "string"
    value = _plain(rest[1][1]) if compared else None
    if column == "_measurement":
        names.measurements += [value] if value is not None else []
    elif column == "_field":
        names.fields += [value] if value is not None else []
    else:
        names.columns.append(column)
        if value is not None:
            names.values.append((column, value))


def _strings(tokens: list[Token], at: int) -> Iterator[str]:
    while at < len(tokens) and tokens[at][1] != "]":
        if tokens[at][0] == "string":
            yield _plain(tokens[at][1])
        at += 1


def _keys(tokens: list[Token], at: int) -> Iterator[str]:
    """The names given in `({r with name: …, other: …})`."""
    depth = 0
    for position in range(at, len(tokens)):
        text = tokens[position][1]
        depth += (text in set("({[")) - (text in set(")}]"))
        if depth < 0:
            return
        if depth == 0 and tokens[position][0] == "word" and tokens[position + 1 : position + 2] == [("operator", ":")]:
            yield text


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])
