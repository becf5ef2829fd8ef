"""The first steps of each runbook, for the alert's own mail: whoever is woken by it may have no repository at hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from exporters.core.errors import DeclarationError

FILE = Path(__file__).parents[2] / "docs" / "runbooks.md"
"""One heading per alert, and below it paragraphs that begin with Known, Look and Do."""

_EMPHASIS = re.compile(r"(?<![\w`])\*([^*`]+)\*(?!\w)")


def first_steps(text: str) -> Mapping[str, str]:
    """Alert -> its paragraphs Look and Do, without Markdown's line breaks and emphasis.

    Raises DeclarationError for what Prometheus would take for a template of its own.
    """
    steps: dict[str, str] = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        name, _, body = section.partition("\n")
        paragraphs = (" ".join(paragraph.split()) for paragraph in body.split("\n\n"))
        wanted = [_EMPHASIS.sub(r"\1", p) for p in paragraphs if p.startswith(("Look: ", "Do: "))]
        if any("{{" in paragraph for paragraph in wanted):
            msg = f"runbook of {name}: {{{{ begins a template in an annotation"
            raise DeclarationError(msg)
        steps[name.strip()] = " ".join(wanted)
    return steps
