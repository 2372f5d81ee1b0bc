"""Diffie-Hellman: groups as RFC 2409, RFC 3526 and RFC 5903 define them, and the values that no peer may send."""

from __future__ import annotations

import random
import sys
import warnings
from functools import partial

import pytest

from daemon.ike import dh
from daemon.ike.dh import GROUPS, generate, modp_prime
from daemon.ike.errors import InvalidKeyInformation, LocalError
from daemon.ike.registries import Group

MODP = {
    Group.MODP_1024: 1024,
    Group.MODP_1536: 1536,
    Group.MODP_2048: 2048,
    Group.MODP_3072: 3072,
    Group.MODP_4096: 4096,
    Group.MODP_6144: 6144,
    Group.MODP_8192: 8192,
}
ECP = {Group.ECP_256: 256, Group.ECP_384: 384, Group.ECP_521: 521}
modp = pytest.mark.parametrize("group", MODP, ids=str)
small = pytest.mark.parametrize("group", [Group.MODP_1024, Group.MODP_1536, Group.MODP_2048], ids=str)
ecp = pytest.mark.parametrize("group", ECP, ids=str)
every = pytest.mark.parametrize("group", sorted(GROUPS), ids=str)

# RFC 3526 section 3.
PRIME_2048 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
# RFC 2409 section 6.2.
PRIME_1024 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)


def seeded(seed: int) -> dh.Random:
    return random.Random(seed).randbytes


def test_the_primes_are_those_of_the_rfcs() -> None:
    assert modp_prime(Group.MODP_1024) == PRIME_1024
    assert modp_prime(Group.MODP_2048) == PRIME_2048


@modp
def test_a_prime_is_prime_and_two_generates_the_large_subgroup(group: Group) -> None:
    prime = modp_prime(group)
    assert prime.bit_length() == MODP[group]
    assert prime >> (MODP[group] - 64) == prime & ((1 << 64) - 1) == (1 << 64) - 1
    assert pow(2, prime >> 1, prime) == 1  # a Fermat test that also says that 2 is a square


@every
def test_both_sides_find_the_same_secret(group: Group) -> None:
    initiator, responder = generate(group, seeded(1)), generate(group, seeded(2))
    secret = initiator.shared(responder.public)
    assert secret == responder.shared(initiator.public)
    public, shared = (
        (MODP[group] // 8, MODP[group] // 8) if group in MODP else (2 * ((ECP[group] + 7) // 8), (ECP[group] + 7) // 8)
    )
    assert (len(initiator.public), len(secret)) == (public, shared)


@every
def test_a_key_pair_follows_from_the_randomness_alone(group: Group) -> None:
    assert generate(group, seeded(7)).public == generate(group, seeded(7)).public
    assert generate(group, seeded(7)).public != generate(group, seeded(8)).public


@every
@pytest.mark.parametrize("octet", [b"\0", b"\xff"])
def test_extreme_randomness_still_gives_a_usable_pair(group: Group, octet: bytes) -> None:
    ours, theirs = generate(group, lambda n: octet * n), generate(group, seeded(1))
    assert ours.shared(theirs.public) == theirs.shared(ours.public)


@every
def test_a_private_exponent_takes_at_least_256_bits_of_randomness(group: Group) -> None:
    asked: list[int] = []

    def spy(count: int) -> bytes:
        asked.append(count)
        return seeded(3)(count)

    generate(group, spy)
    estimates = {Group.MODP_3072: 260, Group.MODP_4096: 300, Group.MODP_6144: 340, Group.MODP_8192: 380}
    assert 8 * sum(asked) >= max(256, estimates.get(group, 0))  # RFC 3526 section 8


@modp
def test_public_value_and_secret_are_powers(group: Group) -> None:
    prime = modp_prime(group)
    pair = generate(group, (1).to_bytes)
    exponent = 1 | 1 << (8 * {3072: 40, 4096: 48, 6144: 56, 8192: 64}.get(MODP[group], 32) - 1)
    assert int.from_bytes(pair.public) == pow(2, exponent, prime)
    for base in (2, 3, prime - 2, prime >> 1):
        assert int.from_bytes(pair.shared(base.to_bytes(MODP[group] // 8))) == pow(base, exponent, prime)


@small
def test_pow_gives_the_same_as_the_library(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    before = generate(group, seeded(1)).shared(generate(group, seeded(2)).public)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.dh", None)
    monkeypatch.setattr(dh, "_power", dh._power.__wrapped__)
    assert isinstance(dh._power(group), partial)  # pow(), for want of the module
    assert generate(group, seeded(1)).shared(generate(group, seeded(2)).public) == before


def test_the_deprecation_is_not_shown_to_users() -> None:
    dh._power.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generate(Group.MODP_1536, seeded(1))


@modp
@pytest.mark.parametrize("value", ["0", "1", "p-1", "p", "p+1", "2^n-1"])
def test_public_values_outside_the_group_are_refused(group: Group, value: str) -> None:
    prime = modp_prime(group)
    number = {"0": 0, "1": 1, "p-1": prime - 1, "p": prime, "p+1": prime + 1, "2^n-1": (1 << MODP[group]) - 1}[value]
    with pytest.raises(InvalidKeyInformation):
        generate(group, seeded(1)).shared(number.to_bytes(MODP[group] // 8))


@every
def test_public_values_of_another_length_are_refused(group: Group) -> None:
    pair, peer = generate(group, seeded(1)), generate(group, seeded(2)).public
    for wrong in (b"", b"\0", peer[1:], peer[:-1], b"\0" + peer, peer + b"\0", peer + peer):
        with pytest.raises(InvalidKeyInformation):
            pair.shared(wrong)


@ecp
def test_points_off_the_curve_are_refused(group: Group) -> None:
    pair, peer = generate(group, seeded(1)), generate(group, seeded(2)).public
    half = len(peer) // 2
    flipped = peer[:-1] + bytes([peer[-1] ^ 1])
    for wrong in (bytes(len(peer)), b"\xff" * len(peer), flipped, peer[half:] + peer[:half]):
        with pytest.raises(InvalidKeyInformation):
            pair.shared(wrong)


def test_the_256_bit_random_ecp_group_agrees_with_rfc_5903() -> None:
    # Section 8.1. The scalar is (octets mod n-1) + 1, so the randomness that yields it is one less.
    i = 0xC88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433
    r = 0xC6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53
    initiator = generate(Group.ECP_256, (i - 1).to_bytes)
    responder = generate(Group.ECP_256, (r - 1).to_bytes)
    assert initiator.public.hex() == (
        "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
        "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"
    )
    assert responder.public.hex() == (
        "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
        "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"
    )
    shared = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"
    assert initiator.shared(responder.public).hex() == responder.shared(initiator.public).hex() == shared


def test_a_pair_does_not_show_its_private_half() -> None:
    pair = generate(Group.MODP_1536, lambda n: b"\x5a" * n)
    assert str(int.from_bytes(b"\xda" + b"\x5a" * 31)) not in repr(pair)


@pytest.mark.parametrize("group", [Group.MODP_768, Group.EC2N_155, Group.BP_512, Group(22), Group(9999)])
def test_a_group_that_we_lack_is_our_own_error(group: Group) -> None:
    with pytest.raises(LocalError):
        generate(group, seeded(1))
