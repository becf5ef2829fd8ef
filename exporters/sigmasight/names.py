"""Which words from SigmaSight may become members of an open set of label values, and which are `other`.

A model can invent the name of a tool, an error's type comes from the provider, an error code is the name of an
exception class: nothing enforces that they are names. A label must never carry a sentence, an id, an address or a
secret, whatever arrives.
"""

from __future__ import annotations

import re
from functools import lru_cache

from exporters.core.label import OTHER
from exporters.core.llm import NO_ERROR, UNKNOWN_MODEL, UNNAMED_ERROR
from exporters.core.redact import redact

UNNAMED = "unnamed"
UNKNOWN_TOOL = "unknown"
"""What the back end calls a tool whose name is missing; `unknown_tool` is a name that it writes itself."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/+-]{0,63}\Z")
_ID = re.compile(r"[0-9]{6}")
# Models carry dates (…-20250929), versions after an `@` and slashes.
_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/+-]{0,98}(?:@[A-Za-z0-9_-]{1,32})?\Z")
_LONG_ID = re.compile(r"[0-9]{9}")


@lru_cache(maxsize=4096)
def member(word: str) -> str:
    """The word if it looks like a name: up to 64 characters, no space, no id of six digits, no secret. Else `other`."""
    return word if _NAME.match(word) and not _ID.search(word) and redact(word) == word else OTHER


@lru_cache(maxsize=4096)
def model(word: str) -> str:
    """The name of a model, `unknown` for an empty one, `other` for what cannot be one."""
    if not word:
        return UNKNOWN_MODEL
    fits = _MODEL.match(word) and not _LONG_ID.search(word) and redact(word) == word
    return word if fits else OTHER


@lru_cache(maxsize=4096)
def error_type(word: str | None) -> str:
    """The type of a failed request; empty for none (NULL), which the back end counts as success.

    An empty text is not NULL: the back end counts it as a failure, and so do we.
    """
    if word is None:
        return NO_ERROR
    known = member(word)
    return UNNAMED_ERROR if known == OTHER else known


@lru_cache(maxsize=4096)
def error_code(word: str) -> str:
    """The code of a failed step; `unnamed` for an empty one."""
    return member(word) if word else UNNAMED
