"""isakmpd's log: classes and levels of -D, the line formats of stderr and syslog (isakmpd(8), docs/formats.md)."""

from __future__ import annotations

import sys
import syslog
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum
from typing import Protocol, TextIO

from daemon.ike.events import LogLine

CLASSES = ("Misc", "Trpt", "Mesg", "Cryp", "Timr", "Sdep", "SA", "Exch", "Negt", "Plcy", "UI")
"""The names in log lines; the position is the number that -D, Loglevel and FIFO `D` take."""

HIGHEST_LEVEL = 99
TEXT_LIMIT = 200
"""Longer message texts are cut, as the original does; what we say about files is broken over lines instead."""

_NUMBERS = {name.lower(): number for number, name in enumerate(CLASSES)}


class LevelError(ValueError):
    """A `class=level` that names no class or no level from 0 to 99."""


class Kind(Enum):
    """What a line is; the value is its syslog priority."""

    PRINT = syslog.LOG_NOTICE
    DEBUG = syslog.LOG_INFO
    ERROR = syslog.LOG_ERR
    FATAL = syslog.LOG_CRIT
    REPORT = syslog.LOG_ALERT


class Sink(Protocol):
    """Where lines go."""

    def write(self, kind: Kind, category: str, level: int, text: str) -> None:
        """Write one line; `category` and `level` matter for DEBUG only. Never raises."""
        ...


class StderrSink:
    """Lines for a person: `HHMMSS.uuuuuu Class LL text`, `HHMMSS.uuuuuu Default text`, `Report> text`."""

    def __init__(self, stream: TextIO, clock: Callable[[], datetime]) -> None:
        self._stream = stream
        self._clock = clock

    def write(self, kind: Kind, category: str, level: int, text: str) -> None:
        """One line; a stream that is full or gone loses it, since a log must not end the daemon."""
        encoding = self._stream.encoding or "ascii"
        shown = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            self._stream.write(f"{self._prefix(kind, category, level)} {shown}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

    def _prefix(self, kind: Kind, category: str, level: int) -> str:
        if kind is Kind.REPORT:
            return "Report>"
        stamp = self._clock().strftime("%H%M%S.%f")
        return f"{stamp} {category} {level:02}" if kind is Kind.DEBUG else f"{stamp} Default"


class SyslogSink:
    """Lines for syslog: facility daemon, options pid and cons."""

    def __init__(self) -> None:
        syslog.openlog("isakmpd", syslog.LOG_PID | syslog.LOG_CONS, syslog.LOG_DAEMON)

    def write(self, kind: Kind, category: str, level: int, text: str) -> None:
        """One line at the priority of its kind; debug lines say their class."""
        syslog.syslog(kind.value, f"{category} {level:02} {text}" if kind is Kind.DEBUG else text)


class Levels:
    """The debug level of every class; 0 is silent."""

    def __init__(self) -> None:
        self._levels = [0] * len(CLASSES)
        self._remembered: list[int] | None = None

    def of(self, category: str) -> int:
        """The level of a class by its name; a name that is no class counts as Misc."""
        return self._levels[_NUMBERS.get(category.lower(), 0)]

    def change(self, category: str, level: str) -> list[str]:
        """Set the level of a class (number or name) or of all (`A`); what changed, as the log says it.

        Raises LevelError; nothing is changed then.
        """
        numbers = self._class_numbers(category)
        if not numbers or not (level.isascii() and level.isdecimal() and int(level) <= HIGHEST_LEVEL):
            raise LevelError(f"invalid logging class or level: {category}={level}")
        return [self._set(number, int(level)) for number in numbers]

    def change_all(self, specifications: Iterable[str]) -> tuple[list[str], list[str]]:
        """Apply `class=level` words; (what changed, what was wrong). Wrong ones are skipped, as isakmpd does."""
        changed: list[str] = []
        wrong: list[str] = []
        for each in specifications:
            category, _, level = each.partition("=")
            try:
                changed += self.change(category.strip(), level.strip())
            except LevelError:
                wrong.append(f"invalid logging class or level: {each}")
        return changed, wrong

    def toggle(self) -> None:
        """FIFO `D T`: remember all levels and silence them; the next time they come back."""
        if self._remembered is None:
            self._remembered, self._levels = self._levels, [0] * len(CLASSES)
        else:
            self._levels, self._remembered = self._remembered, None

    @staticmethod
    def _class_numbers(category: str) -> list[int]:
        if category == "A":
            return list(range(len(CLASSES)))
        if category.lower() in _NUMBERS:
            return [_NUMBERS[category.lower()]]
        if category.isascii() and category.isdecimal() and int(category) < len(CLASSES):
            return [int(category)]
        return []

    def _set(self, number: int, level: int) -> str:
        before, self._levels[number] = self._levels[number], level
        if before == level:
            return f"log level unchanged for class {number}"
        return f"log level changed from {before} to {level} for class {number}"


class Log:
    """What the rest of the daemon writes to. Texts never hold a key; unprintable characters are shown as dots."""

    def __init__(self, sink: Sink, levels: Levels, *, verbose: bool = False) -> None:
        self.levels = levels
        self.verbose = verbose
        self._sink = sink

    def notice(self, text: str) -> None:
        """An ordinary message, always shown."""
        self._write(Kind.PRINT, text)

    def warning(self, text: str) -> None:
        """What a file should say otherwise: whole, in as many lines as it takes."""
        self._write_whole(Kind.PRINT, text)

    def error(self, text: str) -> None:
        """Something went wrong and the daemon lives on; whole."""
        self._write_whole(Kind.ERROR, text)

    def fatal(self, text: str) -> None:
        """The last message of a daemon that cannot go on, whole; the caller ends it."""
        self._write_whole(Kind.FATAL, text)

    def report(self, text: str) -> None:
        """One line of a report."""
        self._write(Kind.REPORT, text)

    def debug(self, category: str, level: int, text: str) -> None:
        """Shown where `level` is not above the level of its class and that is above zero."""
        if 0 < level <= self.levels.of(category):
            self._write(Kind.DEBUG, text, category, level)

    def line(self, line: LogLine) -> None:
        """A line from the protocol core."""
        if line.level > 0:
            self.debug(line.category, line.level, line.text)
        elif self.verbose or not line.verbose:
            self.notice(line.text)

    def _write_whole(self, kind: Kind, text: str) -> None:
        for line in text.split("\n"):
            for start in range(0, max(len(line), 1), TEXT_LIMIT):
                self._write(kind, line[start : start + TEXT_LIMIT])

    def _write(self, kind: Kind, text: str, category: str = "", level: int = 0) -> None:
        clean = "".join(each if each.isprintable() or each == "\t" else "." for each in text)
        self._sink.write(kind, category, level, clean[:TEXT_LIMIT])


def stderr_log(*, verbose: bool) -> Log:
    """The log of -d: lines on stderr, stamped with local time."""
    return Log(StderrSink(sys.stderr, datetime.now), Levels(), verbose=verbose)


def syslog_log(*, verbose: bool) -> Log:
    """The log without -d."""
    return Log(SyslogSink(), Levels(), verbose=verbose)
