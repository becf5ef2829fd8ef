"""What is kept of a text where the operator switched it on: cleaned, redacted, cut to a documented length.

Done while parsing, so that no event holds a secret, not even in a debugger. Ids are disguised later, by the fold, which
has the key.
"""

from __future__ import annotations

import re

from exporters.core.redact import MARGIN, redact_head, redact_tail

CHAT_CHARACTERS = 4096  # the longest message Telegram carries
LINE_CHARACTERS = 2000
SUMMARY_CHARACTERS = 500
DETAIL_CHARACTERS = 2000
COMMAND_CHARACTERS = 1000
OUTPUT_CHARACTERS = 4000
CONSOLE_CHARACTERS = 4000  # HER itself keeps four prompts of 900 characters, and the last 1800 of an output

# Controls but tab and line break, and halves of surrogate pairs: no log panel should have to draw them.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def head(text: str, characters: int) -> str:
    """The beginning of a text."""
    return redact_head(_clean(text[: characters + MARGIN]), characters)


def tail(text: str, characters: int) -> str:
    """The end of a text: of a command's output, where the error usually is."""
    # One more than redact_tail looks at, so that it knows whether there was anything before.
    return redact_tail(_clean(text[-(characters + MARGIN + 1) :]), characters)


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))
