"""Hypothesis strategies for the whole of KeyNote: programs of every operator, and policies with credentials as text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hypothesis import strategies as st

from grammar import nodes
from grammar.render import quote, render_program
from policydb.keynote.keys import PrivateKey
from tests.policydb.programs_of_nodes import AT, VALUES, numbers
from tests.policydb.signed import ALICE, BOB, CAROL, name, sign

NAMES = (
    *("a", "b", "n", "unset", "loc", "ref", "true", "_0", "_1", "_2", "_3", "_01"),
    *("_MAX_TRUST", "_MIN_TRUST", "_VALUES", "_ACTION_AUTHORIZERS"),
)
LOCAL = {"loc": "a", "ref": "b", "pattern": "(.)(b)?"}
TEXTS = ("", "a", "b", "ab", "abc", "5", "-3", "2.5", "-.5", "4294967297", "+1", "yes", "low", "loc", "_1", '\xe9\n"')
PATTERNS = ("(a)(b)?", "(a|ab)(c|bcd)?", "^$", "[[:digit:]]+", "(x)|(b)", "(", "\\1", ".", "a{2,}|b", "[^a]")
INTEGERS = ("0", "1", "7", "31", "2147483647", "2147483648", "4294967297")
FLOATS = ("0.0", "0.5", "7.0", "16777217.0")

_literals = st.sampled_from(TEXTS).map(lambda value: nodes.StringLiteral(AT, value))
_attributes = st.sampled_from(NAMES).map(lambda each: nodes.Attribute(AT, each))


def _joined(inner: st.SearchStrategy[nodes.StringExpr]) -> st.SearchStrategy[nodes.StringExpr]:
    parts = st.lists(inner, min_size=2, max_size=3)
    return inner.map(lambda each: nodes.Dereference(AT, each)) | parts.map(
        lambda found: nodes.Concatenation(AT, tuple(found))
    )


strings: st.SearchStrategy[nodes.StringExpr] = st.recursive(_literals | _attributes, _joined, max_leaves=4)


def _numbers(kind: nodes.NumberKind) -> st.SearchStrategy[nodes.NumberExpr]:
    leaves: st.SearchStrategy[nodes.NumberExpr] = st.sampled_from(
        INTEGERS if kind is nodes.NumberKind.INTEGER else FLOATS
    ).map(lambda text: nodes.NumberLiteral(AT, kind, text))
    leaves |= strings.map(lambda each: nodes.NumberOf(AT, kind, each))
    signs = st.sampled_from("+-*/%^" if kind is nodes.NumberKind.INTEGER else "+-*/^")

    def grow(inner: st.SearchStrategy[nodes.NumberExpr]) -> st.SearchStrategy[nodes.NumberExpr]:
        pairs = st.builds(lambda sign, one, other: nodes.Arithmetic(AT, kind, sign, one, other), signs, inner, inner)
        return pairs | inner.map(lambda each: nodes.Negation(AT, kind, each))

    return st.recursive(leaves, grow, max_leaves=5) | numbers(kind)


def _compared(
    kind: nodes.OperandKind, left: st.SearchStrategy[nodes.Operand], right: st.SearchStrategy[nodes.Operand], signs: str
) -> st.SearchStrategy[nodes.Test]:
    return st.builds(
        lambda sign, one, other: nodes.Comparison(AT, kind, sign, one, other),
        st.sampled_from(signs.split()),
        left,
        right,
    )


_integers, _floats = _numbers(nodes.NumberKind.INTEGER), _numbers(nodes.NumberKind.FLOAT)
_patterns = st.sampled_from(PATTERNS).map(lambda value: nodes.StringLiteral(AT, value)) | st.just(
    nodes.Attribute(AT, "pattern")
)
_atoms: st.SearchStrategy[nodes.Test] = (
    _compared(nodes.OperandKind.STRING, strings, strings, "== != < > <= >= ~=")
    | _compared(nodes.OperandKind.STRING, strings, _patterns, "~=")
    | _compared(nodes.OperandKind.INTEGER, _integers, _integers, "== != < > <= >=")
    | _compared(nodes.OperandKind.FLOAT, _floats, _floats, "< > <= >=")
    | st.booleans().map(lambda value: nodes.Truth(AT, value))
)


def _grown(inner: st.SearchStrategy[nodes.Test]) -> st.SearchStrategy[nodes.Test]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return (
        inner.map(lambda each: nodes.Not(AT, each))
        | several.map(lambda found: nodes.AllOf(AT, found))
        | several.map(lambda found: nodes.AnyOf(AT, found))
    )


tests: st.SearchStrategy[nodes.Test] = st.recursive(_atoms, _grown, max_leaves=6)
_results = st.none() | strings | st.sampled_from(VALUES).map(lambda value: nodes.StringLiteral(AT, value))


def _program(depth: int) -> st.SearchStrategy[nodes.Program]:
    results = _results | st.deferred(lambda: _program(depth - 1)) if depth else _results
    clauses = st.builds(lambda test, result: nodes.Clause(AT, test, result), tests, results)
    return st.lists(clauses, max_size=3).map(lambda found: nodes.Program(AT, tuple(found)))


programs = _program(4)
environments = st.dictionaries(st.sampled_from(("a", "b", "n", "true")), st.sampled_from(TEXTS))


# --- policies with credentials ------------------------------------------------------------------------------------

KEYS = {name(key): key for key in (ALICE, BOB, CAROL)}
PRINCIPALS = ("POLICY", *KEYS, "n1", "n2")
REQUESTERS = (*KEYS, "n2", "X")


@dataclass(frozen=True, slots=True)
class Said:
    """One assertion: its text, whether a stranger says it, and its licensees in another order."""

    text: str
    is_credential: bool
    mirrored: str


@lru_cache(maxsize=10_000)
def _signed(text: str, key: PrivateKey) -> str:
    return sign(text, key)


@dataclass(frozen=True, slots=True)
class _Names:
    """A Licensees expression and the same with the members of everything in reverse order."""

    text: str
    mirrored: str


def _joined_names(inner: st.SearchStrategy[_Names]) -> st.SearchStrategy[_Names]:
    def chain(operator: str, members: list[_Names]) -> _Names:
        return _Names(
            f"({operator.join(each.text for each in members)})",
            f"({operator.join(each.mirrored for each in reversed(members))})",
        )

    def threshold(members: list[str]) -> st.SearchStrategy[_Names]:
        return st.integers(1, len(members)).map(
            lambda k: _Names(f"{k}-of({','.join(members)})", f"{k}-of({','.join(reversed(members))})")
        )

    several = st.lists(inner, min_size=2, max_size=3)
    names = st.lists(st.sampled_from([quote(each) for each in (*PRINCIPALS, "X")]), min_size=1, max_size=4)
    return st.builds(chain, st.sampled_from(("&&", "||")), several) | names.flatmap(threshold)


_one_name = st.sampled_from((*PRINCIPALS, "X")).map(lambda each: _Names(quote(each), quote(each)))
_licensees = st.recursive(_one_name, _joined_names, max_leaves=4)
_plain = ("true;", 'true -> "low";', 'true -> "high";', 'b == "a" -> "yes"; true -> "high";', "")
_conditions = (
    st.none()
    | st.sampled_from(_plain)
    | st.sampled_from(_plain)
    | programs.map(lambda program: render_program(program).replace("\n", "\n "))
)


@st.composite
def said(draw: st.DrawFn) -> Said:
    """An assertion that is trusted, or signed by its authorizer, by another, or not at all."""
    authorizer = draw(st.sampled_from(("POLICY", "POLICY", *PRINCIPALS)))
    licensees, conditions = draw(st.none() | _licensees), draw(_conditions)
    constants = " ".join(f"{each} = {quote(value)}" for each, value in LOCAL.items())
    key = KEYS.get(authorizer)
    signer = draw(st.sampled_from(("policy", "policy", "nobody", "authorizer", "authorizer", "another")))

    def text(names: str | None) -> str:
        lines = [f"Authorizer: {quote(authorizer)}", f"Local-Constants: {constants}"]
        lines += [] if names is None else [f"Licensees: {names}"]
        lines += [] if conditions is None else [f"Conditions: {conditions}"]
        unsigned = "".join([f"{line}\n" for line in lines])
        if signer in {"policy", "nobody"}:
            return unsigned
        return _signed(unsigned, key if key is not None and signer == "authorizer" else CAROL)

    one, other = (None, None) if licensees is None else (licensees.text, licensees.mirrored)
    return Said(text(one), signer != "policy", text(other))


requesters = st.lists(st.sampled_from(REQUESTERS), min_size=1, max_size=3, unique=True)
