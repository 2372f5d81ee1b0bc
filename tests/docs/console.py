"""Runs the ```console blocks of the documentation, so that what they show stays what one gets.

A line that begins with `$ ` is a command, lines with `> ` right below continue it; what follows is its output, both
streams together. A line `...` stands for any number of lines. What differs from run to run (times, durations, cookies,
SPIs) is compared by its form only. One shell runs a whole block; a block in ```sh is not run.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tests.loopback import own_network

_FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "--- end of command ---"

# What `make demo` does once its virtual environment is there; test_commands.py compares this with the Makefile.
DEMO = "python examples/first-light/demo.py"
_PREAMBLE = f'umask 077\nmake() {{ [ "$1" = demo ] && {DEMO}; }}\n'

_LOOPBACK = "127.77.0."

_VARIES = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b\d{6}\.\d{6}\b"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? ?(us|µs|ms|s|seconds)\b"), "<duration>"),
    (re.compile(r"\b[0-9a-f]{16}\b|\b[0-9a-f]{8}\b"), "<hex>"),
    (re.compile(r"\b127\.77\.\d+\."), _LOOPBACK),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a block and the output that the document shows."""

    command: str
    shown: str

    def laid_out(self, output: str) -> str:
        """As it stands in a document, with this output."""
        command = "\n> ".join(self.command.split("\n")).replace("\n> \n", "\n>\n")
        return f"$ {command}\n" + (f"{output}\n" if output else "")


@dataclass(frozen=True, slots=True)
class Block:
    """A ```console block: its document, the line of its fence, its commands."""

    document: str
    line: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks_of(text: str, document: str) -> Iterator[Block]:
    """The blocks of a Markdown text, in order."""
    for found in _FENCE.finditer(text):
        yield Block(document, text.count("\n", 0, found.start()) + 1, tuple(_steps(found.group(1))))


def _steps(body: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        first, *lines = part.splitlines()
        more = list(takewhile(lambda line: f"{line} ".startswith("> "), lines))
        command = "\n".join([first, *(line[2:] for line in more)])
        yield Step(command, "\n".join(lines[len(more) :]).strip("\n"))


def outputs(block: Block, project: Path, folder: Path) -> list[str]:
    """Run a block in `folder`, beside a copy of the examples; what each command printed.

    A block that starts gateways gets a loopback network of its own for them, so that two runs do not meet. Raises
    subprocess.TimeoutExpired where it takes more than 200 seconds. Whatever it left running is ended.
    """
    network = own_network()  # as long as the one it replaces
    shutil.copytree(project / "examples", folder / "examples", dirs_exist_ok=True)
    steps = "".join(f"{step.command}\n__end=$?; echo; echo '{_MARK}'; (exit $__end)\n" for step in block.steps)
    if _LOOPBACK in steps:
        steps = steps.replace(_LOOPBACK, network)
        for conf in folder.rglob("isakmpd.conf"):
            conf.write_text(conf.read_text().replace(_LOOPBACK, network))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "100", "LC_ALL": "C.UTF-8"}
    environment.pop("POLICYDB_STORE", None)
    shell = subprocess.Popen(
        ["bash", "--norc", "-c", _PREAMBLE + steps],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = shell.communicate(timeout=200)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGTERM)
    return [each.strip("\n") for each in printed.replace(network, _LOOPBACK).split(f"\n{_MARK}\n")[:-1]]


def plain(text: str) -> str:
    """The text with everything that varies from run to run replaced by its kind."""
    for pattern, kind in _VARIES:
        text = pattern.sub(kind, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def agrees(shown: str, printed: str) -> bool:
    """Whether the output is what the document shows."""
    parts = re.split(r"^\.\.\.$\n?", plain(shown) + "\n", flags=re.MULTILINE)
    return re.fullmatch(".*?".join(re.escape(part) for part in parts), plain(printed) + "\n", re.DOTALL) is not None
