"""daemon/commands.py: each FIFO command of isakmpd(8) that is there, and its malformed forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.commands import COMMANDS, execute
from daemon.ike.events import Command, Connect, TearDown
from daemon.log import Levels


class Recorded:
    """commands.Actions that writes down what it is asked."""

    def __init__(self) -> None:
        self.levels = Levels()
        self.said: list[str] = []
        self.done: list[object] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    def command(self, command: Command) -> None:
        self.done.append(command)

    def shut_down(self) -> None:
        self.done.append("shut down")

    def reload(self) -> None:
        self.done.append("reload")

    def report_to_log(self) -> None:
        self.done.append("report")

    def write_sas(self) -> None:
        self.done.append("sas")

    def write_value(self, section: str, tag: str) -> None:
        self.done.append((section, tag))


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("c west-east", Connect("west-east")),
        ("c  west-east ", Connect("west-east")),
        ("t west-east", TearDown("west-east", phase=2)),
        ("t quick west-east", TearDown("west-east", phase=2)),
        ("t main 192.0.2.1", TearDown("192.0.2.1", phase=1)),
        ("t main", TearDown("main", phase=2)),
        ("T", TearDown(None)),
        ("S", "sas"),
        ("R", "reload"),
        ("r", "report"),
        ("Q", "shut down"),
        ("C get [General]:Retransmits", ("General", "Retransmits")),
        ("C GET [Phase 1]:Default", ("Phase 1", "Default")),
        ("C get [" + "s" * 300 + "]:" + "t" * 300, ("s" * 300, "t" * 300)),
    ],
)
def test_a_command_does_what_the_manual_says(line: str, asked: object) -> None:
    actions = Recorded()
    execute(line, actions)
    assert actions.done == [asked]
    assert actions.said == []


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("c", 'ui_connect: command "c" malformed'),
        ("c a b", 'ui_connect: command "c a b" malformed'),
        ("t", 'ui_teardown: command "t" malformed'),
        ("t sideways x", 'ui_teardown: command "t sideways x" malformed'),
        ("Quit", 'ui_shutdown_daemon: command "Quit" malformed'),
        ("C", 'ui_config: command "C" malformed'),
        ("C get General:Retransmits", 'ui_config: command "C get General:Retransmits" malformed'),
        ("C get [General]", 'ui_config: command "C get [General]" malformed'),
        ("C destroy [General]:x", 'ui_config: command "C destroy [General]:x" malformed'),
        ("D", 'ui_debug: command "D" malformed'),
        ("D 3", 'ui_debug: command "D 3" malformed'),
        ("D 3 100", "ui_debug: invalid logging class or level: 3=100"),
        ("X marks the spot", 'ui_handle_command: unrecognized command: "X marks the spot"'),
        (" S", 'ui_handle_command: unrecognized command: " S"'),
    ],
)
def test_a_malformed_command_is_answered_and_nothing_is_done(line: str, answer: str) -> None:
    actions = Recorded()
    execute(line, actions)
    assert actions.said == [answer]
    assert actions.done == []


def test_debug_levels_are_set_and_toggled() -> None:
    actions = Recorded()
    execute("D 8 50", actions)
    assert actions.said == ["log level changed from 0 to 50 for class 8"]
    execute("D T", actions)
    assert actions.levels.of("Negt") == 0
    execute("D T", actions)
    assert actions.levels.of("Negt") == 50
    execute("D A 7", actions)
    assert actions.levels.of("UI") == 7


def test_empty_lines_are_nothing() -> None:
    actions = Recorded()
    for line in ("", " ", "\t"):
        execute(line, actions)
    assert (actions.done, actions.said) == ([], [])


@given(st.text(st.characters(max_codepoint=255), max_size=60) | st.from_regex(r"[CDQRSTcrt][ \ta-zA-Z0-9\[\]:]*"))
def test_any_line_ends_in_an_action_or_in_one_answer(line: str) -> None:
    actions = Recorded()
    execute(line, actions)
    answers = len(actions.done) + len(actions.said)
    assert answers == bool(line.strip()) or line.startswith("D")


def test_every_row_has_its_own_letter_and_says_what_it_does() -> None:
    assert len({row.letter for row in COMMANDS}) == len(COMMANDS)
    assert all(row.help and row.name.startswith("ui_") for row in COMMANDS)
