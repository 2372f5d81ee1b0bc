"""daemon/process.py: one installation, and a pid file that tells the truth."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.process import PidFile, check_packages
from policydb.folders import FileRefusedError, own_file


def test_this_tree_is_one_installation() -> None:
    check_packages()


def test_packages_from_two_places_are_told_apart(tmp_path: Path, project: Path) -> None:
    (tmp_path / "grammar").mkdir()
    (tmp_path / "grammar" / "__init__.py").touch()
    script = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(project)!r}]\n"
        "from daemon.process import MixedInstallationError, check_packages\n"
        "try: check_packages()\n"
        "except MixedInstallationError as error: print(error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=200
    ).stdout
    assert f"grammar in {tmp_path}" in found
    assert f"daemon in {project}" in found


def test_the_pid_file_holds_the_pid_and_goes(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.pid"
    path.write_text("99999999999\n")
    pid_file = PidFile(own_file(path))
    assert path.read_text() == f"{os.getpid()}\n"
    pid_file.remove()
    assert not path.exists()
    pid_file.remove()


def test_the_pid_file_of_another_process_stays(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.pid"
    for is_new in (False, True):
        path.unlink(missing_ok=True)
        pid_file = PidFile(own_file(path))
        if is_new:
            path.unlink()
        path.write_text("1\n")
        pid_file.remove()
        assert path.read_text() == "1\n"


def test_no_link_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.pid"
    path.symlink_to(tmp_path / "victim")
    with pytest.raises(FileRefusedError, match="is a link"):
        PidFile(own_file(path))
    assert not (tmp_path / "victim").exists()
