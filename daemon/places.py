"""The daemon's folders: opened once, looked at, and locked against a second daemon; its files are reached in them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from daemon.files import make_directory, open_for_append
from policydb.folders import FileRefusedError, Folder, OwnFile

LOCK = "isakmpd.lock"
"""The file that is locked while a daemon uses a folder. Nobody else may open it, or he could lock it too."""


class Places:
    """The run and the state folder, for this daemon alone until close(), and the folders of files put elsewhere.

    Raises FileRefusedError when made: for a folder that others may write to, and where another daemon runs.
    """

    def __init__(self, rundir: Path, statedir: Path) -> None:
        self._folders: dict[Path, Folder] = {}
        self._locks: list[int] = []
        try:
            for path in dict.fromkeys((rundir, statedir)):
                make_directory(path)
                folder = self._folders[path] = Folder(path)
                if not any(folder.is_same(each) for each in self._folders.values() if each is not folder):
                    self._locks.append(_lock(folder))
        except BaseException:
            self.close()
            raise

    def file(self, path: Path) -> OwnFile:
        """A file of the daemon's by its path. Raises FileRefusedError for its folder."""
        folder = self._folders.get(path.parent)
        if folder is None:
            folder = self._folders[path.parent] = Folder(path.parent)
        return OwnFile(folder, path.name)

    def close(self) -> None:
        """Let go of everything, so that the next daemon can start."""
        for descriptor in self._locks:
            os.close(descriptor)
        for folder in self._folders.values():
            folder.close()
        self._locks.clear()


def _lock(folder: Folder) -> int:
    """A descriptor that holds the lock. It is not inherited, and the kernel lets go of it however the process ends."""
    descriptor = open_for_append(OwnFile(folder, LOCK))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
    except OSError as cause:
        holder = os.pread(descriptor, 20, 0).decode("latin-1").strip()
        os.close(descriptor)
        if not isinstance(cause, BlockingIOError):
            raise FileRefusedError(f"cannot lock {folder.path / LOCK}: {cause.strerror}") from cause
        other = f"another isakmpd (process {holder})" if holder.isdecimal() else "another isakmpd"
        raise FileRefusedError(
            f"{other} uses {folder.path}: end it, or give this one folders of its own with --rundir and --statedir"
        ) from cause
    return descriptor
