"""Commands that write a store, each in a process of its own that is killed in the middle, at a moment drawn by lot.

The processes are forked, so that each begins at once with everything loaded; what they do is the whole command, with a
real file. Some are killed from outside, somewhere in the time that the command takes; some kill themselves between two
statements of SQL, so that the short writing is hit as often as the long reading; some are killed at their first word.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from policydb import cli

_PUBLISHED = "published generation "


@dataclass(frozen=True, slots=True)
class Effort:
    """What a command takes that nobody kills: seconds of wall clock, statements of SQL."""

    seconds: float
    statements: int


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of one process: whether it was killed, what it said it had published, and what it took."""

    killed: bool
    acknowledged: int | None
    effort: Effort


def run(arguments: Sequence[str]) -> Ended:
    """One command, to its end."""
    return _run(arguments)


def run_and_kill(arguments: Sequence[str], chance: random.Random, effort: Effort) -> Ended:
    """One command that takes about so much, killed at a moment that `chance` draws; it may come too late."""
    match chance.randrange(5):
        case 0 | 1:
            return _run(arguments, seconds=chance.random() * effort.seconds)
        case 2 | 3:
            return _run(arguments, statement=chance.randint(1, effort.statements))
        case _:
            return _run(arguments, at_a_word=True)


def _run(
    arguments: Sequence[str], *, seconds: float | None = None, statement: int | None = None, at_a_word: bool = False
) -> Ended:
    reading, writing = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_child(arguments, writing, statement)
    os.close(writing)
    with os.fdopen(reading) as told:
        printed = told.readline() if at_a_word else ""
        time.sleep(seconds or 0)
        if at_a_word or seconds is not None:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        printed += told.read()
    _, status = os.waitpid(child, 0)
    took = time.monotonic() - begun
    ended = os.waitstatus_to_exitcode(status)
    if ended not in {0, -signal.SIGKILL}:
        raise AssertionError(f"{arguments} ended with {ended}: {printed}")
    lines = [each for each in printed.splitlines(keepends=True) if each.endswith("\n")]
    numbers = [int(each.removeprefix(_PUBLISHED).split()[0]) for each in lines if each.startswith(_PUBLISHED)]
    statements = [int(each.split()[1]) for each in lines if each.startswith("statements ")]
    return Ended(ended != 0, max(numbers, default=None), Effort(took, max(statements, default=0)))


def _be_child(arguments: Sequence[str], writing: int, last: int | None) -> NoReturn:
    """Run the command; die where it begins statement `last`."""
    try:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w")
        seen = 0

        def count(_: str) -> None:
            nonlocal seen
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)

        class Counted(sqlite3.Connection):
            def __init__(self, *given: object, **named: object) -> None:
                super().__init__(*given, **named)  # type: ignore[arg-type]
                self.set_trace_callback(count)

        sqlite3.connect = Counted  # type: ignore[assignment]
        code = cli.run(arguments)
        print(f"statements {seen}", flush=True)
        os._exit(code)
    finally:
        os._exit(99)
