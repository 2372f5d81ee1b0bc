"""Lints of clauses: those that change nothing, whatever is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grammar import nodes
from grammar.errors import Diagnostic
from grammar.phrases import flat
from grammar.render import DEEPEST, Renderer, nesting
from policydb.linting.support import Subject, nodes_by_kind

_GROUP = re.compile(r"_[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class _Known:
    """A clause that grants `rank` where all of `tests` hold, each in its canonical spelling."""

    tests: frozenset[str]
    rank: int
    clause: nodes.Clause


def doubtful_clauses(subject: Subject, values: Sequence[str]) -> Iterator[Diagnostic]:
    """Clauses for the lowest value, and clauses that another one of their program shadows."""
    for program in subject.all(nodes.Program):
        known: list[_Known] = []
        several = len(program.clauses) > 1
        for clause in program.clauses:
            rank = _rank(clause, values)
            if rank and several and _is_timeless(clause.test):
                known.append(_Known(_tests(clause.test), rank, clause))
            elif rank == 0 and len(values) > 1:
                message = "this clause changes nothing: its value is the lowest, and others may give a higher one still"
                hint = "what must not be belongs into the tests of the clauses that grant, with ! or !="
                yield subject.warning("KN120", message, clause.span, hint)
        yield from _shadowed(subject, known)


def _shadowed(subject: Subject, clauses: Sequence[_Known]) -> Iterator[Diagnostic]:
    """Of two clauses, one asks for all that the other asks for and gives no more; of equal ones that is the later."""
    best: dict[frozenset[str], _Known] = {}
    for each in clauses:
        if each.tests not in best or each.rank > best[each.tests].rank:
            best[each.tests] = each
    # Each set of tests is found by its rarest test, so that thousands of clauses are not compared with each other.
    often = Counter(test for tests in best for test in tests)
    by_test: dict[str, list[_Known]] = {}
    for tests, each in best.items():
        by_test.setdefault(min(tests, key=lambda test: (often[test], test), default=""), []).append(each)
    for each in clauses:
        candidates = (other for test in ("", *sorted(each.tests)) for other in by_test.get(test, ()))
        for other in candidates:
            if other is not each and other.tests <= each.tests and other.rank >= each.rank:
                message = (
                    f"this clause changes nothing: the one in line {other.clause.span.line} holds whenever it does"
                )
                yield subject.warning("KN119", message, each.clause.span, "remove it, or give it a higher value")
                break


def _rank(clause: nodes.Clause, values: Sequence[str]) -> int | None:
    """The rank of what a clause grants; None where it is no compliance value or only the query knows."""
    match clause.result:
        case None:
            return len(values) - 1
        case nodes.StringLiteral(value=value) if value in values:
            return list(values).index(value)
    return None


def _is_timeless(test: nodes.Test) -> bool:
    """Whether the test means the same wherever it stands: it reads no group of an earlier match."""
    found = nodes_by_kind(test)
    reads_group = any(_GROUP.match(each.name) for each in found.get(nodes.Attribute, ()))
    return not reads_group and nodes.Dereference not in found and nesting(test) <= DEEPEST


def _tests(test: nodes.Test) -> frozenset[str]:
    """What must hold for the test to hold; nothing for `true`."""
    renderer = Renderer()
    found = set()
    waiting: list[nodes.Test] = [test]
    while waiting:
        each = waiting.pop()
        if isinstance(each, nodes.AllOf):
            waiting.extend(each.operands)
        elif not (isinstance(each, nodes.Truth) and each.value):
            found.add(flat(renderer.test(each)))
    return frozenset(found)
