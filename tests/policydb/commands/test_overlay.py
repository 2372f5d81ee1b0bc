"""`policydb overlay`: what the FIFO has changed, as text and as JSON, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policydb.configuration.overlay import BLANK, Difference, Overlay, to_json
from tests.policydb.command_line import Run

OVERLAY = Overlay(
    4,
    (
        Difference("Phase 2", "Connections", "a", "a,b"),
        Difference("b", "Phase", None, "2"),
        Difference("peer", "Authentication", None, BLANK),
        Difference("peer", "Port", "501", None),
    ),
    in_force=False,
    findings=("FIFO:1:1: error[CF201]: Connections names [b]",),
)


def write(path: Path, overlay: Overlay) -> Path:
    path.write_text(json.dumps(to_json(overlay)))
    return path


def test_each_change_is_shown_below_its_section(policydb: Run, tmp_path: Path) -> None:
    write(tmp_path / "overlay.json", OVERLAY)
    code, out, err = policydb("overlay", "--state", str(tmp_path))
    assert (code, err) == (0, "")
    assert out == (
        "FIFO changes on generation 4: 4 tags, not all of it in force yet\n"
        "[Phase 2]\n- Connections=a\n+ Connections=a,b\n"
        "[b]\n+ Phase=2\n"
        "[peer]\n+ Authentication=********\n- Port=501\n"
        "FIFO:1:1: error[CF201]: Connections names [b]\n"
    )


def test_json_is_what_the_daemon_wrote(policydb: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere.json", OVERLAY)
    code, out, _ = policydb("overlay", "--file", str(path), "--format", "json")
    assert (code, json.loads(out)) == (0, to_json(OVERLAY))


def test_it_is_looked_for_beside_the_store(policydb: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "overlay.json", OVERLAY)
    monkeypatch.setenv("POLICYDB_STORE", str(tmp_path / "policy.db"))
    assert policydb("overlay")[0] == 0


def test_without_changes_the_answer_is_no(policydb: Run, tmp_path: Path) -> None:
    code, out, _ = policydb("overlay", "--state", str(tmp_path))
    assert (code, out) == (1, f"no overlay: there is no {tmp_path / 'overlay.json'}\n")
    assert policydb("overlay", "--state", str(tmp_path), "--format", "json")[:2] == (1, "null\n")
    write(tmp_path / "overlay.json", Overlay(3))
    assert policydb("overlay", "--state", str(tmp_path))[:2] == (1, "FIFO changes on generation 3: 0 tags\n")


@pytest.mark.parametrize("text", ["", "{}", "\xff", "[1, 2]"])
def test_a_file_that_is_none_is_said(policydb: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "overlay.json"
    path.write_text(text, encoding="latin-1")
    code, out, err = policydb("overlay", "--file", str(path))
    assert (code, out) == (2, "")
    assert f"{path}: this is no overlay that isakmpd wrote" in err


def test_a_folder_that_is_not_there_and_two_places_are_usage_errors(policydb: Run, tmp_path: Path) -> None:
    assert policydb("overlay", "--state", str(tmp_path / "none"))[0] == 2
    assert policydb("overlay", "--state", str(tmp_path), "--file", "x")[0] == 2
