"""The command as a shell sees it: exit codes, messages on the right stream, help, readers that go away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from exporters.cli import main
from exporters.core import hash_key
from exporters.core.checkpoint import Checkpoint
from exporters.core.outbox import Outbox
from exporters.demo.ports import free_port
from exporters.registry import METRICS, SYSTEMS

ROOT = Path(__file__).parents[2]
COMMANDS = ("serve", "check", "render", "panels", "export", "demo")
OBSERVATORY = [sys.executable, "-m", "exporters"]


def configured(folder: Path, port: int) -> Path:
    """A configuration whose only source is a closed port."""
    file = folder / "observatory.yml"
    redis = {"host": "127.0.0.1", "port": port}
    state = {"directory": str(folder / "state")}
    web = {"listen_addresses": [f"127.0.0.1:{free_port()}"]}
    file.write_text(yaml.safe_dump({"state": state, "web": web, "systems": {"her": [{"redis": redis}]}}))
    return file


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(f"\n    {command}" in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


@pytest.mark.parametrize("arguments", [[], ["sreve"], ["serve", "--web.listen-adress", "x"], ["export"]])
def test_a_wrong_command_line_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "usage: observatory" in err


def test_the_flags_are_those_of_prometheus_exporters(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    out = capsys.readouterr().out
    for flag in (
        "config.file",
        "web.listen-address",
        "web.config.file",
        "web.telemetry-path",
        "log.level",
        "log.format",
    ):
        assert f"--{flag}" in out


def test_nothing_to_watch_is_told_with_the_systems_there_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith(("REDIS_", "OBSERVATORY_"))]:
        monkeypatch.delenv(name)
    assert main(["serve", "--state.directory", str(tmp_path)]) == 2
    assert f"nothing to watch: name a system under `systems:` or set its own variables ({SYSTEMS[0].name}" in (
        capsys.readouterr().err
    )


def test_a_state_file_in_use_is_told_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = configured(tmp_path, free_port())
    held = Checkpoint(tmp_path / "state" / "observatory.db", METRICS, Outbox())
    hash_key.load_or_create(tmp_path / "state" / "hash.key")
    try:
        done = subprocess.run([*OBSERVATORY, "serve", "--config.file", file], cwd=ROOT, capture_output=True, text=True,
                              timeout=30, check=False)  # fmt: skip
    finally:
        held.close()
    assert done.returncode == 2
    assert "is held by another running exporter" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told_and_gives_everything_back(tmp_path: Path) -> None:
    file = configured(tmp_path, free_port())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run([*OBSERVATORY, "serve", "--config.file", file, "--web.listen-address", address], cwd=ROOT,
                              capture_output=True, text=True, timeout=30, check=False)  # fmt: skip
    assert done.returncode == 2
    assert f"cannot listen on {address}: the port is already in use" in done.stderr
    assert "Traceback" not in done.stderr
    Checkpoint(tmp_path / "state" / "observatory.db", METRICS, Outbox()).close()


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """`observatory check | head -0`: what it had to say nobody hears, how it ended is still told."""
    file = configured(tmp_path, free_port())
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*OBSERVATORY, "check", "--config.file", file],
            cwd=ROOT,
            env=buffered,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 1, "its source is not there"


@pytest.mark.timeout(300)
def test_ctrl_c_ends_a_command_without_a_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        file = configured(tmp_path, mute.getsockname()[1])
        config = yaml.safe_load(file.read_text())
        config["systems"]["her"][0]["redis"]["timeout_seconds"] = 30
        file.write_text(yaml.safe_dump(config))
        running = subprocess.Popen([*OBSERVATORY, "check", "--config.file", file], cwd=ROOT, stderr=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)  # fmt: skip
        # It is not about how quick the machine is: the exit status tells whether it ended by the signal.
        mute.settimeout(120)
        try:
            with mute.accept()[0]:
                running.send_signal(signal.SIGINT)
                _, err = running.communicate(timeout=120)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "Traceback" not in err
