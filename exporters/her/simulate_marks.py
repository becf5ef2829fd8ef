"""Which strings inside nested details are free text, and the canary that goes into each of them."""

from collections.abc import Mapping
from typing import Final

from exporters.her.simulate_canary import Canaries
from exporters.her.simulate_wire import Record

# Previews are cut: the canary stands in front and the cut is HER's.
PREVIEWS: Final[Mapping[str, int]] = {
    "message_preview": 120,
    "query_preview": 160,
    "args_preview": 200,
    "result_preview": 300,
    "output_preview": 180,
    "response_preview": 500,
}
FREE_TEXT: Final = frozenset(
    {
        "message",
        "error",
        "notes",
        "assumptions",
        "risk",
        "hallucination_risk",
        "command",
        "code",
        "write_to",
        "result",
        "reason",
        "details",
        "task",
        "task_name",
        "name",
        "raw_messages",
        "line",
        "token",
        "strong_areas",
        "weak_areas",
        "last_error",
        "planner.action",
        "tool_output",
        "tool_error",
    }
)


def mark(canaries: Canaries, field: str, details: Mapping[str, object]) -> Record:
    """A copy of `details` with a canary in every free-text string; `field` names the record they sit in."""
    if not canaries.planted:
        return dict(details)
    return {name: _marked(canaries, field, name, value) for name, value in details.items()}


def _marked(canaries: Canaries, field: str, name: str, value: object) -> object:
    path = f"{field}.{name}"
    if isinstance(value, dict):
        return {inner: _marked(canaries, path, inner, item) for inner, item in value.items()}
    if isinstance(value, list):
        return [_marked(canaries, field, name, item) for item in value]
    if not isinstance(value, str) or not value:
        return value
    if name in PREVIEWS:
        return canaries.head(path, value, PREVIEWS[name])
    if name in FREE_TEXT or ".".join(path.split(".")[-2:]) in FREE_TEXT:
        # In front: HER cuts long workflow details at the end.
        return canaries.head(path, value, len(value) + 200)
    return value
