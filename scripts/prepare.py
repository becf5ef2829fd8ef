#!/usr/bin/env python3
"""Make what the compose stack needs on this machine: its secrets, and observatory.yml and prices.yml if there are none.

usage: prepare.py [--secrets DIRECTORY] [--env-file .env] [--config observatory.yml] [--prices prices.yml] [--invent]

Secrets are made once and never overwritten, except that a password set in .env (or in the environment) replaces
the one in its file: it is the operator's word. Standard library only, any Python from 3.10 on.

The directory is closed to everybody but its owner (0700). The files in it can be read by all (0444), because compose
mounts each as it is into a container whose user has another number: only who may enter the directory, or runs in that
container, ever gets to one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import stat
import sys
from pathlib import Path

from dotenv import DotenvError, read_settings

GENERATED = (
    "grafana_admin_password",
    "grafana_secret_key",
    "grafana_restricted_admin_password",
    "grafana_restricted_secret_key",
    "influxdb_admin_password",
    "influxdb_admin_token",
    "hash_key",
)
"""Random, 256 bits each."""

GIVEN = {
    "her_redis_password": "REDIS_PASSWORD",
    "her_postgres_password": "POSTGRES_PASSWORD",
    "her_postgres_text_password": "POSTGRES_TEXT_PASSWORD",
    "sigmasight_core_password": "SIGMASIGHT_CORE_PASSWORD",
    "sigmasight_ai_password": "SIGMASIGHT_AI_PASSWORD",
    "sigmasight_core_text_password": "SIGMASIGHT_CORE_TEXT_PASSWORD",
    "sigmasight_ai_text_password": "SIGMASIGHT_AI_TEXT_PASSWORD",
    "smtp_password": "SMTP_PASSWORD",
    "sms_urls": "SMS_URLS",
}
"""File -> the variable that may hold it. Empty where the operator named none: the server asks for no password."""

NOT_INVENTED = frozenset({"sms_urls"})
"""No server of the demo's own would take a made-up one."""

POSTGRES = {"user": "POSTGRES_USER", "dbname": "POSTGRES_DB", "memory_table": "MEMORY_COLLECTION_NAME"}
"""Key of the section -> HER's own variable."""

WORDS = (
    *("REDIS_HOST", "REDIS_PORT", "REDIS_USERNAME", "POSTGRES_HOST", "POSTGRES_PORT"),
    *POSTGRES.values(),
    "POSTGRES_TEXT_USER",
    *GIVEN.values(),
)

EXAMPLE = Path(__file__).resolve().parent.parent / "observatory.example.yml"
REDIS_OF_EXAMPLE = re.compile(r"redis: \{host: .*\}")
POSTGRES_OF_EXAMPLE = re.compile(r"# postgres: \{host: .*\}")

OWNER_ONLY = 0o700
READABLE = 0o444


def make_secrets(directory: Path, settings: dict[str, str], *, invent: bool) -> list[str]:
    """Make the directory and what is missing in it; returns the paths that are new or changed, for the operator.

    invent: random passwords also for what would otherwise have none (the demo's own servers).
    """
    directory.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) != OWNER_ONLY:
        directory.chmod(OWNER_ONLY)
    made = [name for name in GENERATED if place(directory / name, generated(name), replace=False)]
    for name, variable in GIVEN.items():
        given = settings.get(variable, "")
        text = given or (secrets.token_urlsafe(32) if invent and name not in NOT_INVENTED else "")
        if place(directory / name, text, replace=bool(given)):
            made.append(name)
    return [str(directory / name) for name in made]


def generated(name: str) -> str:
    """A new secret. The hash key is read as hexadecimal digits; the others go where any letters do."""
    return secrets.token_hex(32) if name == "hash_key" else secrets.token_urlsafe(32)


def place(path: Path, text: str, *, replace: bool, mode: int = READABLE) -> bool:
    """Put the text there whole or not at all; True if the file is new or another one now."""
    if path.exists() and (not replace or path.read_text(encoding="utf-8") == text):
        return False
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.chmod(mode)
    if replace:
        fresh.replace(path)
        return True
    try:
        # Unlike a rename it fails where a file is, so that two runs at once cannot make two secrets of one.
        path.hardlink_to(fresh)
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    return True


