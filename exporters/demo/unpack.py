"""Unpacking a tar archive that somebody else made: plain files and folders, inside one folder, of bounded size."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from exporters.core.errors import ObservatoryError

MAX_UNPACKED_BYTES = 4_000_000_000
MAX_MEMBERS = 200_000


class UnsafeArchiveError(ObservatoryError):
    """The archive is damaged, or holds something that has no business in a release."""


def unpack(archive: Path, into: Path) -> None:
    """Unpack `archive` (tar, gzipped) into the new folder `into`.

    Raises UnsafeArchiveError on a damaged archive and on the first member that is a link, a device, or leads out of
    the folder; what was unpacked until then stays in `into`, which the caller throws away.
    """
    into.mkdir()
    total = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for count, member in enumerate(tar):
                total += member.size
                if total > MAX_UNPACKED_BYTES or count >= MAX_MEMBERS:
                    message = f"the archive is larger than a release can be (at {member.name!r})"
                    raise UnsafeArchiveError(message)
                _unpack_member(tar, member, into)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"the archive is damaged: {error}"
        raise UnsafeArchiveError(message) from error


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        message = f"the archive leads out of its folder: {member.name!r}"
        raise UnsafeArchiveError(message)
    target = into / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        message = f"the archive holds something other than files and folders: {member.name!r}"
        raise UnsafeArchiveError(message)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        message = f"the archive holds {member.name!r} twice"
        raise UnsafeArchiveError(message)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    # Whether it can be run, and nothing else of its permissions.
    target.chmod(0o755 if member.mode & 0o100 else 0o644)
