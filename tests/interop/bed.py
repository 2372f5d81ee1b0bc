"""Two network namespaces joined by a veth pair, and the processes in them; all of it gone at the end, also on errors.

The left side runs isakmpd, the right side the independent peer. Each has a network of its own behind it, on `lo`.
Processes are ended by pid, namespaces by a name of their own, so that several beds can stand at once.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self, TypeVar

from tests.interop import nat
from tests.interop.namespaces import inside

T = TypeVar("T")

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.interop.with_table"])


class BedError(Exception):
    """The bed itself does not work: a tool failed, or something did not happen in time."""


@dataclass(frozen=True, slots=True)
class Side:
    """One namespace: its outer address on the veth, and the network behind it."""

    letter: str
    address: str
    network: str
    inside: str


LEFT = Side("l", "10.77.0.1", "10.77.1.0/24", "10.77.1.1")
RIGHT = Side("r", "10.77.0.2", "10.77.2.0/24", "10.77.2.1")

BEHIND_NAT, NAT_GATEWAY = "10.78.0.2", "10.78.0.1"
INNER = Side("i", NAT_GATEWAY, "", "")
OUTER = Side("o", RIGHT.address, "", "")
"""The two faces of a NAT before the right side."""

_UP = ("link set lo up", "link set e0 up")


def run(argv: Sequence[str], *, check: bool = True, timeout: float = 30, env: Mapping[str, str] | None = None) -> str:
    """Run a tool to its end and return what it printed, both streams together."""
    done = subprocess.run(
        list(argv),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        timeout=timeout,
        env={**os.environ, **(env or {})},
        check=False,
    )
    if check and done.returncode:
        raise BedError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def eventually(what: str, ask: Callable[[], T | None], seconds: float = 10, step: float = 0.02) -> T:
    """Ask until the answer is true, and return it. Raises BedError with `what` where it never is."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := ask():
            return answer
        if time.monotonic() > deadline:
            raise BedError(f"did not happen within {seconds:g} s: {what}")
        time.sleep(step)


class Bed(ExitStack):
    """The two namespaces and a work folder. Use as a context manager. `with_nat`: the right side is behind one."""

    def __init__(self, *, with_nat: bool = False) -> None:
        super().__init__()
        self._with_nat = with_nat

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def _build(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="isakmpd-bed-"))
        self.callback(shutil.rmtree, self.folder, ignore_errors=True)
        stem = f"isa{os.getpid()}-{secrets.token_hex(3)}"
        sides = (LEFT, RIGHT, INNER, OUTER) if self._with_nat else (LEFT, RIGHT)
        self.names = {side: stem + side.letter for side in sides}
        for name in self.names.values():
            run(["ip", "netns", "add", name])
            self.callback(run, ["ip", "netns", "del", name], check=False)
        self._join_by_nat() if self._with_nat else self._join()

    def _join(self) -> None:
        """One wire between both sides."""
        left, right = self.names[LEFT], self.names[RIGHT]
        run(["ip", "link", "add", "e0", "netns", left, "type", "veth", "peer", "name", "e0", "netns", right])
        for side, other in ((LEFT, RIGHT), (RIGHT, LEFT)):
            self.ip(
                side,
                *_UP,
                f"addr add {side.address}/24 dev e0",
                f"addr add {side.inside}/24 dev lo",
                f"route add {other.network} via {other.address} src {side.inside}",
            )

    def _join_by_nat(self) -> None:
        """A NAT with the right side's address before the right side, which has another one (nat.py)."""
        for outer, side in ((INNER, RIGHT), (OUTER, LEFT)):
            pair = ["ip", "link", "add", "e0", "netns", self.names[side], "type", "veth"]
            run([*pair, "peer", "name", "e0", "netns", self.names[outer]])
        self.ip(LEFT, *_UP, f"addr add {LEFT.address}/24 dev e0", f"addr add {LEFT.inside}/24 dev lo")
        self.ip(OUTER, *_UP, f"addr add {RIGHT.address}/24 dev e0")
        self.ip(INNER, *_UP, f"addr add {NAT_GATEWAY}/24 dev e0", f"addr add {LEFT.address}/32 dev lo")
        self.ip(
            RIGHT,
            *_UP,
            f"addr add {BEHIND_NAT}/24 dev e0",
            f"addr add {RIGHT.inside}/24 dev lo",
            f"route add default via {NAT_GATEWAY}",
        )
        faces = (self.names[INNER], self.names[OUTER])
        self.nat = self.fork(OUTER, nat.serve, *faces, LEFT.address, RIGHT.address, LEFT.address)
        eventually("the NAT is there", lambda: self._nat_listens() or None)

    def _nat_listens(self) -> bool:
        return "4500" in run(["ip", "netns", "exec", self.names[INNER], "ss", "-Hlun"])

    def ip(self, side: Side, *lines: str) -> None:
        """Commands of ip(8) in a side's namespace, all in one process."""
        batch = self.folder / f"ip.{side.letter}"
        batch.write_text("".join(f"{line}\n" for line in lines))
        run(["ip", "-n", self.names[side], "-batch", str(batch)])

    def fork(self, side: Side, function: Callable[..., None], *arguments: object) -> BaseProcess:
        """Start a process of our own code in a side's namespace, fast: a server that has it loaded forks."""
        process = _SERVER.Process(target=_in_namespace, args=(self.names[side], function, *arguments))
        process.start()
        self.callback(end, process)
        return process

    def inside(self, side: Side, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` in a side's namespace."""
        return ["ip", "netns", "exec", self.names[side], *argv]

    def start(
        self, side: Side, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a long-running process in a side's namespace; it is ended with the bed."""
        with log.open("ab") as out:
            process = subprocess.Popen(
                self.inside(side, argv),
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
            )
        self.callback(end, process)
        return process


def _in_namespace(name: str, function: Callable[..., None], *arguments: object) -> None:
    with inside(name):
        function(*arguments)


def end(process: subprocess.Popen[bytes] | BaseProcess, seconds: float = 5) -> int:
    """End a process by its pid: first asked, then made to. Returns its exit status."""
    if isinstance(process, BaseProcess):
        process.terminate()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
        return process.exitcode or 0
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode
