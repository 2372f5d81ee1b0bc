"""The files that are to be compiled: found, read, told apart, with a finding for each that cannot be used."""

from __future__ import annotations

import codecs
import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from grammar.errors import Diagnostic, Severity
from grammar.nodes import Span

STANDARD_INPUT = "-"
MAX_OCTETS = 256 * 2**20
"""Larger files are refused: text of that size is a mistake, or an attack."""

_START = Span(0, 0, 1, 1)
_COMMENTS = ("#", ";")
_IPSEC_WORDS = {"ike", "flow", "esp", "ah", "ipcomp", "ipip", "tcpmd5", "tunnel", "transport", "from", "to", "include"}


class SourceKind(StrEnum):
    """What a file is written in."""

    POLICY = "policy"
    CONFIGURATION = "configuration"
    IPSEC = "ipsec"


@dataclass(frozen=True, slots=True)
class SourceText:
    """One file: its name as given, its octets as latin-1. `exposed`: others than its owner may read it."""

    name: str
    kind: SourceKind
    text: str
    exposed: bool = False


class _UnusableError(Exception):
    """A path that cannot be used; `diagnostic` says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def read_sources(paths: Iterable[str | Path]) -> tuple[list[SourceText], list[Diagnostic]]:
    """Every file that the paths name, each once and in their order, and what keeps others from being read.

    A folder stands for its *.conf and then its *.policy files; `-` is standard input.
    """
    texts: list[SourceText] = []
    findings: list[Diagnostic] = []
    seen: set[str] = set()
    for path in paths:
        try:
            for name in _files(str(path)):
                place = os.path.realpath(name)
                if place not in seen:
                    seen.add(place)
                    texts.append(_read(name))
        except _UnusableError as unusable:
            findings.append(unusable.diagnostic)
    return texts, findings


def read_included(name: str) -> str:
    """The text of a file that another one includes, as latin-1. Raises OSError, also for what is no file to be read.

    A FIFO is not waited for, and a device not read to its end, which it may not have.
    """
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", name)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_OCTETS + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_OCTETS:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    return as_text(data)


def as_text(data: bytes) -> str:
    """The octets of a file as latin-1; a byte order mark of UTF-8, which some editors put in front, says nothing."""
    return data.removeprefix(codecs.BOM_UTF8).decode("latin-1")


def exposure(source: SourceText) -> Diagnostic:
    """The warning for a file that holds secrets and that others may read."""
    message = "this file holds secrets, and others than its owner may read it; isakmpd refuses such a file"
    return Diagnostic("PD003", message, source.name, _START, f"chmod 600 {source.name}", Severity.WARNING)


def _files(path: str) -> Iterator[str]:
    if "\0" in path:
        raise _UnusableError(Diagnostic("PD002", "no file has a NUL in its name", path, _START))
    if not path:
        raise _UnusableError(Diagnostic("PD001", "an empty name is no file", path, _START, "is a variable not set?"))
    if path == STANDARD_INPUT or not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises for a name too long
        yield path
        return
    try:
        inside = sorted(Path(path).iterdir())
    except OSError as cause:
        raise _unreadable(path, cause, "x") from cause
    found = [str(each) for suffix in (".conf", ".policy") for each in inside if each.suffix == suffix]
    if not found:
        hint = f"a folder's *.conf and *.policy files are taken; ls {path} shows what it holds"
        raise _UnusableError(
            Diagnostic("PD004", "this folder holds no policy and no configuration", path, _START, hint)
        )
    yield from found


def _read(name: str) -> SourceText:
    try:
        if name == STANDARD_INPUT:
            data, mode = sys.stdin.buffer.read(MAX_OCTETS + 1), stat.S_IFIFO
        else:
            with Path(name).open("rb") as file:
                data, mode = file.read(MAX_OCTETS + 1), os.fstat(file.fileno()).st_mode
    except FileNotFoundError as cause:
        raise _UnusableError(Diagnostic("PD001", "there is no such file", name, _START, _neighbour(name))) from cause
    except OSError as cause:
        raise _unreadable(name, cause, "r") from cause
    if len(data) > MAX_OCTETS:
        raise _UnusableError(Diagnostic("PD006", f"the file is larger than {MAX_OCTETS} octets", name, _START))
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        hint = f"iconv -f UTF-16 -t UTF-8 {name}"
        raise _UnusableError(Diagnostic("PD002", "the file is UTF-16; what is read is octets", name, _START, hint))
    text = as_text(data)
    exposed = stat.S_ISREG(mode) and bool(mode & (stat.S_IRWXG | stat.S_IRWXO))
    return SourceText(name, _kind(name, text), text, exposed)


def _unreadable(name: str, cause: OSError, right: str) -> _UnusableError:
    hint = f"chmod u+{right} {name}, or run this as its owner" if isinstance(cause, PermissionError) else ""
    return _UnusableError(Diagnostic("PD002", f"the file cannot be read: {cause.strerror}", name, _START, hint))


def _neighbour(name: str) -> str:
    """A hint for a file that is not there."""
    # Imported here: only mistakes need it.
    from difflib import get_close_matches

    path = Path(name)
    try:
        near = get_close_matches(path.name, [each.name for each in path.parent.iterdir()], n=1)
    except OSError:
        return f"there is no folder {path.parent} that could be read; mkdir -p {path.parent} makes it"
    return f"did you mean {path.with_name(near[0])}?" if near else f"ls {path.parent} shows what there is"


def _kind(name: str, text: str) -> SourceKind:
    """ipsec.conf by its name or first word; isakmpd.conf by its suffix or a section header; all else is a policy."""
    lines = (each.strip() for each in text.split("\n"))
    first = next((each for each in lines if each and not each.startswith(_COMMENTS)), "")
    if name.endswith("ipsec.conf") or (first.split() or [""])[0] in _IPSEC_WORDS:
        return SourceKind.IPSEC
    if name.endswith(".conf"):
        return SourceKind.CONFIGURATION
    is_section = first.startswith("[") and not name.endswith(".policy")
    return SourceKind.CONFIGURATION if is_section else SourceKind.POLICY
