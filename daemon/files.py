"""The rules for files: who may own and read a secret one (isakmpd(8), FILES), how private ones are written."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

_NO_FOLLOW = os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FileRefusedError(Exception):
    """A file that may not be used as it stands; the text says why and, on a line of its own, which command mends it."""


def check_secrecy(path: Path, uid: int) -> None:
    """Insist that a file's owner is root or `uid` and that group and others have no permission at all.

    For isakmpd.conf and isakmpd.policy. Raises FileRefusedError; FileNotFoundError where there is none.
    """
    os.close(_open_secret(path, uid))


def read_secret(path: Path, uid: int, most: int) -> bytes:
    """A private key's octets, held to the same rule; what is checked is what is read. Raises as check_secrecy does."""
    with os.fdopen(_open_secret(path, uid), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise FileRefusedError(f"not loading {path} - it has more than {most} octets")
    return data


def _open_secret(path: Path, uid: int) -> int:
    """A descriptor of a file that may be used as a secret one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FileRefusedError(
            f"not loading {path} - {error.strerror}\nmend it with: chown {uid} {shlex.quote(str(path))}"
        ) from error
    try:
        _insist(path, os.fstat(descriptor), uid)
    except FileRefusedError:
        os.close(descriptor)
        raise
    return descriptor


def _insist(path: Path, status: os.stat_result, uid: int) -> None:
    name = shlex.quote(str(path))
    if not stat.S_ISREG(status.st_mode):
        raise FileRefusedError(f"check_file_secrecy_fd: not loading {path} - not a regular file")
    if status.st_uid not in {0, uid}:
        raise FileRefusedError(
            f"check_file_secrecy_fd: not loading {path} - file owner is not process user\n"
            f"mend it with: chown {uid} {name}"
        )
    if status.st_mode & _OTHERS:
        raise FileRefusedError(
            f"check_file_secrecy_fd: not loading {path} - too open permissions\nmend it with: chmod 600 {name}"
        )


def open_for_append(path: Path) -> int:
    """A descriptor that appends to a private file, made with mode 0600 where there is none.

    An existing one must be a regular file, not reached through a symbolic link, without group or other bits.
    Raises FileRefusedError.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | _NO_FOLLOW, 0o600)
    except OSError as error:
        raise FileRefusedError(f"cannot write {path}: {error.strerror}") from error
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and not status.st_mode & _OTHERS and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    raise FileRefusedError(
        f"not writing to {path}: it must be a regular file that only its owner may read or write\n"
        f"mend it with: chmod 600 {shlex.quote(str(path))}"
    )


def write_private(path: Path, text: str) -> None:
    """Write a result or a report anew, mode 0600, as latin-1. Raises FileRefusedError.

    It is put beside the old one and renamed, so that a reader never sees half of it and no link is followed.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="latin-1", errors="backslashreplace") as out:
            out.write(text)
        beside.replace(path)
    except OSError as error:
        raise FileRefusedError(f"cannot write {path}: {error.strerror}") from error


def write_all(descriptor: int, data: bytes) -> None:
    """Write every octet. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def make_directory(path: Path) -> None:
    """A directory of the daemon's own, mode 0700 where it has to be made. Raises FileRefusedError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileRefusedError(f"cannot make the directory {path}: {error.strerror}") from error
