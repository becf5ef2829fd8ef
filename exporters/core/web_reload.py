"""A web configuration that follows its files while the server runs."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from exporters.core.web_config import Fingerprint, WebConfig, inspect_web_config, look_at

_log = logging.getLogger(__name__)

_SETTLED_NS = 1_000_000_000
"""File times are as coarse as the kernel's clock tick: a file that changed within the last second is read again,
because a second change in the same tick would look the same (measured: 4 ms on Linux with HZ=250)."""


class LiveWebConfig:
    """The configuration in force. A new file that is broken changes nothing: it is logged, counted, and the last
    good one stays, so that a slip of the pen does not open or close the door."""

    def __init__(self, config: WebConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._files: tuple[Path, ...] = (config.path,)
        # Nothing matches this, so the first look reads the files again and learns their names.
        self._fingerprint: Fingerprint = ()
        self._refused: tuple[Fingerprint, tuple[str, ...]] | None = None
        self.failures = 0
        """How many changed files could not be used."""

    def current(self) -> WebConfig:
        """The configuration for the request or connection that begins now. Never raises; a few `stat` calls."""
        if look_at(self._files) != self._fingerprint and self._lock.acquire(blocking=False):
            # Whoever comes while another thread reads goes on with the last good one.
            try:
                self._read_again()
            finally:
                self._lock.release()
        return self._config

    def _read_again(self) -> None:
        found = inspect_web_config(self._config.path)
        self._files = found.files
        self._fingerprint = found.fingerprint if _settled(found.fingerprint) else ()
        problems = found.problems
        if found.config is not None and (found.config.tls is None) != (self._config.tls is None):
            problems = ("TLS cannot be switched on or off while the program runs: restart it",)
        if found.config is not None and not problems:
            if self._refused is not None or found.config != self._config:
                _log.info("web configuration %s: read again, now in force", self._config.path)
            self._refused = None
            self._config = found.config
        elif self._refused != (found.fingerprint, problems):
            self._refused = (found.fingerprint, problems)
            self.failures += 1
            for problem in problems:
                _log.error("web configuration %s: %s; the last good one stays in force", self._config.path, problem)


def _settled(fingerprint: Fingerprint) -> bool:
    now = time.time_ns()
    return all(seen is None or abs(now - max(seen[3:])) > _SETTLED_NS for seen in fingerprint)
