"""Sections of isakmpd.conf while they are read: the file's tags first, what is predefined next, every complaint placed.

A section is reached over a chain of references. A complaint points at the tag that is wrong or, where that tag is
predefined or missing, at the nearest place that somebody wrote; its message names the chain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from grammar.errors import Diagnostic, Severity
from grammar.nodes import Binding, Span
from policydb.configuration.comparison import LONGEST_LIFE
from policydb.configuration.predefined import built_in_sections, predefined_section
from policydb.configuration.vocabulary import FIXED, Kind, Word, Words
from policydb.connections import ANY, Address, IkeTransform, Interval, IpsecTransform

Record = TypeVar("Record", IkeTransform, IpsecTransform)

_INTEGER = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_OFFER = re.compile(r"(\d+)(?:\s*,\s*(\d+)\s*:\s*(\d+))?")
_LARGEST = 2**32 - 1

_ALIKE = 0.85
"""A predefined name that is less like a mistaken one is not meant: another one of them is always near."""

_SUCH_AS = {
    Kind.IKE_TRANSFORM: "AES-256-SHA2-256-GRP14",
    Kind.SUITE: "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE",
}

_SOUND = {
    "encryption_algorithm": "AES_CBC (AES-256 in a name)",
    "transform_id": "AES (AES-256 in a name)",
    "hash_algorithm": "SHA2_256",
    "authentication_algorithm": "HMAC_SHA2_256",
    "group_description": "MODP_2048 (GRP14) or above, or ECP_256 (GRP19) or above",
    "exchange_type": "ID_PROT",
}
"""What to take where something weak was named, or something that is not to be had."""

# Built-in tags that take the value of a tag of [General], which is then where a complaint points.
_ORIGINS = {
    ("default-phase-1", "id"): "default-phase-1-id",
    ("life_main_mode", "life_duration"): "default-phase-1-lifetime",
    ("life_quick_mode", "life_duration"): "default-phase-2-lifetime",
}


Edge: TypeAlias = tuple[str, str]
"""The names of a section and of one that refers to it, in lower case."""


class Mark(NamedTuple):
    """A place in a source."""

    source: str
    span: Span


class Value(NamedTuple):
    """What a tag is set to, and where; `span` None: it is predefined, nobody wrote it."""

    text: str
    source: str = ""
    span: Span | None = None

    @property
    def mark(self) -> Mark | None:
        """Its place, if it has one."""
        return None if self.span is None else Mark(self.source, self.span)


@dataclass(slots=True)
class _Written:
    """A section as the files have it, all its parts together: its name as first written, its tags in lower case.

    `tags` are the bindings, each with its source's name.
    """

    name: str
    header: Mark
    values: dict[str, Value] = field(default_factory=dict)
    tags: dict[str, tuple[str, Binding]] = field(default_factory=dict)


Find: TypeAlias = Callable[[str], Iterable[tuple[str, Binding]]]
"""The bindings of a section, by its name in lower case, each with its source's name."""


class _Lazily(Mapping[str, _Written]):
    """Sections that are read when somebody first asks for them; those that were are what it holds."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._read: dict[str, _Written | None] = {}

    def __getitem__(self, name: str) -> _Written:
        if name not in self._read:
            self._read[name] = _sections(self._find(name)).get(name)
        written = self._read[name]
        if written is None:
            raise KeyError(name)
        return written

    def __iter__(self) -> Iterator[str]:
        return (name for name, written in self._read.items() if written is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _sections(bindings: Iterable[tuple[str, Binding]]) -> dict[str, _Written]:
    """Sections by names in lower case. The first value of a tag counts (isakmpd.conf(5)), also across files."""
    found: dict[str, _Written] = {}
    for given in bindings:
        source, binding = given
        lower = binding.section.lower()
        section = found.get(lower)
        if section is None:
            section = found[lower] = _Written(binding.section, Mark(source, binding.section_span))
        tag = binding.tag.lower()
        if tag not in section.values:
            section.values[tag] = Value(binding.value, source, binding.value_span)
            section.tags[tag] = given
    return found


class Book:
    """All sections of a configuration, and the findings about them.

    They are made of bindings, or read by `find` when the book is asked for one.
    """

    def __init__(self, bindings: Iterable[tuple[str, Binding]], find: Find | None = None) -> None:
        self.written: Mapping[str, _Written] = _sections(bindings) if find is None else _Lazily(find)
        self.findings: dict[Diagnostic, None] = {}
        self._hints: dict[tuple[str, Kind], str] = {}
        self.kinds: dict[str, set[Kind]] = {}
        self._complaints = 0
        self._alike: dict[tuple[object, ...], tuple[Any, frozenset[str]]] = {}
        self.edges: set[Edge] = set()
        """Which section refers to which: noted whenever one is opened because another one names it."""
        general = self.written.get("general")
        self._general = general.values if general else {}
        self._built_in = built_in_sections({tag: value.text for tag, value in self._general.items()})
        self._fallback = next((each.header for each in self.written.values()), Mark("", Span(0, 0, 1, 1)))

    def exists(self, name: str) -> bool:
        """Whether a section of that name is written, built in or predefined."""
        lower = name.lower()
        return lower in self.written or lower in self._built_in or bool(predefined_section(name))

    def open(self, name: str, kind: Kind, via: tuple[Section, str] | None = None, mark: Mark | None = None) -> Section:
        """The section, read as `kind`; without tags where it does not exist.

        `via` is the section that refers to it and the tag that does, `mark` where that stands.
        """
        lower = name.lower()
        if via is not None:
            self.edges.add((lower, via[0].name.lower()))
        if lower in self.kinds:
            self.kinds[lower].add(kind)
        else:
            self.kinds[lower] = {kind}
        written = self.written.get(lower)
        values = written.values if written else {}
        built_in, predefined = self._built_in.get(lower, {}), predefined_section(name)
        if built_in or predefined:
            values = dict(values)
        for tag, text in (*built_in.items(), *predefined):
            general = self._general.get(_ORIGINS.get((lower, tag), ""))
            values.setdefault(tag.lower(), Value(text) if general is None else general._replace(text=text))
        return Section(
            self, written.name if written else name, kind, values, name, via, written.header if written else mark
        )

    def alike(self, section: Section, read: Callable[[Section], Record | None]) -> Record | None:
        """What is read in a section; the same but for the name where another one has the same values.

        Of sections about which something is to be said each is read.
        """
        key = read, section.header is None, *[(tag, value.text) for tag, value in section.values.items()]
        known = self._alike.get(key)
        name = section.name.lower()
        if known is not None:
            record, children = known
            self.edges.update((child, name) for child in children)
            return cast("Record", replace(record, name=section.name))
        before = self._complaints
        others, self.edges = self.edges, set()
        found = read(section)
        if found is not None and self._complaints == before:
            self._alike[key] = found, frozenset(child for child, parent in self.edges if parent == name)
        self.edges |= others
        return found

    def report(self, code: str, message: str, mark: Mark | None, hint: str, severity: Severity) -> None:
        """Add a finding; a warning about what nobody wrote is dropped."""
        self._complaints += 1
        if mark is None and severity is Severity.WARNING:
            return
        place = mark or self._fallback
        finding = Diagnostic(code, message, place.source, place.span, hint, severity)
        self.findings.setdefault(finding)

    def similar(self, name: str, kind: Kind, predefined: Iterable[str]) -> str:
        """A hint for a name that no section has; looked for once, however many refer to it."""
        if (name, kind) not in self._hints:
            names = [each.name for lower, each in self.written.items() if lower not in FIXED]
            hints = (instead(name, names), instead(name, predefined, _ALIKE))
            added = f"add a section [{name}]"
            if kind in _SUCH_AS:
                added += f", or take a predefined name such as {_SUCH_AS[kind]}"
            near = [each for each in (hints[1], hints[0]) if each.startswith("did you mean")]
            self._hints[name, kind] = near[0] if near else added
        return self._hints[name, kind]


@dataclass(slots=True)
class Section:
    """One section, read as one kind. `header` is where it, or else the reference to it, stands.

    `called` is its name in that reference, `via` the section that has it and the tag.
    """

    book: Book
    name: str
    kind: Kind
    values: Mapping[str, Value]
    called: str
    via: tuple[Section, str] | None
    header: Mark | None

    @property
    def way(self) -> str:
        """The chain of references that leads to it, as in `[Phase 2]:Connections -> [offices]`."""
        if self.via is None:
            return f"[{self.called}]"
        parent, tag = self.via
        # What a predefined section refers to is predefined too: the first such name says it all.
        written = self.book.written
        is_inner = self.called.lower() not in written and parent.name.lower() not in written
        return parent.way if is_inner else f"{parent.way}:{tag} -> [{self.called}]"

    # --- findings -------------------------------------------------------------------------------------------------

    def error(self, code: str, message: str, at: Value | None = None, hint: str = "") -> None:
        """Report an error at a value, or at the section."""
        self._report(code, message, at, hint, Severity.ERROR)

    def warn(self, code: str, message: str, at: Value | None = None, hint: str = "") -> None:
        """Report a warning at a value, or at the section; about predefined values, where somebody asked for them."""
        self._report(code, message, at, hint, Severity.WARNING)

    def _report(self, code: str, message: str, at: Value | None, hint: str, severity: Severity) -> None:
        mark = at.mark if at and at.mark else self.header
        self.book.report(code, f"{message}, in {self.way}", mark, hint, severity)

    # --- values ---------------------------------------------------------------------------------------------------

    def get(self, tag: str) -> Value | None:
        """The value of a tag, None where it is not set."""
        return self.values.get(tag.lower())

    def text(self, tag: str, default: str = "") -> str:
        """The text of a tag."""
        value = self.get(tag)
        return value.text if value else default

    def required(self, tag: str) -> Value | None:
        """The value of a tag that must be there; None, and an error, where it is not."""
        value = self.get(tag)
        if value is None:
            hint = f"add {tag}= to [{self.name}]"
            if self.kind in _SUCH_AS and self.name.lower() not in self.book.written:
                hint = f"take a name such as {_SUCH_AS[self.kind]}"
            self.error("CF202", f"{tag} is missing from {self.kind}", None, hint)
        return value

    def word(self, tag: str, words: Words, default: str | None = None) -> str | None:
        """One of the legal words; without default the tag must be there. None: missing or illegal, and reported."""
        value = self.get(tag) if default is not None else self.required(tag)
        if value is None:
            return default
        return value.text if self.accepts(tag, value, words) else None

    def word_or_any(self, tag: str, words: Words) -> str | None:
        """As word(), and ANY is legal too."""
        value = self.required(tag)
        if value is None or value.text == ANY:
            return ANY if value else None
        return value.text if self.accepts(tag, value, words) else None

    def accepts(self, tag: str, value: Value, words: Words) -> bool:
        """Whether the value is one of the words; says what is to be said about it."""
        word = words.get(value.text)
        if word is None:
            self.error("CF203", f"{tag} cannot be {value.text!r}", value, instead(value.text, words))
            return False
        self._judge(tag, value, word)
        return True

    def _judge(self, tag: str, value: Value, word: Word) -> None:
        if word.weakness:
            self.warn("CF101", f"{tag}={value.text} is weak: {word.weakness}", value, sound(tag))
        if not word.negotiated:
            self.warn("CF102", f"{tag}={value.text} is not negotiated by this version", value)

    def number(self, tag: str, default: int, least: int = 0, most: int = _LARGEST) -> int:
        """A decimal number, read as atoi(3) does: the digits in front count, and what follows them is warned about."""
        value = self.get(tag)
        if value is None:
            return default
        digits = _INTEGER.match(value.text)
        if digits is None:
            self.error("CF205", f"{tag} is a number, and {value.text!r} is none", value)
            return default
        number = int(digits[0][:20])
        if digits[0] != value.text:
            self.warn("CF103", f"{tag}={value.text} is read as {number}", value, "numbers have no units here")
        if not least <= number <= most:
            self.error("CF205", f"{tag} lies between {least} and {most}, and {number} does not", value)
            return default
        return number

    def decimal(self, tag: str, default: float, least: float, most: float) -> float:
        """A decimal number that may have a fraction, as in 0.5."""
        value = self.get(tag)
        if value is None:
            return default
        if not _DECIMAL.fullmatch(value.text):
            self.error("CF205", f"{tag} is a number, and {value.text!r} is none", value, "write it as 4 or 0.5")
            return default
        number = float(value.text)
        if not least <= number <= most:
            self.error("CF205", f"{tag} lies between {least:g} and {most:g}, and {value.text} does not", value)
            return default
        return number

    def interval(self, tag: str) -> Interval | None:
        """An offer/accept value `offer,minimum:maximum`; None where it is missing or, reported, ill-formed."""
        value = self.get(tag)
        found = _OFFER.fullmatch(value.text) if value else None
        if value is None or found is None:
            if value is not None and not self._is_inherited(tag):
                hint = "write OFFER or OFFER,MINIMUM:MAXIMUM, as in 3600,60:86400"
                self.error("CF206", f"{tag} cannot be {value.text!r}", value, hint)
            return None
        offer, low, high = (int((each or found[1])[:20]) for each in found.groups())
        if not low <= high <= _LARGEST or not low <= offer <= high:
            if not self._is_inherited(tag):
                message = f"{tag} offers {offer}, and accepts from {low} to {high}"
                self.error("CF206", message, value, "OFFER,MINIMUM:MAXIMUM")
            return None
        if offer > LONGEST_LIFE:
            if not self._is_inherited(tag):
                message = f"{tag} offers {offer}, and nothing may be more than {LONGEST_LIFE}"
                self.error("CF206", message, value, "a lifetime without limit is one that is left out of Life")
            return None
        return Interval(offer, low, high)

    def _is_inherited(self, tag: str) -> bool:
        """Whether the value is one of [General], where what is wrong with it has been said."""
        name, lower = self.name.lower(), tag.lower()
        written = self.book.written.get(name)
        return (name, lower) in _ORIGINS and not (written and lower in written.values)

    def address(self, tag: str) -> Address | None:
        """A numeric IP address; None where it is missing or, reported, ill-formed."""
        value = self.get(tag)
        return self.parsed_address(tag, value) if value else None

    def parsed_address(self, tag: str, value: Value) -> IPv4Address | IPv6Address | None:
        """The address that a value is; None, and an error, where it is none."""
        try:
            return ip_address(value.text)
        except ValueError:
            self.error("CF204", f"{tag}={value.text} is no IP address", value, _written_out(tag, value.text))
            return None

    def members(self, tag: str) -> list[Value]:
        """The members of a comma-separated list, each with its own place; an empty one is left out with a warning."""
        value = self.get(tag)
        if value is None:
            return []
        found: list[Value] = []
        for member in _members(value):
            if member.text:
                found.append(member)
            else:
                self.warn("CF104", f"{tag} has an empty member, which is ignored", value)
        return found

    def flags(self, tag: str, words: Words) -> frozenset[str]:
        """The members of a list of flags, those that are known."""
        known = {each.lower(): each for each in words}
        found = set()
        for member in self.members(tag):
            flag = known.get(member.text.lower())
            if flag is None:
                self.warn("CF105", f"{tag} knows no {member.text!r}", member, instead(member.text, words))
            else:
                self._judge(tag, member, words[flag])
                found.add(flag)
        return frozenset(found)

    # --- references -----------------------------------------------------------------------------------------------

    def follow(self, tag: str, value: Value, kind: Kind, predefined: Iterable[str] = ()) -> Section | None:
        """The section that a value names; None, and an error, where there is none. `predefined` are for the hint."""
        if self.book.exists(value.text):
            return self.book.open(value.text, kind, (self, tag), value.mark or self.header)
        hint = self.book.similar(value.text, kind, predefined)
        self.error("CF201", f"{tag} names [{value.text}], and there is no such section", value, hint)
        return None


def _written_out(tag: str, text: str) -> str:
    """A hint for what is no address: a network with its length, or the length alone, as other programs write them."""
    try:
        network = ip_network(text if tag == "Network" else f"0.0.0.0/{text}", strict=False)
    except ValueError:
        return "names and interfaces are not looked up: write the numeric address"
    if tag == "Netmask":
        return f"write it as {network.netmask}"
    return f"write Network={network.network_address} and Netmask={network.netmask}"


def sound(tag: str) -> str:
    """The hint with a value of the tag that is safe and to be had everywhere; "" where there is none to tell."""
    return f"take {_SOUND[tag.lower()]}" if tag.lower() in _SOUND else ""


def instead(text: str, words: Iterable[str], alike: float = 0.6) -> str:
    """A hint: the word that is nearest to a mistaken one or, where none is near, all of them.

    `alike` is difflib's measure, from 0 to 1, of what is near.
    """
    # Imported here: only mistakes need it, and the reader of a store should load little.
    from difflib import get_close_matches

    known = {each.upper(): each for each in words}
    near = get_close_matches(text.upper(), known, n=1, cutoff=alike)
    return f"did you mean {known[near[0]]}?" if near else f"it is one of {', '.join(known.values())}"


def _members(value: Value) -> Iterator[Value]:
    """The pieces between commas without the blanks around them, each in its place."""
    offset = 0
    for piece in value.text.split(",") if value.text else ():
        text = piece.strip()
        start = offset + len(piece) - len(piece.lstrip())
        yield Value(text, value.source, _part(value.span, len(value.text), start, len(text)))
        offset += len(piece) + 1


def _part(span: Span | None, length: int, start: int, width: int) -> Span | None:
    """The place of a part of a value; the whole value where that is not one piece of a line."""
    if span is None or span.end - span.start != length or width == length:
        return span
    return Span(span.start + start, span.start + start + width, span.line, span.column + start)
