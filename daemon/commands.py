"""The FIFO's commands as a table: letter, arguments, what it does (isakmpd(8), docs/formats.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from daemon.ike.events import Command, Connect, TearDown
from daemon.log import LevelError, Levels


class Actions(Protocol):
    """What commands can ask of the daemon."""

    @property
    def levels(self) -> Levels:
        """The debug levels."""
        ...

    def note(self, text: str) -> None:
        """Answer with a line in the log."""
        ...

    def command(self, command: Command) -> None:
        """Hand a command to the protocol core."""
        ...

    def shut_down(self) -> None:
        """As SIGTERM."""
        ...

    def reload(self) -> None:
        """As SIGHUP."""
        ...

    def report_to_log(self) -> None:
        """The report of SIGUSR1, as log lines."""
        ...

    def write_sas(self) -> None:
        """All SAs to the result file."""
        ...

    def write_value(self, section: str, tag: str) -> None:
        """A configuration value to the result file, which is left empty where there is none."""
        ...


Handler = Callable[[Actions, re.Match[str]], None]


class CommandError(Exception):
    """A command that cannot be used; the text is what the log says."""


@dataclass(frozen=True, slots=True)
class Row:
    """One form of a command. `name` is the original's function, which the messages are made of."""

    letter: str
    name: str
    arguments: str
    pattern: re.Pattern[str]
    handler: Handler
    help: str


def _debug(actions: Actions, found: re.Match[str]) -> None:
    if found["toggle"]:
        actions.levels.toggle()
        return
    try:
        changes = actions.levels.change(found["category"], found["level"])
    except LevelError as error:
        raise CommandError(f"ui_debug: {error}") from error
    for each in changes:
        actions.note(each)


def _tear_down(actions: Actions, found: re.Match[str]) -> None:
    actions.command(TearDown(found["name"], phase=1 if found["phase"] == "main" else 2))


def _row(letter: str, name: str, forms: tuple[str, str], handler: Handler, text: str) -> Row:
    """`forms`: the arguments as the help shows them, and the pattern of what follows the letter."""
    arguments, pattern = forms
    return Row(letter, name, arguments, re.compile(rf"{letter}{pattern}\s*"), handler, text)


_NOTHING = ("", "")

COMMANDS = (
    _row(
        "C",
        "ui_config",
        ("get [section]:tag", r"\s+(?i:get)\s+\[(?P<section>[^]]+)\]:(?P<tag>\S+)"),
        lambda actions, found: actions.write_value(found["section"], found["tag"]),
        "write a configuration value to the result file",
    ),
    _row(
        "D",
        "ui_debug",
        ("class level | A level | T", r"\s+(?:(?P<toggle>T)|(?P<category>\w+)\s+(?P<level>\S+))"),
        _debug,
        "set the debug level of a class or of all; T silences all, and again T brings them back",
    ),
    _row("Q", "ui_shutdown_daemon", _NOTHING, lambda actions, _: actions.shut_down(), "shut down as SIGTERM does"),
    _row("R", "ui_reinit", _NOTHING, lambda actions, _: actions.reload(), "reinitialise as SIGHUP does"),
    _row("S", "ui_report_sa", _NOTHING, lambda actions, _: actions.write_sas(), "write all SAs to the result file"),
    _row(
        "T",
        "ui_teardown_all",
        _NOTHING,
        lambda actions, _: actions.command(TearDown(None)),
        "tear down all phase 2 SAs",
    ),
    _row(
        "c",
        "ui_connect",
        ("name", r"\s+(?P<name>\S+)"),
        lambda actions, found: actions.command(Connect(found["name"])),
        "bring a connection up",
    ),
    _row("r", "ui_report", _NOTHING, lambda actions, _: actions.report_to_log(), "report to the log"),
    _row(
        "t",
        "ui_teardown",
        ("[main|quick] name", r"(?:\s+(?P<phase>main|quick))?\s+(?P<name>\S+)"),
        _tear_down,
        "tear a connection down, by its name or its peer's name or address",
    ),
)
"""In the order of isakmpd(8). What isakmpd(8) knows besides is not there yet, and is answered as unrecognized."""

_ROWS = {row.letter: row for row in COMMANDS}


def execute(line: str, actions: Actions) -> None:
    """Carry out one line of the FIFO; what is wrong with it becomes a line of the log. Empty lines are nothing."""
    if not line.strip():
        return
    row = _ROWS.get(line[0])
    if row is None:
        actions.note(f'ui_handle_command: unrecognized command: "{line}"')
        return
    found = row.pattern.fullmatch(line)
    if found is None:
        actions.note(f'{row.name}: command "{line}" malformed')
        return
    try:
        row.handler(actions, found)
    except CommandError as error:
        actions.note(str(error))
