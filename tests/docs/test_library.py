"""The Python blocks of docs/library.md run as they stand, and the library is what the page says it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import policydb

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def run(code: str, folder: Path, project: Path) -> subprocess.CompletedProcess[str]:
    program = f"import sys\nsys.path.insert(0, {str(project)!r})\n{code}"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )


@pytest.mark.parametrize("block", BLOCKS, ids=["embedding", "store", "bytes"])
def test_an_example_runs(block: str, tmp_path: Path, project: Path) -> None:
    done = run(block, tmp_path, project)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_embedding_example_prints_what_the_page_says(tmp_path: Path, project: Path) -> None:
    assert run(BLOCKS[0], tmp_path, project).stdout == "bob: refuse, but with pages = 20\n"
    assert "It prints `bob: refuse, but with pages = 20`." in PAGE.read_text()


def test_embedding_takes_no_more_than_twenty_lines_of_code() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 20


@pytest.mark.parametrize("name", policydb.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(policydb, name)
    assert name.isupper() or found.__doc__


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = policydb.nonsense  # type: ignore[attr-defined]


def test_the_package_says_that_it_is_typed(project: Path) -> None:
    assert (project / "policydb" / "py.typed").is_file()
    assert "policydb = py.typed" in (project / "setup.cfg").read_text()


def test_importing_it_loads_neither_parser_nor_store_nor_daemon(tmp_path: Path, project: Path) -> None:
    code = "import policydb\npolicydb.Request\nprint(*{each.partition('.')[0] for each in sys.modules})"
    loaded = set(run(code, tmp_path, project).stdout.split())
    assert "policydb" in loaded
    assert not loaded & {"lark", "sqlite3", "sqlite_utils", "cryptography", "re2", "click", "daemon", "pyroute2"}


def test_the_whole_library_never_loads_the_daemon(tmp_path: Path, project: Path) -> None:
    code = "import policydb\nfor each in policydb.__all__: getattr(policydb, each)\nprint(*sys.modules)"
    loaded = {each.partition(".")[0] for each in run(code, tmp_path, project).stdout.split()}
    assert "lark" in loaded
    assert not loaded & {"daemon", "pyroute2"}
