"""Configuration texts cut into parts: the pieces of a file that its versions share in the store.

A part is some sections of an isakmpd.conf, some lines of an ipsec.conf, or a piece of a long list there. Where it
ends is decided by the text there, so a change makes one or two new parts, wherever it is. A text in which the cut
could be wrong is one part.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from grammar.nodes import Binding
from policydb.ipsec.lists import LongList, long_list

_MOST_SECTIONS = 512
_MOST_RULES = 512
# One section in 32 begins a part, one rule in 32 ends one, as checksums go.
_SECTIONS = 0x1F
_RULES = 0x1F

# The end of a line, and a header behind it that does not continue it. Patterns that begin with the newline itself, not
# with ^, are searched for several times as fast.
_HEADER = re.compile(r"\n(?<!\\\n)(?<!\\\r\n)[ \t]*\[[^\n]*")

# What a part of an isakmpd.conf is not known by: its keys, which must leave no trace in a store, and its comments.
_UNHASHED = re.compile(
    r"(\n[ \t]*(?:(?:authentication|xauth-password)[^=\n]*=|[#;]))((?:\\\r?\n|[^\n])*)", re.IGNORECASE
)

_USERS = re.compile(r"\n[ \t]*\[[^\]\n]*user", re.IGNORECASE)  # [XAUTH-users], or nearly so

# A line of ipsec.conf with those that continue it. Quotes begin where a token does and end in their line: then no line
# can belong to a string that began above (grammar.ipsec_lexer).
_LINE_PATTERN = r"""
    [^"'\\\#\n]*
    (?: (?: \\[\s\S] | (?<![^\s{}(),/=]) (?: "[^"\\\n]*" | '[^'\\\n]*' ) ) [^"'\\\#\n]* )*
    (?: \# (?: \\[\s\S] | [^\n\\] )* )?
    \n
"""
_LINE = re.compile(_LINE_PATTERN, re.VERBOSE)
# The first of what is no such line, with all that is behind it, is one piece.
_LINES = re.compile(rf"{_LINE_PATTERN} | [\s\S]+", re.VERBOSE)
# What a definition of a macro begins with; some rules do too, and are found out.
_DEFINES = re.compile(r"""[\s\\]*(?: "[^"]*" | '[^']*' | [^\s"'\#={}(),/]+ )[\s\\]* =""", re.VERBOSE)
_MACRO = re.compile(r"\$([A-Za-z0-9_]*)")


class Part(NamedTuple):
    """A piece of a text: its 1-based line, its offsets, and SHA-256 over what it means.

    The line is that of its start; of a piece of a list (policydb.ipsec.lists) it is that of the rule.
    """

    line: int
    start: int
    end: int
    digest: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What came of a part. `assertions` are those of rules; `text` is the part as it may be kept and shown."""

    bindings: tuple[Binding, ...]
    text: str = ""
    assertions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleLines:
    """An ipsec.conf cut into parts. By their starts: the macros and the long list of a part, and which define one."""

    parts: tuple[Part, ...]
    macros: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    lists: Mapping[int, LongList] = field(default_factory=dict)
    definitions: frozenset[int] = frozenset()


Definitions: TypeAlias = Callable[[Sequence[str]], "Sequence[tuple[str, str]] | None"]
"""Lines that define macros to names and values; None where one of them does something else."""


def parts_of_sections(text: str) -> tuple[Part, ...]:
    """The parts of an isakmpd.conf; each but the first begins with a header."""
    starts = [0]
    count = 0
    for header in _HEADER.finditer(f"\n{text}"):  # so an offset there is that of the header here
        count += 1
        if zlib.crc32(header[0][1:].encode("latin-1", "replace")) & _SECTIONS == 0 or count == _MOST_SECTIONS:
            count = 0
            if header.start():
                starts.append(header.start())
    return tuple(
        Part(line, start, end, _digest_of_sections(text[start:end])) for line, start, end in _placed(text, starts)
    )


def _digest_of_sections(text: str) -> str:
    """What a part is known by; "" for one that may hold passwords: then its contents are looked at each time."""
    lines = f"\n{text}"
    return "" if _USERS.search(lines) else _digest("sections", _UNHASHED.sub(_unhashed, lines)[1:])


def _unhashed(found: re.Match[str]) -> str:
    return found[1] + "\n" * found[2].count("\n")


def parts_of_rules(text: str, definitions: Definitions, surroundings: str) -> RuleLines | None:
    """The parts of an ipsec.conf; None where the cut could be wrong, or where it includes other files.

    `definitions` reads the lines that define macros; `surroundings` is what else the rules depend on.
    """
    lines = _LINES.findall(text)
    if (lines and not _LINE.fullmatch(lines[-1])) or "include" in text.replace("\\\n", "").replace("\\", ""):
        return None
    values = definitions([line for line in lines if "=" in line and _DEFINES.match(line)])
    if values is None:
        return None
    starts, position, count = [0], 0, 0
    defined: list[tuple[int, str, str]] = []
    lists: dict[int, LongList] = {}
    found = iter(values)
    for line in lines:
        defines = "=" in line and _DEFINES.match(line) is not None
        listed = None if defines else long_list(line, position, _RULES // 4, _RULES + 1)
        alone = defines or listed is not None
        if alone and position > starts[-1]:
            starts.append(position)  # a definition is a part of its own, a piece of a list another one
        if defines:
            defined.append((position, *next(found)))
        if listed is not None:
            starts += listed[1][1:]
            lists |= dict.fromkeys(listed[1], listed[0])
        position += len(line)
        count += 1
        if alone or zlib.crc32(line.encode("latin-1", "replace")) & _RULES == 0 or count == _MOST_RULES:
            count = 0
            starts.append(position)
    if len(starts) > 1 and starts[-1] == len(text):
        starts.pop()
    return _with_macros(text, starts, defined, lists, surroundings)


def _with_macros(
    text: str,
    starts: Sequence[int],
    defined: Sequence[tuple[int, str, str]],
    lists: Mapping[int, LongList],
    surroundings: str,
) -> RuleLines:
    """Parts whose digests cover the macros that they use."""
    parts, macros = [], dict[int, Mapping[str, str]]()
    known: dict[str, str] = {}
    pending = list(reversed(defined))
    for line, start, end in _placed(text, starts):
        listed = lists.get(start)
        piece = (text[start:end],) if listed is None else listed.words(text, start, end)
        if any("$" in each for each in piece):
            used = sorted({name for each in piece for name in _MACRO.findall(each)})
            macros[start] = {name: known[name] for name in used if name in known}
        first = line if listed is None else line - text.count("\n", listed.start, start)
        parts.append(Part(first, start, end, _digest("rules", surroundings, repr(macros.get(start, {})), *piece)))
        while pending and pending[-1][0] < end:
            _, name, value = pending.pop()
            known[name] = value
    return RuleLines(tuple(parts), macros, lists, frozenset(start for start, _, _ in defined))


def _placed(text: str, starts: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    line, before = 1, 0
    for start, end in zip(starts, (*starts[1:], len(text)), strict=True):
        line += text.count("\n", before, start)
        before = start
        yield line, start, end


def _digest(*told: str) -> str:
    return hashlib.sha256("\0".join(told).encode("latin-1", "backslashreplace")).hexdigest()
