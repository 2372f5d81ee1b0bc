"""What authors of KeyNote policies trip over: findings on parsed assertions, each a WARNING with a stable code.

MEANINGS lists the codes. What concerns the attributes of isakmpd.policy(5) is
said only of sources that ask about app_domain "IPsec policy": other applications have words of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from grammar import nodes
from grammar.errors import Diagnostic
from grammar.principal import parse_key
from policydb.attributes import VOCABULARY, Kind, is_reserved, suggest, zero_padded
from policydb.keynote.algorithms import find
from policydb.keynote.regex import Patterns
from policydb.linting.clauses import doubtful_clauses
from policydb.linting.delegation import lint_delegation, repeated_members
from policydb.linting.numbers import contradictions, doubtful_numbers
from policydb.linting.openings import openings
from policydb.linting.patterns import doubtful_patterns
from policydb.linting.support import (
    DIGEST_DIGITS,
    EXACT_PREFIXES,
    KEY_ALGORITHMS,
    PREFIX,
    USER,
    Subject,
    asks_for_ipsec,
    attribute_and_literal,
)
from policydb.request import DEFAULT_VALUES

__all__ = ["MEANINGS", "lint_delegation", "lint_policy", "lint_subject"]

MEANINGS = {
    "KN101": "warning: a POLICY assertion with neither Licensees nor Conditions allows everything to everybody",
    "KN102": "warning: the value behind -> is no compliance value, so it counts as the lowest",
    "KN103": "warning: an attribute that no IPsec negotiation sets; it always reads as the empty string",
    "KN104": "warning: a number is compared as text; @ in front of the attribute compares as number",
    "KN105": "warning: an address that is not zero-padded neither equals nor orders as those of a negotiation",
    "KN106": "warning: a passphrase digest that is not of its length or not in lower-case hexadecimal",
    "KN107": "warning: an unknown kind of key before the colon; the identifier is compared as plain text",
    "KN108": "warning: the lower end of an address range is above its upper end",
    "KN109": "warning: a word that the attribute never is",
    "KN110": "warning: a weak signature (MD5, SHA-1): it counts only where the configuration accepts weak ones",
    "KN111": "warning: a signature that nothing can verify, for the Authorizer is no key",
    "KN112": "warning: an integer outside the range of 32 bits; a test that reaches it is false",
    "KN113": "warning: tests that no value passes together",
    "KN114": "warning: two principals differ in the case of letters only; they are two",
    "KN115": "warning: a threshold that names a principal twice, and counts it twice",
    "KN116": "warning: a licensee that no negotiation is asked by, and to whom no assertion belongs",
    "KN117": "warning: delegation that goes round in a circle",
    "KN118": "warning: an assertion that no delegation from POLICY leads to; it is never used",
    "KN119": "warning: a clause that changes nothing, because another one holds whenever it does",
    "KN120": "warning: a clause for the lowest value, which changes nothing: KeyNote cannot deny",
    "KN121": "warning: a pattern that is no POSIX extended regular expression; its test is always false",
    "KN122": "warning: a backslash in a pattern that the string literal takes away",
    "KN123": "warning: @ or & before a text that is no number, or before a time: the test always sees the same number",
    "KN124": "warning: a user of XAUTH whose name is not in lower case, which matches nobody",
    "KN125": "warning: a cipher is asked for and no authentication: ESP without any passes",
    "KN126": "warning: PFS is asked for and no group: the weakest one passes",
    "KN127": "warning: a range of addresses with one end: all on its other side pass",
    "KN128": "warning: addresses of the other family lie between the two texts of a range, and pass",
}
"""What each code means; docs/diagnostics.md lists them."""

_ORDERING = frozenset({"<", ">", "<=", ">="})
_HOLDS_ADDRESSES = frozenset({"remote_id", "remote_filter", "local_filter"})
_DOTTED_QUAD = re.compile(r"\d{1,3}(\.\d{1,3}){3}\Z")


def lint_policy(
    assertions: Sequence[nodes.Assertion], source: str, values: Sequence[str] = DEFAULT_VALUES
) -> list[Diagnostic]:
    """Everything doubtful in the assertions of one source, in the order of the text.

    `values` are the compliance values that the policy will be asked with.
    """
    subjects = [Subject(each, source) for each in assertions]
    is_ipsec = any(asks_for_ipsec(each) for each in subjects)
    patterns = Patterns()
    return [found for each in subjects for found in lint_subject(each, patterns, is_ipsec=is_ipsec, values=values)]


def lint_subject(
    subject: Subject, patterns: Patterns, *, is_ipsec: bool, values: Sequence[str] = DEFAULT_VALUES
) -> list[Diagnostic]:
    """Everything doubtful in one assertion; `is_ipsec`: some assertion of its source asks for IPsec."""
    found: list[Diagnostic] = []
    for check in _CHECKS:
        found += check(subject)
    found += _results(subject, values)
    found += doubtful_patterns(subject, patterns)
    found += doubtful_clauses(subject, values)
    found += doubtful_numbers(subject, is_ipsec=is_ipsec)
    if is_ipsec:
        for check in _IPSEC_CHECKS:
            found += check(subject)
        found += openings(subject, values)
    return sorted(found, key=lambda each: (each.span.start, each.code))


# --- findings on whole assertions ---------------------------------------------------------------------------------


def _open_door(subject: Subject) -> Iterator[Diagnostic]:
    assertion = subject.assertion
    everybody = assertion.licensees is None and assertion.conditions is None
    if everybody and assertion.authorizer.name.upper() == "POLICY":
        yield subject.warning(
            "KN101",
            "this assertion has neither Licensees nor Conditions: it allows everything to everybody",
            assertion.span,
            "a blank line ends an assertion; take out blank lines between its fields, or add the fields",
        )


def _results(subject: Subject, values: Sequence[str]) -> Iterator[Diagnostic]:
    constants = subject.constants
    for clause in subject.all(nodes.Clause):
        match clause.result:
            case nodes.Attribute(span=span, name=name) if name in values and name not in constants:
                message = f"-> {name} without quotes is an attribute that nobody sets"
                yield subject.warning("KN102", message, span, f'write -> "{name}"')
            case nodes.StringLiteral(span=span, value=value) if value not in values:
                yield _no_value(subject, value, span, values)
            case nodes.Attribute(span=span, name=name) if constants.get(name, values[0]) not in values:
                yield _no_value(subject, constants[name], span, values)
            case _:
                pass  # a good value, a block, or an expression whose value only the query knows


def _no_value(subject: Subject, value: str, span: nodes.Span, values: Sequence[str]) -> Diagnostic:
    message = f'"{value}" is no compliance value: it counts as the lowest'
    return subject.warning("KN102", message, span, f"the values are {', '.join(values)}")


def _principals(subject: Subject) -> Iterator[Diagnostic]:
    for principal in (subject.assertion.authorizer, *subject.all(nodes.Principal)):
        found = PREFIX.match(principal.name)
        if found is None:
            continue
        prefix, rest = found.groups()
        if digits := DIGEST_DIGITS.get(prefix):
            if not re.fullmatch(f"[0-9a-f]{{{digits}}}", rest):
                message = f"{prefix}: is followed by {digits} lower-case hexadecimal digits; this one matches nobody"
                lowered = rest.lower()
                hint = f"write {prefix}:{lowered}" if re.fullmatch(f"[0-9a-f]{{{digits}}}", lowered) else ""
                yield subject.warning("KN106", message, principal.span, hint)
        elif prefix == USER and rest != rest.lower():
            message = "users ask by their names in lower case: this one matches nobody"
            yield subject.warning("KN124", message, principal.span, f"write {prefix}:{rest.lower()}")
        elif prefix.lower() not in KEY_ALGORITHMS and prefix not in EXACT_PREFIXES:
            message = f'"{prefix}:" is no known kind of key: the identifier is compared as plain text'
            meant = suggest(prefix, (*KEY_ALGORITHMS, *EXACT_PREFIXES))
            yield subject.warning("KN107", message, principal.span, f'did you mean "{meant}:"?' if meant else "")


def _signature(subject: Subject) -> Iterator[Diagnostic]:
    assertion = subject.assertion
    if assertion.signature is None:
        return
    span = assertion.signature.span
    if parse_key(assertion.authorizer.name) is None:
        message = f'"{assertion.authorizer.name[:40]}" is no key: nothing can verify this signature'
        hint = "a policy needs no signature, and a credential needs a key as Authorizer"
        yield subject.warning("KN111", message, span, hint)
    label = find(assertion.signature.value.partition(":")[0])
    if label is not None and label.algorithm.weakness:
        message = f"{label.algorithm.name} is weak: {label.algorithm.weakness}"
        yield subject.warning("KN110", message, span, "sign it again with sig-ed25519-hex: or sig-rsa-sha256-hex:")


# --- findings on the attributes of isakmpd.policy(5) --------------------------------------------------------------


def _names(subject: Subject) -> Iterator[Diagnostic]:
    for attribute in subject.all(nodes.Attribute):
        name = attribute.name
        if name not in VOCABULARY and name not in subject.constants and not is_reserved(name):
            meant = suggest(name, (*VOCABULARY, *subject.constants))
            message = f'nobody sets "{attribute.name}": it always reads as ""'
            yield subject.warning("KN103", message, attribute.span, f'did you mean "{meant}"?' if meant else "")


def _comparisons(subject: Subject) -> Iterator[Diagnostic]:
    constants = subject.constants
    for comparison in subject.all(nodes.Comparison):
        for attribute, literal in attribute_and_literal(comparison):
            known = VOCABULARY.get(attribute.name)
            if known is None or attribute.name in constants or comparison.operator == "~=":
                continue
            if known.kind is Kind.NUMBER and comparison.operator in _ORDERING:
                message = f'{attribute.name} is compared as text here: "9" comes after "10"'
                hint = f"write @{attribute.name} {comparison.operator} {literal.value or 0}"
                yield subject.warning("KN104", message, comparison.span, hint)
            elif known.kind is Kind.ADDRESS or attribute.name in _HOLDS_ADDRESSES:
                if (padded := _padded(literal.value)) != literal.value:
                    message = f'"{literal.value}" never equals an address of a negotiation, nor does it order as one'
                    yield subject.warning("KN105", message, literal.span, f'write "{padded}"')
            elif known.kind is Kind.WORD and literal.value and literal.value not in known.values:
                meant = suggest(literal.value, known.values)
                hint = f'did you mean "{meant}"?' if meant else f"it is one of: {', '.join(known.values)}"
                message = f'{attribute.name} is never "{literal.value}"'
                yield subject.warning("KN109", message, literal.span, hint)


def _ranges(subject: Subject) -> Iterator[Diagnostic]:
    """`x_addr_lower >= "A" && x_addr_upper <= "B"` with A above B."""
    for both in subject.all(nodes.AllOf):
        lower = dict(_ends(both, "_addr_lower", {">", ">="}))
        upper = dict(_ends(both, "_addr_upper", {"<", "<="}))
        for name in lower.keys() & upper.keys():
            low, high = lower[name], upper[name]
            if _padded(low.value) > _padded(high.value):
                message = f'no address lies between "{low.value}" and "{high.value}": the lower end is above the upper'
                yield subject.warning("KN108", message, high.span, "exchange the two addresses")


def _ends(both: nodes.AllOf, suffix: str, operators: set[str]) -> Iterator[tuple[str, nodes.StringLiteral]]:
    """The address ranges, by the names before the suffix, whose one end a test bounds from this side."""
    for each in both.operands:
        if isinstance(each, nodes.Comparison) and each.operator in operators:
            match each.left, each.right:
                case nodes.Attribute(name=name), nodes.StringLiteral() as literal if name.endswith(suffix):
                    yield name.removesuffix(suffix), literal
                case _:
                    pass


def _padded(text: str) -> str:
    """An address, or `lower-upper`, as the daemon writes it; any other text as it is."""
    return "-".join(_one_padded(each) for each in text.split("-"))


def _one_padded(text: str) -> str:
    if _DOTTED_QUAD.match(text):
        return ".".join(octet.zfill(3) for octet in text.split("."))
    try:
        return zero_padded(text)
    except ValueError:
        return text


_CHECKS = (_open_door, _principals, _signature, repeated_members, contradictions)
_IPSEC_CHECKS = (_names, _comparisons, _ranges)
