"""The series store's fast text, against prometheus_client's of the same store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from exporters.core.label import opened
from exporters.core.metric import Kind, Metric, counter, gauge, histogram, info
from exporters.core.series import Feed, SeriesStore
from tests.core.tiny import Clock

A = opened("alpha", "First.", 100)
Z = opened("zulu", "Last.", 100)
METRICS = (
    counter("x_things_total", 'Things \\ with "odd" help.', (Z, A)),
    gauge("x_depth", "Depth.", (A,)),
    histogram("x_wait_seconds", "Wait.", (0.005, 1.0, 1048576.0), (A, Z)),
    info("x_build_info", "Build.", (Z,)),
    gauge("x_unused", "Never set."),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBER = st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 2**40).map(float)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(METRICS[:4]),
            st.tuples(TEXT, TEXT, TEXT),
            NUMBER,
            st.lists(st.integers(0, 2**50), min_size=4, max_size=4),
        ),
        max_size=12,
    )
)
def test_text_equals_prometheus_clients(rows: list[tuple[Metric, tuple[str, str, str], float, list[int]]]) -> None:
    store = SeriesStore(METRICS, clock=Clock())
    feed = Feed("f", caught_up=True, fresh_until=float("inf"))
    feed.caught_up = False  # no newborns here: both texts are of settled series
    for metric, values, value, buckets in rows:
        shown = buckets if metric.kind is Kind.HISTOGRAM else []
        store.put(feed, metric, values[: len(metric.labels)], value, shown)
    feed.caught_up = True
    registry = CollectorRegistry()
    registry.register(store)
    assert store.render(openmetrics=False).encode() == generate_latest(registry)
    openmetrics: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call] # the library's own gap
    assert (store.render(openmetrics=True) + "# EOF\n").encode() == openmetrics


def test_gauges_of_a_feed_nobody_could_read_are_absent_not_frozen() -> None:
    clock = Clock()
    store = SeriesStore(METRICS, clock=clock)
    feed, other = Feed("f"), Feed("g")
    store.replace(feed, [(METRICS[1], ("d", "a"), 7.0)], fresh_for=10)
    store.replace(other, [(METRICS[1], ("d", "b"), 8.0)], fresh_for=100)
    clock.seconds += 9
    assert 'x_depth{alpha="a",deployment="d"} 7.0' in store.render(openmetrics=False)
    clock.seconds += 2
    text = store.render(openmetrics=False)
    assert 'alpha="a"' not in text
    assert 'x_depth{alpha="b",deployment="d"} 8.0' in text


def test_a_gauge_that_is_not_named_any_more_is_gone() -> None:
    store = SeriesStore(METRICS, clock=Clock())
    feed = Feed("f")
    store.replace(feed, [(METRICS[1], ("d", "a"), 7.0)], fresh_for=10)
    store.replace(feed, [(METRICS[1], ("d", "b"), 8.0)], fresh_for=10)
    assert 'alpha="a"' not in store.render(openmetrics=False)


def test_a_histogram_is_cumulative_and_ends_with_everything() -> None:
    store = SeriesStore(METRICS, clock=Clock())
    feed = Feed("f", caught_up=True)
    for value in (0.001, 0.005, 0.5, 1.0, 2.0, 1e9):
        store.observe(feed, METRICS[2], ("d", "a", "z"), value)
    (family,) = text_string_to_metric_families(store.render(openmetrics=False))
    found = {s.labels.get("le", s.name.rsplit("_", 1)[-1]): s.value for s in family.samples}
    assert found == {
        "0.005": 2,
        "1.0": 4,
        "1.048576e+06": 5,
        "+Inf": 6,
        "count": 6,
        "sum": pytest.approx(1e9 + 3.506),
    }


def test_a_family_without_a_visible_series_has_no_head() -> None:
    store = SeriesStore(METRICS, clock=Clock())
    store.put(Feed("hidden"), METRICS[0], ("d", "z", "a"), 1.0)
    assert store.render(openmetrics=False) == ""
