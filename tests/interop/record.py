"""How many runs in a row were green, and on which code: what docs/interop.md says of the runs themselves.

A run counts if every row of its part was there and nothing failed. The count begins anew with each change of the code,
and after a run that does not count.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

FAILED = "FAILED"
ENOUGH = 10
"""More runs in a row are not counted, so that the document comes to rest."""

CODE = ("grammar", "policydb", "daemon", "tests/interop")
WRITERS = ("tests/interop/document.py", "tests/interop/record.py")
"""What only writes the document is no part of what was run."""

UNCOMMITTED = " with changes"
"""How the name of a code ends that is none of a commit."""


@dataclass(frozen=True, slots=True)
class Streak:
    """Green runs in a row on one state of the code."""

    runs: int
    code: str

    @classmethod
    def read(cls, cell: str) -> Streak:
        """From a cell of the document; none where there is no such cell."""
        runs, _, code = cell.partition(" on ")
        return cls(int(runs), code) if runs.isdigit() else cls(0, "")

    def __str__(self) -> str:
        return f"{self.runs} on {self.code}"

    def after(self, results: Mapping[str, str], rows: Collection[str], code: str) -> Streak:
        """With one more run: its results, the rows it should have, and the code it ran on."""
        if FAILED in results.values() or not set(rows) <= results.keys():
            return Streak(0, code)
        same = code == self.code and not code.endswith(UNCOMMITTED)
        return Streak(min(self.runs + 1, ENOUGH) if same else 1, code)


def code(root: Path) -> str:
    """The last commit that changed the code of the tree at `root`, and whether there are changes since.

    Where there is no git to ask, the code is none that could be known again.
    """
    paths = ["--", *CODE, *(f":(exclude){each}" for each in WRITERS)]
    try:
        last, now = (
            subprocess.run(["git", *told, *paths], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for told in (["log", "-1", "--format=%h"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return f"no commit{UNCOMMITTED}"
    return last + (UNCOMMITTED if now else "")
