"""Lints of regular expressions: patterns that cannot match, and patterns that are not what their author wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grammar import nodes
from grammar.errors import Diagnostic
from policydb.keynote.numbers import Fault
from policydb.keynote.regex import Patterns
from policydb.linting.support import Subject

# Each escape of a literal (RFC 2704, 4.3); the group is a character that stands for itself without it.
_ESCAPE = re.compile(r'\\(?:\n[ \t\n]*|[0-3][0-7]{2}|0[0-7]|[nrtf"\\]|(.))', re.DOTALL)
_PERL = re.compile(r"\\(.)")
_POSIX = {
    "d": "[[:digit:]]",
    "D": "[^[:digit:]]",
    "w": "[[:alnum:]_]",
    "W": "[^[:alnum:]_]",
    "s": "[[:space:]]",
    "S": "[^[:space:]]",
}


def doubtful_patterns(subject: Subject, patterns: Patterns) -> Iterator[Diagnostic]:
    """What is wrong with the right sides of `~=`, as far as they are known before the query.

    `patterns` remembers what was compiled.
    """
    constants = subject.constants
    for comparison in subject.all(nodes.Comparison):
        if comparison.operator != "~=":
            continue
        match comparison.right:
            case nodes.StringLiteral(span=span, value=pattern):
                yield from _lost_backslashes(subject, span)
            case nodes.Attribute(span=span, name=name) if name in constants:
                pattern = constants[name]
            case _:
                continue
        try:
            patterns.search("", pattern)
        except Fault as fault:
            message = f"this pattern is a runtime error, so the test is always false: {fault}"
            yield subject.warning("KN121", message, span, _instead(pattern))


def _lost_backslashes(subject: Subject, span: nodes.Span) -> Iterator[Diagnostic]:
    assertion = subject.assertion
    first = span.start - assertion.span.start
    written = assertion.text[first : span.end - assertion.span.start]
    lost = [each[1] for each in _ESCAPE.finditer(written) if each[1]]
    if lost:
        message = f'in a string literal "\\{lost[0]}" is just "{lost[0]}": the pattern has no backslash there'
        yield subject.warning("KN122", message, span, f"write \\\\{lost[0]} to have the backslash in the pattern")


def _instead(pattern: str) -> str:
    """How POSIX writes what Perl writes with a backslash and a letter."""
    for escape in _PERL.finditer(pattern):
        if escape[1] in _POSIX:
            return f"write {_POSIX[escape[1]]}"
        if escape[1].isdigit():
            return f'there are no back-references; behind the match _{escape[1]} holds the group: _{escape[1]} == "..."'
    return ""
