"""Whatever stands in a list: an event or a Rejected, never anything else, and what is folded can be stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.core.contract import Stream
from exporters.core.errors import Rejected
from exporters.her.events_scheduler import parse_scheduler_state
from exporters.her.state_views import scheduler_samples
from tests.her import sample_records as sample
from tests.her.deployments import ALL_TEXT, streams
from tests.her.effects_check import assert_declared

RECORDS = {
    "interactions": sample.INTERACTION,
    "logs": sample.LOG,
    "executions": sample.EXECUTION,
    "jobs": sample.JOB,
    "decisions": sample.DECISION,
    "reinforcement": sample.REINFORCEMENT,
    "workflow": sample.WORKFLOW,
    "startups": sample.CAPABILITIES,
    "reflections": sample.REFLECTION,
}
STREAMS = streams(**ALL_TEXT)
every_stream = pytest.mark.parametrize("name", RECORDS)

# A busy machine is no failure; nine streams add up.
patient = settings(deadline=None, max_examples=80)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def taken(stream: Stream[Any, Any, Any], raw: bytes) -> bool:
    """Whether the record became an event; if so its effects are declared and its state is JSON."""
    try:
        event = stream.parse(raw)
    except Rejected:
        return False
    stream.event_time(event)
    state, effects = stream.fold(stream.initial(), event)
    assert_declared(effects, stream.feeds)
    stored = json.loads(json.dumps(stream.encode(state), allow_nan=False))
    assert stream.encode(stream.decode(stored)) == stored
    return True


@every_stream
@patient
@given(raw=st.binary(max_size=200))
def test_any_bytes(name: str, raw: bytes) -> None:
    assert not taken(STREAMS[name], raw)


@every_stream
@patient
@given(value=anything)
def test_any_json(name: str, value: Any) -> None:
    taken(STREAMS[name], json.dumps(value).encode())


@every_stream
@patient
@given(data=st.data())
def test_a_record_with_fields_changed_at_random(name: str, data: st.DataObject) -> None:
    record = json.loads(RECORDS[name])
    for field in data.draw(st.lists(st.sampled_from(sorted(record)), max_size=3, unique=True)):
        if isinstance(record[field], dict) and data.draw(st.booleans()):
            record[field] |= {data.draw(st.sampled_from([*record[field], "new"])): data.draw(anything)}
        else:
            record[field] = data.draw(anything)
    if "event_type" in record:
        kinds = [
            "internal_debate",
            "verifier_result",
            "autonomy_profile_updated",
            "response_sent",
            "error",
            "llm_started",
        ]
        record["event_type"] = data.draw(st.sampled_from([record["event_type"], *kinds]))
    taken(STREAMS[name], json.dumps(record).encode())


@every_stream
def test_the_record_itself_is_taken(name: str) -> None:
    assert taken(STREAMS[name], RECORDS[name])


@every_stream
@patient
@given(cut=st.integers(min_value=1, max_value=600))
def test_a_record_cut_short(name: str, cut: int) -> None:
    record = RECORDS[name]
    if cut < len(record):
        assert not taken(STREAMS[name], record[:cut])


@patient
@given(data=st.data())
def test_any_scheduler_state(data: st.DataObject) -> None:
    record = json.loads(sample.SCHEDULER_STATE)
    place = data.draw(st.sampled_from([record, record["upcoming"][0], record["autonomy"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(anything)
    try:
        samples = scheduler_samples(parse_scheduler_state(json.dumps(record).encode()))
    except Rejected:
        return
    for sample_of in samples:
        assert len(sample_of.labels) == len(sample_of.metric.own_labels)
