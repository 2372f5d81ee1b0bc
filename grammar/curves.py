"""Points of elliptic curves as octets: the one way to write each, and which of them can be keys.

P-256: SEC 1 section 2.3, compressed or not. Ed25519: RFC 8032 section 5.1.3. Done here with plain integers, for public
data only: naming a principal must not cost the loading of a cryptographic library.
"""

from __future__ import annotations

P256_OCTETS = 32
ED25519_OCTETS = 32

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_UNCOMPRESSED = 0x04

_Q = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset({0, 1, _Q - 1, _ORDER_8, _Q - _ORDER_8})
"""The y of the eight points whose order divides 8: a signature by such a key says nothing."""


class CurveError(ValueError):
    """Octets that are no point, or none that can be a key."""


def p256_point(data: bytes) -> tuple[int, int]:
    """The point (x, y) that SEC 1 writes as `data`. Raises CurveError."""
    form, x = data[:1], int.from_bytes(data[1 : 1 + P256_OCTETS], "big")
    if form and form[0] == _UNCOMPRESSED and len(data) == 1 + 2 * P256_OCTETS:
        y = int.from_bytes(data[1 + P256_OCTETS :], "big")
    elif form in (b"\x02", b"\x03") and len(data) == 1 + P256_OCTETS:
        y = pow(_right_side(x), (_P + 1) // 4, _P)  # a square root, for p is 3 modulo 4
        y = y if y % 2 == form[0] % 2 else _P - y
    else:
        raise CurveError("a P-256 key is a point of 33 octets (compressed) or 65, with 02, 03 or 04 in front")
    if x >= _P or y >= _P or y * y % _P != _right_side(x):
        raise CurveError("the octets are no point of P-256")
    return x, y


def p256_octets(x: int, y: int) -> bytes:
    """The point in its compressed form."""
    return bytes((2 + y % 2,)) + x.to_bytes(P256_OCTETS, "big")


def ed25519_octets(data: bytes) -> bytes:
    """`data` itself, if it is the one way to write a key. Raises CurveError.

    Whether it is on the curve at all, a signature shows; what matters here is that nothing has two names.
    """
    if len(data) != ED25519_OCTETS:
        raise CurveError(f"an Ed25519 key has {ED25519_OCTETS} octets")
    y = int.from_bytes(data, "little") & (2**255 - 1)
    if y >= _Q:
        raise CurveError("the octets are no point of Ed25519 (RFC 8032 section 5.1.3)")
    if y in _SMALL_ORDER:
        raise CurveError("an Ed25519 key of small order: anybody could sign in its name")
    return data


def _right_side(x: int) -> int:
    return (x * x * x - 3 * x + _B) % _P
