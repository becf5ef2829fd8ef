"""The web configuration file (`--web.config.file`): TLS, basic authentication, headers, rate limit.

The format is that of prometheus/exporter-toolkit (docs/web-configuration.md), so a file written for any other
exporter works here; where this program is stricter, it is in what it refuses, never in what it lets pass.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporters.core.errors import ConfigError
from exporters.core.web_config_sections import SECTIONS, basic_auth_users, rate_limit, response_headers, tls_terms
from exporters.core.web_rate import RateLimit
from exporters.core.web_tls import TlsTerms, build_context
from exporters.core.web_yaml import Section, read_yaml

Fingerprint = tuple[tuple[int, ...] | None, ...]
"""What the file system says about each file: device, inode, size, two times; None for one that cannot be seen."""


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A web configuration that can be used. `load_web_config` is the way to one."""

    path: Path
    tls: TlsTerms | None = field(repr=False)
    """Not shown: keys and hashes may stand inline."""
    users: Mapping[str, str] = field(repr=False)
    """Name -> bcrypt hash; empty: nobody has to sign in."""
    headers: Mapping[str, str]
    """Extra response headers, all from the format's closed list."""
    rate_limit: RateLimit | None
    context: ssl.SSLContext | None = field(compare=False)
    """For new connections; None without TLS."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One reading of a web configuration file, good or bad."""

    files: tuple[Path, ...]
    """The file and every file it names: a change of one is a change of the configuration."""
    fingerprint: Fingerprint
    """Of `files`, taken before they were read: a change during the reading shows at the next look."""
    problems: tuple[str, ...]
    config: WebConfig | None
    """None exactly when there are problems."""


def load_web_config(path: Path) -> WebConfig:
    """Read and check the file and the certificates it names. Raises ConfigError with every problem at once."""
    found = inspect_web_config(path)
    if found.config is None:
        raise ConfigError(f"{path}: {problem}" for problem in found.problems)
    return found.config


def inspect_web_config(path: Path) -> Inspection:
    """Read the file and what it names; never raises for what stands in them."""
    problems: list[str] = []
    fingerprint = look_at((path,))
    content: object = None
    try:
        content = read_yaml(path.read_bytes(), problems)
    except OSError as error:
        problems.append(f"cannot be read: {error.strerror}")
    root = Section("", content, SECTIONS, problems)
    terms = tls_terms(root, path.parent)
    headers = response_headers(root)
    users = basic_auth_users(root, content.get("basic_auth_users") if isinstance(content, dict) else None)
    limit = rate_limit(root)
    files: tuple[Path, ...] = ()
    context = None
    if terms is not None:
        files = terms.files()
        fingerprint += look_at(files)
        try:
            context = build_context(terms)
        except ConfigError as error:
            problems.extend(error.problems)
    config = None if problems else WebConfig(path, terms, users, headers, limit, context)
    return Inspection((path, *files), fingerprint, tuple(problems), config)


def look_at(files: tuple[Path, ...]) -> Fingerprint:
    """The fingerprint of the files as they are now."""
    return tuple(_look_at(file) for file in files)


def _look_at(file: Path) -> tuple[int, ...] | None:
    try:
        seen = file.stat()
    except (OSError, ValueError):  # not there, or no path at all
        return None
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
