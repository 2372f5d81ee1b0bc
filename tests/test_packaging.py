"""What gets installed: the wheel's contents, its commands, and that the three flat packages stay together."""

from __future__ import annotations

import configparser
import importlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("grammar", "policydb", "daemon")


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """A wheel built from a copy of the sources, by the setuptools that is installed and without the network."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(project / name, copy)
    for name in PACKAGES:
        shutil.copytree(project / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    out = copy / "out"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = out.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def source_files(project: Path) -> set[str]:
    wanted = ("*.py", "*.lark", "py.typed")
    found = {path for name in PACKAGES for pattern in wanted for path in (project / name).rglob(pattern)}
    return {path.relative_to(project).as_posix() for path in found}


def test_the_wheel_holds_every_source_file_and_nothing_else(wheel: zipfile.ZipFile, project: Path) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == source_files(project)


def test_the_wheel_claims_the_three_names_and_no_other(wheel: zipfile.ZipFile) -> None:
    [top_level] = [name for name in wheel.namelist() if name.endswith("/top_level.txt")]
    assert sorted(wheel.read(top_level).decode().split()) == sorted(PACKAGES)


def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if name.endswith("LICENSE")]


def test_every_command_points_at_something_that_can_be_called(project: Path) -> None:
    metadata = configparser.ConfigParser()
    metadata.read(project / "setup.cfg")
    lines = metadata["options.entry_points"]["console_scripts"].strip().splitlines()
    commands = [line.replace(" ", "").partition("=") for line in lines]
    assert {name for name, _, _ in commands} == {"policydb", "isakmpd", "ipsecctl", "certpatch"}
    for _, _, target in commands:
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_three_packages_have_one_parent(project: Path) -> None:
    """Another `daemon` (python-daemon installs one) ahead on the path would be found here, and at start-up."""
    parents = {Path(str(importlib.import_module(name).__file__)).resolve().parents[1] for name in PACKAGES}
    assert parents == {project}
