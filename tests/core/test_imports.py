"""Who may import whom: core <- readers <- systems <- registry <- programs; drawings know declarations only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from exporters.demo.ports import free_port
from exporters.registry import SYSTEMS

ROOT = Path(__file__).parents[2]
OURS = ("exporters", "grafana", "prometheus")
NAMES = tuple(system.name for system in SYSTEMS)
DRAWN_FROM = (
    *("metrics", "sql_metrics", "system_metrics", "sql_texts", "labels"),
    *("batch_metrics", "days_metrics", "health_metrics", "tuning_metrics", "windows_metrics"),
    *("texts_chats", "texts_cuts", "texts_learning", "texts_people", "texts_tuning"),
)
"""The modules of a system that dashboards and rules are made from."""
HEAVY = {
    "websockets": "only a deployment that listens to a debugger needs it",
    "psycopg": "a host without PostgreSQL has no libpq",
    "grafanalib": "only `render` and `panels` draw",
    "grafana": "the running program never knows a dashboard",
    "prometheus": "the running program never knows an alert",
    "pynvml": "it loads the graphics driver's library",
    "aiosmtpd": "the mail sink belongs to the demo",
    "apprise": "a program of its own sends short messages",
    "exporters.demo.process": "serving starts no servers",
    "tests": "tests are not installed",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import. lazy: inside a function, or only for type checkers."""

    importer: str
    imported: str
    line: int
    lazy: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def runs_later(node: ast.AST) -> bool:
    """Whether what stands in the node does not run when the module is imported."""
    checker = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return checker or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def imports(name: str) -> Iterator[Import]:
    """Every import a module makes, as the module (not the name in it) that is imported."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    later = {id(inner) for node in ast.walk(tree) if runs_later(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{name}:{node.lineno}: imports stand absolute"
            assert node.level == 0, f"{name}:{node.lineno}: imports stand absolute"
            within = [f"{node.module}.{alias.name}" for alias in node.names]
            wanted = [module if module in MODULES else node.module for module in within]
        else:
            continue
        yield from (Import(name, module, node.lineno, id(node) in later) for module in dict.fromkeys(wanted))


EVERYTHING = [made for name in sorted(MODULES) for made in imports(name)]


def room(module: str) -> str:
    """`core`, `readers`, `her`, `registry`, … below exporters; the top-level package elsewhere."""
    parts = module.split(".")
    return parts[1] if parts[0] == "exporters" and len(parts) > 1 else parts[0]


def crossing(importer: str) -> list[Import]:
    """What a room imports from elsewhere in the product (tests count: nothing may need them)."""
    known = {*OURS, "tests", "scripts"}
    return [
        made
        for made in EVERYTHING
        if room(made.importer) == importer
        and made.imported.split(".")[0] in known
        and room(made.imported) not in {importer, "exporters"}
    ]


def outside(importer: str, *allowed: str) -> list[str]:
    """The imports of a room that lead anywhere but to the rooms allowed."""
    return [str(made) for made in crossing(importer) if room(made.imported) not in allowed]


def test_the_rooms_are_the_ones_this_page_knows() -> None:
    """A new package below exporters needs a rule here; a module there is a program."""
    packages = {path.parent.name for path in (ROOT / "exporters").glob("*/__init__.py")}
    assert packages == {"core", "readers", "demo", "sms", *NAMES}


def test_core_knows_nobody() -> None:
    assert outside("core") == []


def test_readers_know_core_alone() -> None:
    assert outside("readers", "core") == []


def test_short_messages_know_core_alone() -> None:
    assert outside("sms", "core") == []


@pytest.mark.parametrize("system", NAMES)
def test_a_system_knows_core_and_readers(system: str) -> None:
    assert outside(system, "core", "readers") == []


def test_the_registry_knows_core_and_the_systems() -> None:
    assert outside("registry", "core", *NAMES) == []


def test_the_demo_starts_systems_but_does_not_import_them() -> None:
    """The demo runs what an operator runs, as processes; it draws its stack from the same files."""
    assert outside("demo", "core") == []


def test_nothing_needs_the_tests_or_the_scripts() -> None:
    needy = [str(made) for made in EVERYTHING if made.imported.split(".")[0] in {"tests", "scripts"}]
    assert needy == []


@pytest.mark.parametrize("drawn", ["grafana", "prometheus"])
def test_what_is_drawn_knows_only_what_is_declared(drawn: str) -> None:
    assert outside(drawn, "core", "registry", *NAMES) == []
    legal = {f"exporters.{name}.{module}" for name in NAMES for module in DRAWN_FROM}
    deeper = [m for m in crossing(drawn) if room(m.imported) in NAMES and m.imported not in legal]
    assert [str(made) for made in deeper] == [], f"of a system only {', '.join(DRAWN_FROM)}"


@pytest.mark.parametrize("package", ["grafana", "prometheus"])
def test_programs_draw_lazily(package: str) -> None:
    eager = [made for made in EVERYTHING if room(made.imported) == package != room(made.importer) and not made.lazy]
    assert [str(made) for made in eager] == []


def test_one_module_imports_grafanalib() -> None:
    (owner,) = {made.importer for made in EVERYTHING if made.imported.split(".")[0] == "grafanalib"}
    assert owner.startswith("grafana.dashboards.")


def loaded(code: str, *arguments: str) -> set[str]:
    """Every module a fresh interpreter has when the code has run."""
    script = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


SERVE_ONCE = """
import os, signal, sys, threading, time, urllib.request
from exporters.cli import main

def scrape():
    while True:
        try:
            urllib.request.urlopen("http://" + sys.argv[1] + "/readyz", timeout=5).read()
            break
        except OSError:
            time.sleep(0.05)
    urllib.request.urlopen("http://" + sys.argv[1] + "/metrics", timeout=5).read()
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=scrape, daemon=True).start()
assert main(["serve", "--config.file", sys.argv[2], "--web.listen-address", sys.argv[1]]) == 0
"""


@pytest.fixture(scope="module")
def of_serving(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What `observatory serve` has loaded once it has tried its source and InfluxDB, and was scraped."""
    folder = tmp_path_factory.mktemp("serving")
    (folder / "token").write_text("nobody-asks-for-it")
    nobody = f"http://127.0.0.1:{free_port()}"
    config = {
        "state": {"directory": str(folder / "state")},
        "influxdb": {"url": nobody, "org": "home", "token_file": str(folder / "token")},
        "systems": {"her": [{"redis": {"host": "127.0.0.1", "port": free_port()}}]},
    }
    file = folder / "observatory.yml"
    file.write_text(yaml.safe_dump(config))
    return loaded(SERVE_ONCE, f"127.0.0.1:{free_port()}", str(file))


@pytest.mark.parametrize("module", HEAVY)
def test_serving_does_without(module: str, of_serving: set[str]) -> None:
    assert module not in of_serving, HEAVY[module]
    assert "exporters.core" in of_serving


def test_the_command_line_can_be_asked_for_help_without_any_of_it() -> None:
    code = "from exporters.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not {"psycopg", "grafanalib", "pynvml", "influxdb_client"} & loaded(code)
