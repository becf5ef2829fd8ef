"""`observatory export` of a listing: JSON lines, read from the watched system itself while they are written.

One object per line, UTF-8. The account is the one that the configuration gives for it, never the exporter's own.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from io import TextIOWrapper
from itertools import chain, islice
from typing import Any, TextIO

from exporters.core.errors import ConfigError
from exporters.core.listing import Listing, Selection

_LINE_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""What some programs take for the end of a line, and JSON leaves as it is."""


def export_listing(arguments: argparse.Namespace, listing: Listing, start: datetime, stop: datetime | None) -> int:
    """Write the lines of every deployment that is asked for. Returns the exit code.

    Raises ConfigError, or the error of a database that cannot be read: with nothing written if it is the first answer.
    """
    selection = Selection(start, stop, _only(arguments.only, listing))
    deployments = _deployments(arguments, listing)
    # All are asked whether they can, before the first says a word.
    lines = chain.from_iterable([listing.lines(settings, selection, _told) for settings in deployments])
    # The first answer comes before the file is touched: a wrong password must not cost an older export.
    begun = list(islice(lines, 1))
    with ExitStack() as stack:
        output: TextIO = sys.stdout
        if arguments.output:
            try:
                # People's words: the file is its owner's, whatever the umask says. One that is there keeps its mode.
                file = os.open(arguments.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                output = stack.enter_context(os.fdopen(file, "w", encoding="utf-8", newline="\n"))
            except OSError as error:
                raise ConfigError([f"--output {arguments.output}: {error.strerror}"]) from None
        elif isinstance(output, TextIOWrapper):
            # JSON is UTF-8, whatever the terminal speaks.
            output.reconfigure(encoding="utf-8")
        for line in chain(begun, lines):
            output.write(line.translate(_LINE_BREAKS) + "\n")
        output.flush()
    return 0


def _told(sentence: str) -> None:
    # Never among the lines, which another program reads.
    print(f"observatory: {sentence}", file=sys.stderr)


def _only(given: Sequence[str], listing: Listing) -> Mapping[str, frozenset[str]]:
    chosen: dict[str, set[str]] = {}
    for word in given:
        column, _, value = word.partition("=")
        legal = listing.choices.get(column)
        if legal is None:
            known = ", ".join(listing.choices)
            raise ConfigError(
                [f"--only {word}: {listing.name} is chosen from by {known}, as in {known.split(',')[0]}=…"]
            )
        if value not in legal:
            raise ConfigError([f"--only {word}: {column} is one of {', '.join(legal)}"])
        chosen.setdefault(column, set()).add(value)
    return {column: frozenset(values) for column, values in chosen.items()}


def _deployments(arguments: argparse.Namespace, listing: Listing) -> Sequence[Any]:
    from exporters.core.settings import load
    from exporters.registry import SYSTEMS

    settings = load(SYSTEMS, file=arguments.config_file, environment=os.environ, only=[listing.system])
    found = {deployment.deployment: deployment for deployment in settings.systems[listing.system]}
    unknown = [name for name in arguments.deployment if name not in found]
    if unknown:
        raise ConfigError([f"there is no deployment {name!r} (there are: {', '.join(found)})" for name in unknown])
    return [found[name] for name in dict.fromkeys(arguments.deployment or found)]
