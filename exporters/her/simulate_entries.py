"""Writers of HER's lists: one method per fact, every field open to change.

A fact that also leaves a decision writes that copy first and its own list second, as HER does. `overrides`
replace fields verbatim (`ABSENT` removes one), so a test can make any edge case; texts that are not overridden carry
their canary when canaries are on.
"""

import re
from datetime import timedelta
from typing import Final

from exporters.her import simulate_wire as wire
from exporters.her import simulate_words as words
from exporters.her.simulate_decisions import DecisionWriter
from exporters.her.simulate_process import NONE, Overrides, changed
from exporters.her.simulate_wire import Record, iso
from exporters.her.simulate_world import Person

SCORES: Final = {
    "strong_approval": 1.0,
    "mild_approval": 0.5,
    "neutral": 0.0,
    "mild_dissatisfaction": -0.5,
    "failure_or_correction": -1.0,
}
LABEL_WEIGHTS: Final = (2, 3, 8, 2, 1)


def estimate_tokens(*texts: str) -> int:
    """Words plus punctuation marks, HER's token estimate."""
    return sum(len(re.findall(r"\w+|[^\w\s]", text)) for text in texts)


class EntryWriter(DecisionWriter):
    """Interactions, log lines, executions, job runs, scores and reflections."""

    def interaction(
        self,
        user_id: str | None = None,
        user_message: str | None = None,
        response_message: str | None = None,
        overrides: Overrides = NONE,
    ) -> Record:
        """One finished interaction: the whole metrics group in one transaction. Returns the event."""
        asked, answered = self.rng.choice(words.TALK)
        question = self.canaries.tail("user_message", asked if user_message is None else user_message)
        reply = self.canaries.tail("response_message", answered if response_message is None else response_message)
        tokens = estimate_tokens(question, reply)
        event = changed(
            {
                "timestamp": iso(self.pen.stamp()),
                "user_id": user_id or self.rng.choice(self.world.people).user_id,
                "user_message": question,
                "response_message": reply,
                "token_estimate": tokens,
            },
            overrides,
        )
        estimate = event.get("token_estimate")
        spent = estimate if isinstance(estimate, int) and estimate >= 0 else 0
        self.pen.interaction(event, user_id=str(event.get("user_id", "")), tokens=spent)
        return event

    def log(self, level: str, name: str, message: str, overrides: Overrides = NONE) -> Record:
        """One log record at or above the effective level; the caller decides whether the build shows INFO."""
        line = changed(
            {
                "timestamp": iso(self.pen.stamp()),
                "level": level,
                "name": name,
                "message": self.canaries.tail("log.message", message),
            },
            overrides,
        )
        self.pen.push(wire.LOGS, line)
        return line

    def sandbox_execution(
        self,
        command: str | None = None,
        *,
        output: str | None = None,
        error: str | None = None,
        exit_code: int | None = None,
        execution_time: float | None = None,
        overrides: Overrides = NONE,
    ) -> Record:
        """One sandbox command that ended now. `execution_time` in seconds; what is not given comes from a stock."""
        failing = self.rng.random() < 0.2 if exit_code is None else exit_code != 0
        stock = self.rng.choice(words.FAILING_COMMANDS if failing else words.COMMANDS)
        code = stock[3] if exit_code is None else exit_code
        seconds = stock[4] * self.rng.uniform(0.8, 1.2) if execution_time is None else execution_time
        record = changed(
            {
                "timestamp": iso(self.pen.stamp()),
                "command": self.canaries.tail("command", stock[0] if command is None else command),
                "success": code == 0,
                "output": self.canaries.tail("output", stock[1] if output is None else output),
                "error": self.canaries.tail("error", stock[2] if error is None else error),
                "exit_code": code,
                "execution_time": round(seconds, 3),
                "user": "sandbox",
                "workdir": self.canaries.word("workdir", "/workspace"),
            },
            overrides,
        )
        outcome = "succeeded" if record.get("success") is True else "failed"
        self._decide("sandbox_execution", "sandbox_tools", f"Sandbox command {outcome}", "", record)
        self.pen.push(wire.SANDBOX, record)
        return record

    def scheduler_job(
        self,
        name: str = "memory_reflection",
        type: str = "memory_reflection",  # noqa: A002 - the field's own name
        *,
        success: bool = True,
        result: str = "memory_reflection_completed",
        error: str = "",
        execution_time: float | None = None,
        next_run: str | None = None,
        overrides: Overrides = NONE,
    ) -> Record:
        """One completed task run. `execution_time` in seconds, `next_run` ISO UTC or `""`."""
        at = self.pen.stamp()
        seconds = self.rng.uniform(0.00001, 0.4) if execution_time is None else execution_time
        record = changed(
            {
                "timestamp": iso(at),
                "name": name,
                "type": type,
                "success": success,
                "result": result if success else "",
                "error": "" if success else error,
                "execution_time": round(seconds, 6),
                "next_run": iso(at.replace(microsecond=0) + timedelta(hours=1)) if next_run is None else next_run,
            },
            overrides,
        )
        outcome = "completed" if success else "failed"
        self._decide("scheduler_execution", "scheduler", f"Task {name} {outcome}", "", record)
        self.pen.push(wire.JOBS, record)
        return record

    def reinforcement(
        self,
        person: Person | None = None,
        *,
        user_message: str = "thanks",
        assistant_message: str = "Glad it helped.",
        label: str | None = None,
        task_succeeded: bool = True,
        overrides: Overrides = NONE,
    ) -> Record:
        """One scored reply: decision copy, list entry, then the profile it moved."""
        who = person or self.rng.choice(self.world.people)
        if label is None:
            label = self.rng.choices(tuple(SCORES), LABEL_WEIGHTS)[0] if task_succeeded else "failure_or_correction"
        concise = len(assistant_message) < 240
        helpful = label != "failure_or_correction"
        aligned = self.rng.random() < 0.85
        feedback = {
            "strong_approval": ["strong_user_approval"],
            "mild_approval": ["mild_user_approval"],
            "neutral": [],
            "mild_dissatisfaction": ["mild_user_dissatisfaction"],
            "failure_or_correction": ["user_correction_detected"] if task_succeeded else ["task_failed"],
        }[label]
        reasoning = [
            *feedback,
            "concise_response" if concise else "non_concise_response",
            "helpful_response" if helpful else "low_helpfulness",
            "emotional_alignment" if aligned else "emotional_misalignment",
        ]
        record = changed(
            {
                "timestamp": iso(self.pen.stamp()),
                "user_id": who.user_id,
                "score": SCORES[label],
                "label": label,
                "task_succeeded": task_succeeded,
                "reasoning": reasoning,
                "user_message_preview": self.canaries.head("user_message_preview", user_message, 200),
                "assistant_message_preview": self.canaries.head("assistant_message_preview", assistant_message, 200),
                "concise": concise,
                "helpful": helpful,
                "emotionally_aligned": aligned,
            },
            overrides,
        )
        copied = {name: record.get(name) for name in ("score", "label", "reasoning", "task_succeeded")}
        self._decide("reinforcement_event", "reinforcement", f"Reinforcement {label}", who.user_id, copied)
        self.pen.push(wire.REINFORCEMENT, record)
        ups = {"concise": concise, "helpful": helpful, "empathy": aligned, "initiative": SCORES[label] >= 0}
        for trait, up in ups.items():
            moved = who.traits[trait] + (0.0137 if up else -0.0211)
            who.traits[trait] = round(min(1.0, max(0.0, moved)), 4)
        self.pen.keep_profile(who.user_id, {trait: str(value) for trait, value in who.traits.items()})
        return record

    def reflection(
        self, person: Person | None = None, *, date: str | None = None, overrides: Overrides = NONE
    ) -> Record:
        """One daily reflection. A second one for the same day says the same, byte for byte, as HER's does."""
        who = person or self.rng.choice(self.world.people)
        day = date or self.pen.now().date().isoformat()
        if who.reflection.get("date") != day:
            trend, adjustment = self.rng.choice(
                (("stable", 0.0), ("over_initiating", -0.08), ("under_engaged", 0.08), ("friction", -0.12))
            )
            who.reflection = {
                "date": day,
                "engagement_trend": trend,
                "initiative_adjustment": adjustment,
                "notes": self.canaries.tail("reflection.notes", f"Engagement looks {trend} today."),
                "confidence": "medium",
            }
        record = changed(who.reflection, overrides)
        details: Record = {"event": "reflection", **record}
        self._decide("reflection", "scheduler", "Daily reflection stored", who.user_id, details)
        self.pen.push(wire.REFLECTION_PREFIX + who.user_id, record)
        return record