def make_config(path: Path, settings: dict[str, str]) -> bool:
    """Write the first observatory.yml: the example with HER's own variables in it. False if there is one already.

    Raises SystemExit with what to do when there is neither.
    """
    host = settings.get("REDIS_HOST", "")
    if path.exists():
        for name in ("REDIS_HOST", "POSTGRES_HOST"):
            if settings.get(name) and settings[name] not in path.read_text(encoding="utf-8"):
                print(f"prepare: {path} is what counts, and it does not name {name}={settings[name]}", file=sys.stderr)
        return False
    if not host:
        message = (
            f"prepare: nothing to watch yet. Either set REDIS_HOST (and REDIS_PASSWORD) in .env,\n"
            f"or copy observatory.example.yml to {path} and say there what to watch."
        )
        raise SystemExit(message)
    redis = address(settings, "REDIS_HOST", "REDIS_PORT", "6379")
    if settings.get("REDIS_USERNAME"):
        redis["username"] = settings["REDIS_USERNAME"]
    if settings.get("REDIS_PASSWORD"):
        # Without a password no word of its file: an empty one is refused.
        redis["password_file"] = "/run/secrets/her_redis_password"  # noqa: S105 - a path
    example = EXAMPLE.read_text(encoding="utf-8")
    # JSON is YAML, and quotes what needs it.
    made = REDIS_OF_EXAMPLE.sub(lambda _: f"redis: {json.dumps(redis)}", example, count=1)
    if settings.get("POSTGRES_HOST"):
        postgres: dict[str, object] = {**address(settings, "POSTGRES_HOST", "POSTGRES_PORT", "5432"), "user": "her"}
        postgres |= {key: settings[name] for key, name in POSTGRES.items() if settings.get(name)}
        if settings.get("POSTGRES_PASSWORD"):
            postgres["password_file"] = "/run/secrets/her_postgres_password"  # noqa: S105 - a path
        if settings.get("POSTGRES_TEXT_USER"):
            postgres["memory_text"] = {
                "user": settings["POSTGRES_TEXT_USER"],
                "password_file": "/run/secrets/her_postgres_text_password",
            }
        made = POSTGRES_OF_EXAMPLE.sub(lambda _: f"postgres: {json.dumps(postgres)}", made, count=1)
    path.write_text(made, encoding="utf-8")
    # A container's user reads it; it names password files and holds no password.
    path.chmod(0o644)
    return True


def make_prices(path: Path) -> bool:
    """The first price table, the example's invented one: a container cannot mount a file that is not there."""
    return place(path, EXAMPLE.with_name("prices.example.yml").read_text(encoding="utf-8"), replace=False, mode=0o644)


def address(settings: dict[str, str], named: str, numbered: str, otherwise: str) -> dict[str, str | int]:
    """Where a server is, by its two variables. Raises SystemExit for what is no host and no port."""
    host, port = settings.get(named, ""), settings.get(numbered, "") or otherwise
    if not port.isdigit() or not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
        message = f"prepare: {named}={host} {numbered}={port}: a host name or address, and a number"
        raise SystemExit(message)
    return {"host": host, "port": int(port)}


def main() -> int:
    """Prepare, say what was made (paths, never contents); returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--secrets", type=Path, default=Path("secrets"))
    parser.add_argument("--env-file", type=Path, default=Path(".env"))
    parser.add_argument("--config", type=Path, default=Path("observatory.yml"))
    parser.add_argument("--prices", type=Path, default=Path("prices.yml"))
    parser.add_argument("--invent", action="store_true", help="random passwords where none is given (the demo)")
    options = parser.parse_args()
    try:
        settings = read_settings(options.env_file)
        # The environment wins over the file, as with compose.
        settings |= {name: os.environ[name] for name in WORDS if os.environ.get(name)}
    except DotenvError as problem:
        print(f"prepare: {problem}", file=sys.stderr)
        return 2
    if make_config(options.config, settings):
        print(f"made {options.config}")
    if make_prices(options.prices):
        print(f"made {options.prices}")
    for path in make_secrets(options.secrets, settings, invent=options.invent):
        print(f"made {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
