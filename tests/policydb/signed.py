"""Credentials for tests: keys, signatures, and answers to questions that come with credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from grammar.principal import format_key
from policydb.keynote.algorithms import Label, find
from policydb.keynote.assemble import Assembly, Text, assemble
from policydb.keynote.checker import Checker
from policydb.keynote.keys import PrivateKey, public_key
from policydb.keynote.signing import sign as signature
from policydb.keynote.signing import with_signature
from policydb.request import DEFAULT_VALUES, Request

ALICE, BOB, CAROL = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3))


def label(text: str) -> Label:
    """A signature algorithm by its label."""
    found = find(text)
    assert found is not None
    return found


def name(key: PrivateKey) -> str:
    """The principal of a key."""
    return format_key(public_key(key))


def sign(text: str, key: PrivateKey, algorithm: str = "sig-ed25519-hex") -> str:
    """The assertion with a signature; `text` ends with a newline."""
    return with_signature(text, signature(text, label(algorithm), key))


def credential(key: PrivateKey, licensees: str, algorithm: str = "sig-ed25519-hex") -> str:
    """A signed credential by `key`."""
    return sign(f'Authorizer: "{name(key)}"\nLicensees: {licensees}\n', key, algorithm)


def gathered(policies: Sequence[str] = (), credentials: Sequence[str] = (), files: Sequence[str] = ()) -> Assembly:
    """Everything of one question."""
    kinds = (("policy", policies), ("file", files), ("credential", credentials))
    trusted, several, strange = (
        [Text(f"{kind} {number}", text) for number, text in enumerate(texts, start=1)] for kind, texts in kinds
    )
    return assemble(trusted, several, strange)


def answer(
    policies: Sequence[str],
    authorizers: Sequence[str],
    attributes: Mapping[str, str] | None = None,
    *,
    credentials: Sequence[str] = (),
    values: Sequence[str] = DEFAULT_VALUES,
) -> str:
    """The compliance value; assertions that do not count are left out."""
    request = Request(tuple(authorizers), attributes or {}, tuple(values))
    return Checker(gathered(policies, credentials).graph()).decide(request)


def refusals(policies: Sequence[str] = (), credentials: Sequence[str] = ()) -> list[str]:
    """Why assertions do not count."""
    return [each.reason for each in gathered(policies, credentials).ignored]
