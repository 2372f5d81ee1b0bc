"""Commands whose standard streams are closed or full."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from policydb.streams import harmless, open_closed


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


# --- terminals ----------------------------------------------------------------------------------------------------

STEERING = "\x1b[8m\x1b[31mred\x07\x1b]0;title\x07\x1b[2J\u202eevil\u2066\x9b5m\x08\x0b\x7f\ufeff"
HOSTILE = f"""Comment: {STEERING}
Authorizer: "POLICY"
Licensees: "{STEERING}"
Conditions: "{STEERING}" == a -> "{STEERING}";
"""
_COLOURS = re.compile(r"\x1b\[(?:0|1|3[0-7])m")


def on_a_terminal(module: str, arguments: list[str], folder: Path) -> str:
    """What a command writes to a terminal, on standard output and standard error together."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, cwd=folder
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:  # nobody holds the other end any more
                break
            if not piece:
                break
            written += piece
        assert process.wait() in {0, 1, 2}
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("policydb.cli", "fmt hostile.policy"),
        ("policydb.cli", "fmt --diff hostile.policy"),
        ("policydb.cli", "check hostile.policy"),
        ("policydb.cli", "lint hostile.policy"),
        ("policydb.cli", "check broken.policy"),
        ("policydb.cli", "query --policy hostile.policy --authorizer x"),
        ("policydb.cli", "explain --policy hostile.policy --authorizer x"),
        ("policydb.cli", "explain --policy hostile.policy --authorizer x --format dot"),
        ("policydb.cli", "explain --policy hostile.policy --authorizer x --format mermaid"),
        ("policydb.cli", "import swanctl hostile.conf"),
        ("policydb.cli", "check ipsec.conf"),
        ("daemon.ipsecctl", "-nv -f ipsec.conf"),
    ],
)
def test_no_text_of_others_steers_a_terminal(module: str, arguments: str, tmp_path: Path) -> None:
    (tmp_path / "hostile.policy").write_text(HOSTILE, encoding="utf-8")
    (tmp_path / "broken.policy").write_text(f"{HOSTILE}{STEERING} ;\n", encoding="utf-8")
    (tmp_path / "hostile.conf").write_text(f"connections {{ {STEERING} {{ local_addrs = {STEERING} }} }}\n")
    (tmp_path / "ipsec.conf").write_text(f'ike from 10.0.0.1 to 10.0.0.2 psk "{STEERING}" tag "{STEERING}"\n')
    for name in ("hostile.conf", "ipsec.conf"):
        (tmp_path / name).chmod(0o600)
    written = on_a_terminal(module, arguments.split(), tmp_path)
    assert written
    assert "Traceback" not in written
    assert [each for each in _COLOURS.sub("", written) if not each.isprintable() and each not in "\n\t"] == []
    assert "\x1b[8m" not in written


def test_fmt_colours_nothing_so_nothing_is_coloured(tmp_path: Path) -> None:
    (tmp_path / "hostile.policy").write_text(HOSTILE, encoding="utf-8")
    written = on_a_terminal("policydb.cli", ["fmt", "hostile.policy"], tmp_path)
    assert "\x1b" not in written
    assert "red" in written


def test_into_a_pipe_a_policy_goes_octet_by_octet(tmp_path: Path) -> None:
    (tmp_path / "hostile.policy").write_text(HOSTILE, encoding="utf-8")
    command = [sys.executable, "-m", "policydb.cli", "fmt", str(tmp_path / "hostile.policy")]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.stdout.decode().count(STEERING) == 4
    (tmp_path / "formatted.policy").write_bytes(ended.stdout)
    again = subprocess.run([*command[:-1], "--check", str(tmp_path / "formatted.policy")], check=False)
    assert again.returncode == 0


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain\nlines\n", "plain\nlines\n"),
        ("a\tb\rc", "a\tb.c"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[31;8mred\x1b[?25l", ".[31;8mred.[?25l"),
        ("\u202eb\u200b\x85\xad\u2028", ".b...."),
        ("\xe9\u4e2d", "\xe9\u4e2d"),
    ],
)
def test_what_a_terminal_gets_of_a_text(text: str, written: str) -> None:
    assert harmless(text) == written
