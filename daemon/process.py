"""What concerns the process itself: where its packages came from, and its pid file."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from daemon.files import FileRefusedError

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
    """The process's number in a file, for as long as the daemon runs. Raises FileRefusedError when made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(path, flags, 0o644), "w", encoding="ascii") as out:
                out.write(f"{os.getpid()}\n")
        except OSError as error:
            raise FileRefusedError(f"cannot write the pid file {path}: {error.strerror}") from error

    def remove(self) -> None:
        """Remove it, unless another process has put its number there."""
        try:
            if self._path.read_text(encoding="latin-1").strip() == str(os.getpid()):
                self._path.unlink()
        except OSError:
            return
