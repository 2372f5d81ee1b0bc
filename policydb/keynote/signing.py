"""Signing an assertion: its text and a private key -> the value of its Signature field (RFC 2704, 4.6.7; RFC 2792)."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa

from grammar.fields import Label as FieldLabel
from grammar.fields import split_assertions, split_fields
from policydb.keynote.algorithms import Label
from policydb.keynote.credentials import rsa_message
from policydb.keynote.keys import PrivateKey, public_key


class SigningError(ValueError):
    """A text that cannot be signed, or a key that does not fit the algorithm."""


def sign(text: str, label: Label, private: PrivateKey) -> str:
    """The value of the Signature field for the one assertion in `text`. Raises SigningError."""
    if not isinstance(public_key(private), label.algorithm.key):
        raise SigningError(f"{label.text}: needs a private key of another kind than this one")
    return label.signature(_signature(label, private, label.covered(signed_text(text))))


def with_signature(text: str, value: str) -> str:
    """The assertion in `text` with this value as its Signature. Raises SigningError."""
    return f'{signed_text(text)}Signature: "{value}"\n'


def signed_text(text: str) -> str:
    """What a signature of the one assertion in `text` covers: from its first field to the Signature field's label.

    Where it has no Signature field, to its end, the last newline included. Raises SigningError.
    """
    pieces = split_assertions(text)
    if len(pieces) != 1:
        raise SigningError(f"one assertion can be signed at a time, and this text holds {len(pieces)}")
    ((_, _, piece),) = pieces
    found = split_fields(piece, signed=True)
    if found.mistakes or not found.fields:
        raise SigningError(found.mistakes[0].message if found.mistakes else "the text has no fields")
    start = min(each.start for each in found.fields)
    ends = [each.start for each in found.fields if each.label is FieldLabel.SIGNATURE]
    if not ends and text.rstrip(" ").endswith("\n\n"):
        raise SigningError("an empty line follows the assertion: a Signature below it would belong to no assertion")
    covered = piece[start : ends[0]] if ends else piece[start:]
    return covered if covered.endswith("\n") else covered + "\n"


def _signature(label: Label, private: PrivateKey, covered: bytes) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        message, form = rsa_message(label.algorithm, covered)
        return private.sign(message, padding.PKCS1v15(), form)  # type: ignore[arg-type]
    if isinstance(private, dsa.DSAPrivateKey):
        return private.sign(covered, hashes.SHA1())  # noqa: S303 - RFC 2792
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(covered, ec.ECDSA(hashes.SHA256()))
    return private.sign(covered)
