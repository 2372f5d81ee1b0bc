"""What authors of KeyNote policies trip over: findings on parsed assertions, each a WARNING with a stable code.

MEANINGS lists the codes. What concerns the attributes of isakmpd.policy(5) is
said only of sources that ask about app_domain "IPsec policy": other applications have words of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

from grammar import nodes
from grammar.errors import Diagnostic, Severity, shortened
from grammar.principal import KEY_PREFIXES, parse_key
from policydb.algorithms import find
from policydb.attributes import APP_DOMAIN, VOCABULARY, Kind, is_reserved, suggest, zero_padded
from policydb.request import DEFAULT_VALUES

_Node = TypeVar("_Node")

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
}
"""What each code means; docs/diagnostics.md lists them."""

_ORDERING = frozenset({"<", ">", "<=", ">="})
_HOLDS_ADDRESSES = frozenset({"remote_id", "remote_filter", "local_filter"})
_DOTTED_QUAD = re.compile(r"\d{1,3}(\.\d{1,3}){3}\Z")

# Compared in any case of letters; RFC 2792 section 3 knows the last three, and nothing here reads them.
_KEY_ALGORITHMS = (*KEY_PREFIXES, "elgamal-hex", "elgamal-base64", "pgp")
# isakmpd.policy(5): plain strings to KeyNote, so compared letter by letter.
_DIGEST_DIGITS = {"passphrase-md5-hex": 32, "passphrase-sha1-hex": 40}
_EXACT_PREFIXES = ("passphrase", *_DIGEST_DIGITS, "DN")
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(.*)\Z", re.DOTALL)


def lint_policy(
    assertions: Sequence[nodes.Assertion], source: str, values: Sequence[str] = DEFAULT_VALUES
) -> list[Diagnostic]:
    """Everything doubtful in the assertions of one source, in the order of the text.

    `values` are the compliance values that the policy will be asked with.
    """
    is_ipsec = any(asks_for_ipsec(each) for each in assertions)
    return [found for each in assertions for found in lint_assertion(each, source, is_ipsec, values)]


def lint_assertion(
    assertion: nodes.Assertion, source: str, is_ipsec: bool, values: Sequence[str] = DEFAULT_VALUES
) -> list[Diagnostic]:
    """Everything doubtful in one assertion; `is_ipsec`: some assertion of its source asks for IPsec."""
    inside = _nodes(assertion.conditions)
    checks = [
        _open_door(assertion, source),
        _results(assertion, inside, source, values),
        _principals(assertion, source),
        _signature(assertion, source),
    ]
    if is_ipsec:
        constants = {each.name for each in assertion.constants}
        checks += [_names(constants, inside, source), _comparisons(constants, inside, source), _ranges(inside, source)]
    return sorted((each for check in checks for each in check), key=lambda each: (each.span.start, each.code))


def asks_for_ipsec(assertion: nodes.Assertion) -> bool:
    """Whether app_domain is compared with "IPsec policy" in whatever case: a misspelt case is a finding itself."""
    return any(
        attribute.name == "app_domain" and literal.value.lower() == APP_DOMAIN.lower()
        for comparison in _all(_nodes(assertion.conditions), nodes.Comparison)
        for attribute, literal in _attribute_and_literal(comparison)
    )


# --- findings on whole assertions ---------------------------------------------------------------------------------


def _open_door(assertion: nodes.Assertion, source: str) -> Iterator[Diagnostic]:
    everybody = assertion.licensees is None and assertion.conditions is None
    if everybody and assertion.authorizer.name.upper() == "POLICY":
        yield _warning(
            "KN101",
            "this assertion has neither Licensees nor Conditions: it allows everything to everybody",
            source,
            assertion.span,
            "a blank line ends an assertion; take out blank lines between its fields, or add the fields",
        )


def _results(
    assertion: nodes.Assertion, inside: Sequence[object], source: str, values: Sequence[str]
) -> Iterator[Diagnostic]:
    constants = {each.name: each.value for each in assertion.constants}
    for clause in _all(inside, nodes.Clause):
        match clause.result:
            case nodes.Attribute(span=span, name=name) if name in values and name not in constants:
                message = f"-> {name} without quotes is an attribute that nobody sets"
                yield _warning("KN102", message, source, span, f'write -> "{name}"')
            case nodes.StringLiteral(span=span, value=value) if value not in values:
                yield _no_value(value, source, span, values)
            case nodes.Attribute(span=span, name=name) if constants.get(name, values[0]) not in values:
                yield _no_value(constants[name], source, span, values)
            case _:
                pass  # a good value, a block, or an expression whose value only the query knows


def _no_value(value: str, source: str, span: nodes.Span, values: Sequence[str]) -> Diagnostic:
    message = f'"{value}" is no compliance value: it counts as the lowest'
    return _warning("KN102", message, source, span, f"the values are {', '.join(values)}")


def _principals(assertion: nodes.Assertion, source: str) -> Iterator[Diagnostic]:
    for principal in (assertion.authorizer, *_all(_nodes(assertion.licensees), nodes.Principal)):
        found = _PREFIX.match(principal.name)
        if found is None:
            continue
        prefix, rest = found.groups()
        if digits := _DIGEST_DIGITS.get(prefix):
            if not re.fullmatch(f"[0-9a-f]{{{digits}}}", rest):
                message = f"{prefix}: is followed by {digits} lower-case hexadecimal digits; this one matches nobody"
                lowered = rest.lower()
                hint = f"write {prefix}:{lowered}" if re.fullmatch(f"[0-9a-f]{{{digits}}}", lowered) else ""
                yield _warning("KN106", message, source, principal.span, hint)
        elif prefix.lower() not in _KEY_ALGORITHMS and prefix not in _EXACT_PREFIXES:
            message = f'"{prefix}:" is no known kind of key: the identifier is compared as plain text'
            meant = suggest(prefix, (*_KEY_ALGORITHMS, *_EXACT_PREFIXES))
            yield _warning("KN107", message, source, principal.span, f'did you mean "{meant}:"?' if meant else "")


def _signature(assertion: nodes.Assertion, source: str) -> Iterator[Diagnostic]:
    if assertion.signature is None:
        return
    span = assertion.signature.span
    if parse_key(assertion.authorizer.name) is None:
        message = f'"{assertion.authorizer.name[:40]}" is no key: nothing can verify this signature'
        hint = "a policy needs no signature, and a credential needs a key as Authorizer"
        yield _warning("KN111", message, source, span, hint)
    label = find(assertion.signature.value.partition(":")[0])
    if label is not None and label.algorithm.weakness:
        message = f"{label.algorithm.name} is weak: {label.algorithm.weakness}"
        yield _warning("KN110", message, source, span, "sign it again with sig-ed25519-hex: or sig-rsa-sha256-hex:")


# --- findings on the attributes of isakmpd.policy(5) --------------------------------------------------------------


def _names(constants: AbstractSet[str], inside: Sequence[object], source: str) -> Iterator[Diagnostic]:
    for attribute in _all(inside, nodes.Attribute):
        name = attribute.name
        if name not in VOCABULARY and name not in constants and not is_reserved(name):
            meant = suggest(name, (*VOCABULARY, *constants))
            message = f'nobody sets "{attribute.name}": it always reads as ""'
            yield _warning("KN103", message, source, attribute.span, f'did you mean "{meant}"?' if meant else "")


def _comparisons(constants: AbstractSet[str], inside: Sequence[object], source: str) -> Iterator[Diagnostic]:
    for comparison in _all(inside, nodes.Comparison):
        for attribute, literal in _attribute_and_literal(comparison):
            known = VOCABULARY.get(attribute.name)
            if known is None or attribute.name in constants or comparison.operator == "~=":
                continue
            if known.kind is Kind.NUMBER and comparison.operator in _ORDERING:
                message = f'{attribute.name} is compared as text here: "9" comes after "10"'
                hint = f"write @{attribute.name} {comparison.operator} {literal.value or 0}"
                yield _warning("KN104", message, source, comparison.span, hint)
            elif known.kind is Kind.ADDRESS or attribute.name in _HOLDS_ADDRESSES:
                if (padded := _padded(literal.value)) != literal.value:
                    message = f'"{literal.value}" never equals an address of a negotiation, nor does it order as one'
                    yield _warning("KN105", message, source, literal.span, f'write "{padded}"')
            elif known.kind is Kind.WORD and literal.value and literal.value not in known.values:
                meant = suggest(literal.value, known.values)
                hint = f'did you mean "{meant}"?' if meant else f"it is one of: {', '.join(known.values)}"
                message = f'{attribute.name} is never "{literal.value}"'
                yield _warning("KN109", message, source, literal.span, hint)


def _ranges(inside: Sequence[object], source: str) -> Iterator[Diagnostic]:
    """`x_addr_lower >= "A" && x_addr_upper <= "B"` with A above B."""
    for both in _all(inside, nodes.AllOf):
        ends = [
            (each.operator, attribute.name, literal)
            for each in both.operands
            if isinstance(each, nodes.Comparison)
            for attribute, literal in _attribute_and_literal(each)
            if each.left is attribute
        ]
        # Of several lower ends the highest counts: then each end is looked at once.
        lows: dict[str, nodes.StringLiteral] = {}
        for operator, name, low in ends:
            if operator in {">", ">="} and name.endswith("_addr_lower"):
                upper = f"{name.removesuffix('lower')}upper"
                lows[upper] = max(lows.get(upper, low), low, key=lambda each: _padded(each.value))
        for operator, name, high in ends:
            if operator in {"<", "<="} and name in lows and _padded(lows[name].value) > _padded(high.value):
                ends_at = f'between "{lows[name].value}" and "{high.value}"'
                message = f"no address lies {ends_at}: the lower end is above the upper"
                yield _warning("KN108", message, source, high.span, "exchange the two addresses")


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


# --- tools --------------------------------------------------------------------------------------------------------


def _attribute_and_literal(comparison: nodes.Comparison) -> Iterator[tuple[nodes.Attribute, nodes.StringLiteral]]:
    """The two sides where one is a bare attribute and the other a text, whichever way round."""
    for one, other in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
        if isinstance(one, nodes.Attribute) and isinstance(other, nodes.StringLiteral):
            yield one, other


def _all(inside: Iterable[object], kind: type[_Node]) -> Iterator[_Node]:
    return (each for each in inside if isinstance(each, kind))


def _nodes(root: object) -> list[object]:
    """A node and all that is below it; with a list of its own, for policies may nest as deep as they like."""
    found: list[object] = []
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        kind: Any = type(node)
        if kind is tuple:
            waiting += node
            continue
        found.append(node)
        waiting += [getattr(node, each) for each in _parts(kind)]
    return found


@cache
def _parts(kind: type) -> tuple[str, ...]:
    """The fields of a node that may hold other nodes; of anything else, none."""
    plain = {"Span", "str", "int", "bool", "NumberKind", "OperandKind"}
    return tuple(each.name for each in fields(kind) if each.type not in plain) if is_dataclass(kind) else ()


def _warning(code: str, message: str, source: str, span: nodes.Span, hint: str = "") -> Diagnostic:
    return Diagnostic(code, shortened(message), source, span, shortened(hint), Severity.WARNING)
