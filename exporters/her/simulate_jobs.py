"""The scheduler at work: which tasks are due in a minute, and how each type of them ends."""

from datetime import timedelta
from typing import NamedTuple

from exporters.her.simulate_schedule import Task
from exporters.her.simulate_wire import iso
from exporters.her.simulate_writers import Writers

USER_TASKS_KEPT = 40
RAISES = "raises"


class Outcome(NamedTuple):
    """How a run ended. `result` is `""` on failure, `error` on success; `seconds` is its wall-clock time."""

    success: bool
    result: str
    error: str
    seconds: float


def done(result: str, seconds: float) -> Outcome:
    return Outcome(success=True, result=result, error="", seconds=seconds)


def failed(error: str, seconds: float) -> Outcome:
    return Outcome(success=False, result="", error=error, seconds=seconds)


def run_due(her: Writers, minute: int) -> None:
    """Run every enabled task that is due at `minute`; each run publishes the scheduler's state, which is throttled."""
    her.minute = minute
    _plan_user_tasks(her, minute)
    for task in [task for task in her.tasks if task.enabled and task.due is not None and task.due <= minute]:
        task.move_on(minute)
        outcome = run(her, task, minute)
        if outcome is None:
            her.log("ERROR", "apscheduler.executors.default", f'Job "task:{task.name}" raised an exception')
            continue
        her.scheduler_job(
            task.name,
            task.type,
            success=outcome.success,
            result=outcome.result,
            error=outcome.error,
            execution_time=outcome.seconds,
            next_run=task.next_run(minute, her.pen.now()),
        )
        her.publish_scheduler_state()
    _forget_finished(her)


def run(her: Writers, task: Task, minute: int) -> Outcome | None:
    """One run. None when it raised: such a run leaves no entry at all, only the scheduler's log line."""
    rng = her.rng
    if task.type == "reminder":
        return _remind(her, task, minute)
    if task.type == "workflow":
        return _run_workflow(her, task)
    if task.type == "proactive_message":
        return _write_first(her, task)
    if task.type == "self_optimization":
        return done(f"self_optimization_avg={_optimize(her)}", rng.uniform(0.01, 0.2))
    if task.type == "autonomy_reflection":
        return done(f"autonomy_reflections={reflect_on_everybody(her)}", rng.uniform(0.05, 0.6))
    if task.type == "proactive_daily_dispatcher":
        return done(f"proactive_messages_scheduled={_dispatch(her, minute)}", rng.uniform(0.01, 0.1))
    if task.type == "memory_reflection":
        return done("memory_reflection_completed", 0.00002)
    return done("custom_task_processed", rng.uniform(0.001, 0.05))


def reflect_on_everybody(her: Writers) -> int:
    """The daily reflections of everybody who has talked; how many there were."""
    active = [person for person in her.world.people if person.active] or list(her.world.people[:3])
    for person in active:
        her.reflection(person)
    return len(active)


