"""`observatory export sigmasight_annotations`: what administrators noted about answers, with the answers themselves.

    {"deployment": "home", "id": "0b9f…", "message_id": "7c1e…", "type": "correction", "severity": "critical",
     "status": "pending", "tags": ["numbers"], "content": "The number is of last week.", "suggested_response": null,
     "created_at": "2026-01-12T09:14:02.118734Z", "updated_at": "2026-01-12T09:14:02.118734Z",
     "role": "assistant", "mode": "green", "model": "gpt-5-mini", "question": "How much …?", "message": "It is …"}

As the back end's own export does it: those made within 90 days, joined with the original text. Nothing links the two
databases, and conversations are deleted while annotations stay: then the last five are null. `model` outlives them
until the requests are cleaned up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exporters.core.listing import Listing, Selection, Told
from exporters.sigmasight.tuning_metrics import SEVERITIES, STATUSES, TYPES

_SYSTEM = "sigmasight"


def _lines(settings: Any, selection: Selection, told: Told) -> Iterator[str]:
    # Not before somebody asks: a host may lack libpq.
    from exporters.sigmasight.annotations_export import lines

    return lines(settings, selection, told)


ANNOTATIONS = Listing(
    _SYSTEM,
    "sigmasight_annotations",
    "Annotations of answers, with the answer, its question, mode and model.",
    "90d",
    {"type": TYPES, "severity": SEVERITIES, "status": STATUSES},
    _lines,
)

LISTINGS: tuple[Listing, ...] = (ANNOTATIONS,)
"""Everything of SigmaSight that can be listed."""
