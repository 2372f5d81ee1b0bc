"""Rules of ipsec.conf with a long list of addresses, cut into pieces: each is the rule with some members of the list.

A rule stands for every member by itself, so its pieces together say what it says. A list that could be anything but
addresses between two braces of a rule is not cut.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from math import prod
from typing import NamedTuple

from grammar.ipsec_nodes import HostList, HostSpec, IkeNode
from policydb.ipsec.rules import MAX_PAIRS

_BLANK = r"(?:[ \t]|\\\n)"
_ADDRESS = r"[0-9A-Fa-f][0-9A-Fa-f.:]*(?:/[0-9]+)?"
_LIST = re.compile(rf"\{{({_BLANK}*{_ADDRESS}(?:(?:{_BLANK}+|{_BLANK}*,{_BLANK}*){_ADDRESS})*{_BLANK}*)\}}")
_MEMBER = re.compile(_ADDRESS)
_RULE = re.compile(r"[ \t]*ike[ \t]")
_OPAQUE = re.compile(r"[\"'#]")
_MACRO_HOST = re.compile(r"\b(?:from|to)\b[^\n]*?\$|}[ \t]*\$")
_BETWEEN = ", \t\\\n"
_VISIBLE = re.compile(r"[^\\\n]")


class LongList(NamedTuple):
    """A rule from `start` to `end` of a text; from `first` to `last` there are the members of its list."""

    start: int
    first: int
    last: int
    end: int

    def words(self, text: str, start: int, end: int) -> tuple[str, str, str]:
        """What the piece between two offsets depends on: the rule before the list, the piece, the rule behind it."""
        return text[self.start : self.first], text[start:end], text[self.last : self.end]

    def only(self, text: str, start: int, end: int) -> str:
        """The whole text with the piece between two offsets alone: the other members are blank."""
        first, last = max(start, self.first), min(end, self.last)
        last = first + len(text[first:last].rstrip(_BETWEEN))
        before, behind = _blank(text[self.first : first]), _blank(text[last : self.last])
        return "".join((text[: self.first], before, text[first:last], behind, text[self.last :]))

    def piece_of(self, node: IkeNode, start: int, end: int) -> IkeNode:
        """The same of the rule's node."""
        if node.traffic is None:
            return node

        def cut(spec: HostSpec) -> HostSpec:
            if not isinstance(spec, HostList):
                return spec
            kept = (
                each
                for each in spec.members
                if not self.first <= (at := each.span.start) < self.last or start <= at < end
            )
            return HostList(spec.span, tuple(kept))

        traffic = node.traffic
        return replace(node, traffic=replace(traffic, source=cut(traffic.source), destination=cut(traffic.destination)))


def _blank(text: str) -> str:
    return _VISIBLE.sub(" ", text)


def long_list(line: str, start: int, least: int, pairs: int) -> tuple[LongList, list[int]] | None:
    """The longest list of a rule and the offsets where pieces of about so many pairs of from and to begin.

    `start` is the offset of the line. None where the rule stands for fewer than `least` pairs, or for too many, or
    where a macro may stand for a list.
    """
    if "{" not in line or not _RULE.match(line):
        return None
    opaque = _OPAQUE.search(line)
    lists = list(_LIST.finditer(line, 0, opaque.start() if opaque else len(line)))
    if not lists or "$" in line[: lists[-1].end()] or _MACRO_HOST.search(line, lists[-1].end()):
        return None
    members = [list(_MEMBER.finditer(line, *each.span(1))) for each in lists]
    longest = max(range(len(lists)), key=lambda each: len(members[each]))
    others = prod(map(len, members)) // len(members[longest])
    if not least <= len(members[longest]) * others <= MAX_PAIRS:
        return None
    first, last = lists[longest].span(1)
    found = LongList(start, start + first, start + last, start + len(line))
    return found, [start, *(start + each for each in _begins(members[longest], max(1, pairs // others)))]


def _begins(members: list[re.Match[str]], about: int) -> Iterator[int]:
    """Where pieces begin but for the first: behind one member in so many, as checksums go, and four times as many."""
    count = 0
    for each, following in zip(members, islice(members, 1, None), strict=False):
        count += 1
        if zlib.crc32(each[0].encode("ascii")) % about == 0 or count == 4 * about:
            count = 0
            yield following.start()
