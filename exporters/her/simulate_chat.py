"""Requests that end in words: Telegram and API chats, groups, direct answers, and requests that go nowhere."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from exporters.her import simulate_words as words
from exporters.her.simulate_schedule import REMINDER_MAX_RETRIES, Task
from exporters.her.simulate_turn import Turn, milliseconds
from exporters.her.simulate_wire import Story, iso
from exporters.her.simulate_writers import Writers

ChatOutcome = Literal["reply", "failover", "error"]
DirectKind = Literal["time", "scan", "task_removal"]

DIRECT_KINDS: Final[tuple[DirectKind, ...]] = ("time", "scan", "task_removal")
APOLOGY: Final = "Sorry, something went wrong on my side. Please try again."
FALLBACK: Final = {"ollama": "openai", "openai": "groq", "groq": "openrouter", "openrouter": "ollama"}


def lookup_seconds(her: Writers) -> float:
    return her.rng.uniform(0.002, 0.016)


def search_seconds(her: Writers) -> float:
    return her.rng.uniform(0.009, 0.09)


def model_seconds(her: Writers) -> float:
    """A local model's answer: mostly around a second, sometimes nine."""
    return min(9.0, max(0.25, her.rng.lognormvariate(math.log(0.9), 0.6)))


def chat(her: Writers, outcome: ChatOutcome = "reply", *, in_group: bool = False) -> Story:
    """A Telegram chat message. `failover`: the first provider refuses; `error`: the request ends in an exception."""
    initial, semantic, llm = lookup_seconds(her), search_seconds(her), model_seconds(her)
    refused = her.rng.uniform(0.05, 0.4) if outcome == "failover" else 0.0

    def beats() -> Iterator[float]:
        asked, reply = her.rng.choice(words.TALK)
        group = her.rng.choice(her.world.groups) if in_group else None
        turn = Turn(her, her.rng.choice(her.world.people), asked, group=group)
        turn.receive()
        yield from turn.look_up("initial_context", initial)
        turn.notice_mood()
        turn.understand("CHAT_MODE", her.rng.choice((0.0, 0.1)))
        turn.select("llm_chat")
        yield from turn.look_up("semantic_search", semantic)
        provider = her.rng.choice(words.PROVIDERS)
        if outcome == "reply":
            yield from turn.think(provider, llm, reply)
            turn.respond(reply)
        elif outcome == "failover":
            turn.ask_model(provider)
            yield from turn.spend(refused)
            fail_over(turn, provider)
            yield from turn.spend(llm)
            turn.model_answered(refused + llm, used_fallback=True)
            turn.respond(reply)
        else:
            turn.ask_model(provider)
            yield from turn.spend(llm)
            her.log("ERROR", "her_telegram.handlers", "Unhandled error while answering: model call failed")
            # The last event: on Telegram no response_sent follows, and the llm node stays running.
            turn.event("error", "response", "error", error="All providers failed: connection refused")

    return Story(initial + semantic + refused + llm, beats())


def fail_over(turn: Turn, provider: str) -> None:
    """The primary provider answered 502 or 503."""
    status = turn.her.rng.choice((502, 503))
    turn.her.log("WARNING", "her-main", f"Provider {provider} answered {status}, using {FALLBACK[provider]}")
    turn.decide(
        "llm_failover",
        f"LLM failover from {provider} to {FALLBACK[provider]}",
        primary_provider=provider,
        fallback_provider=FALLBACK[provider],
        status_code=status,
    )


def api_chat(her: Writers, outcome: Literal["reply", "error"] = "reply") -> Story:
    """A chat through the API. Failures are recorded too, with an apology as the reply."""
    initial, semantic, llm = lookup_seconds(her), search_seconds(her), model_seconds(her)

    def beats() -> Iterator[float]:
        asked, reply = her.rng.choice(words.TALK)
        turn = Turn(her, her.rng.choice(her.world.api_people), asked, source="api")
        turn.receive()
        yield from turn.look_up("initial_context", initial)
        turn.notice_mood()
        turn.understand("CHAT_MODE", 0.0)
        turn.select("llm_chat")
        yield from turn.look_up("semantic_search", semantic)
        provider = her.rng.choice(words.PROVIDERS)
        if outcome == "reply":
            yield from turn.think(provider, llm, reply)
            turn.respond(reply)
        else:
            turn.ask_model(provider)
            yield from turn.spend(llm)
            her.log("ERROR", "her-main", "API request failed: model call failed")
            turn.event("error", "response", "error", error="All providers failed: connection refused")
            turn.respond(APOLOGY, task_succeeded=False)

    return Story(initial + semantic + llm, beats())


