"""Accept and Accept-Encoding: the real scrapers' headers, and every header hypothesis can think of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.core.web_negotiation import accepts_gzip, wants_openmetrics

OPENMETRICS = "application/openmetrics-text"
PROMETHEUS_2 = (
    f"{OPENMETRICS};version=1.0.0,{OPENMETRICS};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    f"{OPENMETRICS};version=1.0.0;escaping=allow-utf-8;q=0.6,{OPENMETRICS};version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2,
        PROMETHEUS_3,
        # Prometheus 3 with native histograms: protobuf first, which this server does not speak
        f"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,{PROMETHEUS_3}",
        OPENMETRICS,
        f"{OPENMETRICS}; version=1.0.0; charset=utf-8",
        f'{OPENMETRICS};version="1.0.0"',
        f"{OPENMETRICS};q=0.001",
        f"{OPENMETRICS}, text/plain",
        f"*/*, {OPENMETRICS}",
        "application/*",
        f"text/plain;q=0, {OPENMETRICS};q=0.1",
        "APPLICATION/OpenMetrics-Text;Q=1.0, text/plain;q=0.9",
    ],
)
def test_prefers_openmetrics(accept: str) -> None:
    assert wants_openmetrics(accept)


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "text/plain",
        "text/*;q=0.5",
        f"text/plain;version=0.0.4, {OPENMETRICS}",
        f"text/plain, {OPENMETRICS};q=0.9",
        f"{OPENMETRICS};q=0",
        f"*/*;q=0.3, {OPENMETRICS};q=0",
        f"{OPENMETRICS};version=0.0.1",
        f"{OPENMETRICS};version=2.0.0",
        f"{OPENMETRICS};q=2",
        f"{OPENMETRICS};q=nan",
        f"{OPENMETRICS};q=-1",
        "application/json",
        ",,;,=,/;q",
        '"' * 5000,
    ],
)
def test_gets_text(accept: str | None) -> None:
    assert not wants_openmetrics(accept)


_weights = st.integers(0, 1000)


def _q(weight: int) -> str:
    return f"{weight // 1000}.{weight % 1000:03}"


@given(openmetrics=_weights, text=_weights, other=_weights, openmetrics_first=st.booleans(), spaced=st.booleans())
def test_the_higher_weight_wins_in_any_order(
    *, openmetrics: int, text: int, other: int, openmetrics_first: bool, spaced: bool
) -> None:
    ranges = [f"{OPENMETRICS};version=1.0.0;q={_q(openmetrics)}", f"text/plain;version=0.0.4;q={_q(text)}"]
    if not openmetrics_first:
        ranges.reverse()
    accept = (" , " if spaced else ",").join([*ranges, f"*/*;q={_q(other)}"])
    expected = openmetrics > text or (openmetrics == text > 0 and openmetrics_first)
    assert wants_openmetrics(accept) is expected


@given(st.text(max_size=400))
def test_no_header_is_too_odd(header: str) -> None:
    assert wants_openmetrics(header) in (True, False)
    assert accepts_gzip(header) in (True, False)


@given(st.text(alphabet='abz/*+;,=q01.5" \\', max_size=80), _weights, _weights)
def test_noise_after_the_named_formats_changes_nothing(noise: str, openmetrics: int, text: int) -> None:
    named = f"{OPENMETRICS};q={_q(openmetrics)},text/plain;q={_q(text)}"
    # A wildcard in the noise cannot outrank a named format, whatever its weight.
    assert wants_openmetrics(f"{named},{noise}") is wants_openmetrics(named)


@pytest.mark.parametrize(
    ("encodings", "expected"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("x-gzip", True),
        ("GZIP", True),
        ("*", True),
        ("gzip, deflate, br, zstd", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("identity;q=0", False),
        ("*, identity;q=0", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=0.1, identity;q=0.5", False),
        ("gzip;q=high", False),
        ("deflate, br", False),
    ],
)
def test_gzip(encodings: str | None, *, expected: bool) -> None:
    assert accepts_gzip(encodings) is expected
