"""Set-up on machines unlike this one.

Each test has a PATH of its own, where apt-get and Python are stand-ins that write down what they are told.
"""

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLAIN_TOOLS = (
    *("bash", "cat", "chmod", "cp", "cut", "dirname", "env", "find", "flock", "grep", "head", "mkdir", "mktemp", "mv"),
    *("readlink", "rm", "sed", "sha256sum", "sh", "tail", "yes"),
)
DEMO_COMMANDS = ("redis-server", "prometheus", "promtool", "prometheus-alertmanager", "amtool")

APT_GET = """#!/bin/sh
case " $* " in
  *" update "*) echo "apt-get update" >>"$MACHINE/calls" ;;
  *" install "*)
    echo "apt-get install $(echo "$*" | sed 's/.*--no-install-recommends //')" >>"$MACHINE/calls"
    cp "$POLICY_RC_D" "$MACHINE/policy-during-install"
    echo "$DEBIAN_FRONTEND" >"$MACHINE/frontend"
    [ ! -e "$MACHINE/apt-fails" ] || { echo "E: no room on the disk"; exit 100; }
    for command in redis-server prometheus promtool prometheus-alertmanager amtool; do
      printf '#!/bin/sh\\n' >"$MACHINE/bin/$command"; chmod 755 "$MACHINE/bin/$command"
    done ;;
esac
"""
APT_CACHE = """#!/bin/sh
case $2 in
  victoria-metrics|chromium) echo "  Candidate: (none)" ;;
  *) echo "  Candidate: 1.0"; yes " more lines than a pipe holds" | head -n 100000 ;;
esac
"""
PYTHON = f"""#!/bin/sh
case "$*" in
  *"import ensurepip"*) [ ! -e "$MACHINE/no-ensurepip" ] ;;
  -c*) [ ! -e "$MACHINE/old-python" ] ;;
  *"-m venv --clear"*) rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "venv" >>"$MACHINE/calls" ;;
  *"-m pip install"*) echo "pip install $(echo "$*" | sed 's/.* -e//')" >>"$MACHINE/calls" ;;
  *"-m pip --version"*) ;;
  --version) [ -e "$MACHINE/old-python" ] && echo "Python 3.9.2" || exec {sys.executable} --version ;;
esac
"""


