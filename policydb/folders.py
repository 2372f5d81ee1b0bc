"""Folders of ours and the files in them: what others may write to is not used, and no link is followed.

A folder is opened once, and looked at then: its owner is root or we, and nobody else may write to it, or nobody may
touch the files of others there. Files in it are
reached through its descriptor, so it stays the same folder whatever becomes of its path. Links above it are followed:
/var/run is one on most machines. A file in it is ours if it is a regular file with one name, has such an owner too, and
others may not write to it.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_NO_FOLLOW = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Of a folder we need neither its list nor the right to read it.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


class FileRefusedError(Exception):
    """A file or folder that may not be used as it stands: `message` says why, `remedy` is the command that mends it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}\nmend it with: {remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy


class Folder:
    """A folder that was opened and looked at. `is_shared`: others put files there too, and cannot touch ours.

    That is one like /tmp, whose files only their owners may rename and remove.

    Every method raises FileRefusedError. Close it, or use it as a context manager.
    """

    __slots__ = ("_descriptor", "is_shared", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, _FOLDER)
        except OSError as cause:
            raise FileRefusedError(f"cannot use the folder {path}: {cause.strerror}") from cause
        try:
            self.is_shared = _check_folder(path, os.fstat(self._descriptor))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def is_same(self, other: Folder) -> bool:
        """Whether both are one folder, by whatever paths."""
        return os.path.samestat(os.fstat(self._descriptor), os.fstat(other._descriptor))

    def status(self, name: str) -> os.stat_result | None:
        """What has this name, be it a link; None where nothing has."""
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise FileRefusedError(f"{self.path / name}: {cause.strerror}") from cause

    def check(self, name: str) -> os.stat_result | None:
        """The same; what is there must be a file of ours."""
        found = self.status(name)
        if found is not None:
            check_file(self.path / name, found)
        return found

    def create(self, name: str, mode: int = 0o600) -> int:
        """A descriptor of a new file, for writing. A file of ours that has the name makes room for it."""
        if self.check(name) is not None:
            self.remove(name)
        return self._open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open_or_create(self, name: str, flags: int = os.O_RDWR) -> int:
        """A descriptor of a file of ours, made with mode 0600 where there is none."""
        try:
            descriptor = self._open(name, flags | os.O_CREAT | os.O_EXCL, 0o600)
        except FileRefusedError as refusal:
            if not isinstance(refusal.__cause__, FileExistsError):
                raise
            self.check(name)  # before it is opened: of a device or a FIFO the opening may have effects
            descriptor = self._open(name, flags)
        try:
            check_file(self.path / name, os.fstat(descriptor))
        except FileRefusedError:
            os.close(descriptor)
            raise
        return descriptor

    def replace(self, name: str, octets: bytes) -> None:
        """Write a file anew, mode 0600. It takes the old one's place whole, so nobody ever reads half of it.

        Whatever had the name is gone then, a link too; what it led to stays as it was.
        """
        beside = f".{name}.{os.getpid()}"
        with suppress(OSError):
            os.unlink(beside, dir_fd=self._descriptor)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
            with os.fdopen(os.open(beside, flags, 0o600, dir_fd=self._descriptor), "wb") as out:
                out.write(octets)
            os.rename(beside, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except OSError as cause:
            with suppress(OSError):
                os.unlink(beside, dir_fd=self._descriptor)
            raise FileRefusedError(f"cannot write {self.path / name}: {cause.strerror}") from cause

    def make_fifo(self, name: str) -> None:
        """A FIFO with mode 0600."""
        try:
            os.mkfifo(name, 0o600, dir_fd=self._descriptor)
        except OSError as cause:
            raise FileRefusedError(f"cannot make the FIFO {self.path / name}: {cause.strerror}") from cause

    def open_existing(self, name: str, flags: int) -> int:
        """A descriptor of what has the name, unless that is a link; it is not waited for. The caller looks at it."""
        return self._open(name, flags)

    def remove(self, name: str, known: os.stat_result | None = None) -> None:
        """Remove a file; nothing where it is not there, or is another one than the `known`."""
        found = self.status(name)
        if found is None or (known is not None and not os.path.samestat(found, known)):
            return
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return
        except OSError as cause:
            raise FileRefusedError(f"cannot remove {self.path / name}: {cause.strerror}") from cause

    def _open(self, name: str, flags: int, mode: int = 0o600) -> int:
        try:
            return os.open(name, flags | _NO_FOLLOW, mode, dir_fd=self._descriptor)
        except OSError as cause:
            why = "it is a link" if cause.errno == errno.ELOOP else cause.strerror
            raise FileRefusedError(f"cannot write {self.path / name}: {why}") from cause


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A name in a folder of ours, whether there is such a file or not."""

    folder: Folder
    name: str

    def __str__(self) -> str:
        return str(self.folder.path / self.name)

    def status(self) -> os.stat_result | None:
        """As Folder.status()."""
        return self.folder.status(self.name)


def own_file(path: Path) -> OwnFile:
    """A file by its path, in a folder that is opened for it alone. Raises FileRefusedError."""
    return OwnFile(Folder(path.parent), path.name)


# --- what is ours -------------------------------------------------------------------------------------------------


def check_file(path: Path, status: os.stat_result) -> None:
    """Insist that a file is ours: regular, of one name, root's or ours, for nobody else to write to.

    Raises FileRefusedError.
    """
    quoted = shlex.quote(str(path))
    if stat.S_ISLNK(status.st_mode):
        raise FileRefusedError(f"{path} is a link, and no link is followed there", f"rm {quoted}, or name the file")
    if not stat.S_ISREG(status.st_mode):
        raise FileRefusedError(f"{path} is no regular file", f"rm {quoted}")
    _check_owner(path, status)
    if is_open_to_others(status):
        raise FileRefusedError(f"{path} can be written to by others", f"chmod go-w {quoted}")
    if status.st_nlink > 1:
        remedy = f"cp -p {quoted} {quoted}.own && mv {quoted}.own {quoted}"
        raise FileRefusedError(f"{path} is one file under {status.st_nlink} names", remedy)


def is_open_to_others(status: os.stat_result) -> bool:
    """Whether others than root and the owner may write there.

    A group that holds its owner alone is nobody else: many systems give each user one, and a umask of 002.
    """
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not _is_alone(status.st_uid, status.st_gid)


def _is_alone(uid: int, gid: int) -> bool:
    import grp  # rare, and only where a group may write
    import pwd

    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and user.pw_name == group.gr_name and set(group.gr_mem) <= {user.pw_name}


def _check_folder(path: Path, status: os.stat_result) -> bool:
    """Insist that a folder is ours. Whether it is shared."""
    _check_owner(path, status)
    if not is_open_to_others(status):
        return False
    if status.st_mode & stat.S_ISVTX:
        return True
    raise FileRefusedError(f"{path} can be written to by others", f"chmod go-w {shlex.quote(str(path))}")


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in {0, os.geteuid()}:
        owner = f"chown {os.geteuid()} {shlex.quote(str(path))}"
        raise FileRefusedError(f"{path} belongs to user {status.st_uid}, neither root nor the one who runs this", owner)
