"""Which label values get in: closed sets as declared, open sets up to their bound, valid UTF-8 always."""

from __future__ import annotations

from collections import Counter

from exporters.core.label import OTHER, Label
from exporters.core.metric import Metric
from exporters.core.series import Values


class Admission:
    """The members of every open set of one deployment, and how many values had to become `other`."""

    def __init__(self) -> None:
        self._known: dict[tuple[Metric, Label], set[str]] = {}
        self._as_given: set[tuple[Metric, Values]] = set()
        self.clamped: Counter[str] = Counter()

    def remember(self, metric: Metric, values: Values) -> None:
        """A series that exists already (loaded from the state file): its values are members."""
        for label, value in zip(metric.labels, values, strict=True):
            if label.values is None:
                self._known.setdefault((metric, label), set()).add(value)

    def admit(self, metric: Metric, own: Values) -> Values:
        """The label values as they may be shown. own: values of the metric's own labels, in order."""
        # What got in as it is always will: closed sets do not change, open ones do not forget. A record's values have
        # nearly always been seen before, and this is asked several times for each record.
        if (metric, own) in self._as_given:
            return own
        shown = tuple(self._admit(metric, label, value) for label, value in zip(metric.own_labels, own, strict=True))
        if shown == own:
            self._as_given.add((metric, own))
        return shown

    def _admit(self, metric: Metric, label: Label, value: str) -> str:
        if label.values is not None:
            shown = value if value in label.values else OTHER
        else:
            shown = self._member(metric, label, value.encode(errors="replace").decode())
        if shown != value and shown == OTHER:
            self.clamped[label.name] += 1
        return shown

    def _member(self, metric: Metric, label: Label, value: str) -> str:
        known = self._known.setdefault((metric, label), set())
        if value in known or value == OTHER:
            return value
        if len(known) >= (label.bound or 0):
            return OTHER
        known.add(value)
        return value
