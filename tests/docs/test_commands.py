"""Every command that the documentation shows is run, and prints what the documentation says."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from tests.docs.console import DEMO, Block, agrees, blocks_of, outputs, plain

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
BLOCKS = [block for path in DOCUMENTS for block in blocks_of(path.read_text(), path.relative_to(ROOT).as_posix())]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_shown_command_prints_what_is_shown(block: Block, project: Path, tmp_path: Path) -> None:
    printed = outputs(block, project, tmp_path)
    assert len(printed) == len(block.steps)
    for step, output in zip(block.steps, printed, strict=True):
        difference = difflib.unified_diff(
            plain(step.shown).splitlines(), plain(output).splitlines(), "shown", "printed"
        )
        assert agrees(step.shown, output), f"$ {step.command}\n" + "\n".join(difference)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    local = [link for link in links if not link.startswith(("http://", "https://"))]
    assert not [link for link in local if not (document.parent / link).exists()]


def test_the_readme_shows_commands_that_are_run() -> None:
    assert [block for block in BLOCKS if block.document == "README.md"]


def test_make_demo_is_what_these_tests_run_for_it(project: Path) -> None:
    assert f"\ndemo: $(STAMP)\n\t@$(BIN)/{DEMO}\n" in (project / "Makefile").read_text()


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("true", "true", True),
        ("true", "false", False),
        ("a\n...\nz", "a\nb\nc\nz", True),
        ("a\n...\nz", "a\nb\nc", False),
        ("took 3 ms", "took 41 ms", True),
        ("SPI 0: deadbeef", "SPI 0: 00c0ffee", True),
        ("SPI 0: deadbeef", "SPI 0: none", False),
        ("", "surprise", False),
    ],
)
def test_the_comparison_itself(shown: str, printed: str, same: bool) -> None:
    assert agrees(shown, printed) is same
