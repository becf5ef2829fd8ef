"""Who SigmaSight is about, and the stories that its people and administrators tell.

Stories choose their people when they begin, not when they are dealt: history begins them at other times.
"""

import uuid
from datetime import datetime
from itertools import count
from typing import Final

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight import simulate_people as persons
from exporters.sigmasight.simulate_batch import Breakage, admin_run, orchestrator, twins, user_run
from exporters.sigmasight.simulate_chat import Habits, ask, delete_conversation
from exporters.sigmasight.simulate_events import import_portfolio, login, logout, onboard, register
from exporters.sigmasight.simulate_pen import Pen, Story
from exporters.sigmasight.simulate_people import People, Person
from exporters.sigmasight.simulate_tuning import annotate, forget, opinion, remember, review, seed_documents

BREAKAGES: Final[tuple[Breakage | None, ...]] = (
    *(None, "partial", None, "failed", "single_date_tolerated", None, "skipped", "crashed"),
    *(None, "stuck", "single_date", None),
)
CALM_BREAKAGES: Final[tuple[Breakage | None, ...]] = tuple(one for one in BREAKAGES if one != "stuck")
LIKED_ON_CALM_DAYS: Final = 0.84


class Company:
    """The people and the process of one SigmaSight, as the stories need them together."""

    def __init__(self, pen: Pen, habits: Habits, *, legacy: bool) -> None:
        self.pen = pen
        self.habits = habits
        self.legacy = legacy
        self.people = People()
        self.annotations: list[uuid.UUID] = []
        self._errors = count()
        self._breakages = count()

    def found(self, users: int, first: datetime | None = None, last: datetime | None = None) -> None:
        """Before the first story: administrators, users with a portfolio each, a seeded knowledge base.

        They come one by one between two moments; all of them now, where none is given.
        """
        self.pen.move_to(first)
        persons.add_admin(self.pen, self.people, super_admin=True)
        persons.add_admin(self.pen, self.people)
        for number in range(users):
            if first is not None and last is not None:
                self.pen.move_to(first + number / users * (last - first))
            person = persons.sign_up(self.pen, self.people, with_clerk=not self.legacy or number % 2 == 0)
            persons.add_portfolio(self.pen, person)
        seed_documents(self.pen)
        self.pen.move_to(None)

    def resume(self) -> None:
        """Know again who is there already, as a back end that starts; ids go on from no seed, or they would meet."""
        core = self.pen.core
        for row in core.execute("SELECT id, email, full_name, created_at FROM users ORDER BY created_at, id"):
            self.people.users.append(Person(*row))
        by_key = {person.key: person for person in self.people.users}
        for key, user in core.execute("SELECT id, user_id FROM portfolios WHERE deleted_at IS NULL ORDER BY id"):
            by_key[user].portfolios.append(key)
        self.people.admins = [key for (key,) in core.execute("SELECT id FROM admin_users ORDER BY created_at, id")]
        self.pen.rng.seed()
        seed_documents(self.pen)

    def question(self) -> Story:
        """An answered request, sometimes without a tool, sometimes followed by an opinion or a memory."""
        person = self.people.pick(self.pen)
        yield from ask(self.pen, person, self.habits)
        yield self.pen.rng.uniform(2, 30)
        if self.pen.rng.random() < 0.25:
            opinion(self.pen, person, **({"liked": LIKED_ON_CALM_DAYS} if self.habits.calm else {}))
        if self.pen.rng.random() < 0.3:
            remember(self.pen, person)

    def failure(self) -> Story:
        """A request that fails: every error type in turn, and now and then none at all; on calm days by chance."""
        kinds = range(len(names.AI_ERRORS) + 1)
        if self.habits.calm:
            (number,) = self.pen.rng.choices(kinds, names.AI_ERRORS_IN_A_HUNDRED)
        else:
            number = kinds[next(self._errors) % len(kinds)]
        person = self.people.pick(self.pen)
        if number == len(names.AI_ERRORS):
            yield from ask(self.pen, person, self.habits, "untyped_error")
        else:
            yield from ask(self.pen, person, self.habits, error=names.AI_ERRORS[number])

    def rowless(self) -> Story:
        """A request that leaves no row in the metrics, or one without text."""
        person = self.people.pick(self.pen)
        yield from ask(self.pen, person, self.habits, self.pen.rng.choice(("died", "disconnected", "no_text")))

    def arrival(self) -> Story:
        """Somebody new."""
        return onboard(self.pen, self.people, legacy=self.legacy)

    def visit(self) -> Story:
        """Somebody logs in, and out again; without the legacy form nothing of the login is written."""
        person = self.people.pick(self.pen)
        if self.legacy:
            wrong = self.pen.rng.random() < 0.2
            yield from login(self.pen, person, error=self.pen.rng.choice(names.LOGIN_ERRORS) if wrong else None)
        yield 1.0
        yield from logout(self.pen, person)

    def stumble(self) -> Story:
        """A sign-up or an import that fails."""
        if self.legacy and self.pen.rng.random() < 0.5:
            yield from register(self.pen, self.people, error=self.pen.rng.choice(names.REGISTER_ERRORS))
            return
        person = self.people.pick(self.pen)
        yield from import_portfolio(self.pen, person, error=self.pen.rng.choice(names.PORTFOLIO_ERRORS))

    def desk(self) -> Story:
        """An administrator logs in, annotates an answer, reviews older notes."""
        rng = self.pen.rng
        session = persons.admin_session(self.pen, rng.choice(self.people.admins))
        answered = [person for person in self.people.users if person.answers]
        if answered:
            key = annotate(self.pen, self.people, rng.choice(rng.choice(answered).answers))
            self.annotations.append(key)
        yield rng.uniform(5, 60)
        if len(self.annotations) > 3:
            key = self.annotations.pop(0)
            if rng.random() < 0.1:
                self.pen.delete("ai_admin_annotations", key)
            else:
                review(self.pen, key, rng.choice(("reviewed", "applied")))
        if rng.random() < 0.5:
            self.pen.delete("admin_sessions", session)
        else:
            persons.refresh_session(self.pen, session)

    def calculation(self) -> Story:
        """A run of the orchestrator in one of its ways to end, or a user's, which only leaves a phantom."""
        rng = self.pen.rng
        kind = rng.randrange(10)
        if kind < 3:
            return user_run(self.pen, self.people)
        if kind < 4 and not self.habits.calm:
            return twins(self.pen)
        breakages = CALM_BREAKAGES if self.habits.calm else BREAKAGES
        breakage = breakages[next(self._breakages) % len(breakages)]
        if kind < 8:
            return admin_run(self.pen, self.people, breakage)
        return orchestrator(self.pen, rng.choice(("cron", "manual", "onboarding", "settings")), breakage)

    def tidy(self) -> Story:
        """A user deletes: a conversation, all memories, a portfolio, or the account."""
        rng = self.pen.rng
        person = self.people.pick(self.pen)
        kind = rng.randrange(8)
        if kind < 5:
            delete_conversation(self.pen, person)
        elif kind < 6:
            forget(self.pen, person)
        elif kind < 7:
            persons.drop_portfolio(self.pen, person)
        else:
            persons.leave(self.pen, person)
        yield 0.0
