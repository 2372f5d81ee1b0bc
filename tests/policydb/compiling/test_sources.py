"""Files that are read for a compile: what is one, and what is not."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from policydb.compiling.sources import read_included, read_sources


def test_an_included_file_is_read_octet_by_octet(tmp_path: Path) -> None:
    path = tmp_path / "more.conf"
    path.write_bytes(b"# caf\xe9\r\n")
    assert read_included(str(path)) == "# caf\xe9\r\n"


def test_a_byte_order_mark_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.conf"
    path.write_bytes(codecs.BOM_UTF8 + b"[General]\n")
    [text], findings = read_sources([path])
    assert (text.text, findings) == ("[General]\n", [])
    assert read_included(str(path)) == "[General]\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_one_finding_that_shows_nothing_of_it(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.conf"
    path.write_bytes("\ufeff[east]\nAuthentication=topsecret\n".encode(encoding))
    texts, [finding] = read_sources([path])
    assert (texts, finding.code) == ([], "PD002")
    assert finding.hint.startswith("iconv")


@pytest.mark.parametrize("name", ["/dev/zero", "folder", "fifo", "gone"])
def test_what_is_no_file_is_not_included(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/zero has no end, and nobody writes to the FIFO."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match=r"not a regular file|No such file"):
        read_included(name)


@pytest.mark.parametrize(("name", "code"), [("", "PD001"), ("x" * 300, "PD002"), ("/dev/null/x", "PD002")])
def test_a_name_that_names_nothing_is_a_finding(name: str, code: str) -> None:
    """An empty one, which a variable that is not set gives, is not this folder."""
    texts, [finding] = read_sources([name])
    assert (texts, finding.code) == ([], code)
