"""Accounts of the invented SigmaSight are allowed what `grants` says."""

from exporters.sigmasight import grants
from exporters.sigmasight.simulate_pen import Pen


def admit(pen: Pen, *, core_observer: str | None, ai_observer: str | None) -> None:
    """Let accounts that exist already read the numbers of each half."""
    if core_observer:
        pen.core.execute(grants.numbers("core", core_observer).encode())
    if ai_observer:
        pen.ai.execute(grants.numbers("ai", ai_observer).encode())
