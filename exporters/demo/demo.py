"""`make demo`: everything on this machine, natively, with invented systems to watch.

Real servers on loopback, started one by one; a table of what runs where; Ctrl-C stops all of it and nothing else.
"""

from __future__ import annotations

import fcntl
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from exporters.core.errors import ObservatoryError
from exporters.demo import services
from exporters.demo.process import StoppingError
from exporters.demo.stage import Stage
from exporters.demo.systems import DEMO_SYSTEMS, Deployments, Invention

LOCK = "lock"
KEPT = frozenset({LOCK, "releases", "compose-secrets"})
"""What a fresh start leaves in the folder: fetched releases, and what the demo in containers keeps there."""

INTERRUPTED = 130
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(ObservatoryError):
    """The demo cannot run as asked; the message says why."""


def run_demo(
    folder: Path,
    *,
    keep: bool = False,
    invention: Invention,
    duration: float | None = None,
    download: bool = True,
    any_ports: bool = False,
    systems: Mapping[str, Callable[[Stage, Invention], Deployments]] = DEMO_SYSTEMS,
) -> int:
    """Run until Ctrl-C, or for `duration` seconds from when everything is up; `folder` is absolute.

    Returns 0 when it ran and was stopped, 1 when something failed or died, 130 when it was stopped while starting.
    Raises DemoError for a folder it may not use.
    """
    with _own(folder, keep=keep):
        stage = Stage(folder, _say, any_ports=any_ports)
        with _signals_set(stage):
            try:
                _start(stage, systems, invention, download=download)
                stage.write_rows(folder / "demo.json")
                print(f"\n{stage.table()}\n\nCtrl-C stops everything.", flush=True)
                stage.watch(duration)
            except StoppingError:
                return INTERRUPTED
            except (ObservatoryError, OSError) as error:
                _say(str(error))
                return 1
            finally:
                _say("stopping")
                stage.stop()
                _say("stopped")
        return 1 if stage.dead else 0


def _start(
    stage: Stage,
    systems: Mapping[str, Callable[[Stage, Invention], Deployments]],
    invention: Invention,
    *,
    download: bool,
) -> None:
    sink = services.mail_sink(stage)
    begun = {name: begin(stage, invention) for name, begin in systems.items()}
    deployments = {name: here for name, here in begun.items() if here}
    influx = services.influxdb(stage, list(deployments), download=download)
    port, config = services.exporter(stage, deployments, influx)
    services.alerting_and_pages(stage, config, port, sink, influx, download=download)


def _say(line: str) -> None:
    print(f"demo: {line}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The demo with the flags of `exporters.demo.command`."""
    from exporters.demo import command

    return command.main(argv)


@contextmanager
def _own(folder: Path, *, keep: bool) -> Iterator[None]:
    """Hold the folder for this demo alone, emptied unless `keep`. Raises DemoError rather than empty a stranger's."""
    folder.mkdir(parents=True, exist_ok=True)
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in KEPT)
    if strangers and not (folder / LOCK).exists():
        message = f"{folder} holds files of somebody else ({strangers[0]}, …): name another folder with --folder"
        raise DemoError(message)
    folder.chmod(0o700)
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"another demo is running in {folder}"
            raise DemoError(message) from None
        if not keep:
            for path in folder.iterdir():
                if path.name in KEPT:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        yield


@contextmanager
def _signals_set(stage: Stage) -> Iterator[None]:
    """Signals only ask the demo to stop, once and again: stopping is never itself interrupted."""
    asked = {number: signal.signal(number, lambda *_: stage.stopping.set()) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in asked.items():
            signal.signal(number, handler)
