"""How docs/interop.md counts runs in a row: only whole green runs of the same committed code add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.record import ENOUGH, FAILED, UNCOMMITTED, Streak, code

ROWS = {"one", "two"}
GREEN = {"one": "talked", "two": "talked", "beside": "the rows"}


def test_a_green_run_of_the_same_code_is_one_more() -> None:
    assert Streak(3, "abc").after(GREEN, ROWS, "abc") == Streak(4, "abc")


def test_ten_runs_are_enough() -> None:
    assert Streak(ENOUGH, "abc").after(GREEN, ROWS, "abc").runs == ENOUGH


def test_other_code_begins_anew() -> None:
    assert Streak(3, "abc").after(GREEN, ROWS, "abd") == Streak(1, "abd")


def test_uncommitted_code_is_never_the_same() -> None:
    changed = f"abc{UNCOMMITTED}"
    assert Streak(1, changed).after(GREEN, ROWS, changed) == Streak(1, changed)


@pytest.mark.parametrize("results", [GREEN | {"beside": FAILED}, GREEN | {"two": FAILED}, {"one": "talked"}, {}])
def test_what_fails_or_did_not_run_ends_the_row(results: dict[str, str]) -> None:
    assert Streak(9, "abc").after(results, ROWS, "abc") == Streak(0, "abc")


@pytest.mark.parametrize("streak", [Streak(0, "abc"), Streak(10, "abc"), Streak(1, f"abc{UNCOMMITTED}")])
def test_a_cell_is_read_as_it_was_written(streak: Streak) -> None:
    assert Streak.read(str(streak)) == streak


@pytest.mark.parametrize("cell", ["", "?", "many on abc"])
def test_no_cell_is_no_run(cell: str) -> None:
    assert Streak.read(cell) == Streak(0, "")


def test_the_code_is_a_commit(project: Path) -> None:
    if not (project / ".git").exists():
        pytest.skip("not a clone")
    commit = code(project).removesuffix(UNCOMMITTED)
    assert commit
    assert set(commit) <= set("0123456789abcdef")
