"""The drawn tree is the real one, and no error repeats what it was made from."""

from __future__ import annotations

import importlib
import pkgutil

import exporters
from exporters.core import errors


def every_error() -> set[type[errors.ObservatoryError]]:
    """All classes below ObservatoryError, whole program imported."""
    for module in pkgutil.walk_packages(exporters.__path__, "exporters."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: set[type[errors.ObservatoryError]] = set()
    waiting = [errors.ObservatoryError]
    while waiting:
        for child in waiting.pop().__subclasses__():
            if child.__module__.startswith("exporters"):
                found.add(child)
                waiting.append(child)
    return found


def test_every_error_is_drawn() -> None:
    drawing = errors.__doc__ or ""
    missing = [error.__name__ for error in every_error() if error.__name__ not in drawing]
    assert missing == []


def test_reasons_are_in_the_message_and_nothing_else_is_needed() -> None:
    assert str(errors.Rejected("bad_time")) == "bad_time"
    assert str(errors.SourceDown("refused", "127.0.0.1:1")) == "refused: 127.0.0.1:1"
    assert errors.ConfigError(["a", "b"]).problems == ("a", "b")
