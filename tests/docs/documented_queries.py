"""The queries of docs/queries.md, as the page has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "queries.md"

_HEADING = re.compile(r"^###\s+(.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Query:
    """One fenced query. may_be_empty: the sentence above it says so."""

    question: str
    language: Literal["promql", "flux"]
    text: str
    sentence: str

    @property
    def may_be_empty(self) -> bool:
        return "may be empty" in self.sentence.lower()


def queries(page: str) -> list[Query]:
    """Every query under a question. Raises ValueError for a block in another language or outside a question."""
    pieces = _HEADING.split(page)
    if _FENCE.search(pieces[0]):
        msg = "a query stands outside any question"
        raise ValueError(msg)
    found: list[Query] = []
    for question, body in zip(pieces[1::2], pieces[2::2], strict=True):
        sentence = _FENCE.split(body)[0].strip()
        for language, text in _FENCE.findall(body):
            if language not in ("promql", "flux"):
                msg = f"{question}: a block in {language or 'no language'}"
                raise ValueError(msg)
            found.append(Query(question, language, text.strip(), sentence))
    return found
