"""What concerns the process itself: where its packages came from, and its pid file."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from daemon.files import write_all
from policydb.folders import FileRefusedError, OwnFile

PACKAGES = ("grammar", "policydb", "daemon")


class MixedInstallationError(Exception):
    """The three packages do not come from one place; the text says where each is."""


def check_packages() -> None:
    """Insist that the three flat packages have one parent directory.

    `daemon` is also what python-daemon installs: half of each would be a security product of unknown content. Raises
    MixedInstallationError. Nothing is imported.
    """
    places = {name: _parent(name) for name in PACKAGES}
    if len(set(places.values())) > 1:
        found = ", ".join(f"{name} in {place or 'no place'}" for name, place in places.items())
        raise MixedInstallationError(
            f"the packages grammar, policydb and daemon must stand side by side; found {found}. "
            "Install into a virtual environment of its own"
        )


def _parent(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).resolve().parent.parent if spec is not None and spec.origin else None


class PidFile:
    """The process's number in a file, for as long as the daemon runs.

    It is made anew each time, so whoever had one open from before cannot write into ours. It stays open, so that no
    other file can pass for it. Raises FileRefusedError when made.
    """

    def __init__(self, file: OwnFile) -> None:
        self._file = file
        self._octets = f"{os.getpid()}\n".encode("ascii")
        self._descriptor = file.folder.create(file.name, 0o644)
        try:
            write_all(self._descriptor, self._octets)
        except OSError as cause:
            self.remove()
            raise FileRefusedError(f"cannot write {file}: {cause.strerror}") from cause

    def remove(self) -> None:
        """Remove it, unless another process has put its own there, or its number."""
        if self._descriptor < 0:
            return
        if self._octets.startswith(os.pread(self._descriptor, len(self._octets), 0)):
            with suppress(FileRefusedError):
                self._file.folder.remove(self._file.name, os.fstat(self._descriptor))
        os.close(self._descriptor)
        self._descriptor = -1
