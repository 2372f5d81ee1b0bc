"""daemon/log.py: classes, levels and line formats of isakmpd(8)."""

from __future__ import annotations

import io
import syslog
from datetime import datetime

import pytest

from daemon.ike.events import LogLine
from daemon.log import CLASSES, Kind, LevelError, Levels, Log, StderrSink, SyslogSink


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def journal(stream: io.StringIO) -> Log:
    return Log(StderrSink(stream, lambda: datetime(2026, 3, 1, 9, 5, 7, 42)), Levels())


def test_the_three_line_formats(journal: Log, stream: io.StringIO) -> None:
    journal.levels.change("8", "40")
    journal.notice("isakmpd: exit")
    journal.debug("Negt", 7, "refused")
    journal.report("SA list: 0")
    assert stream.getvalue().splitlines() == [
        "090507.000042 Default isakmpd: exit",
        "090507.000042 Negt 07 refused",
        "Report> SA list: 0",
    ]


@pytest.mark.parametrize(
    ("set_to", "level", "shown"), [(0, 0, False), (0, 1, False), (10, 10, True), (10, 11, False), (99, 1, True)]
)
def test_a_debug_line_needs_a_level_that_is_set_and_not_exceeded(
    journal: Log, stream: io.StringIO, set_to: int, level: int, shown: bool
) -> None:
    journal.levels.change("7", str(set_to))
    journal.debug("Exch", level, "text")
    assert bool(stream.getvalue()) is shown


def test_every_class_has_its_number() -> None:
    assert dict(enumerate(CLASSES)) == {
        0: "Misc",
        1: "Trpt",
        2: "Mesg",
        3: "Cryp",
        4: "Timr",
        5: "Sdep",
        6: "SA",
        7: "Exch",
        8: "Negt",
        9: "Plcy",
        10: "UI",
    }


def test_changing_a_level_says_so_and_says_when_it_was_that_already() -> None:
    levels = Levels()
    assert levels.change("3", "20") == ["log level changed from 0 to 20 for class 3"]
    assert levels.change("3", "20") == ["log level unchanged for class 3"]
    assert levels.of("Cryp") == 20
    assert levels.of("Negt") == 0


def test_a_sets_all_classes() -> None:
    levels = Levels()
    assert len(levels.change("A", "90")) == 11
    assert {levels.of(each) for each in CLASSES} == {90}


@pytest.mark.parametrize(
    ("category", "level"),
    [("11", "1"), ("-1", "1"), ("x", "1"), ("3", "-1"), ("3", "100"), ("3", ""), ("", "3"), ("٣", "1")],
)
def test_what_is_no_class_or_no_level_changes_nothing(category: str, level: str) -> None:
    levels = Levels()
    with pytest.raises(LevelError):
        levels.change(category, level)
    assert {levels.of(each) for each in CLASSES} == {0}


def test_wrong_words_of_a_list_are_skipped_and_named() -> None:
    levels = Levels()
    changed, wrong = levels.change_all(["1=10", "nonsense", "2=20"])
    assert changed == ["log level changed from 0 to 10 for class 1", "log level changed from 0 to 20 for class 2"]
    assert wrong == ["invalid logging class or level: nonsense"]


def test_toggle_silences_all_and_brings_them_back() -> None:
    levels = Levels()
    levels.change("A", "30")
    levels.change("9", "80")
    levels.toggle()
    assert {levels.of(each) for each in CLASSES} == {0}
    levels.toggle()
    assert (levels.of("Plcy"), levels.of("Exch")) == (80, 30)


def test_texts_are_cut_at_200_characters(journal: Log, stream: io.StringIO) -> None:
    journal.notice("x" * 1000)
    assert stream.getvalue() == "090507.000042 Default " + "x" * 200 + "\n"


def test_what_is_said_about_files_is_broken_over_lines_and_loses_nothing(journal: Log, stream: io.StringIO) -> None:
    journal.error("a" * 250 + "\nmend it")
    assert [line.split("Default ")[1] for line in stream.getvalue().splitlines()] == ["a" * 200, "a" * 50, "mend it"]


def test_a_text_cannot_forge_a_line_or_steer_a_terminal(journal: Log, stream: io.StringIO) -> None:
    journal.notice("id \x1b[2J\r\n090507.000042 Default all is well")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_verbose_lines_need_v(journal: Log, stream: io.StringIO) -> None:
    done = LogLine("Exch", 0, "isakmpd: quick mode done", verbose=True)
    journal.line(done)
    assert stream.getvalue() == ""
    journal.verbose = True
    journal.line(done)
    assert "quick mode done" in stream.getvalue()


def test_a_stream_that_is_gone_does_not_stop_the_daemon(journal: Log, stream: io.StringIO) -> None:
    stream.close()
    journal.notice("nobody hears this")


def test_syslog_priorities_are_those_of_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int, str]] = []
    monkeypatch.setattr(syslog, "openlog", lambda *arguments: said.append((arguments[2], arguments[0])))
    monkeypatch.setattr(syslog, "syslog", lambda priority, text: said.append((priority, text)))
    journal = Log(SyslogSink(), Levels())
    journal.levels.change("0", "10")
    journal.notice("print")
    journal.debug("Misc", 5, "debug")
    journal.error("error")
    journal.fatal("fatal")
    journal.report("report")
    assert said == [
        (syslog.LOG_DAEMON, "isakmpd"),
        (syslog.LOG_NOTICE, "print"),
        (syslog.LOG_INFO, "Misc 05 debug"),
        (syslog.LOG_ERR, "error"),
        (syslog.LOG_CRIT, "fatal"),
        (syslog.LOG_ALERT, "report"),
    ]
    assert Kind.REPORT.value == syslog.LOG_ALERT
