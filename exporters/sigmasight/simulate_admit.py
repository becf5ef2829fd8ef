"""Accounts of the invented SigmaSight are allowed what `grants` says."""

from exporters.sigmasight import grants
from exporters.sigmasight.simulate_pen import Pen


def admit(
    pen: Pen,
    *,
    core_observer: str | None,
    ai_observer: str | None,
    core_reader: str | None = None,
    ai_reader: str | None = None,
) -> None:
    """Let accounts that exist already read each half: an observer its numbers, a reader its words."""
    if core_observer:
        pen.core.execute(grants.numbers("core", core_observer).encode())
    if ai_observer:
        pen.ai.execute(grants.numbers("ai", ai_observer).encode())
    if core_reader:
        pen.core.execute(grants.texts("core", core_reader).encode())
    if ai_reader:
        pen.ai.execute(grants.texts("ai", ai_reader).encode())
