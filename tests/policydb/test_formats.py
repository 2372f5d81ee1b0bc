"""docs/formats.md says what scripts may rest on: its tables and what the commands print name the same keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.policydb.command_line import Run

ROOT = Path(__file__).resolve().parents[2]
WEST = ROOT / "examples" / "site-to-site" / "west" / "ipsec.conf"


def section(title: str) -> str:
    """A section of the document, without its console blocks."""
    text = (ROOT / "docs" / "formats.md").read_text()
    found = re.search(rf"^## {title}\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert found
    return re.sub(r"```.*?```", "", found[1], flags=re.DOTALL)


def keys(text: str) -> set[str]:
    """What stands in the first column of a table."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(.*?)`", row)}


@pytest.fixture
def answer(policydb: Run, tmp_path: Path) -> dict[str, Any]:
    """An explained peer with candidates of each kind."""
    store = str(tmp_path / "policy.db")
    assert policydb("compile", str(WEST), "--store", store)[0] == 0
    traffic = ("--local-id", "10.2.0.0/16", "--remote-id", "10.1.0.0/16")
    wrong = ("--offer", "3DES-SHA-GRP14", "--offer", "QM-ESP-3DES-SHA-SUITE")
    code, told, _ = policydb("explain", "--peer", "192.0.2.1", *traffic, *wrong, "--store", store, "--format", "json")
    assert code == 1
    found: dict[str, Any] = json.loads(told)
    return found


def test_an_explained_peer_has_the_keys_of_the_document(answer: dict[str, Any]) -> None:
    whole, candidate, comparison = re.split(
        r"^A (?:candidate|comparison):$", section("A peer explained"), flags=re.MULTILINE
    )
    assert keys(whole) == set(answer)
    for connection in answer["connections"]:
        assert keys(candidate) == set(connection)
    for peer in answer["peers"]:
        assert keys(candidate) - {"binds"} == set(peer)
    assert answer["phase_1_offers"]
    assert answer["phase_2_offers"]
    for each in (*answer["phase_1_offers"], *answer["phase_2_offers"]):
        assert keys(comparison) == set(each)


def test_a_point_of_difference_has_the_keys_of_the_document(answer: dict[str, Any]) -> None:
    sentence = section("A peer explained").partition("A point: ")[2].partition(".")[0]
    points = [point for each in answer["phase_1_offers"] for point in each["differences"]]
    assert points
    for each in points:
        assert set(re.findall(r"`(.*?)`", sentence)) == set(each)
        assert all(value is None or isinstance(value, str) for value in each.values())


def test_values_have_the_types_that_the_document_says(answer: dict[str, Any]) -> None:
    assert isinstance(answer["generation"], int)
    assert answer["found"] is False
    taken = [each for each in answer["connections"] if each["chosen"]]
    assert [each["difference"] for each in taken] == [None]
