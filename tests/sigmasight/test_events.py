"""Rows become events, or are refused with a reason: records spelled out, and anything else there may be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.core import llm
from exporters.core.contract import Effects
from exporters.core.errors import Rejected
from exporters.core.pseudonym import Pseudonyms
from exporters.sigmasight import metrics, names
from exporters.sigmasight.events_activity import Activity, parse_activity
from exporters.sigmasight.events_ai_requests import AiRequest, parse_ai_request
from exporters.sigmasight.events_answers import parse_answer
from exporters.sigmasight.fold_activity import FoldActivity
from exporters.sigmasight.fold_ai_requests import FoldAiRequest
from exporters.sigmasight.models import Models, decode_models, encode_models, models_view

IDS = Pseudonyms(b"a hash key of our own making, 32+")
AT = datetime(2026, 1, 12, 9, 15, 2, 118734, tzinfo=UTC)
REQUEST: dict[str, Any] = {
    "id": "6f1c27d0-6c2e-4b7a-9d57-0a8f5a3d9b11",
    "at": AT,
    "late": False,
    "user": "71aa0c52-0f0e-4a55-8a3c-0d9f7be1a001",
    "model": "gpt-5-mini",
    "error_type": None,
    "first_token_ms": 820,
    "total_latency_ms": 4310,
    "input_tokens": None,
    "output_tokens": None,
    "total_tokens": None,
    "tool_calls_count": 1,
    "tools": '[{"id": "call_1", "name": "get_company_profile"}]',
}
ACTIVITY: dict[str, Any] = {
    "id": "6f1c27d0-6c2e-4b7a-9d57-0a8f5a3d9b11",
    "at": AT,
    "late": False,
    "user": None,
    "event_type": "onboarding.portfolio_error",
    "error_code": "CSVValidationError",
}


def row(values: dict[str, Any]) -> tuple[Any, ...]:
    """The record of a row of these columns."""
    return tuple(values.values())


def request(**changes: Any) -> AiRequest:
    return parse_ai_request(row(REQUEST | changes))


def activity(**changes: Any) -> Activity:
    return parse_activity(row(ACTIVITY | changes))


def folded(**changes: Any) -> Effects:
    return FoldAiRequest(IDS, None)({}, request(**changes))[1]


def test_a_request_is_its_row() -> None:
    assert request() == AiRequest(
        at=datetime(2026, 1, 12, 9, 15, 2, 118734, tzinfo=UTC),
        user=REQUEST["user"],
        model="gpt-5-mini",
        error_type="",
        first_token_ms=820,
        latency_ms=4310,
        input_tokens=None,
        output_tokens=None,
        total_tokens=None,
        tool_calls=1,
        tools=("get_company_profile",),
        odd=(),
    )


@pytest.mark.parametrize(
    ("tools", "listed", "odd"),
    [
        (None, (), ()),
        ("[]", (), ()),
        ("", (), ("tool_calls",)),
        ("{}", (), ("tool_calls",)),
        ('"a text"', (), ("tool_calls",)),
        ("[1, null]", (), ("tool_calls",)),
        ('[{"name": "x"}, 7]', ("x",), ("tool_calls",)),
        ('[{"id": "1"}, {"name": null}, {"name": ""}, {"name": 5}]', ("unknown",) * 4, ()),
        ('[{"name": "unknown_tool"}]', ("unknown_tool",), ()),
        ('[{"name": "tell me about somebody@mail.invalid"}]', ("other",), ()),
        ('[{"name": "' + "x" * 3000 + '"}]', ("other",), ()),
        ("[" * 100_000, (), ("tool_calls",)),
        ('[{"name": "a"}' + ', {"name": "a"}' * 1200 + "]", ("a",) * 1000, ("tool_calls",)),
    ],
)
def test_tools_are_listed_by_name(tools: str | None, listed: tuple[str, ...], odd: tuple[str, ...]) -> None:
    found = request(tools=tools)
    assert (found.tools, found.odd) == (listed, odd)


def test_a_model_is_known_since_its_oldest_request() -> None:
    fold = FoldAiRequest(IDS, None)
    state: Models = {}
    for model, day in (("a", 5), ("b", 9), ("a", 3), ("a", 7)):
        state, _ = fold(state, request(model=model, at=AT.replace(day=day)))
    assert state == {"a": AT.replace(day=3), "b": AT.replace(day=9)}
    assert decode_models(encode_models(state)) == state
    shown = {sample.labels: sample.value for sample in models_view(state, AT.replace(day=6))}
    assert shown == {("a",): AT.replace(day=3).timestamp(), ("b",): AT.replace(day=6).timestamp()}


@pytest.mark.parametrize(("column", "odd"), [("first_token_ms", -1), ("total_latency_ms", 86_400_001)])
def test_what_cannot_be_meant_enters_no_metric_and_stays_in_the_point(column: str, odd: int) -> None:
    effects = folded(**{column: odd})
    family = {"first_token_ms": llm.FIRST_CHUNK, "total_latency_ms": llm.OPERATION_DURATION}[column]
    assert family not in {metric for metric, _, _ in effects.observations}
    assert (metrics.AI_ODD_VALUES, (column,), 1) in effects.counts
    field = {"first_token_ms": "first_chunk_seconds", "total_latency_ms": "latency_seconds"}[column]
    assert effects.points[0].fields[field] == odd / 1000
    assert not [metric for metric, _, _ in effects.counts if metric is metrics.AI_WITHOUT_TEXT]


def test_negative_counts_enter_no_counter() -> None:
    effects = folded(tool_calls_count=-3, input_tokens=-7, output_tokens=5, total_tokens=-2)
    assert {labels for metric, labels, _ in effects.counts if metric is metrics.AI_ODD_VALUES} == {
        ("tool_calls_count",),
        ("input_tokens",),
        ("total_tokens",),
    }
    assert all(amount >= 0 for _, _, amount in effects.counts)
    assert [value for metric, _, value in effects.observations if metric is llm.TOKEN_USAGE] == [5]


@pytest.mark.parametrize(
    ("columns", "outcome"),
    [
        ({"first_token_ms": None}, True),
        ({"first_token_ms": 0}, False),
        ({"first_token_ms": None, "error_type": "api_failure"}, False),
    ],
)
def test_a_success_without_text_is_told(columns: dict[str, Any], outcome: bool) -> None:  # noqa: FBT001
    told = [metric for metric, _, _ in folded(**columns).counts if metric is metrics.AI_WITHOUT_TEXT]
    assert bool(told) == outcome


@pytest.mark.parametrize(
    ("tokens", "absent", "unpriced"),
    [
        ((None, None, None), True, {}),
        ((0, 0, 0), False, {}),
        ((7, None, None), False, {("input", "no_table"): 7}),
        ((None, 7, 9), False, {("output", "no_table"): 7, ("unsplit", "unsplit"): 2}),
        ((None, None, 9), False, {("unsplit", "unsplit"): 9}),
        ((5, 4, 100), False, {("input", "no_table"): 5, ("output", "no_table"): 4}),
        ((5, None, 3), False, {("input", "no_table"): 5}),
    ],
)
def test_tokens_are_absent_or_counted_and_never_guessed(
    tokens: tuple[int | None, ...],
    absent: bool,  # noqa: FBT001
    unpriced: dict[tuple[str, str], int],
) -> None:
    columns = dict(zip(("input_tokens", "output_tokens", "total_tokens"), tokens, strict=True))
    effects = folded(**columns)
    assert bool([m for m, _, _ in effects.counts if m is metrics.AI_WITHOUT_TOKENS]) == absent
    assert {labels[1:]: n for m, labels, n in effects.counts if m is metrics.AI_UNPRICED} == unpriced
    (point, *_) = effects.points
    assert {name: point.fields[name] for name in columns if name in point.fields} == {
        name: value for name, value in columns.items() if value is not None
    }
    assert ("unpriced_tokens" in point.fields) != absent
    assert "cost" not in point.fields


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (None, ""),
        ("", "_OTHER"),
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("STREAM_FAILED", "STREAM_FAILED"),
        ("upstream said: no", "_OTHER"),
        ("sk-abcdefghijklmnopqrstuvwxyz012345", "_OTHER"),
        ("5551234567", "_OTHER"),
    ],
)
def test_an_error_type_is_a_name_or_nothing_anybody_knows(word: str | None, shown: str) -> None:
    assert request(error_type=word).error_type == shown


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("", "unknown"),
        ("gpt-5-mini", "gpt-5-mini"),
        ("example-sonnet-4-5-20250929", "example-sonnet-4-5-20250929"),
        ("vendor/example-7b:free", "vendor/example-7b:free"),
        ("example-3@20250929", "example-3@20250929"),
        ("ft:example:somebody@mail.invalid", "other"),
        ("my secret model", "other"),
        ("sk-abcdefghijklmnopqrstuvwxyz012345", "other"),
        ("id-4915112345678", "other"),
        ("x" * 300, "other"),
    ],
)
def test_a_model_is_a_name(word: str, shown: str) -> None:
    assert names.model(word) == shown


@pytest.mark.parametrize(
    ("event_type", "code", "shown", "step"),
    [
        ("onboarding.register_error", "InviteCodeError", "InviteCodeError", "register"),
        ("onboarding.login_error", "USER_NOT_FOUND", "USER_NOT_FOUND", "login"),
        ("onboarding.portfolio_error", "", "unnamed", "portfolio"),
        ("chat.session_start", "RateLimitError", "RateLimitError", "other"),
        ("onboarding.login_error", None, None, ""),
        ("onboarding.login_error", "no such user a@mail.invalid", "other", "login"),
    ],
)
def test_an_error_belongs_to_a_step(event_type: str, code: str | None, shown: str | None, step: str) -> None:
    found = activity(event_type=event_type, error_code=code)
    assert (found.error_code, found.step) == (shown, step)
    _, effects = FoldActivity(IDS)(None, found)
    counted = [labels for metric, labels, _ in effects.counts if metric is metrics.ACTIVITY_ERRORS]
    assert counted == ([] if code is None else [(step, shown)])


def test_an_event_nobody_knows_is_other() -> None:
    assert activity(event_type="billing.upgrade.started").event_type == "other"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"at": None}, "bad_time"),
        ({"at": "infinity"}, "bad_time"),
        ({"at": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)}, "bad_time"),
        ({"at": datetime(2200, 1, 1, tzinfo=UTC)}, "bad_time"),
        ({"model": None}, "wrong_type"),
        ({"total_latency_ms": "4"}, "wrong_type"),
        ({"total_latency_ms": True}, "wrong_type"),
        ({"input_tokens": 1.5}, "wrong_type"),
        ({"error_type": 3}, "wrong_type"),
    ],
)
def test_a_row_that_cannot_be_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        request(**changes)
    assert refused.value.reason == reason


def test_a_row_of_other_columns_is_refused() -> None:
    for record in (row(REQUEST)[:-1], (*row(REQUEST), 1), ()):
        with pytest.raises(Rejected, match="wrong_type"):
            parse_ai_request(record)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(st.lists(json_values, min_size=10, max_size=10))
def test_anything_is_an_event_or_refused(values: list[Any]) -> None:
    for parse, known in ((parse_ai_request, REQUEST), (parse_activity, ACTIVITY), (parse_answer, {"recorded": "no"})):
        whole = ["key", AT, False, *values[: len(known) - 3 if len(known) > 1 else 1]]
        for record in (whole, values[: len(whole)]):
            try:
                event = parse(tuple(record))
            except Rejected:
                continue
            assert event.at.utcoffset() is not None