def _plan_user_tasks(her: Writers, minute: int) -> None:
    """What users have set up over time: checks of several outcomes, a habit, and now and then a reminder."""
    known = {task.type for task in her.tasks}
    if "workflow" not in known:
        for index, plan in enumerate(("ok", "steps", "source_http", "source_error", "assertion", "no_steps", RAISES)):
            name = her.canaries.word("task.name", f"site_check_{index}")
            her.tasks.append(Task(name, "workflow", 5, minute + index % 5, plan=plan))
        her.tasks.append(Task(her.canaries.word("task.name", "drink_water"), "custom", 4, minute + 1))
    if minute % 6 == 1:
        person = her.rng.choice(her.world.people)
        plan = ("sent", "transient_error", "chat_not_found", "forbidden", "terminal")[minute // 6 % 5]
        stem = f"reminder_{person.user_id}_{int(her.pen.now().timestamp())}_call_back"
        her.tasks.append(
            Task(
                her.canaries.word("task.name", stem),
                "reminder",
                0,
                minute,
                timezone=person.timezone,
                at="09:00",
                run_at=iso(her.pen.now().replace(second=0, microsecond=0)),
                chat_id=person.chat_id,
                user_id=person.user_id,
                plan=plan,
            )
        )


def _remind(her: Writers, task: Task, minute: int) -> Outcome:
    seconds = her.rng.uniform(0.05, 0.7)
    if task.plan == "terminal":
        task.status = "SENT"
        return done("already_terminal", 0.0)
    if task.plan == "sent":
        task.status, task.last_error = "SENT", ""
        return done(f"reminder_sent_chat_{task.chat_id}", seconds)
    task.last_error = task.plan
    if task.plan == "transient_error" and task.retry_count < task.max_retries:
        task.status, task.retry_count = "RETRY", task.retry_count + 1
        task.due = minute + 1
        return failed(f"reminder_retry:{task.plan}", seconds)
    task.status = "FAILED"
    her.log("ERROR", "her-main", f"Reminder {task.name} failed: {task.plan}")
    return failed(f"reminder_failed:{task.plan}", seconds)


def _run_workflow(her: Writers, task: Task) -> Outcome | None:
    seconds = her.rng.uniform(0.1, 2.5)
    if task.plan == RAISES:
        return None
    if task.plan == "steps":
        return done(her.canaries.tail("job.result", "fetched 3 rows; wrote report"), seconds)
    if task.plan == "no_steps":
        return done("workflow_skipped_no_steps", 0.0001)
    # A check fails now and then, not always: a dashboard shows both outcomes of one task.
    if task.plan == "ok" or her.rng.random() < 0.6:
        return done("workflow_completed", seconds)
    error = {
        "source_http": f"workflow_source_http_{her.rng.choice((404, 500, 503))}",
        "source_error": her.canaries.tail("job.error", "workflow_source_error:name resolution failed"),
        "assertion": her.canaries.tail("job.error", "workflow_assertion_failed:rows > 0"),
    }[task.plan]
    return failed(error, seconds)


def _dispatch(her: Writers, minute: int) -> int:
    """Plan the day's messages that HER writes first; each becomes a task that runs once."""
    chosen = her.rng.sample(her.world.people, min(4, len(her.world.people)))
    for offset, person in enumerate(chosen, start=1):
        person.messages_sent_today = 0
        at = her.pen.now()
        run_at = iso(at.replace(second=0, microsecond=0) + timedelta(minutes=2 * offset))
        name = her.canaries.word("task.name", f"proactive_{person.user_id}_{int(at.timestamp())}_{offset}")
        her.tasks.append(
            Task(
                name,
                "proactive_message",
                0,
                minute + 2 * offset,
                timezone=person.timezone,
                run_at=run_at,
                chat_id=person.chat_id,
                user_id=person.user_id,
            )
        )
        her.decision(
            "proactive_followup_scheduled",
            "scheduler",
            summary=f"Follow-up for {person.user_id} planned",
            user_id=person.user_id,
            details={"task_name": name, "run_at": run_at},
        )
    return len(chosen)


def _write_first(her: Writers, task: Task) -> Outcome:
    person = next(person for person in her.world.people if person.user_id == task.user_id)
    seconds = her.rng.uniform(0.2, 1.5)
    result = her.rng.choice(
        ("proactive_sent", "proactive_sent", "proactive_opt_out", "proactive_blocked:quiet_hours", "failed")
    )
    if result not in {"proactive_sent", "failed"}:
        return done(result, 0.003)
    sent = result == "proactive_sent"
    if sent:
        person.messages_sent_today = min(3, person.messages_sent_today + 1)
        person.last_proactive_at = iso(her.pen.now())
    her.decision(
        "proactive_outcome",
        "autonomy",
        summary=f"Proactive message to {person.user_id} {'sent' if sent else 'failed'}",
        user_id=person.user_id,
        details={
            "sent": sent,
            "error": "" if sent else "transient_error",
            "messages_sent_today": person.messages_sent_today,
            "error_count_today": 0 if sent else 1,
            "initiative_level": round(person.initiative, 3),
        },
    )
    return done(result, seconds) if sent else failed("proactive_send_failed:transient_error", seconds)


def _optimize(her: Writers) -> float:
    average = round(her.rng.uniform(-0.2, 0.7), 3)
    her.decision(
        "weekly_self_optimization",
        "scheduler",
        summary="Weekly self optimization",
        details={
            "avg_score": average,
            "strong_areas": ["short answers"],
            "weak_areas": ["long plans"],
            "notes": ["keep replies short"],
        },
    )
    return average


def _forget_finished(her: Writers) -> None:
    """Sent reminders and finished one-shot tasks go; failed ones stay listed, the oldest until a user removes them."""
    kept = [task for task in her.tasks if task.due is not None or not task.one_time or task.status == "FAILED"]
    excess = len(kept) - USER_TASKS_KEPT
    failed = [task for task in kept if task.status == "FAILED"][: max(0, excess)]
    her.tasks = [task for task in kept if all(task is not gone for gone in failed)]