def schedule_chat(her: Writers, *, fallback_parser: bool = False) -> Story:
    """A message that makes a reminder. Only tasks found by the fallback parser leave a decision of their own."""
    initial, planning = lookup_seconds(her), her.rng.uniform(0.004, 0.05)

    def beats() -> Iterator[float]:
        # Whoever lives by UTC leaves no conversion behind: the others come first.
        abroad = [person for person in her.world.people if person.timezone != "UTC"]
        person = her.rng.choice(abroad or her.world.people)
        turn = Turn(her, person, "remind me to water the plants")
        turn.receive()
        yield from turn.look_up("initial_context", initial)
        turn.notice_mood()
        turn.understand("ACTION_MODE", 0.95, schedule_word=True)
        turn.select("scheduler")
        yield from turn.spend(planning)
        now = her.pen.now()
        run_at = now.replace(second=0, microsecond=0) + timedelta(minutes=2)
        stem = f"reminder_{person.user_id}_{int(now.timestamp())}_{her.rng.randrange(1000)}_water_the_plants"
        task = Task(
            name=her.canaries.word("task.name", stem),
            type="reminder",
            every=0,
            due=her.minute + 2,
            timezone=person.timezone,
            at=f"{run_at:%H:%M}",
            run_at=iso(run_at),
            max_retries=REMINDER_MAX_RETRIES,
            chat_id=person.chat_id,
            user_id=person.user_id,
            plan=her.rng.choice(("sent", "sent", "sent", "transient_error", "chat_not_found", "forbidden")),
        )
        her.tasks.append(task)
        turn.scheduled = 1
        turn.timing("scheduler", milliseconds(planning), created_tasks=1, persisted=True)
        if person.timezone != "UTC":
            turn.decide(
                "timezone_conversion",
                f"Converted local time of {person.user_id} to UTC",
                event="timezone_conversion",
                user_id=int(person.user_id),
                user_timezone=person.timezone,
                local_time=in_zone(run_at, person.timezone),
                stored_utc=iso(run_at),
            )
        if fallback_parser:
            shown = {"name": task.name, "type": "reminder", "interval": "once", "run_at": task.run_at, "enabled": True}
            turn.decide(
                "natural_schedule_created", f"Task {task.name} created", task=shown, persisted=True, details="saved"
            )
        her.publish_scheduler_state()
        turn.respond("I will remind you in two minutes.")

    return Story(initial + planning, beats())


def direct_request(her: Writers, kind: DirectKind | None = None) -> Story:
    """Answered by a handler without a model: the time, a network scan, removing a task. No assistant_response."""
    what: DirectKind = her.rng.choice(DIRECT_KINDS) if kind is None else kind
    initial, work = lookup_seconds(her), her.rng.uniform(0.5, 2.5) if what == "scan" else 0.003
    asked, reply = {
        "time": ("what time is it", "It is time for tea: see the clock above."),
        "scan": ("scan the network", "Two hosts answered."),
        "task_removal": ("remove the water reminder", "There is no such task."),
    }[what]

    def beats() -> Iterator[float]:
        turn = Turn(her, her.rng.choice(her.world.people), asked)
        turn.receive()
        yield from turn.look_up("initial_context", initial)
        turn.notice_mood()
        yield from turn.spend(work)
        found = True
        if what == "scan":
            found = her.rng.random() < 0.8
            error = "" if found else "nmap: failed to open device"
            her.sandbox_execution(
                "nmap -sn 192.0.2.0/28",
                output="2 hosts up\n" if found else "",
                error=error,
                exit_code=0 if found else 1,
                execution_time=work,
            )
        turn.respond(reply, task_succeeded=found, direct=True)

    return Story(initial + work, beats())


def goes_nowhere(her: Writers, *, group_message: bool = False) -> Story:
    """A rate-limited request, or a group message not meant for HER: the execution stops after its first lookup."""
    initial = lookup_seconds(her)

    def beats() -> Iterator[float]:
        person = her.rng.choice(her.world.people)
        group = her.rng.choice(her.world.groups) if group_message else None
        turn = Turn(her, person, "did anybody see my keys" if group_message else "hello hello hello", group=group)
        turn.receive()
        yield from turn.look_up("initial_context", initial)
        if not group_message:
            her.log("WARNING", "her_telegram.handlers", f"Rate limit reached for @{person.username}")

    return Story(initial, beats())


def in_zone(at: datetime, zone: str) -> str:
    """ISO with the zone's own offset, as a person there would write it."""
    return at.astimezone(ZoneInfo(zone)).isoformat()
