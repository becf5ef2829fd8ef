"""HER's debugger as a fast path: it wakes, it never counts, and a HER that waits for its model is busy, not gone."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporters.core.bell import Bell
from exporters.core.errors import SourceDown
from exporters.demo.redis import Redis
from exporters.her import metrics
from exporters.her.debugger import Debugger, DebuggerSource, ListProgress, close
from exporters.her.debugger_view import LARGEST_PARSED, MOST_REQUESTS, DebuggerView
from exporters.her.simulate import Her, connect
from exporters.her.simulate_debugger import KEPT, QUEUE, SENT, DebuggerServer
from exporters.her.simulate_workflow import NODES, Execution
from exporters.her.sources import sources
from exporters.her.workflow_requests import PATIENCE
from exporters.readers.websocket import Address, Listener, Patience
from tests.her import contract_workflow
from tests.her.deployments import HASH_KEY, settings

QUICK = Patience(connect=1.0, first_answer=0.3, handshake=30.0, quiet=0.2, moment=0.3)
"""The shape of the real waits, a hundredth of their length: a block of 35 s is one of a second here."""


def until(condition: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        threading.Event().wait(0.01)


@pytest.fixture
def server() -> Iterator[DebuggerServer]:
    made = DebuggerServer().start()
    yield made
    made.stop()


def url(server: DebuggerServer, path: str = "/ws/workflow") -> str:
    return f"ws://127.0.0.1:{server.port}{path}"


def execution(number: int = 1) -> Execution:
    return Execution(f"{number:032x}", "5551001", "hi", datetime.now(UTC))


def told(
    server: DebuggerServer, flow: Execution, event_type: str, node: str, status: str = "success"
) -> dict[str, Any]:
    """HER tells one event; returns it."""
    at = datetime.now(UTC)
    event: dict[str, Any] = {
        "timestamp": at.isoformat(),
        "event_type": event_type,
        "execution_id": flow.execution_id,
        "node_id": node,
        "status": status,
        "details": {"message": "hi"},
    }
    flow.apply(event, at)
    server.tell(flow, event)
    return event


class Ear:
    """A listener and what it heard."""

    def __init__(self, address: str, patience: Patience = QUICK, **options: Any) -> None:
        self.frames: list[str] = []
        self.listener = Listener(Address.of(address), self.frames.append, patience=patience, **options)

    def kinds(self) -> list[str]:
        return [str(json.loads(frame)["type"]) for frame in self.frames]

    def __enter__(self) -> Ear:
        self.listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()


def test_a_snapshot_and_then_every_event(server: DebuggerServer) -> None:
    flow = execution()
    told(server, flow, "message_received", "input")
    with Ear(url(server)) as ear:
        until(lambda: ear.kinds()[:1] == ["snapshot"], "the snapshot")
        event = told(server, flow, "llm_started", "llm", "running")
        until(lambda: len(ear.frames) >= 2, "the event")
        assert json.loads(ear.frames[-1]) == {"type": "event", "event": event}
        payload = json.loads(ear.frames[0])["payload"]
        assert [node["id"] for node in payload["nodes"]] == list(NODES)
        assert len(payload["edges"]) == 7
        assert payload["executions"][0]["execution_id"] == flow.execution_id
        assert ear.listener.state() == "open"
    assert ear.listener.state() == "ended"


def test_the_newest_thirty_executions_and_no_more(server: DebuggerServer) -> None:
    for number in range(KEPT + 20):
        told(server, execution(number), "message_received", "input")
    listed = server.snapshot()["executions"]
    assert isinstance(listed, list)
    assert [int(e["execution_id"], 16) for e in listed] == list(range(KEPT + 19, KEPT + 19 - SENT, -1))


def test_what_the_simulated_debugger_tells_is_what_the_contract_says(
    server: DebuggerServer, redis_server: Redis
) -> None:
    """Checked without the parser: two halves wrong in the same way would agree."""
    with closing(connect("127.0.0.1", redis_server.port, redis_server.password)) as client:
        her = Her(client, seed=5)
        her.told = server.tell
        her.chat()
        her.agent_request()
        with Ear(url(server)) as ear:
            until(lambda: ear.frames, "the snapshot")
            before = her.produced["her:workflow:events"]
            her.api_chat("error")
            her.chat()
            until(lambda: len(ear.frames) == 1 + her.produced["her:workflow:events"] - before, "both, to the end")
        snapshot = json.loads(ear.frames[0])
        assert snapshot.keys() == {"type", "payload"}
        payload = snapshot["payload"]
        assert payload.keys() == {"nodes", "edges", "executions"}
        assert [(node["id"], node["label"]) for node in payload["nodes"]] == [
            ("input", "Input"),
            ("intent_classifier", "Intent Classifier"),
            ("memory_lookup", "Memory Lookup"),
            ("tool_selector", "Tool Selector"),
            ("tool_executor", "Tool Executor"),
            ("llm", "LLM"),
            ("response", "Response"),
        ]
        assert all(edge.keys() == {"source", "target"} for edge in payload["edges"])
        assert len(payload["executions"]) == 2
        for number, listed in enumerate(payload["executions"]):
            contract_workflow.execution(f"executions[{number}]", listed)
        live = [json.loads(frame) for frame in ear.frames[1:]]
        in_list = [json.loads(entry) for entry in client.lrange("her:workflow:events", 0, -1)]
        for number, told_live in enumerate(live):
            assert told_live.keys() == {"type", "event"}
            contract_workflow.workflow_event(f"frame {number}", told_live["event"])
            assert told_live["event"] in in_list, "the same object as in the list"
        assert all("user_id" not in told_live["event"] for told_live in live), "only snapshots say who"


def page(server: DebuggerServer, path: str, timeout: float = 5) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_the_pages_beside_the_socket(server: DebuggerServer) -> None:
    told(server, execution(), "message_received", "input")
    assert page(server, "/workflow/health") == (200, '{"status": "ok"}')
    status, body = page(server, "/api/workflow/snapshot")
    assert (status, json.loads(body)) == (200, server.snapshot())
    assert page(server, "/workflow?debug=true")[0] == 200
    assert page(server, "/metrics")[0] == 404
    server.block()
    with pytest.raises(TimeoutError):
        page(server, "/workflow/health", timeout=0.3)
    server.unblock()


def test_a_server_that_waits_for_its_model_is_silent_and_then_tells_everything_at_once(server: DebuggerServer) -> None:
    flow = execution()
    with Ear(url(server)) as ear:
        until(lambda: ear.frames, "the snapshot")
        server.block()
        for _ in range(12):
            told(server, flow, "tool_completed", "memory_lookup")
        until(lambda: ear.listener.state() == "silent", "busy")
        assert ear.kinds() == ["snapshot"], "nothing comes while it waits"
        assert ear.listener.ended is None
        server.unblock()
        until(lambda: ear.kinds() == ["snapshot"] + ["event"] * 12, "the burst")
        until(lambda: ear.listener.state() == "open", "and it answers again")
        assert server.connections == 1, "nobody hung up"


def test_a_handshake_that_comes_late_comes(server: DebuggerServer) -> None:
    server.block()
    started = time.monotonic()
    with Ear(url(server)) as ear:
        assert time.monotonic() - started < 2, "whoever starts it does not wait for ever"
        until(lambda: ear.listener.state() == "silent", "busy")
        server.unblock()
        until(lambda: ear.listener.state() == "open" and ear.frames, "the snapshot")


def test_closing_does_not_wait_for_a_server_that_waits(server: DebuggerServer) -> None:
    server.block()
    with Ear(url(server)) as ear:
        started = time.monotonic()
    assert time.monotonic() - started < 3
    assert ear.listener.state() == "ended"


def test_nobody_there_and_something_else_there(server: DebuggerServer) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SourceDown, match="refused"):
            Ear(f"ws://127.0.0.1:{taken.getsockname()[1]}/").listener.start()
    with pytest.raises(SourceDown, match=r"protocol: .*no WebSocket"):
        Ear(url(server, "/elsewhere"), replace(QUICK, first_answer=5.0)).listener.start()
    with pytest.raises(SourceDown, match="name"):
        Ear("ws://nowhere.invalid/").listener.start()


def test_a_frame_too_large_to_hold_ends_it(server: DebuggerServer) -> None:
    with Ear(url(server), largest_frame=100_000) as ear:
        until(lambda: ear.frames, "the snapshot")
        server.send_raw("x" * 100_001)
        until(lambda: ear.listener.state() == "ended", "the end")
        assert "more than 100000 bytes" in str(ear.listener.ended)


@pytest.mark.parametrize("address", ["http://h/", "ws://", "h:8081", "ws://user:pw@h/", "ws://h/#x"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="an address"):
        Address.of(address)


class Rung:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def frame(event_type: str, node: str, *, of: str = "a", after: float = 0.0) -> str:
    at = NOW + timedelta(seconds=after)
    event = {"timestamp": at.isoformat(), "event_type": event_type, "execution_id": of, "node_id": node}
    return json.dumps({"type": "event", "event": {**event, "status": "running", "details": {}}})


NOW = datetime(2026, 2, 22, 12, tzinfo=UTC)


def running(view: DebuggerView, after: float = 0.0) -> dict[str, float]:
    samples = view.running(NOW + timedelta(seconds=after))
    assert all(sample.metric is metrics.LIVE_REQUESTS for sample in samples)
    return {sample.labels[0]: sample.value for sample in samples if sample.value}


def test_a_request_is_where_its_newest_event_is_and_gone_when_it_ends() -> None:
    view, rung = DebuggerView(rung := Rung()), rung
    view.take(frame("message_received", "input"))
    view.take(frame("llm_started", "llm", after=2))
    view.take(frame("tool_completed", "memory_lookup", after=1))
    assert running(view) == {"llm": 1}, "an older event that comes late changes nothing"
    view.take(frame("message_received", "input", of="b"))
    assert running(view) == {"llm": 1, "input": 1}
    view.take(frame("response_sent", "response", after=3))
    view.take(frame("llm_started", "llm", after=2))
    assert running(view) == {"input": 1}, "told twice, ended once"
    assert running(view, after=PATIENCE + 1) == {}, "without a sign for ten minutes"
    assert rung.times == 6


@pytest.mark.parametrize(
    "garbage",
    ["", "pong?", "[]", "null", '{"type":1}', '{"type":"event"}', '{"type":"event","event":{"timestamp":"x"}}',
     '{"type":"snapshot","payload":[]}', '{"type":"snapshot","payload":{"executions":[1]}}', "{" * 5000, "\ud800"],
)  # fmt: skip
def test_garbage_is_left_alone(garbage: str) -> None:
    rung = Rung()
    view = DebuggerView(rung)
    view.take(garbage)
    assert (running(view), rung.times) == ({}, 0)


def test_one_bad_event_does_not_spoil_a_snapshot() -> None:
    view = DebuggerView(Rung())
    good = json.loads(frame("llm_started", "llm"))["event"]
    view.take(json.dumps({"type": "snapshot", "payload": {"executions": [{"events": [{"timestamp": 1}, good]}]}}))
    assert running(view) == {"llm": 1}


def test_a_huge_snapshot_is_not_looked_into_and_still_rings() -> None:
    rung = Rung()
    view = DebuggerView(rung)
    view.take('{"type":"snapshot","payload":{"x":"' + "y" * LARGEST_PARSED + '"}}')
    assert (running(view), rung.times) == ({}, 1)


def test_what_is_remembered_is_bounded() -> None:
    view = DebuggerView(Rung())
    for number in range(MOST_REQUESTS + 50):
        view.take(frame("message_received", "input", of=str(number)))
    assert running(view) == {"input": MOST_REQUESTS}


def watching(
    server: DebuggerServer, bell: Bell | None = None, progress: ListProgress | None = None, **options: Any
) -> DebuggerSource:
    made = settings(workflow={"url": url(server)})
    options = {"patience": QUICK, **options}
    return DebuggerSource(made, url(server), bell or Bell(), progress or ListProgress(), **options)


def gauges(source: DebuggerSource, debugger: Debugger) -> dict[str, float]:
    samples = source.collect(debugger, datetime.now(UTC))
    return {s.metric.name: s.value for s in samples if s.metric is not metrics.LIVE_REQUESTS}


def test_a_block_is_busy_and_never_an_outage(server: DebuggerServer) -> None:
    source = watching(server)
    debugger = source.connect()
    until(lambda: debugger.listener.heard_at is not None, "the handshake")
    assert gauges(source, debugger)["her_workflow_debugger_busy"] == 0
    server.block()
    until(lambda: gauges(source, debugger)["her_workflow_debugger_busy"] == 1, "busy, and no SourceDown")
    before = gauges(source, debugger)["her_workflow_debugger_last_frame_timestamp_seconds"]
    assert before < time.time() - 0.3, "when it last said anything"
    server.unblock()
    until(lambda: gauges(source, debugger)["her_workflow_debugger_busy"] == 0, "it answers")
    close(debugger)


def test_a_handshake_nobody_answers_for_minutes_is_begun_again_without_an_outage(server: DebuggerServer) -> None:
    source = watching(server, patience=replace(QUICK, handshake=0.5))
    server.block()
    debugger = source.connect()
    until(lambda: debugger.listener.state() == "ended", "given up")
    gauges(source, debugger)
    assert debugger.listener.state() != "ended", "another attempt"
    server.unblock()
    close(debugger)


def test_a_debugger_that_hangs_up_is_down(server: DebuggerServer) -> None:
    source = watching(server)
    debugger = source.connect()
    until(lambda: server.listeners == 1, "connected")
    server.hang_up()
    until(lambda: debugger.listener.state() == "ended", "the end")
    with pytest.raises(SourceDown, match="closed the connection"):
        gauges(source, debugger)
    close(debugger)
    again = source.connect()
    until(lambda: again.listener.state() == "open", "reconnected")
    close(again)


def test_a_listener_that_was_dropped_without_a_word_comes_back(server: DebuggerServer) -> None:
    progress = ListProgress()
    source = watching(server, progress=progress, late=0.2, renew_at_most=0.1)
    debugger = source.connect()
    until(lambda: server.listeners == 1, "connected")
    server.drop_listeners()
    until(lambda: server.listeners == 0, "dropped")
    told(server, execution(), "message_received", "input")
    progress.note(time.time())
    first = debugger.listener

    def renewed() -> bool:
        gauges(source, debugger)
        return debugger.listener is not first

    until(renewed, "renewed, because pings are answered and events are not told")
    until(lambda: server.listeners == 1, "told again")
    close(debugger)


def test_an_idle_debugger_is_left_alone(server: DebuggerServer) -> None:
    source = watching(server, late=0.0, renew_at_most=0.0)
    debugger = source.connect()
    until(lambda: debugger.listener.pong_at is not None, "a pong")
    first = debugger.listener
    gauges(source, debugger)
    assert debugger.listener is first
    close(debugger)


def test_every_frame_rings_and_none_counts(server: DebuggerServer) -> None:
    rung, bell = Rung(), Bell()
    bell.answered_by(rung)
    source = watching(server, bell)
    debugger = source.connect()
    flow = execution()
    for _ in range(5):
        told(server, flow, "tool_completed", "memory_lookup")
    until(lambda: rung.times >= 6, "a snapshot and five events")
    made = source.source("her")
    assert made.streams == ()
    assert [metric.kind.value for probe in made.probes for metric in probe.feeds] == ["gauge"] * 3
    close(debugger)


def test_the_queue_drops_silently_beyond_its_bound(server: DebuggerServer) -> None:
    with Ear(url(server)) as ear:
        until(lambda: ear.frames, "the snapshot")
        server.block()
        flow = execution()
        for _ in range(QUEUE + 7):
            server.tell(flow, {"event_type": "x"})
        server.unblock()
        until(lambda: len(ear.frames) == 1 + QUEUE, "what there was room for", 30)
        assert server.dropped == 7
        assert ear.listener.state() == "open"


def test_the_debugger_is_a_source_of_its_own_where_it_is_configured() -> None:
    made = sources(settings(workflow={"url": "ws://h:8081/ws/workflow"}), HASH_KEY)
    assert [source.name for source in made] == ["redis", "workflow"]
    assert set(made[0].bells) == {"workflow"}
    assert made[0].probes
    assert [source.name for source in sources(settings(), HASH_KEY)] == ["redis"]
