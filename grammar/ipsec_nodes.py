"""The frozen nodes of an ipsec.conf (ipsec.conf(5)): macros and rules as written, each with its place.

Words are kept as typed; what they mean (addresses, algorithms, ports) is not a question of grammar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from grammar.nodes import Span


@dataclass(frozen=True, slots=True)
class Word:
    """A string or a number of a rule. `keyword`: it is one of the language's own words (`peer any`, `proto esp`)."""

    span: Span
    text: str
    keyword: bool = False
    number: bool = False


@dataclass(frozen=True, slots=True)
class HostText:
    """`address`, `address/length`, and either with the addresses before source NAT in parentheses."""

    span: Span
    text: str
    length: int | None = None
    nat: HostText | None = None


@dataclass(frozen=True, slots=True)
class AnyHost:
    """`any`: 0.0.0.0/0 and ::/0."""

    span: Span


@dataclass(frozen=True, slots=True)
class HostList:
    """`{ a, b c }`; the members of lists in lists are members of the outermost."""

    span: Span
    members: tuple[HostText | AnyHost, ...]


HostSpec: TypeAlias = HostText | AnyHost | HostList


@dataclass(frozen=True, slots=True)
class Traffic:
    """`from HOST [port N] to HOST [port N]`, in either order."""

    source: HostSpec
    destination: HostSpec
    source_port: Word | None = None
    destination_port: Word | None = None


@dataclass(frozen=True, slots=True)
class TransformWord:
    """One `auth|enc|comp|group NAME`."""

    kind: str
    name: Word


@dataclass(frozen=True, slots=True)
class Mode:
    """`main|aggressive|quick` with its transforms; `name` is that keyword."""

    name: str
    transforms: tuple[TransformWord, ...] = ()
    lifetime: Word | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """`authkey` or `enckey`: one or two keys in hexadecimal, or the files that hold them (`is_file`)."""

    word: Word
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class MacroDefinition:
    """`name = value`. `value` has one blank between the words. `source` is the file that says so."""

    span: Span
    source: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class IkeNode:
    """`ike ...`. Fields are None where the rule leaves them out; `traffic` is None with `interface`."""

    span: Span
    source: str
    traffic: Traffic | None = None
    interface: Word | None = None
    mode: str = "active"
    protocol: str = "esp"
    encapsulation: str = "tunnel"
    proto: Word | None = None
    peer: Word | None = None
    local: Word | None = None
    main: Mode = Mode("main")
    quick: Mode = Mode("quick")
    srcid: Word | None = None
    dstid: Word | None = None
    psk: Word | None = None
    tag: Word | None = None


@dataclass(frozen=True, slots=True)
class FlowNode:
    """`flow ...`; `direction` None is both, `type` None the default of the protocol."""

    span: Span
    source: str
    traffic: Traffic
    protocol: str = "esp"
    direction: str | None = None
    proto: Word | None = None
    peer: Word | None = None
    local: Word | None = None
    srcid: Word | None = None
    dstid: Word | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class SaNode:
    """`[esp|ah|ipcomp|ipip] ... spi ...`, and `tcpmd5 ...` with `protocol` "tcpmd5": a static SA."""

    span: Span
    source: str
    traffic: Traffic
    spi: Word
    protocol: str = "esp"
    encapsulation: str = "tunnel"
    udpencap: bool = False
    transforms: tuple[TransformWord, ...] = ()
    authkey: Key | None = None
    enckey: Key | None = None
    bundle: Word | None = None


RuleNode: TypeAlias = IkeNode | FlowNode | SaNode
