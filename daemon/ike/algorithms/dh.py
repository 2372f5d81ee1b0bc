"""Diffie-Hellman for every group, behind one interface: MODP (RFC 2409, RFC 3526), and ECP (RFC 5903, RFC 6932
for the brainpool curves of RFC 5639).

The only module that knows that `cryptography` deprecates finite-field Diffie-Hellman. It has powers computed there
while it can, several times faster than pow(), and falls back to pow() where it cannot: for a group that OpenSSL does
not know by name (groups 1 and 2: each use would test the prime again, 30 ms), and for a version without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from daemon.ike.errors import InvalidKeyInformation, LocalError
from daemon.ike.registries import Group
from policydb.configuration.primitives import curve, lacking

Random = Callable[[int], bytes]
"""`random(n)` gives n unpredictable octets."""


class KeyPair(Protocol):
    """Our side of one exchange."""

    @property
    def group(self) -> Group:
        """Whose it is."""
        ...

    @property
    def public(self) -> bytes:
        """The public value, padded to the group's length; x | y for ECP."""
        ...

    def shared(self, peer: bytes) -> bytes:
        """g^xy, padded to the group's length; x alone for ECP (RFC 5903 section 7).

        Raises InvalidKeyInformation for a value of another length, outside 2..p-2, or not on the curve.
        """
        ...


# --- MODP ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ModpGroup:
    """A row: `offset` is the number in the prime's formula, `exponent_octets` the size of a private exponent.

    The sizes are above the lower estimates of RFC 3526 section 8, and 256 bits at least. `named`: OpenSSL knows it.
    """

    bits: int
    offset: int
    exponent_octets: int
    named: bool = True


_MODP = {
    Group.MODP_768: _ModpGroup(768, 149686, 32, named=False),
    Group.MODP_1024: _ModpGroup(1024, 129093, 32, named=False),
    Group.MODP_1536: _ModpGroup(1536, 741804, 32),
    Group.MODP_2048: _ModpGroup(2048, 124476, 32),
    Group.MODP_3072: _ModpGroup(3072, 1690314, 40),
    Group.MODP_4096: _ModpGroup(4096, 240904, 48),
    Group.MODP_6144: _ModpGroup(6144, 929484, 56),
    Group.MODP_8192: _ModpGroup(8192, 4743158, 64),
}
_GENERATOR = 2


@cache
def modp_prime(group: Group) -> int:
    """The prime 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + offset), as RFC 3526 defines it."""
    row = _MODP[group]
    return (1 << row.bits) - (1 << row.bits - 64) - 1 + (_scaled_pi(row.bits - 130) + row.offset << 64)


