"""The frozen nodes that parsing yields, each with its place in the text.

KeyNote names are those of RFC 2704; isakmpd.conf names those of isakmpd.conf(5). Texts are latin-1: one character is
one octet of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open character offsets into the source text, and the 1-based line and column of `start`."""

    start: int
    end: int
    line: int
    column: int


# --- KeyNote, string and numeric expressions (RFC 2704 sections 4.3, 4.6.5) ---------------------------------------


@dataclass(frozen=True, slots=True)
class StringLiteral:
    """`"..."`; `value` is what the escapes stand for."""

    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """A bare AttributeID: an action attribute or local constant, "" where nobody set it."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Dereference:
    """`$operand`: the attribute whose name the operand gives."""

    span: Span
    operand: StringExpr


@dataclass(frozen=True, slots=True)
class Concatenation:
    """`a . b . c`."""

    span: Span
    operands: tuple[StringExpr, ...]


StringExpr: TypeAlias = StringLiteral | Attribute | Dereference | Concatenation


class NumberKind(StrEnum):
    """Integers range over 32 bits, floats are single precision (RFC 2704 section 4.6.5)."""

    INTEGER = "integer"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """Digits, with a point where `kind` is FLOAT; `text` is as written."""

    span: Span
    kind: NumberKind
    text: str


@dataclass(frozen=True, slots=True)
class NumberOf:
    """`@operand` (integer) or `&operand` (float): the string read as a number."""

    span: Span
    kind: NumberKind
    operand: StringExpr


@dataclass(frozen=True, slots=True)
class Negation:
    """`-operand`."""

    span: Span
    kind: NumberKind
    operand: NumberExpr


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left operator right`, operator one of + - * / % ^ (% for integers only)."""

    span: Span
    kind: NumberKind
    operator: str
    left: NumberExpr
    right: NumberExpr


NumberExpr: TypeAlias = NumberLiteral | NumberOf | Negation | Arithmetic
Operand: TypeAlias = StringExpr | NumberExpr


# --- KeyNote, tests and programs (RFC 2704 section 4.6.5) ---------------------------------------------------------


class OperandKind(StrEnum):
    """The type on which a comparison works; types never mix."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`, operator one of == != < > <= >= ~=; floats know only < > <= >=, strings alone ~=."""

    span: Span
    kind: OperandKind
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Truth:
    """`true` or `false`, in any case."""

    span: Span
    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    """`! operand`."""

    span: Span
    operand: Test


@dataclass(frozen=True, slots=True)
class AllOf:
    """`a && b && c`, flattened."""

    span: Span
    operands: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`a || b || c`, flattened."""

    span: Span
    operands: tuple[Test, ...]


Test: TypeAlias = Comparison | Truth | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Clause:
    """`test`, `test -> value` or `test -> { program }`; no result means _MAX_TRUST."""

    span: Span
    test: Test
    result: StringExpr | Program | None


@dataclass(frozen=True, slots=True)
class Program:
    """The clauses of a Conditions field or of a nested block; empty is legal and means _MIN_TRUST."""

    span: Span
    clauses: tuple[Clause, ...]


# --- KeyNote, licensees and assertions (RFC 2704 sections 4.4, 4.6) -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Principal:
    """A principal in Licensees, Local-Constants already put in; `name` is the canonical form (grammar.principal)."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Every:
    """`a && b`, flattened: the least of the operands' values."""

    span: Span
    operands: tuple[Licensees, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """`a || b`, flattened: the greatest of the operands' values."""

    span: Span
    operands: tuple[Licensees, ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """`K-of(p, q, ...)`: the K-th greatest of the members' values, with multiplicity."""

    span: Span
    k: int
    members: tuple[Licensees, ...]


@dataclass(frozen=True, slots=True)
class Nobody:
    """A Licensees field that is there and empty: _MIN_TRUST. (A field that is missing is None: _MAX_TRUST.)"""

    span: Span


Licensees: TypeAlias = Principal | Every | Some | Threshold | Nobody


@dataclass(frozen=True, slots=True)
class Constant:
    """One `name = "value"` of Local-Constants; it shadows the action attribute of that name in every field."""

    span: Span
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Signature:
    """The Signature field: `value` is the string as it stands, `signed_text` what it covers (RFC 2704, 4.6.7)."""

    span: Span
    value: str
    signed_text: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """One assertion. `text` is its own text, from its first character to its last; `span` its place in the file."""

    span: Span
    text: str
    authorizer: Principal
    licensees: Licensees | None
    constants: tuple[Constant, ...]
    conditions: Program | None
    comment: str
    signature: Signature | None


# --- isakmpd.conf (isakmpd.conf(5)) -------------------------------------------------------------------------------


class Binding(NamedTuple):
    """`tag=value` below `[section]`. `span` covers the line's text, `section_span` the section's name in its header.

    A bare tuple: configurations hold hundreds of thousands of them.
    """

    span: Span
    section: str
    tag: str
    value: str
    section_span: Span
    value_span: Span


# --- configurations of other IKE daemons --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Statement:
    """One setting, or one section with its `body`, of another daemon's configuration.

    `words`: key and value of a setting (the value "" where there is none), a section's name and the sections it refers
    to, all the words of a racoon.conf statement. Strings stand without their quotes, except in
    ipsec.secrets, where they change the meaning. `body` None: no block follows.
    """

    span: Span
    words: tuple[str, ...]
    body: tuple[Statement, ...] | None = None