@dataclass(frozen=True)
class Machine:
    """A folder with its own PATH (`bin`), its own policy-rc.d, and a copy of the scripts (`project`)."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def policy(self) -> Path:
        return self.folder / "policy-rc.d"

    @property
    def calls(self) -> list[str]:
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def command(self, name: str, text: str = "#!/bin/sh\n") -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def tool(self, name: str) -> None:
        found = shutil.which(name)
        assert found, name
        (self.folder / "bin" / name).symlink_to(found)

    def user(self, uid: int) -> None:
        self.command("id", f"#!/bin/sh\necho {uid}\n")

    def setup(self, goal: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.folder / "bin"),
            "MACHINE": str(self.folder),
            "POLICY_RC_D": str(self.policy),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
        }
        return subprocess.run(
            ["scripts/setup.sh", goal], cwd=self.project, env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    (tmp_path / "bin").mkdir()
    shutil.copytree(ROOT / "scripts", made.project / "scripts")
    (made.project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    for tool in PLAIN_TOOLS:
        made.tool(tool)
    made.command("apt-get", APT_GET)
    made.command("apt-cache", APT_CACHE)
    made.command("python3", PYTHON)
    made.user(0)
    return made


def test_root_gets_the_packages_and_the_environment(machine: Machine) -> None:
    done = machine.setup("demo")
    assert done.returncode == 0, done.stderr
    assert machine.calls == [
        "apt-get update",
        "apt-get install redis-server prometheus prometheus-alertmanager",
        "venv",
        "pip install  .[demo]",
    ]
    assert (machine.folder / "frontend").read_text() == "noninteractive\n"


def test_a_second_run_does_nothing_until_pyproject_changes(machine: Machine) -> None:
    machine.setup("demo")
    before = machine.calls
    again = machine.setup("demo")
    assert (again.returncode, again.stdout, machine.calls) == (0, "", before)
    (machine.project / "pyproject.toml").write_text("[project]\nname = 'y'\n")
    machine.setup("demo")
    assert machine.calls == [*before, "pip install  .[demo]"]


def test_the_test_set_up_includes_the_demo_one(machine: Machine) -> None:
    for command in DEMO_COMMANDS:
        machine.command(command)
    assert machine.setup("test").returncode == 0
    before = machine.calls
    assert before[-1] == "pip install  .[demo,test]"
    assert machine.setup("demo").returncode == 0
    assert machine.calls == before


@pytest.mark.parametrize("own_policy", [None, "#!/bin/sh\nexit 104\n"])
def test_no_service_starts_and_the_machines_own_policy_comes_back(machine: Machine, own_policy: str | None) -> None:
    if own_policy:
        machine.policy.write_text(own_policy)
    assert machine.setup("demo").returncode == 0
    assert (machine.folder / "policy-during-install").read_text() == "#!/bin/sh\nexit 101\n"
    assert (machine.policy.read_text() if machine.policy.exists() else None) == own_policy
    assert not list(machine.folder.glob("policy-rc.d.*"))


def test_a_failed_install_is_loud_and_leaves_the_policy_as_it_was(machine: Machine) -> None:
    machine.policy.write_text("own")
    (machine.folder / "apt-fails").touch()
    done = machine.setup("demo")
    assert done.returncode != 0
    assert "no room on the disk" in done.stderr
    assert machine.policy.read_text() == "own"
    assert "venv" not in machine.calls


def test_what_we_install_is_kept_from_starting_at_boot(machine: Machine) -> None:
    machine.command("redis-server")
    machine.command("systemctl", '#!/bin/sh\necho "systemctl $*" >>"$MACHINE/calls"\n')
    machine.setup("demo")
    assert [call for call in machine.calls if call.startswith("systemctl")] == [
        "systemctl disable --quiet prometheus.service",
        "systemctl disable --quiet prometheus-alertmanager.service",
    ]


def test_without_root_one_line_says_what_to_install(machine: Machine) -> None:
    machine.user(1000)
    machine.command("redis-server")
    (machine.folder / "no-ensurepip").touch()
    (machine.folder / "bin" / "python3").unlink()
    done = machine.setup("demo")
    assert done.stdout == "sudo apt-get install python3 python3-venv prometheus prometheus-alertmanager\n"
    assert (done.returncode, done.stderr, machine.calls) == (1, "", [])


def test_without_root_and_nothing_missing_the_environment_is_made(machine: Machine) -> None:
    machine.user(1000)
    for command in DEMO_COMMANDS:
        machine.command(command)
    done = machine.setup("demo")
    assert done.returncode == 0, done.stderr
    assert machine.calls == ["venv", "pip install  .[demo]"]


def test_a_package_the_distribution_lacks_is_named_and_not_asked_for(machine: Machine) -> None:
    done = machine.setup("test")
    again = machine.setup("test")
    assert machine.calls.count("apt-get update") == 1, "what apt knows it is not asked again"
    assert "no package chromium here" in again.stdout
    assert "no package victoria-metrics here: the tests that need it are skipped" in done.stdout
    assert "no package chromium here: the tests that need it are skipped" in done.stdout
    assert not any("chromium" in call or "victoria" in call for call in machine.calls)


def test_an_old_python_is_refused_by_name(machine: Machine) -> None:
    (machine.folder / "old-python").touch()
    done = machine.setup("demo")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; this is Python 3.9.2" in done.stderr
    assert machine.calls == []


def test_a_machine_without_apt_hears_what_is_missing(machine: Machine) -> None:
    (machine.folder / "bin" / "apt-get").unlink()
    (machine.folder / "bin" / "apt-cache").unlink()
    done = machine.setup("demo")
    assert done.returncode == 1
    assert "missing: redis-server prometheus prometheus-alertmanager" in done.stderr


def test_a_broken_environment_is_made_again(machine: Machine) -> None:
    machine.setup("demo")
    (machine.project / ".venv/bin/python").unlink()
    assert machine.setup("demo").returncode == 0
    assert machine.calls[-2:] == ["venv", "pip install  .[demo]"]


def test_clean_keeps_secrets_and_refuses_while_the_demo_runs(machine: Machine) -> None:
    for name in (".demo/lock", "secrets/token", ".env", ".venv/bin/x", "build/y", "exporters/__pycache__/z.pyc"):
        path = machine.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    clean = [str(machine.project / "scripts/clean.sh")]
    with subprocess.Popen(["flock", ".demo/lock", "cat"], cwd=machine.project, stdin=subprocess.PIPE) as holder:
        free = ["flock", "--nonblock", ".demo/lock", "true"]
        while subprocess.run(free, cwd=machine.project, check=False).returncode == 0:
            pass
        refused = subprocess.run(clean, capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert "the demo is running" in refused.stderr
        assert (machine.project / "build/y").exists()
        holder.communicate()
    subprocess.run(clean, check=True)
    files = (path.relative_to(machine.project) for path in machine.project.rglob("*") if path.is_file())
    left = sorted(str(path) for path in files if path.parts[0] != "scripts")
    assert left == [".env", ".venv/bin/x", "pyproject.toml", "secrets/token"]


def test_make_test_is_what_continuous_integration_runs() -> None:
    assert "make --no-print-directory test" in (ROOT / ".ci/run").read_text()
    for script in (".ci/run", "scripts/setup.sh", "scripts/up.sh", "scripts/clean.sh"):
        assert os.access(ROOT / script, os.X_OK), script
