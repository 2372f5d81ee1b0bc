"""What the tests of ipsec.conf and ipsecctl row by row share: a row of the manual, and how it is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daemon import ipsecctl
from daemon.ipsecctl import main
from tests.policydb.ipsec.support import SURROUNDINGS

HOSTS = "from 1.1.1.1 to 2.2.2.2"
NETS = "from 10.1.0.0/16 to 10.2.0.0/16"
PEER = "peer-2.2.2.2"
LINK = "from-1.1.1.1-to-2.2.2.2"
NOT_LOADED = "ipsecctl: Syntax error in config file: ipsec rules not loaded\n"
FLOW = "flow esp out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type require"
KEY16, KEY20, KEY24, KEY32 = ("a" * 2 * each for each in (16, 20, 24, 32))


@dataclass(frozen=True)
class Row:
    """A file F, what must and what must not be among the lines printed, and all that is said, with the exit code."""

    text: str
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    err: str = ""
    code: int = 0
    options: tuple[str, ...] = ("-nvf", "F")
    files: Mapping[str, str] = field(default_factory=dict)
    mode: int = 0o600
    whole: bool = False
    """Whether `has` is all that is printed."""


def phase1(text: str, *has: str) -> Row:
    """A rule of which the transform of phase 1 is looked at, without its name."""
    return Row(f"ike {HOSTS} {text}\n", tuple(f"C set [phase1-transform-{PEER}-{each} force" for each in has))


def phase2(text: str, *has: str) -> Row:
    """Likewise of phase 2."""
    return Row(f"ike {HOSTS} {text}\n", tuple(f"C set [phase2-transform-{LINK}-{each} force" for each in has))


def said(text: str, message: str, *has: str) -> Row:
    """A first line that cannot be used."""
    return Row(f"{text}\n", has, err=f"F: 1: {message}\n{NOT_LOADED}", code=1)


def hold(row: Row, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Run ipsecctl on a row in a folder of its own, and compare what it printed, what it said and its exit code."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(ipsecctl, "SystemResolver", lambda: SURROUNDINGS.resolver)
    monkeypatch.setattr("socket.gethostname", lambda: SURROUNDINGS.host_name)
    for name, text in {"F": row.text, **row.files}.items():
        (folder / name).write_text(text, encoding="latin-1")
        (folder / name).chmod(row.mode)
    with pytest.raises(SystemExit) as ended:
        main([*row.options])
    told = capsys.readouterr()
    printed = told.out.splitlines()
    assert (told.err, int(ended.value.code or 0)) == (row.err, row.code)
    if row.whole:
        assert printed == list(row.has)
    assert not set(row.has) - set(printed)
    assert not set(row.lacks) & set(printed)
