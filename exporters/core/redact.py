"""Secrets out of texts, before a text goes anywhere.

    redact("GET https://api.telegram.org/bot5551009001:AAH…/getMe")  ->  "GET https://api.telegram.org/bot[redacted]/getMe"

What goes: Telegram bot tokens, user and password inside URLs, Authorization and Bearer values, `name=value` and
`--name value` where the name says secret, keys with a well-known prefix (AWS, OpenAI, GitHub and their like), JSON Web
Tokens, private key blocks, and every run of 32 or more characters of hexadecimal or base64 that is not made of words.
What remains readable: words, paths and identifiers made of words, numbers. In doubt a text loses a harmless word.

Every pattern is linear in the length of the text: quantifiers are bounded, possessive, or followed by nothing that can
fail. 5 MB of any text take seconds at worst, not minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

PLACEHOLDER = "[redacted]"
MARGIN = 4096
"""Characters beyond a cut that are looked at too: a secret that the cut would halve is still recognised."""

_KEY = "[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?"
_PREFIXES = "sk|pk|rk|gsk|ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[abeoprs]|hf|tvly|npm|AIza"

# A value: quoted up to its own quote (a backslash before the quote when the text is a string within a string), or bare
# up to a space or quote. Brackets and commas may belong to a password, so they go too.
_VALUE = (
    r"""(?:(?P<nested>\\["'])|(?P<double>")|(?P<single>'))?(?P<secret>(?(nested)[^"'\\\r\n]*+"""
    r"""|(?(double)(?:[^"\\\r\n]|\\.)*+|(?(single)(?:[^'\\\r\n]|\\.)*+|[^\s"']++))))"""
)

_TELLTALE = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|api[_-]?key|apikey|access[_-]?key|private[_-]?key|secret[_-]?key"
    r"|signing[_-]?key|encryption[_-]?key|account[_-]?key|credentials?|session[_-]?id)"
    r"(?:[_-][a-z0-9_-]{0,24}|[0-9]{1,4})?"
    r"|token"
)

_PATTERNS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"-----BEGIN {_KEY}-----(?P<secret>(?s:.*?))(?:-----END {_KEY}-----|\Z)",
        # The method's name in a bot API address, or a bare token.
        r"(?i:bot)(?P<secret>[0-9]{1,20}(?::|%3[Aa])[A-Za-z0-9_-]++)",
        r"(?<![0-9])(?P<secret>[0-9]{6,12}:[A-Za-z0-9_-]{30,}+)",
        # The last `@` of the word, as browsers read it: passwords hold `@` and `/` unescaped often enough.
        r"://(?P<secret>[^\s/?#@:\"'<>]{0,256}+:[^\s\"'<>]{0,256})@",
        r"://(?P<secret>[^\s/?#@:\"'<>]{1,256}+)@",
        r"(?i:authorization|(?:set-)?cookie)\\?[\"']?[ \t]{0,8}[:=][ \t]{0,8}\\?[\"']?(?P<secret>[^\r\n\"'\\]++)",
        r"(?i:bearer)[ \t]{1,8}(?P<secret>[A-Za-z0-9._~+/=-]{6,}+)",
        rf"(?i:{_TELLTALE})\\?[\"']?[ \t]{{0,4}}(?:=>|:=|[:=])[ \t]{{0,4}}{_VALUE}",
        r"(?<![A-Za-z0-9_-])--?(?i:password|passwd|passphrase|pass|pwd|token|secret|api-?key)[ \t]{1,4}" + _VALUE,
        r"(?<![^\s\"'])(?:-u|--user|--proxy-user)[ \t=]{1,4}[\"']?(?P<secret>[^\s:\"']{1,256}+:[^\s\"']++)",
        r"(?<=[?&])(?i:key|sig|signature|code|auth)=(?P<secret>[^\s&\"'<>]++)",
        r"(?<![A-Za-z0-9])(?P<secret>(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{12,}+)",
        rf"(?<![A-Za-z0-9])(?P<secret>(?:{_PREFIXES})[-_]?[A-Za-z0-9_-]{{16,}}+)",
        # Without a lookbehind each `-eyJ` inside a long run would scan the rest of it again.
        r"(?<![A-Za-z0-9_-])(?P<secret>eyJ[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+)?)",
    )
)
_LONG_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}+={0,2}")
_KEY_END = re.compile(f"-----END {_KEY}-----")
_KEY_BEGIN = "-----BEGIN "
# What paths and identifiers are made of: words and numbers. What is left of random characters, after
# such pieces are taken out, is nearly all of them; of a name with an id or a short hash in it, less than this many.
_UNSPEAKABLE = 16
_WORD = re.compile(r"(?:[A-Z]?[a-z]{1,20}|[A-Z]{1,20})?[0-9]{0,4}|[0-9]{1,14}")
_SEPARATORS = re.compile(r"[/_-]")

Span = tuple[int, int]


def redact(text: str) -> str:
    """The text with `[redacted]` in place of every secret."""
    return _rendered(text, 0, len(text))


def redact_head(text: str, characters: int) -> str:
    """At most the first `characters` of the text, redacted. Nothing beyond a margin behind the cut is looked at."""
    seen = text[: characters + MARGIN]
    return _rendered(seen, 0, characters)[:characters]


def redact_tail(text: str, characters: int) -> str:
    """At most the last `characters` of the text, redacted. Nothing beyond a margin before the cut is looked at."""
    if characters <= 0:
        return ""
    seen = text[-(characters + MARGIN) :]
    kept = _rendered(seen, max(0, len(seen) - characters), len(seen), cut=len(seen) < len(text))
    return kept[-characters:]


def _rendered(text: str, start: int, end: int, *, cut: bool = False) -> str:
    """text[start:end] with the placeholder for each secret it touches. cut: something stood before the text."""
    parts: list[str] = []
    at = start
    for begin, stop in _merged(sorted(_secrets(text, cut=cut))):
        if stop <= start or begin >= end:
            continue
        parts += [text[at : max(at, begin)], PLACEHOLDER]
        at = stop
    parts.append(text[at:end])
    return "".join(parts)


def _secrets(text: str, *, cut: bool) -> Iterator[Span]:
    for pattern in _PATTERNS:
        for found in pattern.finditer(text):
            yield found.span("secret")
    for found in _LONG_RUN.finditer(text):
        pieces = _SEPARATORS.split(found[0].rstrip("="))
        if sum(len(piece) for piece in pieces if not _WORD.fullmatch(piece)) >= _UNSPEAKABLE:
            yield found.span()
    if cut:
        end = _KEY_END.search(text)
        if end is not None and _KEY_BEGIN not in text[: end.start()]:
            yield 0, end.start()


def _merged(spans: list[Span]) -> Iterator[Span]:
    """Spans that overlap or touch as one; an empty one hides nothing."""
    current: Span | None = None
    for begin, stop in spans:
        if begin == stop:
            continue
        if current is None or begin > current[1]:
            if current is not None:
                yield current
            current = (begin, stop)
        else:
            current = (current[0], max(current[1], stop))
    if current is not None:
        yield current
