"""PromQL as a value: an expression is made from declared metrics and rendered for the place that asks it.

The same expression serves a dashboard and a rule. A dashboard filters by the variable `$deployment` and lets Grafana
choose the window; a rule has no variables, so it keeps the label `deployment` through every aggregation instead.
Only `metric.Metric` makes selectors, which is why a typo is an import error and not an empty panel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression is rendered.

    matchers: label matchers added to every selector whose metric has that label, as (label, matcher text).
    keep: labels that every aggregation keeps where the metric has them.
    window: the range used where an expression does not name one.
    """

    matchers: tuple[tuple[str, str], ...]
    keep: tuple[str, ...]
    window: str


DASHBOARD = Scope(matchers=(("deployment", 'deployment=~"$deployment"'),), keep=(), window="$__rate_interval")
RULE = Scope(matchers=(), keep=("deployment",), window="5m")


@dataclass(frozen=True, slots=True)
class Expr:
    """One PromQL expression, not yet text. `metrics` are the names it reads: the catalog's account of what is used."""

    text: Callable[[Scope], str]
    metrics: frozenset[str]
    whole: bool = True
    """Whether the text stands for itself beside an operator (a selector, a call) or needs parentheses."""

    def render(self, scope: Scope) -> str:
        """PromQL text for one scope."""
        return self.text(scope)

    def __truediv__(self, other: Expr | float) -> Expr:
        return _binary(self, "/", other)

    def __mul__(self, other: Expr | float) -> Expr:
        return _binary(self, "*", other)

    def __add__(self, other: Expr | float) -> Expr:
        return _binary(self, "+", other)

    def __sub__(self, other: Expr | float) -> Expr:
        return _binary(self, "-", other)

    def __gt__(self, other: Expr | float) -> Expr:
        return _binary(self, ">", other)

    def __lt__(self, other: Expr | float) -> Expr:
        return _binary(self, "<", other)

    def __ge__(self, other: Expr | float) -> Expr:
        return _binary(self, ">=", other)

    def equals(self, other: Expr | float) -> Expr:
        """`self == other`, a filter as in PromQL (`==` itself stays Python's)."""
        return _binary(self, "==", other)

    def both(self, other: Expr, *, on: Iterable[str] | None = None) -> Expr:
        """`self and on(labels) other`: the samples of self that have a partner."""
        return _binary(self, "and" + _on(on), other)

    def either(self, other: Expr) -> Expr:
        """`self or other`."""
        return _binary(self, "or", other)

    def unless(self, other: Expr, *, on: Iterable[str] | None = None) -> Expr:
        """`self unless on(labels) other`: the samples of self that have no partner."""
        return _binary(self, "unless" + _on(on), other)

    def over(self, other: Expr, *, on: Iterable[str]) -> Expr:
        """`self / on(labels) group_left other`: many samples of self to one of other."""
        return _binary(self, f"/ on ({', '.join(on)}) group_left ()", other)

    def or_zero(self) -> Expr:
        """0 where there is no sample at all. Only for a count whose absence really is zero, never for a gauge."""
        return Expr(lambda s: f"{_wrap(self, s)} or vector(0)", self.metrics, whole=False)

    def call(self, function: str, *arguments: float) -> Expr:
        """`function(self, arguments…)`, for instance `clamp_min`."""
        tail = "".join(f", {number(a)}" for a in arguments)
        return Expr(lambda s: f"{function}({self.text(s)}{tail})", self.metrics)

    def topk(self, count: int) -> Expr:
        """The `count` largest samples."""
        return Expr(lambda s: f"topk({count}, {self.text(s)})", self.metrics)

    def aggregate(self, function: str, by: Iterable[str] = ()) -> Expr:
        """`function by (labels) (self)`, keeping the scope's labels."""
        names = tuple(by)

        def text(scope: Scope) -> str:
            kept = tuple(k for k in scope.keep if k not in names) + names
            group = f" by ({', '.join(kept)})" if kept else ""
            return f"{function}{group} ({self.text(scope)})"

        return Expr(text, self.metrics)

    def relabel(self, target: str, template: str, source: str = "", pattern: str = "(.*)") -> Expr:
        """`label_replace(self, target, template, source, pattern)`."""
        escaped = pattern.replace("\\", "\\\\")
        return Expr(
            lambda s: f'label_replace({self.text(s)}, "{target}", "{template}", "{source}", "{escaped}")', self.metrics
        )

    def join_labels(self, target: str, separator: str, *sources: str) -> Expr:
        """`label_join(self, target, separator, sources…)`: several labels as one."""
        named = "".join(f', "{source}"' for source in sources)
        return Expr(lambda s: f'label_join({self.text(s)}, "{target}", "{separator}"{named})', self.metrics)

    def subquery(self, function: str, window: str, step: str = "") -> Expr:
        """`function((self)[window:step])`, for example the highest rate of a day."""
        return Expr(lambda s: f"{function}(({self.text(s)})[{window}:{step}])", self.metrics)

    def ago(self, offset: str) -> Expr:
        """What it was so long before: `last_over_time((self)[1m:1m] offset 7d)`."""
        return Expr(lambda s: f"last_over_time(({self.text(s)})[1m:1m] offset {offset})", self.metrics)


def scalar(value: float) -> Expr:
    """A constant as an expression."""
    return Expr(lambda _: number(value), frozenset())


def time() -> Expr:
    """PromQL's `time()`: seconds since the epoch at the moment of evaluation."""
    return Expr(lambda _: "time()", frozenset())


def hour() -> Expr:
    """PromQL's `hour()`: the hour of the day in UTC, 0 to 23, as a one-sample vector without labels."""
    return Expr(lambda _: "hour()", frozenset())


def number(value: float) -> str:
    """A number as PromQL writes it: without a trailing `.0`."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _binary(left: Expr, operator: str, right: Expr | float) -> Expr:
    other = right if isinstance(right, Expr) else scalar(right)
    return Expr(
        lambda s: f"{_wrap(left, s)} {operator} {_wrap(other, s)}",
        left.metrics | other.metrics,
        whole=False,
    )


def _wrap(expr: Expr, scope: Scope) -> str:
    """Parentheses around anything with an operator in it: precedence is never left to the reader's memory."""
    return expr.text(scope) if expr.whole else f"({expr.text(scope)})"


def _on(labels: Iterable[str] | None) -> str:
    return "" if labels is None else f" on ({', '.join(labels)})"
