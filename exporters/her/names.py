"""Which words from HER may become members of an open set of label values, and which are `other`.

Loggers, task types, tools, languages and MCP servers come from code and configuration, but nothing in HER enforces it:
a label must never carry a sentence, an id or a secret, whatever arrives.
"""

from __future__ import annotations

import re
from functools import lru_cache

from exporters.core.label import OTHER
from exporters.core.redact import redact

UNNAMED = "unnamed"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@+-]{0,63}\Z")
# Telegram ids have six digits and more, HTTP ports and years fewer.
_ID = re.compile(r"[0-9]{6}")


@lru_cache(maxsize=4096)
def member(word: str) -> str:
    """The word if it looks like a name: up to 64 characters, no space, no id of six digits, no secret. Else `other`."""
    return word if _NAME.match(word) and not _ID.search(word) and redact(word) == word else OTHER


def verdict(value: bool | None) -> str:  # noqa: FBT001 - the value itself, not a switch
    """`yes`, `no`, or `other` where HER did not say."""
    return OTHER if value is None else "yes" if value else "no"


def mode(word: str) -> str:
    """HER's `CHAT_MODE` as the label has it: `chat`."""
    return word.removesuffix("_MODE").lower()
