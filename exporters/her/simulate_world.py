"""The invented people and groups of the simulated HER. Nobody in here exists."""

import random
from dataclasses import dataclass, field
from typing import Final

from exporters.her.simulate_canary import Canaries

FIRST_NAMES: Final = (
    "Mirelda",
    "Tobrin",
    "Ysolde",
    "Quennel",
    "Zaphira",
    "Orsino",
    "Lunette",
    "Fennick",
    "Ambry",
    "Caddoc",
)
LAST_NAMES: Final = (
    "Quillfeather",
    "Vandermist",
    "Ashgrove",
    "Pellucid",
    "Thornwick",
    "Marrowby",
    "Glasswell",
    "Ünderhill",
)
TIMEZONES: Final = ("Europe/Rome", "America/New_York", "Asia/Kolkata", "UTC")
LANGUAGES: Final = ("en", "en", "en", "it", "de")


@dataclass(slots=True)
class Person:
    """Somebody who talks to HER, and what HER's process keeps in mind about them. Scores are 0.1 to 1.0."""

    user_id: str
    name: str
    username: str
    language: str
    timezone: str
    chat_id: int | None
    engagement: float = 0.5
    initiative: float = 0.5
    mood: str = "calm"
    mood_intensity: float = 0.5
    messages_sent_today: int = 0
    last_proactive_at: str = ""
    last_reply: str = ""
    active: bool = False
    reflection: dict[str, object] = field(default_factory=dict)
    traits: dict[str, float] = field(
        default_factory=lambda: {"concise": 0.5, "helpful": 0.5, "empathy": 0.5, "initiative": 0.5}
    )


@dataclass(frozen=True, slots=True)
class World:
    """Everybody: Telegram users, API users (any text is an id there), group chats (negative ids)."""

    people: tuple[Person, ...]
    api_people: tuple[Person, ...]
    groups: tuple[int, ...]


def populate(users: int, rng: random.Random, canaries: Canaries) -> World:
    """`users` Telegram people, two API users, two groups. Canaries give everybody an id and a name to look for.

    Raises ValueError for fewer than one user.
    """
    if users < 1:
        msg = f"users must be at least 1, not {users}"
        raise ValueError(msg)
    people = []
    for index in range(users):
        number = str(5_551_001 + index)
        if canaries.planted:
            number = canaries.value(f"user_id.{index}", f"5551{rng.randrange(10**7):07d}")
        first = FIRST_NAMES[index % len(FIRST_NAMES)]
        last = LAST_NAMES[index % len(LAST_NAMES)]
        people.append(
            Person(
                user_id=number,
                name=canaries.word("name", f"{first} {last}"),
                username=canaries.word("username", f"{first[:4].lower()}_{index}"),
                language=LANGUAGES[index % len(LANGUAGES)],
                timezone=TIMEZONES[index % len(TIMEZONES)],
                chat_id=int(number),
            )
        )
    api_people = tuple(
        Person(canaries.word("api_user_id", label), label, label, "en", "UTC", None)
        for label in ("home-panel", "notes-plugin")
    )
    groups = []
    for index in range(2):
        number = f"100{rng.randrange(10**10):010d}" if canaries.planted else f"100555190{index}"
        groups.append(-int(canaries.value(f"group_chat_id.{index}", number)))
    return World(tuple(people), api_people, tuple(groups))
