"""This daemon with itself, engine to engine: every combination that phase 1 and quick mode can come to.

The lists are the core's own tables, so that an algorithm that is added there is tried here. Phase 1 is the full product
of ciphers, hashes, groups, ways of authentication, and main and aggressive mode; quick mode that of ESP's ciphers and
authentications, or AH's, of no group and every group, and tunnel and transport mode.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from daemon.ike.algorithms.ciphers import CIPHERS, HASHES, CipherRow
from daemon.ike.algorithms.dh import GROUPS
from daemon.ike.messages.transforms import AH, AUTHENTICATION_METHODS, AUTHENTICATIONS, ESP
from daemon.ike.registries import AuthenticationMethod, Group
from daemon.ike.trust.certificates import read_certificate
from daemon.ike.trust.holdings import Holdings
from daemon.ike.trust.keyring import Keyring
from policydb.connections import Configuration, General, IkeTransform, IpsecProtocol, Suite
from tests.daemon.ike.network import EAST, WEST, Pair, configuration, ike_transform, suite
from tests.pki import Ca, ec_key, names, root, rsa_key

GENERAL = General(accept_aggressive_psk=True)
MOST_SECONDS = 900
"""For one group on a busy machine; a quiet one needs a twentieth of it."""

EXCHANGES = ("ID_PROT", "AGGRESSIVE")
MODES = ("TUNNEL", "TRANSPORT")

_FEW = 3

METHODS = sorted(each for each in AUTHENTICATION_METHODS if not str(each).startswith(("XAUTH_", "HYBRID_")))
"""With XAUTH they differ in what comes after phase 1 alone, and tests/daemon/ike/test_xauth.py has that."""

Record = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Phase1:
    """One combination of phase 1."""

    cipher: str
    bits: int | None
    digest: str
    group: str
    method: AuthenticationMethod
    exchange: str

    def transform(self) -> IkeTransform:
        """As an ISAKMP-transform section."""
        return ike_transform(
            encryption=self.cipher,
            bits=self.bits,
            digest=self.digest,
            group=self.group,
            authentication=str(self.method),
        )


def lengths(row: CipherRow) -> list[int | None]:
    """What KEY_LENGTH can be, None: left out; of many lengths the least and the greatest."""
    named = row.key_bits if len(row.key_bits) <= _FEW else (row.key_bits[0], row.key_bits[-1])
    return [each for each in (None, *named) if row.takes(each)]


def phase1(group: Group) -> Iterator[Phase1]:
    """Every combination with a group."""
    ciphers = [(str(cipher), bits) for cipher, row in CIPHERS.items() for bits in lengths(row)]
    digests = [str(each) for each in sorted(HASHES)]
    for (cipher, bits), digest, method, exchange in product(ciphers, digests, METHODS, EXCHANGES):
        yield Phase1(cipher, bits, digest, str(group), method, exchange)


# --- what both prove themselves with ------------------------------------------------------------------------------


@functools.cache
def keyrings(method: AuthenticationMethod) -> tuple[Keyring | None, Keyring | None]:
    """East's and west's, with certificates of one CA; none for a pre-shared key."""
    if method is AuthenticationMethod.PRE_SHARED:
        return None, None
    authority = root(key=_key(method, "authority"))
    return _keyring(authority, method, EAST), _keyring(authority, method, WEST)


def _keyring(authority: Ca, method: AuthenticationMethod, address: str) -> Keyring:
    key = _key(method, address)
    own = authority.issue(f"/CN={address}", names(f"IP:{address}"), key=key)
    return Keyring(
        Holdings(
            authorities=(read_certificate(authority.issued.der),),
            certificates=(read_certificate(own.der),),
            private_key=key,
        )
    )


def _key(method: AuthenticationMethod, name: str) -> RSAPrivateKey | EllipticCurvePrivateKey:
    bits = str(method).rpartition("_")[2]
    return ec_key(f"itself {name}", int(bits)) if bits.isdigit() else rsa_key(f"itself {name}")


# --- phase 1 ------------------------------------------------------------------------------------------------------


def sides(tried: Phase1) -> tuple[Configuration, Configuration]:
    """East begins; both know this combination alone."""
    peer = {"exchange": tried.exchange}
    made = [
        configuration(here, there, transforms=(tried.transform(),), initiates=here == EAST, peer=peer, general=GENERAL)
        for here, there in ((EAST, WEST), (WEST, EAST))
    ]
    return made[0], made[1]


def phase1_fails(tried: Phase1) -> str:
    """Why there is no tunnel behind this combination, "" where there is one with the same keys on both sides."""
    pair = Pair(*sides(tried), credentials=keyrings(tried.method)).start().run(1.0)
    ends = [node.engine._core.sas.isakmp for node in pair.nodes]
    if [len(each) for each in ends] != [1, 1] or not pair.established:
        return f"{tried}: {pair.east.log[-2:]} {pair.west.log[-2:]}"
    (east,), (west,) = ends
    return "" if east.keys == west.keys else f"{tried}: the keys differ"


@pytest.mark.timeout(MOST_SECONDS)
@pytest.mark.parametrize("group", sorted(GROUPS), ids=str)
def test_every_combination_of_phase_1(group: Group, record_property: Record) -> None:
    record_property("row", f"itself-phase-1-{group}")
    tried = list(phase1(group))
    assert [failure for each in tried if (failure := phase1_fails(each))] == []
    record_property("interop", f"{len(tried)} of {len(tried)} established")


# --- phase 2 ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Algorithms:
    """What an ESP or AH transform is made of; `bits` and `authentication` None where it has none."""

    protocol: str
    transform: str
    bits: int | None
    authentication: str | None

    def made(self, mode: str, group: str | None) -> IpsecProtocol:
        """As an IPsec-protocol section."""
        chosen = suite(cipher=self.transform, bits=self.bits, authentication=self.authentication, group=group)
        (one,) = chosen.protocols
        (transform,) = one.transforms
        return replace(one, protocol_id=self.protocol, transforms=(replace(transform, encapsulation=mode),))


def algorithms() -> Iterator[Algorithms]:
    """Every ESP and every AH, with each authentication that it can have."""
    for cipher, row in ESP.items():
        lengths: list[int | None] = [each for each in (128, 192, 256) if each in row.key_bits]
        hashes: list[str | None] = [None] if row.combined else [str(each) for each in AUTHENTICATIONS]
        for bits, authentication in product(lengths or [None], hashes):
            yield Algorithms("IPSEC_ESP", str(cipher), bits, authentication)
    for transform, digest in AH.items():
        yield Algorithms("IPSEC_AH", str(transform), None, str(digest))


def quick_fails(protocol: IpsecProtocol) -> str:
    """Why a quick mode with this suite makes no SAs, "" where both ends have the same ones, in its mode."""
    suites = (Suite("only", (protocol,)),)
    pair = Pair(configuration(EAST, WEST, suites=suites, initiates=True), configuration(WEST, EAST, suites=suites))
    pair.start().run(1.0)
    (wanted,) = protocol.transforms
    found = {(f"IPSEC_{each.protocol}", each.encapsulation) for each in pair.east.kernel.values()}
    if pair.established and found == {(protocol.protocol_id, wanted.encapsulation)}:
        return ""
    return f"{protocol}: {pair.east.log[-2:]} {pair.west.log[-2:]}"


@pytest.mark.timeout(MOST_SECONDS)
@pytest.mark.parametrize("group", [None, *sorted(GROUPS)], ids=str)
def test_every_suite(group: Group | None, record_property: Record) -> None:
    record_property("row", f"itself-phase-2-{group}")
    named = None if group is None else str(group)
    tried = [each.made(mode, named) for each, mode in product(algorithms(), MODES)]
    assert [failure for each in tried if (failure := quick_fails(each))] == []
    record_property("interop", f"{len(tried)} of {len(tried)} established")
