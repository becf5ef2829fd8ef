"""Every system is whole: what is missing is the name of the test that fails."""

from __future__ import annotations

import importlib
import re

import pytest

from exporters.core.contract import System
from exporters.registry import SYSTEMS
from prometheus.alerts import BY_SYSTEM
from tests.contract.rooms import ROOT, RULES, dashboards, home, life_module, parts

each_system = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)

PARTS = (
    "system.py",
    "metrics.py",
    "settings.py",
    "sources.py",
    "events*.py",
    "fold*.py",
    "simulate.py",
    "README.md",
)
ELSEWHERE = (
    "grafana/dashboards/{name}.py",
    "prometheus/alerts/{name}.py",
    "prometheus/rules/{name}.yml",
    "prometheus/rules/tests/{name}_test.yml",
    "tests/{name}/golden/life.py",
    "tests/{name}/golden/*.prom",
    "tests/{name}/golden/*.influx",
    "tests/{name}/test_golden.py",
)


@each_system
@pytest.mark.parametrize("part", PARTS)
def test_its_folder_has(system: System, part: str) -> None:
    assert list(home(system).glob(part)), f"exporters/{system.name}/{part} is missing"


@each_system
@pytest.mark.parametrize("place", ELSEWHERE)
def test_it_is_drawn_alarmed_and_tested_in(system: System, place: str) -> None:
    wanted = place.format(name=system.name)
    assert list(ROOT.glob(wanted)), f"{wanted} is missing"


@each_system
def test_its_own_module_makes_the_value_that_is_registered(system: System) -> None:
    module = importlib.import_module(f"exporters.{system.name}.system")
    assert system in vars(module).values()


@each_system
def test_its_dashboards_are_rendered(system: System) -> None:
    made = importlib.import_module(f"grafana.dashboards.{system.name}").BOARDS
    assert made
    files = {file.relative_to(ROOT / "grafana" / "dashboards").as_posix() for file in dashboards(system.name)}
    assert {board.path for board in made} == files, "run `observatory render`"
    assert any("/main/" in file for file in files), "a page that everybody may see"


@each_system
def test_its_alerts_are_rendered(system: System) -> None:
    assert BY_SYSTEM[system.name], f"prometheus/alerts/{system.name}.py declares none"
    assert (RULES / f"{system.name}.yml").read_text().count("- alert: ") == len(BY_SYSTEM[system.name])


def test_there_are_no_alerts_of_nobody() -> None:
    assert BY_SYSTEM.keys() == {"observatory", *(system.name for system in SYSTEMS)}


def chapters(system: System) -> dict[str, str]:
    """The README's sections by heading."""
    parts = re.split(r"^## +(.+)$", (home(system) / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@each_system
def test_its_readme_gives_the_least_privilege_grant(system: System) -> None:
    """A heading about the account, and below it the command to paste."""
    granting = [
        text for heading, text in chapters(system).items() if re.search(r"account|grant|privilege", heading, re.I)
    ]
    assert granting, "no section about the account that reads"
    blocks = [block for text in granting for block in re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    assert any(re.search(r"ACL SETUSER|GRANT ", block) for block in blocks), "no command that makes the account"


@each_system
def test_its_readme_says_what_is_never_read(system: System) -> None:
    assert any("never read" in heading for heading in chapters(system))


PARTS_READ = [(system, part.name) for system in SYSTEMS for _, part in parts(system)]


@pytest.mark.parametrize(("system", "name"), PARTS_READ, ids=[f"{s.name}-{name}" for s, name in PARTS_READ])
def test_its_readme_explains(system: System, name: str) -> None:
    assert f"`{name}`" in (home(system) / "README.md").read_text(encoding="utf-8")


@each_system
def test_its_settings_refuse_unknown_keys_and_know_their_deployment(system: System) -> None:
    example = life_module(system).EXAMPLE
    with pytest.raises(ValueError, match="surprise"):
        system.settings(**example, surprise=1)
    assert system.settings(**example).deployment == "default"
    assert system.from_environment({}) is None
