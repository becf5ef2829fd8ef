"""Mails as the sink keeps them: one .eml file each, in the folder `new`."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path


def stored(folder: Path) -> list[Path]:
    """The files of all mails, the oldest first."""
    return sorted((folder / "new").glob("*.eml"))


def read(path: Path) -> EmailMessage:
    with path.open("rb") as file:
        return BytesParser(EmailMessage, policy=default).parse(file)


def text_of(mail: EmailMessage) -> str:
    """What a person reads in `mail`: its plain text, or else its HTML without the marks."""
    part = mail.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    content = part.get_content()
    text = content if isinstance(content, str) else content.decode(errors="replace")
    if part.get_content_subtype() != "html":
        return text
    reader = _Text()
    reader.feed(text)
    reader.close()
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", "".join(reader.parts)).strip()


class _Text(HTMLParser):
    """Collects the visible text of an HTML mail, with the addresses of its links."""

    _UNSEEN = frozenset({"style", "script", "head", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._UNSEEN:
            self._hidden += 1
        elif tag == "a":
            self.parts.append(f"[{dict(attrs).get('href') or ''}] ")
        elif tag in {"br", "p", "div", "tr", "table", "h1", "h2", "h3", "li"}:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN:
            self._hidden = max(0, self._hidden - 1)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
