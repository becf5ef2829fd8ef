"""Settings: one YAML file, the environment, and secrets from files -> one frozen, validated value.

Every problem is reported at once. Unknown keys are refused with the legal ones named. Without a file, a system's own
environment variables suffice. A scalar of `web`, `state`, `influxdb` and `log` can also be set by the environment as
`OBSERVATORY_<SECTION>_<KEY>`, which wins over the file; a flag wins over both. An empty variable is no variable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from exporters.core.contract import System
from exporters.core.errors import ConfigError

DEFAULT_LISTEN = "127.0.0.1:9464"
THIRTY_DAYS = 30


class Section(BaseModel):
    """A part of the settings: frozen, nothing beside the declared keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WebSettings(Section):
    """Where /metrics is served. config_file: an exporter-toolkit web configuration (TLS, users)."""

    listen_addresses: tuple[str, ...] = (DEFAULT_LISTEN,)
    telemetry_path: str = Field("/metrics", pattern=r"^/[A-Za-z0-9/_.-]*$")
    config_file: Path | None = None


def default_state_directory() -> Path:
    """`$XDG_STATE_HOME/llm-observatory`, else `~/.local/state/llm-observatory`."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "llm-observatory"


class StateSettings(Section):
    """Where cursors and counters are kept. hash_key_file: keys every hash; back it up with the state."""

    directory: Path = Field(default_factory=default_state_directory)
    hash_key_file: Path | None = None

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self.directory / "observatory.db"

    @property
    def key_file(self) -> Path:
        """The hash key."""
        return self.hash_key_file or self.directory / "hash.key"


class InfluxSettings(Section):
    """Where events go. Days are retention; the outbox holds what cannot be delivered yet, within its bounds."""

    url: str
    org: str = Field(min_length=1)
    token_file: Path
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    timeout_seconds: float = Field(15.0, gt=0, le=120)
    retention_days: float = Field(THIRTY_DAYS, gt=0)
    text_retention_days: float = Field(THIRTY_DAYS, gt=0)
    outbox_max_lines: int = Field(2_000_000, ge=1000)
    outbox_max_bytes: int = Field(512 * 1024 * 1024, ge=1024 * 1024)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not re.match(r"https?://[^/@\s]+(/\S*)?\Z", value):
            msg = "must be an http or https address without user or password"
            raise ValueError(msg)
        return value


class LogSettings(Section):
    """The program's own log, on standard error."""

    level: Literal["debug", "info", "warn", "error"] = "info"
    format: Literal["logfmt", "json"] = "logfmt"


class Settings(Section):
    """Everything the runner needs. Made by `load`, nothing else enters it.

    systems: system name -> its deployments, each validated by the system's own model.
    """

    web: WebSettings = WebSettings()
    state: StateSettings = Field(default_factory=StateSettings)
    influxdb: InfluxSettings | None = None
    log: LogSettings = LogSettings()
    scrape_interval_seconds: float = Field(15.0, gt=0, le=300)
    systems: Mapping[str, tuple[Any, ...]]

    @model_validator(mode="after")
    def _distinct(self) -> Settings:
        for name, deployments in self.systems.items():
            names = [d.deployment for d in deployments]
            for twice in sorted({n for n in names if names.count(n) > 1}):
                msg = f"systems.{name}: two deployments are called {twice!r}; their series would merge"
                raise ValueError(msg)
        return self


def load(
    systems: Sequence[System],
    *,
    file: Path | None,
    environment: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
) -> Settings:
    """Settings from a file (or from the environment alone).

    overrides: section -> key -> value, from flags. only: systems to serve; the others' configuration is ignored.
    Raises ConfigError with every problem.
    """
    problems: list[str] = []
    known = {system.name: system for system in systems}
    problems += [f"there is no system {name!r} (there are: {', '.join(known)})" for name in only if name not in known]
    raw = _read(file, problems) if file else {}
    merged = _merge(_merge(raw, _from_environment(environment, problems)), overrides or {})
    wanted = {name: system for name, system in known.items() if not only or name in only}
    deployments = _deployments(merged.pop("systems", None), known, wanted, environment, problems)
    try:
        settings = Settings(**merged, systems=deployments)
    except ValidationError as error:
        problems += [_sentence("", item, Settings) for item in error.errors()]
        raise ConfigError(problems) from None
    if not any(deployments.values()) and not problems:
        names = ", ".join(wanted)
        problems.append(f"nothing to watch: name a system under `systems:` or set its own variables ({names})")
    if problems:
        raise ConfigError(problems)
    return settings


