"""The parts every request shares: received, looked up, understood, answered, scored. The stories put them together."""

from collections.abc import Iterator
from typing import Final

from exporters.her import simulate_words as words
from exporters.her.simulate_chatter import info_lines
from exporters.her.simulate_world import Person
from exporters.her.simulate_writers import Writers

CHUNKS_PER_STREAM_TOKEN: Final = 25


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


class Turn:
    """One request from `person`, from its message to its reply. `source` is `telegram` or `api`."""

    def __init__(self, her: Writers, person: Person, text: str, *, source: str = "telegram", group: int | None = None):
        self.her = her
        self.person = person
        self.text = text
        self.source = source
        self.group = group
        self.mode = "CHAT_MODE"
        self.confidence = 0.0
        self.scheduled = 0
        self.elapsed = 0.0
        person.active = True
        self.flow = her.open_execution(person.user_id, text)

    def event(self, event_type: str, node: str, status: str = "success", /, **details: object) -> None:
        """A workflow event of this request."""
        self.her.workflow_event(event_type, node, status, details, execution=self.flow)

    def decide(self, event_type: str, summary: str, source: str = "telegram", /, **details: object) -> None:
        """A decision about this request's user."""
        self.her.decision(event_type, source, summary=summary, user_id=self.person.user_id, details=details)

    def spend(self, seconds: float) -> Iterator[float]:
        """Let time pass."""
        self.elapsed += seconds
        yield seconds

    def receive(self) -> None:
        """The message arrives and is kept in short-term memory, for a group twice."""
        origin: dict[str, object] = {"source": "api"} if self.source == "api" else {}
        self.event("message_received", "input", message=self.text, **origin)
        info_lines(self.her)
        self.remember("user", self.text)

    def remember(self, role: str, text: str) -> None:
        """Append to the person's thread, and to the group's with the speaker's name in front."""
        said = text
        if self.group is not None:
            said = f"{'HER' if role == 'assistant' else self.person.name}: {text}"
            self.her.append_context(self.group, role, said, group=True)
        self.her.append_context(self.person.user_id, role, said)

    def look_up(self, phase: str, seconds: float) -> Iterator[float]:
        """A memory lookup: `initial_context` or `semantic_search`."""
        found = {"context_size" if phase == "initial_context" else "search_results": self.her.rng.randrange(0, 12)}
        took = milliseconds(seconds)
        self.event("tool_execution_started", "memory_lookup", "running", phase=phase)
        yield from self.spend(seconds)
        self.event("tool_completed", "memory_lookup", phase=phase, duration_ms=took, **found)
        self.timing("memory_lookup", took, **found)

    def timing(self, stage: str, took: float, **measured: object) -> None:
        """A performance_timing decision; its source is `telegram` for API requests too."""
        self.decide("performance_timing", f"{stage} {took}ms", stage=stage, duration_ms=took, **measured)

    def notice_mood(self) -> None:
        """The autonomy profile moves with every message."""
        rng, who = self.her.rng, self.person
        positive, ignored = rng.random() < 0.6, rng.random() < 0.1
        who.engagement = min(1.0, max(0.1, who.engagement + (0.03 if positive else -0.04)))
        who.initiative = min(1.0, max(0.1, who.initiative + (0.02 if positive else -0.03)))
        who.mood, who.mood_intensity = rng.choice(words.MOODS), rng.uniform(0.2, 0.9)
        self.decide(
            "autonomy_profile_updated",
            f"Autonomy profile updated for {who.user_id}",
            "autonomy",
            engagement_score=round(who.engagement, 3),
            initiative_level=round(who.initiative, 3),
            mood_intensity=round(who.mood_intensity, 3),
            mood=who.mood,
            positive=positive,
            cold=not positive and rng.random() < 0.3,
            disabled=False,
            ignored=ignored,
            response_seconds=round(rng.uniform(2, 900), 1) if who.last_reply else None,
        )

    def understand(self, mode: str, confidence: float, *, schedule_word: bool = False) -> None:
        """The intent, as the classifier reports it."""
        self.mode, self.confidence = mode, confidence
        self.event(
            "intent_detected",
            "intent_classifier",
            mode=mode,
            action_confidence=confidence,
            has_schedule_word=schedule_word,
        )

    def select(self, selected: str) -> None:
        """`llm_chat`, `execute_agent` or `scheduler`."""
        self.event("tool_selected", "tool_selector", selected=selected)

    def ask_model(self, provider: str) -> None:
        """The prompt goes out: always with its full text, as HER sends it."""
        prompts = ["You are HER, a helpful assistant.", "Recent conversation:\n" + self.person.last_reply, self.text]
        self.event("llm_started", "llm", "running", provider=provider, raw_messages=prompts)

    def model_answered(self, seconds: float, *, used_fallback: bool) -> None:
        """The model is done; only Telegram chats leave a timing decision."""
        took = milliseconds(seconds)
        self.event("llm_completed", "llm", used_fallback=used_fallback, duration_ms=took)
        if self.source == "telegram":
            self.timing("llm", took, used_fallback=used_fallback)

    def think(self, provider: str, seconds: float, reply: str) -> Iterator[float]:
        """A model call that works. A long reply streams a token now and then, on Telegram only."""
        self.ask_model(provider)
        chunks = (
            reply.split()[CHUNKS_PER_STREAM_TOKEN - 1 :: CHUNKS_PER_STREAM_TOKEN] if self.source == "telegram" else []
        )
        share = seconds / (len(chunks) + 1)
        for chunk in chunks:
            yield from self.spend(share)
            self.event("llm_stream_token", "llm", "running", token=chunk + " ")
        yield from self.spend(share)
        self.model_answered(seconds, used_fallback=False)

    def respond(self, reply: str, *, task_succeeded: bool = True, direct: bool = False) -> None:
        """The reply leaves: workflow end, memory, metrics, decision and one or two scores."""
        self.remember("assistant", reply)
        extra: dict[str, object] = {"debug": False} if self.source == "api" else {}
        if direct:
            extra["direct_runtime_handler"] = True
        # Telegram reports success whatever came of the task, except for what a handler answered itself.
        failed = not task_succeeded and (direct or self.source == "api")
        self.event(
            "response_sent",
            "response",
            "error" if failed else "success",
            response_preview=reply[:500],
            total_latency_ms=milliseconds(self.elapsed),
            **extra,
        )
        self.her.interaction(self.person.user_id, self.text, reply)
        if not direct:
            self._account(reply)
        self._score(reply, task_succeeded=task_succeeded)
        info_lines(self.her, count=1)

    def _account(self, reply: str) -> None:
        api: dict[str, object] = {"execution_id": self.flow.execution_id} if self.source == "api" else {}
        self.decide(
            "assistant_response_api" if api else "assistant_response",
            f"Replied to {self.person.user_id}",
            self.source,
            message_preview=reply[:120],
            language=self.person.language,
            mode=self.mode,
            action_confidence=self.confidence,
            scheduled_tasks=self.scheduled,
            **api,
        )

    def _score(self, reply: str, *, task_succeeded: bool) -> None:
        who, asked = self.person, self.text
        self.her.reinforcement(who, user_message=asked, assistant_message=reply, task_succeeded=task_succeeded)
        if who.last_reply:
            # The new message is also feedback on the reply before it.
            self.her.reinforcement(who, user_message=asked, assistant_message=who.last_reply)
        who.last_reply = reply
