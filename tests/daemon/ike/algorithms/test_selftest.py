"""The self-test: its known answers against other arithmetic, and what it does when a library computes nonsense."""

from __future__ import annotations

import pytest

from daemon.ike.algorithms import ciphers, dh, selftest
from daemon.ike.algorithms.ciphers import CIPHERS, HASHES
from daemon.ike.algorithms.dh import GROUPS, modp_prime
from daemon.ike.algorithms.selftest import SelfTestError, run
from daemon.ike.registries import Group, HashAlgorithm
from policydb.configuration import primitives
from tests.daemon.ike.curves import CURVES


def test_whatever_can_be_negotiated_is_tested() -> None:
    assert sorted(run()) == sorted(map(str, (*CIPHERS, *HASHES, *GROUPS)))


@pytest.mark.parametrize("group", [each for each in sorted(GROUPS) if str(each).startswith("MODP_")], ids=str)
def test_the_answer_of_a_modp_group_is_a_power_of_two(group: Group) -> None:
    octets = {3072: 40, 4096: 48, 6144: 56, 8192: 64}.get(modp_prime(group).bit_length(), 32)
    exponent = int.from_bytes(b"\x5a" * octets) | 1 << (8 * octets - 1)
    answer = pow(2, exponent, modp_prime(group)).to_bytes(modp_prime(group).bit_length() // 8)
    assert answer.hex().startswith(selftest._GROUPS[group])


@pytest.mark.parametrize("group", CURVES, ids=str)
def test_the_answer_of_an_ecp_group_is_the_square_of_a_scalar_times_the_base_point(group: Group) -> None:
    curve = CURVES[group]
    scalar = int.from_bytes(b"\x5a" * (curve.octets + 8)) % (curve.order - 1) + 1
    point = curve.times(scalar * scalar, curve.base)
    assert point is not None
    assert point[0].to_bytes(curve.octets).hex().startswith(selftest._GROUPS[group])


def test_a_wrong_cipher_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    right = primitives.block_cipher
    wrong = {"CAST_CBC": "BLOWFISH_CBC"}
    monkeypatch.setattr(primitives, "block_cipher", lambda word: right(wrong.get(word, word)))
    with pytest.raises(SelfTestError, match="CAST_CBC does not give the known answer"):
        run()


def test_a_wrong_hash_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ciphers._HASHES, HashAlgorithm.SHA2_384, "sha256")
    with pytest.raises(SelfTestError, match="SHA2_384 does not give the known answer"):
        run()


@pytest.mark.parametrize("group", [Group.MODP_2048, Group.ECP_256], ids=str)
def test_a_wrong_group_stops_it(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {Group.MODP_2048: Group.MODP_1536, Group.ECP_256: Group.BP_256}[group]
    right = dh.generate
    monkeypatch.setattr(selftest, "generate", lambda asked, random: right(other if asked == group else asked, random))
    with pytest.raises(SelfTestError, match=f"{group} does not give"):
        run()