def _scaled_pi(bits: int) -> int:
    """floor(2^bits * pi), by Machin's formula with 64 guard bits."""
    one = 1 << (bits + 64)

    def inverse_tangent(inverse: int) -> int:
        term, total, divisor, sign = one // inverse, 0, 1, 1
        while term:
            total += sign * (term // divisor)
            term //= inverse * inverse
            divisor, sign = divisor + 2, -sign
        return total

    return 4 * (4 * inverse_tangent(5) - inverse_tangent(239)) >> 64


@cache
def _power(group: Group) -> Callable[[int, int], int]:
    """The function (base, exponent) -> base^exponent modulo the group's prime, for 1 < base < p-1."""
    prime = modp_prime(group)
    return (_openssl_power(prime) if _MODP[group].named else None) or partial(pow, mod=prime)


def _openssl_power(prime: int) -> Callable[[int, int], int] | None:
    """Exponentiation by way of `cryptography`'s key agreement, None where it has none any more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # An import here, because it may be gone one day and only the MODP groups want it.
            from cryptography.hazmat.primitives.asymmetric.dh import (
                DHParameterNumbers,
                DHPrivateNumbers,
                DHPublicNumbers,
            )
        except ImportError:
            return None
    parameters = DHParameterNumbers(prime, _GENERATOR)
    placeholder = DHPublicNumbers(_GENERATOR, parameters)  # exchange() does not look at our own public value

    def power(base: int, exponent: int) -> int:
        private = DHPrivateNumbers(exponent, placeholder).private_key()
        return int.from_bytes(private.exchange(DHPublicNumbers(base, parameters).public_key()))

    return power


@dataclass(frozen=True, slots=True)
class _ModpPair:
    group: Group
    exponent: int = field(repr=False)
    public: bytes

    def shared(self, peer: bytes) -> bytes:
        """g^xy in octets, as long as the prime (RFC 2409 section 5). Raises InvalidKeyInformation."""
        value = _modp_value(self.group, peer)
        return _power(self.group)(value, self.exponent).to_bytes(_MODP[self.group].bits // 8)


def _modp_value(group: Group, peer: bytes) -> int:
    """A peer's public value as a number. Raises InvalidKeyInformation."""
    octets = _MODP[group].bits // 8
    if len(peer) != octets:
        raise InvalidKeyInformation(f"public value of {len(peer)} octets, {group} has {octets}")
    value = int.from_bytes(peer)
    if not 1 < value < modp_prime(group) - 1:
        raise InvalidKeyInformation(f"public value outside the range of {group}")
    return value


def _generate_modp(group: Group, random: Random) -> KeyPair:
    row = _MODP[group]
    # The top bit is set: an exponent of full length, never 0.
    exponent = int.from_bytes(random(row.exponent_octets)) | 1 << (8 * row.exponent_octets - 1)
    return _ModpPair(group, exponent, _power(group)(_GENERATOR, exponent).to_bytes(row.bits // 8))


# --- ECP ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _EcpGroup:
    """A row: the octets of one coordinate and the order of the curve's base point."""

    octets: int
    order: int


_ECP_ROWS = {
    Group.ECP_192: _EcpGroup(24, 0xFFFFFFFFFFFFFFFFFFFFFFFF99DEF836146BC9B1B4D22831),
    Group.ECP_224: _EcpGroup(28, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D),
    Group.ECP_256: _EcpGroup(32, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
    Group.ECP_384: _EcpGroup(48, 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D),
    Group.ECP_521: _EcpGroup(66, 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7),
    Group.BP_256: _EcpGroup(32, 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7),
    Group.BP_384: _EcpGroup(
        48, 0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565
    ),
    Group.BP_512: _EcpGroup(
        64,
        0xAADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870 << 256
        | 0x553E5C414CA92619418661197FAC10471DB1D381085DDADDB58796829CA90069,
    ),
}
_ECP = {group: row for group, row in _ECP_ROWS.items() if not lacking(str(group))}
_UNCOMPRESSED = b"\x04"


@dataclass(frozen=True, slots=True)
class _EcpPair:
    group: Group
    private: ec.EllipticCurvePrivateKey = field(repr=False)
    public: bytes

    def shared(self, peer: bytes) -> bytes:
        """The x coordinate of the common point, in octets (RFC 5903 section 7). Raises InvalidKeyInformation."""
        point = _ecp_point(self.group, peer)
        try:
            return self.private.exchange(ec.ECDH(), point)
        except ValueError as error:
            raise InvalidKeyInformation(f"public value is no point of {self.group}") from error


def _ecp_point(group: Group, peer: bytes) -> ec.EllipticCurvePublicKey:
    """A peer's public value as a point. Raises InvalidKeyInformation."""
    octets = 2 * _ECP[group].octets
    if len(peer) != octets:
        raise InvalidKeyInformation(f"public value of {len(peer)} octets, {group} has {octets}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve(str(group)), _UNCOMPRESSED + peer)
    except ValueError as error:
        raise InvalidKeyInformation(f"public value is no point of {group}") from error


def _generate_ecp(group: Group, random: Random) -> KeyPair:
    row = _ECP[group]
    # 64 bits more than the order keep the reduction from favouring any value (FIPS 186-4 appendix B.4.1).
    scalar = int.from_bytes(random(row.octets + 8)) % (row.order - 1) + 1
    private = ec.derive_private_key(scalar, curve(str(group)))
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _EcpPair(group, private, point.removeprefix(_UNCOMPRESSED))


# --- both ---------------------------------------------------------------------------------------------------------

GROUPS = frozenset({*_MODP, *_ECP})
"""The groups that can be negotiated. Groups 22 to 24, whose subgroups are small, have no number here at all."""


def generate(group: Group, random: Random) -> KeyPair:
    """A fresh key pair. Raises LocalError for a group outside GROUPS."""
    if group in _MODP:
        return _generate_modp(group, random)
    if group in _ECP:
        return _generate_ecp(group, random)
    raise LocalError(f"group {group} is not supported")


def check(group: Group, peer: bytes) -> None:
    """Hold a peer's public value against its group, which costs no power. Raises InvalidKeyInformation.

    LocalError for a group outside GROUPS.
    """
    if group in _MODP:
        _modp_value(group, peer)
    elif group in _ECP:
        _ecp_point(group, peer)
    else:
        raise LocalError(f"group {group} is not supported")
