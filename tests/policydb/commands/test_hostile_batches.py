"""`policydb query --batch` of files that want too much: bounded memory, an answer a line, or one line and code 2."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from policydb.commands.batch import MOST_IN_LINE, MOST_PASSED_OVER
from tests.sizes import sized

ROOM = 2**30
"""Octets of memory; a command that asks nothing takes a twentieth of that."""

GOOD = b'{"id": 1, "policies": ["Authorizer: \\"POLICY\\"\\n"], "authorizers": ["a"]}\n'

PROGRAM = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, ({ROOM}, {ROOM}))
from policydb.cli import main
main()
"""


def read(answer: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(answer)
    return found


def batch(path: Path) -> tuple[int, list[bytes], list[str]]:
    """Exit code, answers, lines on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "query", "--batch", str(path)], capture_output=True, check=False, timeout=900
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.decode().splitlines()


def plain(path: Path, pieces: list[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(pieces)


def packed(path: Path, pieces: list[bytes]) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(pieces)


@pytest.mark.parametrize("write", [plain, packed])
def test_a_line_without_an_end_has_one(tmp_path: Path, write: Callable[[Path, list[bytes]], None]) -> None:
    """As a gzip bomb has one: a megabyte that is a gigabyte of one octet."""
    million = bytes(2**20)
    write(tmp_path / "batch", [GOOD, *[million] * (MOST_PASSED_OVER // len(million) + 20)])
    code, answers, told = batch(tmp_path / "batch")
    assert code == 2
    assert [read(each)["value"] for each in answers] == ["true"]
    assert told[0] == (
        f"error: {tmp_path / 'batch'}: line 2 has more than {MOST_PASSED_OVER:,} octets: these are no queries"
    )
    assert [each[:6] for each in told[1:]] == ["hint: "]


@pytest.mark.parametrize("write", [plain, packed])
def test_a_line_that_is_too_long_is_answered_and_so_is_the_next(
    tmp_path: Path, write: Callable[[Path, list[bytes]], None]
) -> None:
    write(tmp_path / "batch", [GOOD, b" " * (3 * MOST_IN_LINE), b"\n", GOOD, b"x" * (MOST_IN_LINE + 1)])
    code, answers, told = batch(tmp_path / "batch")
    assert (code, told) == (0, [])
    assert [read(each)["value"] for each in answers] == ["true", None, "true", None]
    assert read(answers[1])["errors"] == [f"line 2: it has more than {MOST_IN_LINE:,} octets"]
    assert read(answers[3])["errors"] == [f"line 4: it has more than {MOST_IN_LINE:,} octets"]


DEEP = b"[" * 500 + b"]" * 500
"""As much as Python reads."""


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 10_000_000,
        b'{"id": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
        *(b'{"id": ' + b"[" * depth + b"]" * depth + b"}" for depth in (300, 900, 980, 990, 994, 996, 998)),
        b'{"id": 1e999, "values": [' + DEEP + b"]}",
        b'{"policies": ' + DEEP + b"}",
        b'{"attributes": [[' + DEEP + b", 1]]}",
        b'{"id": ' + b"9" * 100_000 + b"}",
        b'{"policies": ["Conditions: ' + b"(" * 100_000 + b'"]}',
        b'{"policies": ["' + b"Authorizer: " * 100_000 + b'"]}',
        b"\xff\xfe\x00",
        b"\x00" * 1_000,
        b'{"id": "\\ud800", "authorizers": ["\\ud800"]}',
    ],
    ids=range(18),
)
def test_whatever_a_line_holds_the_next_is_answered(tmp_path: Path, line: bytes) -> None:
    plain(tmp_path / "batch", [line, b"\n", GOOD])
    code, answers, told = batch(tmp_path / "batch")
    assert (code, told) == (0, [])
    assert len(answers) == 2
    assert read(answers[1])["value"] == "true"


@pytest.mark.full_size
@pytest.mark.timeout(900)
@pytest.mark.parametrize("write", [plain, packed])
def test_many_lines_take_no_more_memory_than_few(tmp_path: Path, write: Callable[[Path, list[bytes]], None]) -> None:
    count = sized(5_000, 1_000_000)
    write(tmp_path / "batch", [b"\n" * 1_000_000, *[b"nonsense\n"] * count, b"\r\n" * count, GOOD])
    code, answers, told = batch(tmp_path / "batch")
    assert (code, told) == (0, [])
    assert len(answers) == count + 1
    assert read(answers[-1])["value"] == "true"


def test_a_damaged_gzip_file_is_said(tmp_path: Path) -> None:
    packed(tmp_path / "batch", [GOOD] * 1_000)
    octets = (tmp_path / "batch").read_bytes()
    for damaged in (octets[:-9], octets[:20] + b"\xff" * 20 + octets[40:]):
        (tmp_path / "batch").write_bytes(damaged)
        code, _, told = batch(tmp_path / "batch")
        assert (code, told[0]) == (2, f"error: {tmp_path / 'batch'}: the compressed file is damaged")
