"""`user_activity_events`, and the stories that write them: the forms of sign-up, login and portfolio creation."""

import uuid
from collections.abc import Mapping
from typing import Final

from psycopg.types.json import Jsonb

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight import simulate_people as persons
from exporters.sigmasight.simulate_pen import Pen, Story
from exporters.sigmasight.simulate_people import AGENT, People, Person

REAL_KEYS: Final = frozenset({"portfolio_id", "conversation_id", "message_id", "rating", "position_count"})
ENDS_FIRST_ONE_IN: Final = 12
"""Start and end of one request are independent tasks: at times the end is stamped first."""


def event(
    pen: Pen,
    event_type: str,
    *,
    user: uuid.UUID | None,
    data: Mapping[str, object] | None = None,
    error: str | None = None,
    message: str | None = None,
) -> uuid.UUID:
    """One row. The category is what stands before the first dot; `session_id` is never filled by anybody."""
    category, dot, _ = event_type.partition(".")
    return pen.insert(
        "user_activity_events",
        {
            "user_id": user,
            "event_type": event_type,
            "event_category": category if dot else "unknown",
            "event_data": Jsonb({key: _canary(pen, key, value) for key, value in (data or {}).items()}),
            "error_code": error,
            "error_message": pen.canaries.text("user_activity_events.error_message", message) if message else None,
            "ip_address": pen.canaries.code("user_activity_events.ip_address", f"198.51.100.{pen.rng.randrange(255)}"),
            "user_agent": pen.canaries.text("user_activity_events.user_agent", AGENT),
            "created_at": pen.now(),
        },
    )


def _canary(pen: Pen, key: str, value: object) -> object:
    if key in REAL_KEYS:
        return value
    return pen.canaries.word("user_activity_events.event_data", str(value))


def register(pen: Pen, people: People, error: str | None = None) -> Story:
    """The legacy form, which the live pages do not show: start, then complete or an error. Nobody is logged in yet."""
    email, _ = persons.invented(pen, len(people.users))
    at_first = pen.rng.randrange(ENDS_FIRST_ONE_IN) == 0 and error is not None
    if not at_first:
        event(pen, "onboarding.register_start", user=None, data={"email": email})
        yield pen.rng.uniform(0.05, 0.6)
    if error is None:
        person = persons.sign_up(pen, people, with_clerk=False)
        event(pen, "onboarding.register_complete", user=person.key, data={"email": email})
        return
    message = f"duplicate key value violates unique constraint; parameters: ('{email}',)"
    event(pen, "onboarding.register_error", user=None, data={"email": email}, error=error, message=message)
    if at_first:
        yield 0.001
        event(pen, "onboarding.register_start", user=None, data={"email": email})


def login(pen: Pen, person: Person, error: str | None = None) -> Story:
    """The password login; its events are in the category onboarding. A failure knows an address and no user."""
    if error is None:
        event(pen, "onboarding.login_success", user=person.key)
    else:
        message = f"login refused for {person.email}"
        event(pen, "onboarding.login_error", user=None, data={"email": person.email}, error=error, message=message)
    yield 0.0


def logout(pen: Pen, person: Person) -> Story:
    """The logout route."""
    event(pen, "auth.logout", user=person.key)
    yield 0.0


def import_portfolio(pen: Pen, person: Person, error: str | None = None) -> Story:
    """A portfolio from a CSV file: start, then complete or an error, in either order of stamps."""
    event(pen, "onboarding.portfolio_start", user=person.key)
    yield pen.rng.uniform(0.4, 8)
    if error is None:
        key = persons.add_portfolio(pen, person)
        data = {"portfolio_id": str(key), "portfolio_name": "Retirement", "position_count": pen.rng.randrange(3, 80)}
        event(pen, "onboarding.portfolio_complete", user=person.key, data=data)
    else:
        message = f"row 7 of {person.name}: quantity is not a number"
        event(pen, "onboarding.portfolio_error", user=person.key, error=error, message=message)


def onboard(pen: Pen, people: People, *, legacy: bool) -> Story:
    """Somebody comes: by the legacy form with its errors, or by Clerk without a trace; then a portfolio."""
    rng = pen.rng
    if legacy:
        while rng.random() < 0.25:
            yield from register(pen, people, error=rng.choice(names.REGISTER_ERRORS))
            yield rng.uniform(5, 40)
        yield from register(pen, people)
        person = people.users[-1]
        yield rng.uniform(2, 30)
        if rng.random() < 0.2:
            yield from login(pen, person, error=rng.choice(names.LOGIN_ERRORS))
            yield rng.uniform(3, 20)
        yield from login(pen, person)
    else:
        person = persons.sign_up(pen, people)
    yield rng.uniform(10, 120)
    if rng.random() < 0.15:
        return
    if rng.random() < 0.3:
        yield from import_portfolio(pen, person, error=rng.choice(names.PORTFOLIO_ERRORS))
        yield rng.uniform(20, 90)
    if rng.random() < 0.85:
        yield from import_portfolio(pen, person)
