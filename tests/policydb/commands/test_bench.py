"""The command `bench`: a question is measured step by step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.policydb.command_line import Run


def test_a_question_is_measured_step_by_step(policydb: Run) -> None:
    Path("p.kn").write_text('Authorizer: "POLICY"\nLicensees: "alice"\n')
    Path("p.kn").chmod(0o600)
    ask = ("--authorizer", "alice", "-n", "1", "--format", "json")
    steps = [each["name"] for each in json.loads(policydb("bench", "--policy", "p.kn", *ask)[1])]
    decisions = ["load", "first decision", "repeated decision", "first explanation", "repeated explanation"]
    assert steps == ["parse", "compile", *decisions]
    policydb("compile", "p.kn", "--store", "s.db")
    assert [each["name"] for each in json.loads(policydb("bench", "--store", "s.db", *ask)[1])] == decisions
    assert "repeated decision" in policydb("bench", "--store", "s.db", "--authorizer", "alice", "-n", "1")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--authorizer", "a"),
        ("--policy", "nix.kn", "--authorizer", "a"),
        ("--policy", "broken.kn", "--authorizer", "a"),
        ("--policy", "p.kn", "--credential", "c.kn", "--authorizer", "a"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_measured_ends_with_two(policydb: Run, arguments: tuple[str, ...]) -> None:
    Path("broken.kn").write_text('Authorizer: "POLICY\n')
    Path("broken.kn").chmod(0o600)
    code, out, err = policydb("bench", *arguments)
    assert (code, out) == (2, "")
    assert err.strip()
    assert "Traceback" not in err
