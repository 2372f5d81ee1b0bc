"""The rules for files: who may own and read a secret one (isakmpd(8), FILES), how private ones are written."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from policydb.folders import FileRefusedError, OwnFile

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


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
        message = f"not loading {path} - {error.strerror}"
        raise FileRefusedError(message, f"chown {uid} {shlex.quote(str(path))}") from error
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
        message = f"check_file_secrecy_fd: not loading {path} - file owner is not process user"
        raise FileRefusedError(message, f"chown {uid} {name}")
    if status.st_mode & _OTHERS:
        message = f"check_file_secrecy_fd: not loading {path} - too open permissions"
        raise FileRefusedError(message, f"chmod 600 {name}")


def open_for_append(file: OwnFile) -> int:
    """A descriptor that appends to a private file of ours, made with mode 0600 where there is none.

    Raises FileRefusedError, also where group or others may do anything with it.
    """
    descriptor = file.folder.open_or_create(file.name, os.O_RDWR | os.O_APPEND)
    if not os.fstat(descriptor).st_mode & _OTHERS:
        return descriptor
    os.close(descriptor)
    message = f"not writing to {file}: only its owner may read or write it"
    raise FileRefusedError(message, f"chmod 600 {shlex.quote(str(file))}")


def write_private(file: OwnFile, text: str) -> None:
    """Write a result or a report anew, mode 0600, for a terminal (as_shown). Raises FileRefusedError."""
    file.folder.replace(file.name, as_shown(text).encode())


def as_shown(text: str) -> str:
    """A text with octets of others as a terminal may have it: lines of UTF-8 in which nothing moves the cursor.

    What is no UTF-8, and whatever would do something instead of being seen, stands as an escape: \\x1b.
    """
    seen = text.encode("latin-1", "backslashreplace").decode("utf-8", "backslashreplace")
    if seen.isascii() and seen.replace("\n", "").replace("\t", "").isprintable():
        return seen
    return "".join(each if each.isprintable() or each in "\n\t" else _escape(each) for each in seen)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


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
