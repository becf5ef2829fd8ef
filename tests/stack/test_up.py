"""scripts/up.sh on machines with and without Docker. `docker` is a stand-in that writes down what it is told."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stack.compose import ROOT

TOOLS = (
    *("bash", "cat", "cut", "dirname", "env", "find", "grep", "mkdir", "mv", "rm", "sh", "sha256sum", "sleep", "sort"),
    *("tail", "touch", "xargs"),
)

# `ps` answers with the next of the files ps-1, ps-2, …, and with the last one for ever.
DOCKER = """#!/bin/sh
echo "docker $*" >>"$MACHINE/calls"
echo "${CONFIGURATION:-}" >>"$MACHINE/configurations"
case " $* " in
  *" version "*) [ ! -e "$MACHINE/no-plugin" ] ;;
  *" info "*) [ ! -e "$MACHINE/no-engine" ] || { echo "permission denied" >&2; exit 1; } ;;
  *" ps "*)
    for number in 1 2 3; do
      if [ -e "$MACHINE/ps-$number" ]; then
        cat "$MACHINE/ps-$number"; [ ! -e "$MACHINE/ps-$((number + 1))" ] || rm "$MACHINE/ps-$number"; exit 0
      fi
    done ;;
  *" port grafana "*) echo "127.0.0.1:3002" ;;
  *" port "*) exit 1 ;;
  *" up "*) [ ! -e "$MACHINE/up-fails" ] || exit 18 ;;
