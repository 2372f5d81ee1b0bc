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
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self, TypeVar

from tests.interop import nat
from tests.interop.namespaces import inside

T = TypeVar("T")

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.interop.with_table", "tests.interop.warm"])


class BedError(Exception):
    """The bed itself does not work: a tool failed, or something did not happen in time."""


@dataclass(frozen=True, slots=True)
class Side:
    """One namespace: its address for the other side, the network behind it, and its own address behind a NAT."""

    letter: str
    address: str
    network: str = ""
    inside: str = ""
    private: str = ""
    gateway: str = ""

    @property
    def outer(self) -> Side:
        """The outer face of the NAT before it."""
        return Side(f"{self.letter}o", self.address)

    @property
    def inner(self) -> Side:
        """The inner one."""
        return Side(f"{self.letter}i", self.gateway)


LEFT = Side("l", "10.77.0.1", "10.77.1.0/24", "10.77.1.1", "10.79.0.2", "10.79.0.1")
RIGHT = Side("r", "10.77.0.2", "10.77.2.0/24", "10.77.2.1", "10.78.0.2", "10.78.0.1")

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
    """The two namespaces and a work folder. Use as a context manager. `natted`: the sides that are behind a NAT."""

    def __init__(self, natted: Collection[Side] = ()) -> None:
        super().__init__()
        self._natted = natted

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
        faces = [face for side in self._natted for face in (side.inner, side.outer)]
        self.names = {side: stem + side.letter for side in (LEFT, RIGHT, *faces)}
        namespaces = self.names.values()
        self.callback(self._root_ip, [f"netns del {name}" for name in namespaces], check=False)
        left, right = (side.outer if side in self._natted else side for side in (LEFT, RIGHT))
        wires = ((left, right), *((side, side.inner) for side in self._natted))
        self._root_ip([f"netns add {name}" for name in namespaces] + [self._wire(*ends) for ends in wires])
        for side, other in ((LEFT, RIGHT), (RIGHT, LEFT)):
            self._address_natted(side, other) if side in self._natted else self._address(side, other)

    def _wire(self, one: Side, other: Side) -> str:
        return f"link add e0 netns {self.names[one]} type veth peer name e0 netns {self.names[other]}"

    def _address(self, side: Side, other: Side) -> None:
        self.ip(
            side,
            *_UP,
            f"addr add {side.address}/24 dev e0",
            f"addr add {side.inside}/24 dev lo",
            f"route add {other.network} via {other.address} src {side.inside}",
        )

    def _address_natted(self, side: Side, other: Side) -> None:
        """A NAT with the side's address before the side, which has another one (nat.py)."""
        self.ip(side.outer, *_UP, f"addr add {side.address}/24 dev e0")
        self.ip(side.inner, *_UP, f"addr add {side.gateway}/24 dev e0", f"addr add {other.address}/32 dev lo")
        self.ip(
            side,
            *_UP,
            f"addr add {side.private}/24 dev e0",
            f"addr add {side.inside}/24 dev lo",
            f"route add default via {side.gateway}",
        )
        faces = (self.names[side.inner], self.names[side.outer])
        self.fork(side.outer, nat.serve, *faces, other.address, side.address, side.private)
        eventually("the NAT is there", lambda: self._forwards(side) or None)

    def _forwards(self, side: Side) -> bool:
        """Whether the NAT has its last socket."""
        found = run(["ip", "netns", "exec", self.names[side.outer], "ss", "-Hlun"])
        return f"{side.address}:{nat.PORTS[-1]}" in found

    def address(self, side: Side) -> str:
        """The side's own address, as it sees it."""
        return side.private if side in self._natted else side.address

    def ip(self, side: Side, *lines: str) -> None:
        """Commands of ip(8) in a side's namespace, all in one process."""
        self._batch(lines, "-n", self.names[side])

    def _root_ip(self, lines: Sequence[str], *, check: bool = True) -> None:
        """Commands of ip(8) outside of all sides; without `check` each is tried, whatever became of the others."""
        self._batch(lines, *(() if check else ("-force",)), check=check)

    def _batch(self, lines: Sequence[str], *options: str, check: bool = True) -> None:
        batch = self.folder / "ip.batch"
        batch.write_text("".join(f"{line}\n" for line in lines))
        run(["ip", *options, "-batch", str(batch)], check=check)

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
