"""The invented SigmaSight's PostgreSQL: one server, two databases, an account for numbers and one for words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exporters.demo.ports import LOOPBACK
from exporters.demo.postgres import SUPERUSER, Postgres
from exporters.demo.process import ServerError
from exporters.demo.stage import Stage

HALVES = {"core": "sigmasight_core", "ai": "sigmasight_ai"}
"""Half -> its database, in which core_observer or ai_observer reads numbers, core_reader or ai_reader words."""
NAME = "SigmaSight's PostgreSQL"
PURPOSE = "what an invented SigmaSight keeps of its people, answers and nights"


@dataclass(frozen=True, slots=True)
class Databases:
    """settings: half -> what stands under it in observatory.yml. for_simulator: arguments of SigmaSight's simulator."""

    settings: dict[str, dict[str, Any]]
    for_simulator: tuple[str, ...]


def sigmasight_databases(stage: Stage) -> Databases | None:
    """Start the server; None after telling why there is none. Its simulator makes databases, accounts and tables."""
    try:
        postgres = Postgres(
            stage.folder / "sigmasight" / "postgres",
            stage.port(5433, NAME),
            password_file=stage.secret_file("sigmasight_superuser_password"),
            # What is invented may be lost with the machine, and a month of it is written at once.
            settings={"synchronous_commit": "off"},
            name=NAME,
        )
    except ServerError as error:
        stage.leave_out(NAME, PURPOSE, str(error), "SigmaSight and its pages are left out")
        return None
    stage.start(postgres, address=f"{LOOPBACK}:{postgres.port}", purpose=PURPOSE)
    return Databases(
        settings={half: _settings(stage, half, dbname, postgres.port) for half, dbname in HALVES.items()},
        for_simulator=(
            "--make-databases",
            *(word for half, dbname in HALVES.items() for word in _for_simulator(stage, half, dbname, postgres)),
        ),
    )


def _password(stage: Stage, half: str, role: str) -> str:
    return str(stage.secret_file(f"sigmasight_{half}_{role}_password"))


def _settings(stage: Stage, half: str, dbname: str, port: int) -> dict[str, Any]:
    reader = {"user": f"{half}_reader", "password_file": _password(stage, half, "reader")}
    return {
        "host": LOOPBACK,
        "port": port,
        "dbname": dbname,
        "user": f"{half}_observer",
        "password_file": _password(stage, half, "observer"),
        # A server on loopback speaks no TLS.
        "text": {**reader, "sslmode": "disable"},
    }


def _for_simulator(stage: Stage, half: str, dbname: str, postgres: Postgres) -> tuple[str, ...]:
    return (
        *(f"--{half}.host", LOOPBACK, f"--{half}.port", str(postgres.port), f"--{half}.dbname", dbname),
        *(f"--{half}.user", SUPERUSER, f"--{half}.password-file", str(postgres.password_file)),
        *(f"--{half}.observer", f"{half}_observer"),
        *(f"--{half}.observer-password-file", _password(stage, half, "observer")),
        *(f"--{half}.reader", f"{half}_reader"),
        *(f"--{half}.reader-password-file", _password(stage, half, "reader")),
    )
