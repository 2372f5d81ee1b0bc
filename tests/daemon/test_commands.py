"""daemon/commands.py: each FIFO command of isakmpd(8) that is there, and its malformed forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.commands import COMMANDS, execute, without_keys
from daemon.ike.events import Command, Connect, DeleteSa, SetMode, TearDown
from daemon.log import Levels
from policydb.configuration.overlay import BLANK, Change, Verb


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

    def change(self, change: Change) -> None:
        self.done.append(change)

    def start_capture(self, path: str | None) -> None:
        self.done.append(("capture", path))

    def stop_capture(self) -> None:
        self.done.append("no capture")

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
        ("C set [a b]:t=v", Change(Verb.SET, "a b", "t", "v")),
        ("C SeT [a]:t=v", Change(Verb.SET, "a", "t", "v")),
        ("C set [a]:t=v force", Change(Verb.SET, "a", "t", "v", force=True)),
        ("C set [a]:t=v=w", Change(Verb.SET, "a", "t", "v=w")),
        ("C set [a]: t =v", Change(Verb.SET, "a", "t", "v")),
        ("C  set  [a]:t=v \t force ", Change(Verb.SET, "a", "t", "v", force=True)),
        ("C set [10.0.0.0/24 x]:t=a,b", Change(Verb.SET, "10.0.0.0/24 x", "t", "a,b")),
        ("C add [Phase 2]:Connections=x", Change(Verb.ADD, "Phase 2", "Connections", "x")),
        ("C add [a]:t=v force", Change(Verb.ADD, "a", "t", "v", force=True)),
        ("C rmv [a]:t=v", Change(Verb.RMV, "a", "t", "v")),
        ("C rm [a]:t", Change(Verb.RM, "a", "t")),
        ("C RMS [a b]", Change(Verb.RMS, "a b")),
        ("C set [" + "s" * 300 + "]:" + "t" * 300 + "=" + "v" * 300, Change(Verb.SET, "s" * 300, "t" * 300, "v" * 300)),
        ("C rms [" + "s" * 300 + "]", Change(Verb.RMS, "s" * 300)),
        ("M active", SetMode(passive=False)),
        ("M passive", SetMode(passive=True)),
        ("M passively", SetMode(passive=True)),
        ("d " + "0f" * 16 + " 0000002a", DeleteSa(b"\x0f" * 16, 42, "d " + "0f" * 16 + " 0000002a")),
        ("d " + "0F" * 16 + " -", DeleteSa(b"\x0f" * 16, None, "d " + "0F" * 16 + " -")),
        ("p on", ("capture", None)),
        ("p ON=/var/run/x.pcap", ("capture", "/var/run/x.pcap")),
        ("p Off", "no capture"),
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
        ("C set", 'ui_config: command "C set" malformed'),
        ("C set [a]:=v", 'ui_config: command "C set [a]:=v" malformed'),
        ("C set [a]: =v", 'ui_config: command "C set [a]: =v" malformed'),
        ("C set [a]:Port", 'ui_config: command "C set [a]:Port" malformed'),
        ("C set [a]:Port=", 'ui_config: command "C set [a]:Port=" malformed'),
        ("C set []:Port=1", 'ui_config: command "C set []:Port=1" malformed'),
        ("C set [a:Port=1", 'ui_config: command "C set [a:Port=1" malformed'),
        ("C set [a]:Port=1 2 force", 'ui_config: command "C set [a]:Port=1 2 force" malformed'),
        ("C set [a]:Port=1 forced", 'ui_config: command "C set [a]:Port=1 forced" malformed'),
        ("C set [a]:Port=1 FORCE", 'ui_config: command "C set [a]:Port=1 FORCE" malformed'),
        ("C add [a]:Port=1 yes", 'ui_config: command "C add [a]:Port=1 yes" malformed'),
        ("C rmv [a]:Port", 'ui_config: command "C rmv [a]:Port" malformed'),
        ("C rm [a]", 'ui_config: command "C rm [a]" malformed'),
        ("C rms a", 'ui_config: command "C rms a" malformed'),
        ("C rms [a", 'ui_config: command "C rms [a" malformed'),
        ("M", 'ui_setmode: command "M" malformed'),
        ("M act", 'ui_setmode: command "M act" malformed'),
        ("M sideways", 'ui_setmode: command "M sideways" malformed'),
        ("d 00", 'ui_delete: command "d 00" malformed'),
        ("d 00 00 00", 'ui_delete: command "d 00 00 00" malformed'),
        ("d 00 00000000", 'ui_delete: command "d 00 00000000" has bad arguments'),
        ("d " + "0g" * 16 + " -", 'ui_delete: command "d ' + "0g" * 16 + ' -" has bad arguments'),
        ("d " + "00" * 16 + " 1", 'ui_delete: command "d ' + "00" * 16 + ' 1" has bad arguments'),
        ("p", 'ui_packetlog: command "p" malformed'),
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


@pytest.mark.parametrize("line", ["p maybe", "p onward", "p off=x"])
def test_other_words_of_p_are_ignored(line: str) -> None:
    actions = Recorded()
    execute(line, actions)
    assert (actions.done, actions.said) == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        "C set [p]:Authentication=mekmi",
        "C set [p]:AUTHENTICATION = mekmi tasdigoat",
        "C set [p]:Authentication mekmi",
        "C sett [p]:Authentication=x,mekmi force",
        "set [p]:Authentication=mekmi",
        "C set [p]:Authenticaton=mekmi",
        "C set [p]:PSK=mekmi",
        "C set [XAUTH-users]:bob=mekmi",
        "C set [xauth-user]:bob=mekmi force",
        "C set [p]:XAUTH-Password=mekmi",
        "C set [p]:XAUTH-Pasword=mekmi",
    ],
)
def test_no_answer_shows_what_may_be_a_key(line: str) -> None:
    assert "mekmi" not in without_keys(line)
    assert BLANK in without_keys(line)
    actions = Recorded()
    execute(f"{line} mekmi mekmi", actions)
    assert len(actions.said) == 1
    assert "mekmi" not in actions.said[0]


@pytest.mark.parametrize(
    "line",
    [
        "C set [T]:AUTHENTICATION_METHOD=RSA_SIG force",
        "C set [Phase 1]:10.0.0.1=p",
        "C rm [p]:Port",
        "c x",
        "C set [p]:XAUTH-User=bob",
    ],
)
def test_what_is_no_key_is_shown(line: str) -> None:
    assert without_keys(line) == line


@given(st.text(st.characters(max_codepoint=255), max_size=60) | st.from_regex(r"[CDQRSTcrtMd][ \ta-zA-Z0-9\[\]:=]*"))
def test_any_line_ends_in_an_action_or_in_one_answer(line: str) -> None:
    actions = Recorded()
    execute(line, actions)
    answers = len(actions.done) + len(actions.said)
    assert answers == bool(line.strip()) or line.startswith(("D", "p"))


def test_every_row_says_what_it_does_and_a_letter_is_one_function() -> None:
    assert all(row.help and row.name.startswith("ui_") for row in COMMANDS)
    assert {row.letter for row in COMMANDS} == set("CDMQRSTcdprt")
    assert len({(row.letter, row.name) for row in COMMANDS}) == 12
