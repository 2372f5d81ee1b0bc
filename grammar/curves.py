"""Points of elliptic curves as octets: the one way to write each, and which of them can be keys.

P-256, P-384, P-521: SEC 1 section 2.3, compressed or not. Ed25519: RFC 8032 section 5.1.3. Done here with plain
integers, for public data only: naming a principal must not cost the loading of a cryptographic library.
"""

from __future__ import annotations

from dataclasses import dataclass

ED25519_OCTETS = 32

_UNCOMPRESSED = 0x04


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve y^2 = x^3 - 3x + b of FIPS 186-4 over the integers modulo p, which is 3 modulo 4."""

    name: str
    p: int
    b: int

    @property
    def octets(self) -> int:
        """How many one coordinate takes."""
        return (self.p.bit_length() + 7) // 8

    def right_side(self, x: int) -> int:
        """The square that y must have."""
        return (x * x * x - 3 * x + self.b) % self.p


P256 = Curve(
    "P-256",
    2**256 - 2**224 + 2**192 + 2**96 - 1,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
)
P384 = Curve(
    "P-384",
    2**384 - 2**128 - 2**96 + 2**32 - 1,
    0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
)
P521 = Curve(
    "P-521",
    2**521 - 1,
    int(
        "0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E1"
        "56193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00",
        16,
    ),
)

_Q = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset({0, 1, _Q - 1, _ORDER_8, _Q - _ORDER_8})
"""The y of the eight points whose order divides 8: a signature by such a key says nothing."""


class CurveError(ValueError):
    """Octets that are no point, or none that can be a key."""


def point(curve: Curve, data: bytes) -> tuple[int, int]:
    """The point (x, y) of a curve that SEC 1 writes as `data`. Raises CurveError."""
    size, p = curve.octets, curve.p
    form, x = data[:1], int.from_bytes(data[1 : 1 + size], "big")
    if form and form[0] == _UNCOMPRESSED and len(data) == 1 + 2 * size:
        y = int.from_bytes(data[1 + size :], "big")
    elif form in (b"\x02", b"\x03") and len(data) == 1 + size:
        y = pow(curve.right_side(x), (p + 1) // 4, p)  # a square root, for p is 3 modulo 4
        y = y if y % 2 == form[0] % 2 else p - y
    else:
        sizes = f"{1 + size} octets (compressed) or {1 + 2 * size}"
        raise CurveError(f"a {curve.name} key is a point of {sizes}, with 02, 03 or 04 in front")
    if x >= p or y >= p or y * y % p != curve.right_side(x):
        raise CurveError(f"the octets are no point of {curve.name}")
    return x, y


def octets(curve: Curve, x: int, y: int) -> bytes:
    """The point in its compressed form."""
    return bytes((2 + y % 2,)) + x.to_bytes(curve.octets, "big")


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