esac
"""


@dataclass(frozen=True)
class Machine:
    """`project`: a copy of what up.sh needs. `folder`: what the stand-in reads and writes, and `bin`."""

    folder: Path
    project: Path

    def up(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", self.project / "scripts/up.sh", *words],
            env={"PATH": str(self.folder / "bin"), "MACHINE": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def services(self, *answers: list[dict[str, Any]]) -> None:
        for number, answer in enumerate(answers, start=1):
            # As the plugin prints since 2.21: one document a line.
            (self.folder / f"ps-{number}").write_text("".join(json.dumps(service) + "\n" for service in answer))


def service(name: str, state: str = "running", health: str = "", code: int = 0) -> dict[str, Any]:
    return {"Service": name, "State": state, "Health": health, "ExitCode": code}


UP = [service("grafana", health="healthy"), service("layout", "exited"), service("her")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "machine", tmp_path / "project")
    (made.folder / "bin").mkdir(parents=True)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (made.folder / "bin" / tool).symlink_to(found)
    for name, script in (("docker", DOCKER), ("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')):
        program = made.folder / "bin" / name
        program.write_text(script)
        program.chmod(0o755)
    shutil.copytree(ROOT / "scripts", made.project / "scripts")
    shutil.copytree(ROOT / "docker", made.project / "docker")
    for part in ("grafana", "prometheus"):
        (made.project / part).mkdir()
    for example in ("observatory.example.yml", "prices.example.yml"):
        shutil.copy(ROOT / example, made.project)
    (made.project / ".env").write_text("REDIS_HOST=her.example.org\nREDIS_PASSWORD=canary\n")
    made.services(UP)
    return made


def test_it_makes_the_secrets_starts_everything_and_says_where(machine: Machine) -> None:
    run = machine.up()
    assert run.returncode == 0, run.stderr
    assert "docker compose up --detach --build" in machine.calls
    secrets = machine.project / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert (secrets / "her_redis_password").read_text() == "canary"
    grafana = next(line for line in run.stdout.splitlines() if line.startswith("grafana"))
    assert "127.0.0.1:3002" in grafana
    assert "secrets/grafana_admin_password" in grafana
    for path in secrets.iterdir():
        secret = path.read_text()
        assert not secret or secret not in run.stdout + run.stderr + "".join(machine.calls)


def test_it_waits_until_every_health_check_passes(machine: Machine) -> None:
    machine.services(
        [service("grafana", health="starting"), service("layout", "created")],
        [service("grafana", health="unhealthy"), service("layout", "exited")],
        UP,
    )
    assert machine.up().returncode == 0
    assert sum(" ps " in call for call in machine.calls) == 3


def test_it_understands_a_list_too(machine: Machine) -> None:
    # As the plugin printed before 2.21.
    (machine.folder / "ps-1").write_text(json.dumps(UP))
    assert machine.up().returncode == 0


def test_a_step_that_fails_is_named_with_its_last_words(machine: Machine) -> None:
    machine.services([service("grafana", health="healthy"), service("influxdb-setup", "exited", code=1)])
    run = machine.up()
    assert run.returncode == 1
    assert "influxdb-setup ended with exit code 1" in run.stderr
    assert "docker compose logs --tail 20 influxdb-setup" in machine.calls


def test_patience_ends(machine: Machine) -> None:
    machine.services([service("grafana", health="unhealthy")])
    run = machine.up(UP_TIMEOUT_SECONDS="1")
    assert run.returncode == 1
    assert "not healthy after 1 s: grafana" in run.stderr
    assert "docker compose logs --tail 20 grafana" in machine.calls


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("docker", ["needs Docker", "docs.docker.com"]),
        ("python3", ["needs python3"]),
    ],
)
def test_a_missing_program_is_named(machine: Machine, missing: str, words: list[str]) -> None:
    (machine.folder / "bin" / missing).unlink()
    run = machine.up()
    assert run.returncode == 1
    for word in words:
        assert word in run.stderr
    assert not (machine.project / "secrets").exists()


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("no-plugin", ["compose plugin"]), ("no-engine", ["engine does not answer", "permission denied", "group docker"])],
)
def test_a_docker_that_will_not_do_is_explained(machine: Machine, trouble: str, words: list[str]) -> None:
    (machine.folder / trouble).touch()
    run = machine.up()
    assert run.returncode == 1
    for word in words:
        assert word in run.stderr
    assert not (machine.project / "secrets").exists()


def test_with_nothing_to_watch_nothing_is_started(machine: Machine) -> None:
    (machine.project / ".env").unlink()
    run = machine.up()
    assert run.returncode != 0
    assert "REDIS_HOST" in run.stderr
    assert not [call for call in machine.calls if " up " in call]


def test_another_configuration_password_or_version_makes_the_services_start_anew(machine: Machine) -> None:
    def configuration() -> str:
        machine.services(UP)
        assert machine.up().returncode == 0
        return (machine.folder / "configurations").read_text().splitlines()[-1]

    seen = [configuration(), configuration()]
    assert seen[0] == seen[1]
    with (machine.project / "observatory.yml").open("a") as file:
        file.write("scrape_interval_seconds: 5\n")
    seen.append(configuration())
    (machine.project / ".env").write_text("REDIS_PASSWORD=another\n")
    seen.append(configuration())
    # A new version brings new rules.
    (machine.project / "prometheus" / "new.yml").write_text("new\n")
    seen.append(configuration())
    with (machine.project / "prices.yml").open("a") as file:
        file.write("# another price\n")
    seen.append(configuration())
    for half in ("CORE", "AI", "CORE_TEXT", "AI_TEXT"):
        (machine.project / "secrets" / f"sigmasight_{half.lower()}_password").chmod(0o600)
        (machine.project / "secrets" / f"sigmasight_{half.lower()}_password").write_text("another\n")
        seen.append(configuration())
    assert len(set(seen[1:])) == 9
    assert all(len(label) == 16 for label in seen)


def test_the_demo_is_a_project_of_its_own_and_is_removed_at_the_end(machine: Machine) -> None:
    (machine.project / ".env").unlink()
    run = machine.up("--demo")
    assert run.returncode == 0, run.stderr
    composed = [call for call in machine.calls if "--env-file" in call]
    assert all("--project-name observatory-demo" in call and "--profile demo" in call for call in composed)
    assert [call.rpartition("observatory-demo ")[2] for call in composed] == [
        "up --build",
        "down --volumes --timeout 10",
    ]
    # The installation's own secrets and configuration are none of its business.
    assert not (machine.project / "secrets").exists()
    assert not (machine.project / "observatory.yml").exists()
    assert (machine.project / ".demo/compose-secrets/her_redis_password").read_text()


def test_a_demo_that_cannot_start_is_removed_and_says_so(machine: Machine) -> None:
    (machine.folder / "up-fails").touch()
    assert machine.up("--demo").returncode == 18
    assert "down --volumes" in machine.calls[-1]


def test_an_unknown_word_is_refused(machine: Machine) -> None:
    run = machine.up("--production")
    assert run.returncode == 1
    assert "usage" in run.stderr
