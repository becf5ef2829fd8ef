"""The key of every hash: record windows in cursors, user ids in InfluxDB. Made once, kept private, to be backed up."""

from __future__ import annotations

import os
import secrets
from hashlib import blake2b
from pathlib import Path

from exporters.core.checkpoint import Checkpoint
from exporters.core.errors import StateError

_BYTES = 32
_META = "hash_key_fingerprint"


def load_or_create(path: Path) -> bytes:
    """The key, 32 bytes. StateError if the file cannot be read or is not such a key."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        msg = f"hash key file {path}: {error.strerror}"
        raise StateError(msg) from None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        msg = f"hash key file {path}: must hold {_BYTES * 2} hexadecimal digits; restore it from a backup"
        raise StateError(msg)
    return key


def _create(path: Path) -> None:
    """Whole or not at all: an empty key after a power cut would have to be removed by hand."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # Unlike a rename it fails where a file is: of two that start at once, one key counts.
            path.hardlink_to(fresh)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)


def places_lost(checkpoint: Checkpoint, key: bytes) -> frozenset[str]:
    """Feeds whose cursors were made with another key. Their places are forgotten: a declared gap, nothing doubled.

    Also those forgotten at an earlier start and not read since: their source may have been out of reach all the time.
    """
    fingerprint = blake2b(b"llm-observatory", key=key, digest_size=16).hexdigest()
    known = checkpoint.meta(_META)
    if known is None:
        checkpoint.set_meta(_META, fingerprint)
    elif known != fingerprint:
        checkpoint.forget_cursors(_META, fingerprint)
    return frozenset(checkpoint.placeless())
