"""The invented people of SigmaSight: users with portfolios, administrators. Nobody in here exists."""

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight.simulate_pen import Pen

FIRST_NAMES: Final = ("Mirelda", "Tobrin", "Ysolde", "Quennel", "Zaphira", "Orsino", "Lunette", "Fennick")
LAST_NAMES: Final = ("Quillfeather", "Vandermist", "Ashgrove", "Pellucid", "Thornwick", "Marrowby", "Glasswell")
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"


@dataclass(slots=True)
class Person:
    """A user. conversations: (id, mode). answers: newest message ids. rated: message -> feedback."""

    key: uuid.UUID
    email: str
    name: str
    since: datetime
    portfolios: list[uuid.UUID] = field(default_factory=list)
    conversations: list[tuple[uuid.UUID, str]] = field(default_factory=list)
    memories: list[uuid.UUID] = field(default_factory=list)
    answers: list[uuid.UUID] = field(default_factory=list)
    rated: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)


@dataclass(slots=True)
class People:
    """Everybody so far, in order of arrival."""

    users: list[Person] = field(default_factory=list)
    admins: list[uuid.UUID] = field(default_factory=list)

    def pick(self, pen: Pen) -> Person:
        """One of the users who have signed up by now; the first ones are the most diligent."""
        now = pen.now()
        here = [person for person in self.users if person.since <= now] or self.users[:1]
        return here[min(int(pen.rng.expovariate(1.0) * len(here) / 3), len(here) - 1)]


def invented(pen: Pen, number: int) -> tuple[str, str]:
    """(e-mail address, full name) of the number-th person."""
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    local = pen.canaries.word("users.email", f"{first}.{last}.{number}".lower())
    return f"{local}@mail.invalid", pen.canaries.text("users.full_name", f"{first} {last}")


def sign_up(pen: Pen, people: People, *, with_clerk: bool = True) -> Person:
    """A row in `users`. The live sign-up goes through Clerk and writes no event of any kind."""
    number = len(people.users)
    email, name = invented(pen, number)
    at = pen.now()
    person = Person(pen.new_id(), email, name, at)
    pen.core.execute(
        "INSERT INTO users (id, email, hashed_password, full_name, is_active, created_at, updated_at, clerk_user_id,"
        " tier, invite_validated, ai_messages_used, ai_messages_reset_at)"
        " VALUES (%s, %s, %s, %s, true, %s, %s, %s, %s, %s, 0, %s)",
        (
            person.key,
            email,
            pen.canaries.text("users.hashed_password", f"$2b$12${pen.rng.getrandbits(64):016x}"),
            name,
            at,
            at,
            pen.canaries.word("users.clerk_user_id", f"user_{pen.rng.getrandbits(64):016x}") if with_clerk else None,
            "paid" if number % 5 == 4 else "free",
            number % 3 > 0,
            at,
        ),
    )
    pen.produced["users"] += 1
    people.users.append(person)
    return person


def leave(pen: Pen, person: Person) -> None:
    """Deleted in Clerk: the row stays, inactive."""
    pen.update("users", person.key, {"is_active": False, "updated_at": pen.now()})


def add_portfolio(pen: Pen, person: Person) -> uuid.UUID:
    """A row in `portfolios`; through the JSON route it is all there is."""
    at = pen.now()
    number = len(person.portfolios) + 1
    word = pen.canaries.word
    key = pen.insert(
        "portfolios",
        {
            "user_id": person.key,
            "name": word("portfolios.name", f"Portfolio {number}"),
            "description": pen.canaries.text("portfolios.description", "imported") if number % 2 else None,
            "currency": "USD",
            "created_at": at,
            "updated_at": at,
            "equity_balance": pen.rng.randrange(10_000, 900_000),
            "account_name": pen.canaries.text("portfolios.account_name", f"Account {number}", 100),
            "account_type": "taxable",
        },
    )
    person.portfolios.append(key)
    return key


def drop_portfolio(pen: Pen, person: Person) -> None:
    """Soft deletion."""
    if person.portfolios:
        pen.update("portfolios", person.portfolios.pop(), {"deleted_at": pen.now(), "is_active": False})


def add_admin(pen: Pen, people: People, *, super_admin: bool = False) -> uuid.UUID:
    """An administrator."""
    number = len(people.admins)
    at = pen.now()
    word = pen.canaries.word
    key = pen.insert(
        "admin_users",
        {
            "email": f"{word('admin_users.email', f'admin.{pen.rng.getrandbits(32):08x}')}@mail.invalid",
            "hashed_password": pen.canaries.text("admin_users.hashed_password", "$2b$12$admin"),
            "full_name": pen.canaries.text("admin_users.full_name", f"{LAST_NAMES[number % 7]} the {number}th"),
            "role": "super_admin" if super_admin else "admin",
            "is_active": True,
            "created_at": at,
            "updated_at": at,
        },
    )
    people.admins.append(key)
    return key


def admin_session(pen: Pen, admin: uuid.UUID) -> uuid.UUID:
    """A login: eight hours, hashed token; the row is not enforced by anything."""
    at: datetime = pen.now()
    pen.update("admin_users", admin, {"last_login_at": at})
    return pen.insert(
        "admin_sessions",
        {
            "admin_user_id": admin,
            "token_hash": pen.canaries.text(
                "admin_sessions.token_hash", hashlib.sha256(pen.rng.randbytes(16)).hexdigest()
            ),
            "ip_address": pen.canaries.code("admin_sessions.ip_address", "192.0.2.7"),
            "user_agent": pen.canaries.text("admin_sessions.user_agent", AGENT, 500),
            "created_at": at,
            "expires_at": at + timedelta(hours=names.SESSION_HOURS),
        },
    )


def refresh_session(pen: Pen, session: uuid.UUID) -> None:
    """The token was renewed: the row is rewritten."""
    pen.update("admin_sessions", session, {"expires_at": pen.now() + timedelta(hours=names.SESSION_HOURS)})
