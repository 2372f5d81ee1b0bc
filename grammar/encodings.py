"""Octets as text: hexadecimal and base64, as keys and signatures are written (RFC 2792)."""

from __future__ import annotations

import base64
import binascii

ENCODINGS = ("hex", "base64")


class EncodingError(ValueError):
    """Text that is not what its encoding writes."""


def decode(encoding: str, body: str) -> bytes:
    """The octets of `body`; `encoding` is one of ENCODINGS. Raises EncodingError."""
    try:
        octets = body.encode("ascii")
        return binascii.unhexlify(octets) if encoding == "hex" else base64.b64decode(octets, validate=True)
    except UnicodeEncodeError as cause:
        raise EncodingError(f"not {_NAMES[encoding]}: it holds characters that are not ASCII") from cause
    except binascii.Error as cause:
        raise EncodingError(f"not {_NAMES[encoding]}: {cause}") from cause


def encode(encoding: str, octets: bytes) -> str:
    """`octets` as text, hexadecimal in lower case."""
    return octets.hex() if encoding == "hex" else base64.b64encode(octets).decode("ascii")


_NAMES = {"hex": "hexadecimal", "base64": "base64"}
