"""Three sizes of a sweep, and who runs which."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def sized(part: int, whole: int, **environment: str) -> int:
    """What tests.sizes says in a process of its own."""
    without = {name: value for name, value in os.environ.items() if name not in ("FULL_SIZE", "SWEEP_SHARE")}
    asked = f"from tests.sizes import sized; print(sized({part}, {whole}))"
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=root, env=without | environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.parametrize(
    ("part", "whole", "environment", "found"),
    [
        (48, 100_000, {}, 48),
        (48, 100_000, {"SWEEP_SHARE": "0.1"}, 48),  # the share is one of the full size
        (48, 100_000, {"FULL_SIZE": "1"}, 100_000),
        (48, 100_000, {"FULL_SIZE": "1", "SWEEP_SHARE": "0.1"}, 10_000),
        (48, 100, {"FULL_SIZE": "1", "SWEEP_SHARE": "0.1"}, 48),
        (24, 1, {}, 24),  # every 24th, and every one
        (24, 1, {"FULL_SIZE": "1"}, 1),
        (24, 1, {"FULL_SIZE": "1", "SWEEP_SHARE": "0.1"}, 10),
        (4, 1, {"FULL_SIZE": "1", "SWEEP_SHARE": "0.1"}, 4),
    ],
)
def test_a_sweep_has_three_sizes(part: int, whole: int, environment: dict[str, str], found: int) -> None:
    assert sized(part, whole, **environment) == found


def test_ci_runs_a_tenth_and_make_faults_all(project: Path) -> None:
    assert "SWEEP_SHARE=0.1 make faults" in (project / ".ci" / "run").read_text()
    assert "SWEEP_SHARE" not in (project / "Makefile").read_text()
