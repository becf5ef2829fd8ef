"""Small things that happen outside a conversation: slash commands, personality, MCP tools."""

from collections.abc import Iterator
from typing import Final

from exporters.her import simulate_words as words
from exporters.her.simulate_chatter import info_lines
from exporters.her.simulate_wire import Story
from exporters.her.simulate_writers import Writers

SCHEDULE_COMMANDS: Final = ("schedule_add", "schedule_toggle", "schedule_interval_update", "schedule_run_now")


def schedule_command(her: Writers, command: str | None = None) -> Story:
    """A slash command about a task: a decision, and no interaction."""

    def beats() -> Iterator[float]:
        yield 0.0
        what = her.rng.choice(SCHEDULE_COMMANDS) if command is None else command
        person = her.rng.choice(her.world.people)
        task = her.canaries.word("task.name", "evening_walk")
        details: dict[str, dict[str, object]] = {
            "schedule_add": {"type": "custom", "interval": "daily", "saved": True, "details": "saved"},
            "schedule_toggle": {"enabled": False, "saved": True, "details": "saved"},
            "schedule_interval_update": {"interval": "hourly", "saved": True, "details": "saved"},
            "schedule_run_now": {},
        }
        her.decision(
            what,
            "telegram",
            summary=f"{what} {task}",
            user_id=person.user_id,
            details={"task": task, **details[what]},
        )
        her.publish_scheduler_state()

    return Story(0.0, beats())


def personality(her: Writers, *, of_system: bool = False) -> Story:
    """The personality agent turns a trait; for the pseudo user `system` after a self optimization."""

    def beats() -> Iterator[float]:
        yield 0.0
        trait = her.rng.choice(words.TRAITS)
        delta = her.rng.choice((-5, -2, 2, 5))
        her.decision(
            "personality_adjustment",
            "personality_agent",
            summary=f"Personality trait {trait} adjusted",
            user_id="system" if of_system else her.rng.choice(her.world.people).user_id,
            details={"trait": trait, "delta": delta, "new_value": 50 + delta},
        )

    return Story(0.0, beats())


def tool_call(her: Writers) -> Story:
    """A call of an MCP tool. No `tool_result` follows: both ways of calling one fail before it is written."""

    def beats() -> Iterator[float]:
        yield 0.0
        tool = her.rng.choice(("fetch.fetch", "filesystem.list_directory"))
        details = {"tool": tool, "args_preview": '{"url": "https://example.org"}'}
        her.decision("tool_call", "mcp_tools", summary=f"Calling {tool}", details=details)
        her.log("ERROR", "her_mcp.manager", f"MCP tool {tool} failed: attached to a different loop")
        info_lines(her)

    return Story(0.0, beats())
