"""Job -> effects. Stream `jobs`."""

from __future__ import annotations

from exporters.core.contract import Effects
from exporters.core.measurement import FieldValue
from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics
from exporters.her.events_jobs import Job
from exporters.her.names import member


def fold_job(state: None, event: Job, *, pseudonyms: Pseudonyms) -> tuple[None, Effects]:
    """Count and time the run, by what it said at its end."""
    effects = Effects()
    job_type, outcome = member(event.type), "success" if event.success else "failed"
    effects.count(metrics.JOBS, job_type, outcome)
    if event.success:
        effects.count(metrics.JOB_RESULTS, event.phrase)
    else:
        effects.count(metrics.JOB_ERRORS, event.phrase, event.reason)
    fields: dict[str, FieldValue] = {"phrase": event.phrase}
    if event.seconds is not None:
        effects.observe(metrics.JOB_SECONDS, event.seconds, job_type)
        fields["duration_seconds"] = event.seconds
    if event.next_run is not None:
        fields["next_run_seconds"] = event.next_run.timestamp()
    task = pseudonyms.of(event.name)
    effects.point(metrics.JOB_POINT, event.at, fields, type=job_type, outcome=outcome, task=task)
    return state, effects
