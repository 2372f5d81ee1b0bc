"""A real isakmpd in the foreground, without root, in folders of its own: what the tests of the shell start."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.loopback import own_port

COMMAND = (sys.executable, "-c", "from daemon.cli import main; main()")

PATIENCE = 100.0
"""Seconds after which a test gives up waiting; nothing is measured."""

OPEN_POLICY = 'Authorizer: "POLICY"\n'
"""Everybody may do everything."""


class Isakmpd:
    """Start with `with`; `log()` is what it has written so far. It is killed at the end if it still runs."""

    def __init__(
        self,
        folder: Path,
        options: Sequence[str] = ("-d",),
        stdin: Path | None = None,
        address: str | None = "127.0.0.1",
    ) -> None:
        self.folder = folder
        self.conf = folder / "isakmpd.conf"
        self.policy = folder / "isakmpd.policy"
        self.fifo = folder / "isakmpd.fifo"
        self.pid_file = folder / "isakmpd.pid"
        self.result = folder / "isakmpd.result"
        self.port, self.nat_port = own_port(), own_port()
        self._address = address
        self._options = options
        self._stdin = stdin
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, path: Path, text: str) -> None:
        """A file with the permissions that isakmpd wants."""
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text)

    def arguments(self) -> list[str]:
        """The command line."""
        folders = [f"--{name}={self.folder}" for name in ("confdir", "rundir", "statedir")]
        ports = ["-p", str(self.port), "-N", str(self.nat_port), "--kernel=memory"]
        listen = [f"--listen={self._address}"] if self._address else []
        return [*COMMAND, *folders, *ports, *listen, *self._options]

    def __enter__(self) -> Self:
        with (self.folder / "log").open("ab") as log, (self._stdin or Path("/dev/null")).open("rb") as stdin:
            self._process = subprocess.Popen(self.arguments(), stdin=stdin, stdout=log, stderr=log)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process

    def log(self) -> str:
        """All that it wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def until(self, text: str, times: int = 1) -> str:
        """Wait until the log holds `text` so many times; the log."""
        ends = time.monotonic() + PATIENCE
        while True:
            over = time.monotonic() > ends or self.process.poll() is not None  # and then one last look
            if self.log().count(text) >= times:
                return self.log()
            if over:
                raise AssertionError(f"{text!r} did not appear in:\n{self.log()}")
            time.sleep(0.01)

    def started(self) -> Self:
        """Wait until it serves."""
        self.until("isakmpd: started")
        return self

    def say(self, line: str) -> None:
        """One line into the FIFO."""
        with self.fifo.open("w") as out:
            out.write(f"{line}\n")

    def say_when_ready(self, line: str) -> None:
        """The same for a daemon that does not tell us when it serves (syslog)."""
        ends = time.monotonic() + PATIENCE
        while not self.fifo.exists():
            if time.monotonic() > ends or self.process.poll() is not None:
                raise AssertionError(f"no FIFO; log:\n{self.log()}")
            time.sleep(0.01)
        self.say(line)

    def ask(self, line: str) -> str:
        """A command that answers in the result file, and its answer."""
        self.result.unlink(missing_ok=True)
        self.say(line)
        ends = time.monotonic() + PATIENCE
        while not self.result.exists():
            if time.monotonic() > ends:
                raise AssertionError(f"no answer to {line!r}; log:\n{self.log()}")
            time.sleep(0.01)
        return self.result.read_text()

    def until_answer(self, line: str, text: str) -> str:
        """Ask until the answer holds `text`, or is empty where that is; the answer."""
        ends = time.monotonic() + PATIENCE
        while text not in (answer := self.ask(line)) or (not text and answer):
            if time.monotonic() > ends:
                raise AssertionError(f"{text!r} is not in {answer!r}; log:\n{self.log()}")
            time.sleep(0.05)
        return answer

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait(PATIENCE)
