"""Where a server's program is: on PATH, or where Debian keeps it off PATH."""

from __future__ import annotations

import shutil
from pathlib import Path

from exporters.demo.process import ServerError


def find(*names: str) -> Path | None:
    """The first of `names` that is on PATH (Debian calls Alertmanager prometheus-alertmanager), or None."""
    for name in names:
        found = shutil.which(name)
        if found:
            return Path(found)
    return None


def need(*names: str, package: str) -> Path:
    """Like `find`, but raises ServerError naming the Debian `package` when there is none."""
    found = find(*names)
    if found is None:
        message = f"no program {' or '.join(names)} on PATH (Debian package {package})"
        raise ServerError(message)
    return found
