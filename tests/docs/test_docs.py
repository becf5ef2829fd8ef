"""Documentation under test: every command, flag and setting is told, and every link leads somewhere."""

from __future__ import annotations

import argparse
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from exporters.cli import _parser
from exporters.core.settings import Settings, default_state_directory
from exporters.registry import SYSTEMS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in {"build", "secrets"} for part in path.relative_to(ROOT).parts)
)
TOLD = (ROOT / "README.md").read_text() + (ROOT / "docs" / "operating.md").read_text()

_CODE = re.compile(r"^```.*?^```$|^~~~.*?^~~~$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
_HEADING = re.compile(r"^#+\s+(.+?)\s*$", re.MULTILINE)
_SETTING_ROW = re.compile(r"^\| `([a-z_.]+)` \| (?:`([^`]*)`|none|required|.*?) \| ", re.MULTILINE)


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every subcommand by its name."""
    (choices,) = (a.choices for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(choices)


FLAGS = [
    (name, flag)
    for name, parser in commands().items()
    for action in parser._actions
    for flag in action.option_strings
    if flag not in {"-h", "--help"}
]


def keys(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, object]]:
    """(dotted key, default) of every scalar setting; a required one has the default `...`."""
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        inner = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if inner is not None:
            yield from keys(inner, f"{place}{name}.")
        else:
            yield f"{place}{name}", ... if field.is_required() else field.get_default(call_default_factory=True)


MODELS: list[type[BaseModel]] = [Settings, *(system.settings for system in SYSTEMS)]
SETTINGS = [pair for model in MODELS for pair in keys(model)]


@pytest.mark.parametrize("name", commands())
def test_the_command_is_told(name: str) -> None:
    assert f"observatory {name}" in TOLD


@pytest.mark.parametrize(("name", "flag"), FLAGS, ids=[f"{name} {flag}" for name, flag in FLAGS])
def test_the_flag_is_told_with_its_command(name: str, flag: str) -> None:
    rows = [row for row in TOLD.splitlines() if row.startswith("| ") and f"`observatory {name}`" in row]
    assert any(f"`{flag}`" in row for row in rows), f"no row of a table names observatory {name} and {flag}"


@pytest.mark.parametrize("name", commands())
def test_no_row_tells_a_flag_that_is_gone(name: str) -> None:
    known = {flag for parser in commands().values() for action in parser._actions for flag in action.option_strings}
    rows = [row for row in TOLD.splitlines() if row.startswith("| ") and f"`observatory {name}`" in row]
    named = {flag for row in rows for flag in re.findall(r"`(--[a-z.-]+)`", row)}
    assert named - known == set()


@pytest.mark.parametrize(("key", "default"), SETTINGS, ids=[key for key, _ in SETTINGS])
def test_the_setting_is_told_with_its_default(key: str, default: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    rows = {row[1]: row for row in _SETTING_ROW.finditer(TOLD)}
    assert key in rows, "no row of a table begins with it"
    shown = rows[key][0].split(" | ")[1]
    if default is ...:
        assert shown == "required"
    elif default is None or default == {}:
        assert not shown.startswith("`") or key == "state.hash_key_file"
    elif key == "state.directory":
        assert Path(shown.strip("`")).expanduser() == default_state_directory()
    elif isinstance(default, bool):
        assert shown == f"`{str(default).lower()}`"
    elif isinstance(default, int | float):
        assert shown == f"`{default:.12g}`"
    elif isinstance(default, tuple):
        assert shown == f"`{', '.join(default)}`"
    else:
        assert shown == f"`{default}`"


def test_no_setting_is_told_that_is_gone() -> None:
    known = {key for key, _ in SETTINGS}
    settings = TOLD.split("\n## Settings\n")[1].split("\n## ")[0]
    assert {row[1] for row in _SETTING_ROW.finditer(settings)} == known


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_CODE.sub("", page.read_text())):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = next(n for n in range(len(found) + 1) if (f"{slug}-{n}" if n else slug) not in found)
        found.add(f"{slug}-{number}" if number else slug)
    return found


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_its_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in _LINK.findall(_CODE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or not file.is_relative_to(ROOT) or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_it_tells_nothing_about_this_machine(page: Path) -> None:
    text = page.read_text()
    ours = {str(ROOT), f"{Path.home()}/"}
    host = socket.gethostname()
    if len(host) > 5 and "." not in host and host != "localhost":
        ours.add(host)
    told = {path for path in ours if re.search(rf"(?<![\w~]){re.escape(path)}", text)}
    assert told == set()
    assert not re.findall(r"(?<![\w.~])/(?:tmp|root|work|Users|home)/[\w.-]+", text), "a path of one machine"
