"""The FIFO's commands as a table: letter, arguments, what it does (isakmpd(8), docs/formats.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from daemon.ike.events import Command, Connect, DeleteSa, SetMode, TearDown
from daemon.log import LevelError, Levels
from policydb.configuration.overlay import BLANK, Change, Verb, may_be_shown


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

    def change(self, change: Change) -> None:
        """Change the configuration until the next reload."""
        ...

    def start_capture(self, path: str | None) -> None:
        """As -L, or as -l with a path."""
        ...

    def stop_capture(self) -> None:
        """End what -L, -l or start_capture began."""
        ...

    def write_value(self, section: str, tag: str) -> None:
        """A configuration value to the result file, which is left empty where there is none."""
        ...


Handler = Callable[[Actions, re.Match[str]], None]


class CommandError(Exception):
    """A command that cannot be used; the text is what the log says."""


@dataclass(frozen=True, slots=True)
class Row:
    """One form of a command; a letter may have several. `name` is the original's function, for the messages."""

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


def _delete(actions: Actions, found: re.Match[str]) -> None:
    line, cookies, message_id = found.string, found["cookies"], found["message_id"]
    if not _COOKIES.fullmatch(cookies) or not _MESSAGE_ID.fullmatch(message_id):
        raise CommandError(f'ui_delete: command "{line}" has bad arguments')
    number = None if message_id == "-" else int(message_id, 16)
    actions.command(DeleteSa(bytes.fromhex(cookies), number, line))


def _capture(actions: Actions, found: re.Match[str]) -> None:
    """isakmpd(8): other words than on and off are ignored."""
    if found["on"]:
        actions.start_capture(found["path"])
    elif found["off"]:
        actions.stop_capture()


def _changes(verb: Verb) -> Handler:
    def handler(actions: Actions, found: re.Match[str]) -> None:
        parts = found.groupdict()
        tag, value = parts.get("tag") or "", parts.get("value") or ""
        actions.change(Change(verb, found["section"], tag.strip(), value, bool(parts.get("force"))))

    return handler


def _row(letter: str, name: str, forms: tuple[str, str], handler: Handler, text: str) -> Row:
    """`forms`: the arguments as the help shows them, and the pattern of what follows the letter."""
    arguments, pattern = forms
    return Row(letter, name, arguments, re.compile(rf"{letter}{pattern}\s*"), handler, text)


_NOTHING = ("", "")
_COOKIES = re.compile(r"[0-9a-fA-F]{32}")
_MESSAGE_ID = re.compile(r"[0-9a-fA-F]{8}|-")

_SECTION = r"\s+\[(?P<section>[^]]+)\]"
_ASSIGNMENT = rf"{_SECTION}:(?=\s*[^=\s])(?P<tag>[^=]+)=(?P<value>\S+)"
_FORCE = r"(?P<force>\s+force)?"

COMMANDS = (
    _row(
        "C",
        "ui_config",
        ("set [section]:tag=value [force]", rf"\s+(?i:set){_ASSIGNMENT}{_FORCE}"),
        _changes(Verb.SET),
        "set a tag that is not set yet; with force, any tag",
    ),
    _row(
        "C",
        "ui_config",
        ("add [section]:tag=value", rf"\s+(?i:add){_ASSIGNMENT}{_FORCE}"),
        _changes(Verb.ADD),
        "add a member to a list, unless it is one already",
    ),
    _row(
        "C",
        "ui_config",
        ("rmv [section]:tag=value", rf"\s+(?i:rmv){_ASSIGNMENT}"),
        _changes(Verb.RMV),
        "remove a member from a list; an empty list is no tag",
    ),
    _row(
        "C",
        "ui_config",
        ("rm [section]:tag", rf"\s+(?i:rm){_SECTION}:(?P<tag>\S+)"),
        _changes(Verb.RM),
        "remove a tag",
    ),
    _row("C", "ui_config", ("rms [section]", rf"\s+(?i:rms){_SECTION}"), _changes(Verb.RMS), "remove a section"),
    _row(
        "C",
        "ui_config",
        ("get [section]:tag", rf"\s+(?i:get){_SECTION}:(?P<tag>\S+)"),
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
    _row(
        "M",
        "ui_setmode",
        ("active | passive", r"\s+(?P<mode>active|passive)\S*"),
        lambda actions, found: actions.command(SetMode(passive=found["mode"] == "passive")),
        "initiate negotiations, or only answer",
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
    _row(
        "d",
        "ui_delete",
        ("cookies msgid", r"\s+(?P<cookies>\S+)\s+(?P<message_id>\S+)"),
        _delete,
        "delete the SA of a message ID, or with - the phase 1 SA itself",
    ),
    _row(
        "p",
        "ui_packetlog",
        ("on[=path] | off", r"\s+(?:(?i:(?P<on>on)(?:=(?P<path>\S+))?|(?P<off>off))|\S.*)"),
        _capture,
        "capture decrypted IKE messages as -L and -l do, or stop",
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
"""In the order of isakmpd(8), capitals first."""

_ROWS = {row.letter: tuple(each for each in COMMANDS if each.letter == row.letter) for row in COMMANDS}


def execute(line: str, actions: Actions) -> None:
    """Carry out one line of the FIFO; what is wrong with it becomes a line of the log. Empty lines are nothing."""
    if not line.strip():
        return
    rows = _ROWS.get(line[0])
    if rows is None:
        actions.note(f'ui_handle_command: unrecognized command: "{without_keys(line)}"')
        return
    for row in rows:
        found = row.pattern.fullmatch(line)
        if found is not None:
            break
    else:
        actions.note(f'{row.name}: command "{without_keys(line)}" malformed')
        return
    try:
        row.handler(actions, found)
    except CommandError as error:
        actions.note(str(error))


_KEY = re.compile(r"(authentication(?!_)).+", re.IGNORECASE | re.DOTALL)
_VALUE = re.compile(r"(\[(?P<section>[^]]*)\]:(?P<tag>[^=]*)=).+", re.DOTALL)
_LIKE_USERS = re.compile(r"xauth|user", re.IGNORECASE)
_LIKE_KEY = re.compile(r"aut|psk|pass|secret|shared|key", re.IGNORECASE)


def without_keys(line: str) -> str:
    """A line as the log may show it: a pre-shared key is blank, and so is the value of what may be a misspelt tag."""
    line = _KEY.sub(rf"\1={BLANK}", line)
    return _VALUE.sub(_blanked, line)


def _blanked(found: re.Match[str]) -> str:
    tag = found["tag"].strip()
    suspect = _LIKE_KEY.search(tag) or _LIKE_USERS.search(found["section"])
    shown = not suspect or may_be_shown(found["section"], tag)
    return found[0] if shown else f"{found[1]}{BLANK}"
