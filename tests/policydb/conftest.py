"""Fixtures of the engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from policydb.cli import run
from tests.policydb.command_line import Run


@pytest.fixture
def policydb(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs command lines in an empty folder, without variables that would change what they do."""
    monkeypatch.chdir(tmp_path)
    for name in ("POLICYDB_STORE", "POLICYDB_LOG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call
