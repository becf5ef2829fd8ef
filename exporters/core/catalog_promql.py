"""What a PromQL text names: its selectors, the labels it groups and joins by, the labels it makes itself.

Read from tokens, not from a grammar: whether the text is PromQL at all is promtool's and Prometheus's to say. Grafana's
additions are understood: `$variable`, `${variable:format}`, `$__rate_interval`, `label_values(selector, label)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|\#[^\n]*)
    | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    | (?P<variable>\$\{[^}]*\}|\$\w+|\[\[\w+\]\])
    | (?P<number>(?:\d+(?:ms|[smhdwy]))+|0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<word>(?!:(?![A-Za-z_]))[A-Za-z_:][A-Za-z0-9_:]*)  # the colon of a subquery [24h:5m] begins no name
    | (?P<operator>=~|!~|!=|==|<=|>=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}) | _GROUPING
_AGGREGATIONS = frozenset(
    {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"}
    | {"limitk", "limit_ratio"}
)
_MAKES_LABEL = {"label_replace": (3,), "label_join": (3, 4, 5, 6)}
"""Function -> which of its arguments (from 0) name labels that exist already; argument 1 names the one it makes."""

Token = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Matcher:
    """label op "value", the value without its quotes and escapes."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """name{matchers}; the name is empty where only a matcher on __name__ says it."""

    name: str
    matchers: tuple[Matcher, ...] = ()


@dataclass(slots=True)
class PromqlNames:
    """What a text names. labels: those it groups, joins or relabels by. made: those it makes itself."""

    selectors: list[Selector] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)


def promql_names(text: str) -> PromqlNames:
    """Everything a PromQL text (or a Grafana variable query) names, in the order of the text."""
    tokens = [(m.lastgroup or "", m.group()) for m in _TOKEN.finditer(text) if m.lastgroup != "skip"]
    names = PromqlNames()
    position = 0
    while position < len(tokens):
        position = _step(tokens, position, names)
    return names


def _step(tokens: list[Token], at: int, names: PromqlNames) -> int:
    kind, text = tokens[at]
    following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
    if text == "{":
        matchers, after = _matchers(tokens, at)
        names.selectors.append(Selector("", matchers))
        return after
    if kind != "word":
        return at + 1
    lowered = text.lower()
    if lowered in _GROUPING and following == "(":
        end = _closing(tokens, at + 1)
        names.labels += [word for sort, word in tokens[at + 2 : end] if sort == "word"]
        return end + 1
    if lowered in _WORDS or (lowered in _AGGREGATIONS and following.lower() in {"by", "without"}):
        return at + 1
    if following == "(":
        return _call(tokens, at, names)
    if following == "{":
        matchers, after = _matchers(tokens, at + 1)
        names.selectors.append(Selector(text, matchers))
        return after
    names.selectors.append(Selector(text))
    return at + 1


def _call(tokens: list[Token], at: int, names: PromqlNames) -> int:
    """A function call: its labels are noted here, what stands in it is read on as any other text."""
    function = tokens[at][1]
    if function in _MAKES_LABEL:
        arguments = list(_arguments(tokens, at + 1))
        strings = {
            i: _plain(part[0][1]) for i, part in enumerate(arguments) if len(part) == 1 and part[0][0] == "string"
        }
        names.made.add(strings.get(1, ""))
        names.labels += [strings[i] for i in _MAKES_LABEL[function] if strings.get(i)]
    elif function == "label_values":
        end = _closing(tokens, at + 1)
        names.labels.append(tokens[end - 1][1])
        # What stands before the label is a selector; the label itself is not one.
        inner = tokens[at + 2 : max(at + 2, end - 2)]
        position = 0
        while position < len(inner):
            position = _step(inner, position, names)
        return end + 1
    elif function == "count_values":
        made = tokens[at + 2]
        names.made.add(_plain(made[1]) if made[0] == "string" else "")
    return at + 2


def _matchers(tokens: list[Token], at: int) -> tuple[tuple[Matcher, ...], int]:
    end = at + 1
    found = []
    while end < len(tokens) and tokens[end][1] != "}":
        if end + 2 < len(tokens) and tokens[end][0] == "word" and tokens[end + 2][0] == "string":
            found.append(Matcher(tokens[end][1], tokens[end + 1][1], _plain(tokens[end + 2][1])))
            end += 3
        else:
            end += 1
    return tuple(found), end + 1


def _closing(tokens: list[Token], opening: int) -> int:
    """Where the bracket that opens at `opening` closes; the end of the text if it does not."""
    depth = 0
    for position in range(opening, len(tokens)):
        kind, text = tokens[position]
        if kind == "operator" and text in "({[":
            depth += 1
        elif kind == "operator" and text in ")}]":
            depth -= 1
            if depth == 0:
                return position
    return len(tokens)


def _arguments(tokens: list[Token], opening: int) -> Iterator[list[Token]]:
    depth, part = 0, list[Token]()
    for token in tokens[opening + 1 : _closing(tokens, opening)]:
        bracket = token[1] if token[0] == "operator" else ""
        depth += (bracket in set("({[")) - (bracket in set(")}]"))
        if bracket == "," and depth == 0:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _plain(quoted: str) -> str:
    """A string without its quotes and escapes."""
    inside = quoted[1:-1]
    return inside if quoted[0] == "`" else re.sub(r"\\(.)", r"\1", inside)
