"""What HER's process logs besides its results: ordinary trouble, the INFO flood of some builds, secrets in log text."""

import base64
import random
from collections.abc import Iterator
from typing import Final

from exporters.her import simulate_words as words
from exporters.her.simulate_wire import Story
from exporters.her.simulate_writers import Writers

URL_SAFE: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def trouble(her: Writers, kind: int | None = None) -> Story:
    """One line of the ordinary kind at WARNING or above; `kind` picks it, so that a deck can show each level."""

    def beats() -> Iterator[float]:
        index = her.rng.randrange(len(words.WARNINGS)) if kind is None else kind % len(words.WARNINGS)
        level, name, message = words.WARNINGS[index]
        yield 0.0
        her.log(level, name, message)
        if her.canaries.planted:
            her.log("WARNING", "her_telegram.handlers", f"Network error while calling {telegram_url(her)}")
            for message in secret_texts(her):
                her.log("WARNING", "her-main", message)

    return Story(0.0, beats())


def info_lines(her: Writers, count: int = 2) -> None:
    """Lines that reach the list only in the build where INFO is active; among them a URL with the bot token."""
    if not her.info_logs:
        return
    her.log("INFO", "httpx", f'HTTP Request: POST {telegram_url(her)} "HTTP/1.1 200 OK"')
    for name, message in her.rng.sample(words.INFOS, count):
        her.log("INFO", name, message)


def telegram_url(her: Writers) -> str:
    """A bot API address as client libraries log it, invented token included."""
    secret = "".join(her.rng.choices(URL_SAFE, k=35))
    token = her.canaries.value("secret.bot_token", f"5551009001:{secret}")
    return f"https://api.telegram.org/bot{token}/getUpdates"


def secret_texts(her: Writers) -> tuple[str, ...]:
    """Log texts with a URL that carries a password, a long hex and a long base64 secret."""
    password = her.canaries.value("secret.url_password", f"pw{her.rng.getrandbits(64):016x}")
    long_hex = her.canaries.value("secret.hex", f"{her.rng.getrandbits(256):064x}")
    blob = her.canaries.value("secret.base64", _blob(her.rng))
    return (
        f"Retrying https://observer:{password}@api.example.org/v1/items",
        f"Session key {long_hex} was refused",
        f"Authorization header rejected: Bearer {blob}",
    )


def _blob(rng: random.Random) -> str:
    return base64.b64encode(rng.randbytes(48)).decode()
