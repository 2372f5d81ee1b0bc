"""User-mode Linux guests with real ESP and AH for the tests marked `kernel`: `python -m tests.interop.guest FOLDER`.

A guest's file system is this machine's, read-only, but for a folder of its own. Its end is its command's: the exit
status comes back in a file. It has one processor and most rows wait half of their time, so there are two guests for
each processor here, and each runs its share of the tests. What they record is in FOLDER/guest-*.json.
Debian's package user-mode-linux holds the kernel and its modules.
"""

from __future__ import annotations

import compileall
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
KERNEL = "linux.uml"
MEMORY = "1G"
SECONDS = 3600
GUESTS_PER_PROCESSOR = 2
PACKAGES = ("grammar", "policydb", "daemon", "tests")


class GuestError(Exception):
    """The guest did not run the command to its end."""


def shim(folder: Path) -> Path:
    """The preloaded library of guest_registers.c, compiled."""
    library = folder / "guest_registers.so"
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(HERE / "guest_registers.c")], check=True
    )
    return library


def boot(folder: Path, command: Sequence[str], processor: int) -> tuple[int, str]:
    """Run a command in a guest on one processor; its exit status, and what it printed. Raises GuestError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status").unlink(missing_ok=True)
    (folder / "command").write_text(shlex.join(command))
    # The guest's memory is a file, and this file system is where files are memory.
    memory = tempfile.mkdtemp(prefix="isakmpd-guest-", dir="/dev/shm")
    passed = [f"{name}={os.environ[name]}" for name in ("PATH", "PYTHONPATH") if name in os.environ]
    # A guest and its processes take turns, and do so far faster where they share a processor.
    kernel = [
        "taskset", "--cpu-list", str(processor),
        KERNEL, f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
        f"init={HERE}/guest-init.sh", f"GUEST_FOLDER={folder}", f"GUEST_CWD={Path.cwd()}", *passed,
        f"uml_dir={memory}", "con=null", "con0=null,fd:1", "ssl=null", "quiet", "loglevel=1",
    ]  # fmt: skip
    environment = {**os.environ, "LD_PRELOAD": str(shim(folder)), "TMPDIR": memory}
    try:
        with (folder / "printed").open("wb") as printed, (folder / "kernel.log").open("wb") as errors:
            subprocess.run(
                kernel, env=environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=errors, timeout=SECONDS,
                check=False,
            )  # fmt: skip
    finally:
        shutil.rmtree(memory, ignore_errors=True)
    status = folder / "status"
    if not status.exists():
        raise GuestError(f"the guest died: {(folder / 'kernel.log').read_text(errors='replace')[-2000:]}")
    return int(status.read_text()), (folder / "printed").read_text(errors="replace")


def run_share(folder: Path, number: int, count: int, options: Sequence[str]) -> int:
    """Run one of `count` shares of the tests in a guest and print what it printed. The exit status."""
    own = folder / f"guest-{number}"
    results = own / "results.json"
    results.unlink(missing_ok=True)
    told = [f"INTEROP_RESULTS={results}", f"INTEROP_SHARE={number}/{count}"]
    tests = ["-q", "-p", "no:cacheprovider", "-m", "kernel", "tests/interop", *options]
    processors = sorted(os.sched_getaffinity(0))
    command = ["env", *told, sys.executable, "-m", "pytest", *tests]
    status, printed = boot(own, command, processors[number % len(processors)])
    print(f"--- guest {number} of {count}\n{printed}", flush=True)
    return status


def main(folder: Path, options: Sequence[str]) -> int:
    """All shares at once, with pytest's further options. The worst exit status."""
    for package in PACKAGES:  # the guests cannot write what they compile
        compileall.compile_dir(package, quiet=1)
    count = GUESTS_PER_PROCESSOR * len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(count) as pool:
        shares = [pool.submit(run_share, folder.resolve(), number, count, options) for number in range(count)]
        return max(each.result() for each in shares)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
