"""Commands whose standard streams are closed or full."""

from __future__ import annotations

import subprocess
import sys

import pytest

from policydb.streams import open_closed


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_there_and_empty(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, name, None)
    open_closed()
    with getattr(sys, name) as stream:
        assert stream.read() == "" if name == "stdin" else stream.write("lost") == 4


@pytest.mark.parametrize(
    ("module", "arguments", "streams", "code"),
    [
        ("policydb.cli", "--version", ">&-", 0),
        ("policydb.cli", "check -", "<&- >&- 2>&-", 0),
        ("policydb.cli", "--version", ">/dev/full", 2),
        ("daemon.ipsecctl", "-nv -f -", ">&-", 0),
        ("daemon.ipsecctl", "-nv -f -", ">/dev/full", 1),
    ],
)
def test_no_stream_makes_a_traceback(module: str, arguments: str, streams: str, code: int) -> None:
    rule = "ike from 1.1.1.1 to 2.2.2.2 psk x"
    command = f'echo "{rule}" | "{sys.executable}" -m {module} {arguments} {streams}'
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 1
