"""A User-mode Linux guest with real ESP and AH for a command: `python -m tests.interop.guest FOLDER COMMAND...`.

The guest's file system is this machine's, read-only, but for FOLDER. Its end is the command's: the exit status comes
back in FOLDER/status. Debian's package user-mode-linux holds the kernel and its modules.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
KERNEL = "linux.uml"
MEMORY = "1G"
SECONDS = 3600


class GuestError(Exception):
    """The guest did not run the command to its end."""


def shim(folder: Path) -> Path:
    """The preloaded library of guest_registers.c, compiled."""
    library = folder / "guest_registers.so"
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(HERE / "guest_registers.c")], check=True
    )
    return library


def boot(folder: Path, command: list[str]) -> int:
    """Run a command in a guest; what it prints is on our standard output. Raises GuestError where the guest died."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status").unlink(missing_ok=True)
    (folder / "command").write_text(shlex.join(command))
    # The guest's memory is a file, and this file system is where files are memory.
    memory = tempfile.mkdtemp(prefix="isakmpd-guest-", dir="/dev/shm")
    kernel = [
        KERNEL, f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
        f"init={HERE}/guest-init.sh", f"GUEST_FOLDER={folder}", f"GUEST_CWD={Path.cwd()}", f"PATH={os.environ['PATH']}",
        f"uml_dir={memory}", "con=null", "con0=null,fd:1", "ssl=null", "quiet", "loglevel=1",
    ]  # fmt: skip
    environment = {**os.environ, "LD_PRELOAD": str(shim(folder)), "TMPDIR": memory}
    try:
        with (folder / "kernel.log").open("wb") as errors:
            subprocess.run(
                kernel, env=environment, stdin=subprocess.DEVNULL, stderr=errors, timeout=SECONDS, check=False
            )
    finally:
        shutil.rmtree(memory, ignore_errors=True)
    status = folder / "status"
    if not status.exists():
        raise GuestError(f"the guest died: {(folder / 'kernel.log').read_text(errors='replace')[-2000:]}")
    return int(status.read_text())


if __name__ == "__main__":
    sys.exit(boot(Path(sys.argv[1]), sys.argv[2:]))
