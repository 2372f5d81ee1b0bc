"""Every example works as it says: its files have no errors, its questions get their answers, its demo succeeds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCENARIOS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__")
GATEWAYS = sorted(path.parent for path in EXAMPLES.glob("*/*/isakmpd.conf"))
BOTH = sorted({path.parents[1] for path in EXAMPLES.glob("*/*/ipsec.conf")})
"""The scenarios that are written in both languages."""

COMMANDS = Path(sys.executable).parent


def run(*argv: str | Path, seconds: float = 200) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in argv],
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_there_are_examples() -> None:
    assert SCENARIOS
    assert GATEWAYS


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_examples_files_have_no_errors(gateway: Path) -> None:
    done = run(COMMANDS / "policydb", "check", gateway / "isakmpd.policy", gateway / "isakmpd.conf")
    assert done.returncode == 0
    assert "error[" not in done.stderr


def answers(scenario: Path, policy: Path, store: Path) -> dict[str, str]:
    """What one file answers to a scenario's questions."""
    assert run(COMMANDS / "policydb", "compile", policy, "--store", store).returncode == 0
    done = run(COMMANDS / "policydb", "query", "--batch", scenario / "questions.jsonl", "--store", store)
    assert done.returncode == 0
    return {answer["id"]: answer["value"] for answer in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_an_examples_questions_get_their_answers(scenario: Path, tmp_path: Path) -> None:
    wanted = json.loads((scenario / "answers.json").read_text())
    assert answers(scenario, scenario / wanted["policy"], tmp_path / "policy.db") == wanted["answers"]


@pytest.mark.parametrize("scenario", BOTH, ids=lambda path: path.name)
def test_the_policy_that_an_ipsec_conf_implies_gives_the_same_answers(scenario: Path, tmp_path: Path) -> None:
    wanted = json.loads((scenario / "answers.json").read_text())
    rules = (scenario / wanted["policy"]).with_name("ipsec.conf")
    assert answers(scenario, rules, tmp_path / "policy.db") == wanted["answers"]


def test_three_examples_are_asked_in_both_languages() -> None:
    assert {path.name for path in BOTH} == {"site-to-site", "road-warrior", "hub-and-spokes"}


@pytest.mark.parametrize("rules", sorted(EXAMPLES.glob("*/*/ipsec.conf")), ids=lambda path: path.parent.name)
def test_an_examples_rules_have_no_findings(rules: Path, tmp_path: Path) -> None:
    copy = tmp_path / "ipsec.conf"
    copy.write_text(rules.read_text())
    copy.chmod(0o600)
    done = run(COMMANDS / "policydb", "check", copy)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("demo", sorted(EXAMPLES.glob("*/demo.py")), ids=lambda path: path.parent.name)
def test_a_demo_succeeds_quickly_and_leaves_nothing(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = run(sys.executable, demo)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert done.stderr == ""
    assert "\033" not in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("demo", sorted(EXAMPLES.glob("*/demo.py")), ids=lambda path: path.parent.name)
def test_a_demo_whose_policy_does_not_say_so_fails(demo: Path, tmp_path: Path) -> None:
    """The demo's own checks can fail: with the forbidden cipher allowed there is no refusal to show."""
    copy = tmp_path / demo.parent.name
    for path in demo.parent.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = copy / path.relative_to(demo.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text().replace('esp_enc_alg == "aes"', 'esp_enc_alg != "null"'))
    done = run(sys.executable, copy / demo.name)
    assert done.returncode == 1
    assert "West refuses the printer" in done.stderr
