"""A program from its vendor's release archive: fetched once over https, checked by SHA-256, unpacked safely.

    releases.yml -> Release -> fetch(release, folder) -> folder/grafana-13.2.2/…/bin/grafana

Everything that can go wrong ends in one ReleaseUnavailableError of one line, because a demo without Grafana is still
a demo. Nothing of an archive is run, or even unpacked, before its checksum is right.
"""

from __future__ import annotations

import hashlib
import http.client
import platform
import shutil
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import yaml

from exporters.core.errors import ObservatoryError
from exporters.demo.ports import LOOPBACK
from exporters.demo.unpack import UnsafeArchiveError, unpack

RELEASES_FILE = Path(__file__).with_name("releases.yml")
MAX_ARCHIVE_BYTES = 1_000_000_000
SILENCE_SECONDS = 15
"""How long the other side may say nothing."""

Say = Callable[[str], None]


class ReleaseUnavailableError(ObservatoryError):
    """The program cannot be had this way; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class Release:
    """One archive of releases.yml. `program` is the name of the file to run in it; `sha256` in hexadecimal."""

    program: str
    title: str
    version: str
    url: str
    sha256: str


def release_of(program: str, *, file: Path = RELEASES_FILE, machine: str | None = None) -> Release:
    """The entry for `program` on this machine. Raises ReleaseUnavailableError when there is none."""
    machine = machine or platform.machine()
    entry = yaml.safe_load(file.read_text()).get(program)
    if entry is None:
        message = f"no release of {program} is known to this program"
        raise ReleaseUnavailableError(message)
    archive = entry["machines"].get(machine)
    if archive is None:
        message = f"no release of {entry['title']} {entry['version']} for {machine} is known to this program"
        raise ReleaseUnavailableError(message)
    return Release(program, entry["title"], str(entry["version"]), archive["url"], archive["sha256"].lower())


def how_to_install(program: str) -> str:
    """Where the vendor says how to get `program`."""
    return str(yaml.safe_load(RELEASES_FILE.read_text())[program]["install"])


def fetch(release: Release, folder: Path, say: Say, *, give_up: Callable[[], bool] = lambda: False) -> Path:
    """The program of `release`, fetched into `folder` unless it is there already. Raises ReleaseUnavailableError."""
    home = folder / f"{release.program}-{release.version}"
    try:
        if not home.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _install(release, home, say, give_up)
        return _program(release, home)
    except (UnsafeArchiveError, OSError, http.client.HTTPException) as error:
        message = f"{release.title} {release.version} could not be fetched from {release.url}: {_one_line(error)}"
        raise ReleaseUnavailableError(message) from error


def _install(release: Release, home: Path, say: Say, give_up: Callable[[], bool]) -> None:
    # Beside its place and renamed into it: a half-made folder never looks like a whole one.
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".fetching-") as scratch:
        archive = Path(scratch) / "archive.tar.gz"
        _download(release, archive, say, give_up)
        unpacked = Path(scratch) / "unpacked"
        unpack(archive, unpacked)
        unpacked.rename(home)


def _download(release: Release, archive: Path, say: Say, give_up: Callable[[], bool]) -> None:
    digest = hashlib.sha256()
    with _open(release.url) as response, archive.open("wb") as file:
        promised = int(response.headers.get("Content-Length") or 0)
        size = f", {promised / 1e6:.0f} MB" if promised else ""
        say(f"fetching {release.title} {release.version} from {urlsplit(release.url).hostname}{size}")
        received = 0
        told = 0
        while chunk := response.read1(1 << 18):
            received += len(chunk)
            if received > MAX_ARCHIVE_BYTES:
                message = f"it is larger than {MAX_ARCHIVE_BYTES / 1e6:.0f} MB"
                raise OSError(message)
            if give_up():
                message = "stopped"
                raise OSError(message)
            digest.update(chunk)
            file.write(chunk)
            quarter = 4 * received // promised if promised else 0
            if quarter > told:
                told = quarter
                say(f"fetching {release.title}: {25 * quarter} %")
    if promised and received != promised:
        message = f"only {received} of {promised} bytes came"
        raise OSError(message)
    if digest.hexdigest() != release.sha256:
        message = f"its SHA-256 is {digest.hexdigest()}, not {release.sha256}"
        raise OSError(message)


class _SameSafety(urllib.request.HTTPRedirectHandler):
    """Follows redirects as usual, but never from https to something else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _must_be_safe(newurl)
        except urllib.error.URLError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str) -> http.client.HTTPResponse:
    _must_be_safe(url)
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _SameSafety(),
    ]
    if urlsplit(url).hostname == LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        response: http.client.HTTPResponse = urllib.request.build_opener(*handlers).open(url, timeout=SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer, too, and holds the connection
        raise
    return response


def _must_be_safe(url: str) -> None:
    parts = urlsplit(url)
    # Plain http is for this machine only, where nobody can stand in between.
    if parts.scheme != "https" and (parts.scheme, parts.hostname) != ("http", LOOPBACK):
        message = f"{url} is not https"
        raise urllib.error.URLError(message)


def _program(release: Release, home: Path) -> Path:
    files = [path for path in home.rglob(release.program) if path.is_file() and path.stat().st_mode & 0o100]
    if not files:
        shutil.rmtree(home)
        message = f"there is no program {release.program} in it"
        raise OSError(message)
    return min(files, key=lambda path: len(path.parts))


def _one_line(error: Exception) -> str:
    # A plain URLError wraps the real reason in "<urlopen error …>".
    reason = error.reason if type(error) is urllib.error.URLError else error
    return " ".join(str(reason).split()) or type(error).__name__