def _read(file: Path, problems: list[str]) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError([f"{file}: {reason}"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError([f"{file}: not YAML{place}: {getattr(error, 'problem', 'unreadable')}"]) from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        problems.append(f"{file}: the top level must be a mapping")
        return {}
    legal = tuple(Settings.model_fields)
    for key in [key for key in loaded if key not in legal]:
        problems.append(f"{file}: unknown key {key!r} (known: {', '.join(legal)})")
        del loaded[key]
    return {key: _anchored({key: value}, file.parent)[key] for key, value in loaded.items()}


def _anchored(value: Any, directory: Path) -> Any:
    """Relative paths in a file are relative to the file, wherever the program was started."""
    if isinstance(value, dict):
        return {
            k: str(directory / v)
            if isinstance(v, str) and k.endswith(("_file", "directory"))
            else _anchored(v, directory)
            for k, v in value.items()
        }
    return [_anchored(item, directory) for item in value] if isinstance(value, list) else value


_SECTIONS: Mapping[str, type[Section]] = {
    "web": WebSettings,
    "state": StateSettings,
    "influxdb": InfluxSettings,
    "log": LogSettings,
}
_SCRAPE_INTERVAL = "OBSERVATORY_SCRAPE_INTERVAL_SECONDS"


def variables() -> frozenset[str]:
    """Every environment variable that can set a scalar of observatory.yml."""
    return frozenset({_SCRAPE_INTERVAL, *_scalars()})


def _scalars() -> dict[str, tuple[str, str]]:
    """Variable -> (section, key)."""
    return {f"OBSERVATORY_{s.upper()}_{k.upper()}": (s, k) for s, m in _SECTIONS.items() for k in m.model_fields}


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    legal = _scalars()
    for name, value in environment.items():
        if not value.strip():
            continue
        if name == _SCRAPE_INTERVAL:
            found["scrape_interval_seconds"] = value
        elif name in legal:
            section, key = legal[name]
            several = get_origin(_SECTIONS[section].model_fields[key].annotation) is tuple
            found.setdefault(section, {})[key] = [v.strip() for v in value.split(",")] if several else value
        elif name.startswith(tuple(f"OBSERVATORY_{s.upper()}_" for s in _SECTIONS)):
            problems.append(f"environment: unknown variable {name}")
    return found


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged


def _deployments(
    raw: Any,
    known: Mapping[str, System],
    wanted: Mapping[str, System],
    environment: Mapping[str, str],
    problems: list[str],
) -> dict[str, tuple[Any, ...]]:
    if raw is not None and not isinstance(raw, dict):
        problems.append("systems: must be a mapping from system to its deployments")
        raw = {}
    given = raw or {}
    problems += [f"systems: unknown system {key!r} (known: {', '.join(known)})" for key in given if key not in known]
    result: dict[str, tuple[Any, ...]] = {}
    for name, system in wanted.items():
        entries = given.get(name)
        if entries is None and not given:
            from_own = system.from_environment(environment)
            entries = [] if from_own is None else [from_own]
        if isinstance(entries, dict):
            entries = [entries]
        if not isinstance(entries, list | tuple | None):
            problems.append(f"systems.{name}: must be a list of deployments")
            continue
        made = (_validated(name, i, system, e, problems) for i, e in enumerate(entries or ()))
        result[name] = tuple(deployment for deployment in made if deployment is not None)
    return result


def _validated(name: str, index: int, system: System, entry: Any, problems: list[str]) -> Any:
    place = f"systems.{name}[{index}]"
    if not isinstance(entry, Mapping):
        problems.append(f"{place}: must be a mapping")
        return None
    try:
        return system.settings(**{"deployment": "default", **entry})
    except ValidationError as error:
        problems.extend(_sentence(place, item, system.settings) for item in error.errors())
    except TypeError:
        problems.append(f"{place}: keys must be words")
    return None


def _sentence(place: str, item: Any, model: type[BaseModel]) -> str:
    """One pydantic error as one sentence. The value is shown unless it may be a secret."""
    path = ".".join(str(part) for part in item["loc"])
    where = ".".join(part for part in (place, path) if part) or "settings"
    if item["type"] == "extra_forbidden":
        legal = _legal_keys(model, item["loc"][:-1])
        return f"{where}: unknown key (known: {', '.join(legal)})" if legal else f"{where}: unknown key"
    message = str(item["msg"]).removeprefix("Value error, ")
    value = item.get("input")
    secret = any(word in path.lower() for word in ("password", "token", "secret", "key")) or "@" in str(value)
    shown = f", not {value!r}" if isinstance(value, str | int | float | bool) and not secret else ""
    return f"{where}: {message[:1].lower()}{message[1:]}{shown}"


def _legal_keys(model: type[BaseModel], path: Sequence[Any]) -> list[str]:
    for part in path:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        choices = [annotation, *get_args(annotation)]
        models = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)


def read_secret(path: Path) -> SecretStr:
    """A secret's file without its last line break. ConfigError names the file and the reason, never the content."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not UTF-8"]) from None
    if not text.strip():
        raise ConfigError([f"{path}: empty"])
    return SecretStr(text.rstrip("\r\n"))
