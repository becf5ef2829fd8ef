"""The command `observatory`. Flags are spelled as Prometheus exporters spell theirs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exporters.core.errors import ConfigError, ObservatoryError

_INTERRUPTED = 130
"""As a shell counts a program that was ended by Ctrl-C."""

_SERVE_HELP = """\
Read the configured systems and serve their metrics.

Without a configuration file a system's own environment variables suffice, for example
  REDIS_HOST=10.0.0.5 REDIS_PASSWORD_FILE=/run/secrets/her observatory serve her

Endpoints: /metrics (Prometheus text or OpenMetrics), /healthz, /readyz, /sd/prometheus, / (sources at a glance)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 problems found, 2 could not be done."""
    arguments = _parser().parse_args(argv)
    result = 0
    try:
        result = int(arguments.run(arguments))
        sys.stdout.flush()
    except ConfigError as error:
        for problem in error.problems:
            print(f"observatory: {problem}", file=sys.stderr)
        return 2
    except ObservatoryError as error:
        print(f"observatory: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone (`observatory export … | head`); that is its good right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return _INTERRUPTED
    return result


def _parser() -> argparse.ArgumentParser:
    from exporters.core.observatory import program_version

    parser = argparse.ArgumentParser(
        prog="observatory",
        description="Exact metrics, dashboards and alerts for LLM systems that people run themselves.",
        epilog="Start with `observatory check`: it says what is missing. `observatory COMMAND --help` says more.",
    )
    parser.add_argument("--version", action="version", version=f"observatory {program_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = _command(commands, "serve", "read the systems and serve their metrics", _SERVE_HELP)
    _settings_flags(serve)
    serve.set_defaults(run=_serve)

    check = _command(
        commands,
        "check",
        "validate the configuration and try every source",
        "Validate the whole configuration and try every source and bucket it names. Stores and changes nothing.\n"
        "Lists every problem at once. Exit code 0: all works; 1: something does not; 2: the configuration is wrong.",
    )
    _settings_flags(check)
    check.set_defaults(run=_check)

    from exporters.demo.command import add_command as add_demo
    from exporters.export import add_command as add_export
    from exporters.panels_command import add_command as add_panels
    from exporters.render_command import add_command as add_render

    add_render(commands)
    add_panels(commands)
    add_export(commands)

    add_demo(commands)
    return parser


def _command(commands: Any, name: str, short: str, long: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=short, description=long, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def _settings_flags(parser: argparse.ArgumentParser) -> None:
    from exporters.registry import SYSTEMS

    names = [system.name for system in SYSTEMS]
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=f"only these systems ({', '.join(names)})")
    parser.add_argument("--config.file", dest="config_file", type=Path, metavar="FILE", help="observatory.yml")
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="HOST:PORT",
        help="where to serve; may be repeated (default 127.0.0.1:9464)",
    )
    parser.add_argument(
        "--web.config.file", dest="web_config", type=Path, metavar="FILE", help="TLS and users, exporter-toolkit format"
    )
    parser.add_argument("--web.telemetry-path", dest="telemetry_path", metavar="PATH", help="default /metrics")
    parser.add_argument("--state.directory", dest="state", type=Path, metavar="DIR", help="cursors and counters")
    parser.add_argument("--log.level", dest="log_level", choices=("debug", "info", "warn", "error"))
    parser.add_argument("--log.format", dest="log_format", choices=("logfmt", "json"))


def _load(arguments: argparse.Namespace) -> Any:
    from exporters.core.settings import load
    from exporters.registry import SYSTEMS

    flags: dict[str, dict[str, Any]] = {
        "web": {
            "listen_addresses": tuple(arguments.listen) if arguments.listen else None,
            "config_file": arguments.web_config,
            "telemetry_path": arguments.telemetry_path,
        },
        "state": {"directory": arguments.state},
        "log": {"level": arguments.log_level, "format": arguments.log_format},
    }
    given = {s: {k: v for k, v in keys.items() if v is not None} for s, keys in flags.items()}
    return load(
        SYSTEMS,
        file=arguments.config_file,
        environment=os.environ,
        overrides={section: keys for section, keys in given.items() if keys},
        only=arguments.systems,
    )


def _serve(arguments: argparse.Namespace) -> int:
    from exporters.registry import METRICS, SYSTEMS
    from exporters.serve import serve

    return serve(_load(arguments), SYSTEMS, METRICS)


def _check(arguments: argparse.Namespace) -> int:
    from exporters.check import check
    from exporters.registry import SYSTEMS

    findings = check(_load(arguments), SYSTEMS)
    for finding in findings:
        print(f"{'FAIL' if finding.problem else 'ok  '} {finding.subject}: {finding.problem or finding.detail}")
    failed = sum(bool(finding.problem) for finding in findings)
    print(f"{len(findings) - failed} of {len(findings)} work")
    return 1 if failed else 0
