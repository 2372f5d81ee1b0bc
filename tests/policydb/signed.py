"""Credentials for tests: keys, signatures, and answers to questions that come with credentials."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from grammar.principal import RsaKey, format_key
from policydb.assemble import Assembly, Text, assemble
from policydb.checker import Checker
from policydb.request import DEFAULT_VALUES, Request

ALICE, BOB, CAROL = (rsa.generate_private_key(public_exponent=65537, key_size=1024) for _ in range(3))  # noqa: S505


def name(key: rsa.RSAPrivateKey) -> str:
    """The principal of a key."""
    numbers = key.public_key().public_numbers()
    return format_key(RsaKey(numbers.n, numbers.e))


def sign(text: str, key: rsa.RSAPrivateKey) -> str:
    """The assertion with a signature; `text` ends with a newline. RFC 2792, with the padding of the KeyNote library."""
    digest = hashlib.sha1(f"{text}sig-rsa-sha1-hex:".encode("latin-1")).digest()
    octets = key.sign(b"\x04\x14" + digest, padding.PKCS1v15(), utils.NoDigestInfo())
    return f'{text}Signature: "sig-rsa-sha1-hex:{octets.hex()}"\n'


def credential(key: rsa.RSAPrivateKey, licensees: str, more: str = "") -> str:
    """A signed credential by `key`."""
    return sign(f'Authorizer: "{name(key)}"\nLicensees: {licensees}\n{more}', key)


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
