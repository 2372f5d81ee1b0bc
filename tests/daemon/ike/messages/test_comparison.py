"""Offers against configuration: ANY, offer/accept ranges, and every difference named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.messages import comparison
from daemon.ike.messages.transforms import IkeParameters, IpsecParameters
from daemon.ike.registries import (
    AhTransform,
    Authentication,
    AuthenticationMethod,
    Encapsulation,
    Encryption,
    EspTransform,
    Group,
    HashAlgorithm,
    Protocol,
)
from policydb.connections import IkeTransform, Interval, IpsecTransform, Lifetime
from policydb.negotiation import Comparison, Difference

OFFERED = IkeParameters(
    Encryption.AES_CBC, 256, HashAlgorithm.SHA2_256, AuthenticationMethod.PRE_SHARED, Group.MODP_2048, 3600
)
CONFIGURED = IkeTransform(
    "AES-SHA2-256-GRP14",
    "AES_CBC",
    "SHA2_256",
    "PRE_SHARED",
    "MODP_2048",
    Interval(128, 128, 256),
    (Lifetime("SECONDS", Interval(3600, 60, 86400)),),
)


def compare_ike(offered: IkeParameters, configured: IkeTransform) -> Comparison:
    (only,) = comparison.compare_ike(offered, (configured,))
    return only


def compare_ipsec(offered: IpsecParameters, configured: IpsecTransform) -> Comparison:
    (only,) = comparison.compare_ipsec(offered, (configured,))
    return only


def test_an_offer_inside_the_ranges_has_no_differences() -> None:
    found = compare_ike(OFFERED, CONFIGURED)
    assert found.differences == ()
    assert found.offered == "AES_CBC-256 SHA2_256 PRE_SHARED MODP_2048 3600s"
    assert found.configured == "AES-SHA2-256-GRP14"


@pytest.mark.parametrize(
    ("offered", "difference"),
    [
        ({"hash": HashAlgorithm.SHA}, Difference("hash", "SHA", "SHA2_256")),
        ({"group": Group.MODP_1024}, Difference("group", "MODP_1024", "MODP_2048")),
        ({"authentication": AuthenticationMethod.RSA_SIG}, Difference("authentication", "RSA_SIG", "PRE_SHARED")),
        ({"key_length": 64}, Difference("key length", "64", "128,128:256")),
        ({"life_seconds": 86401}, Difference("life seconds", "86401", "3600,60:86400")),
        ({"life_seconds": 59}, Difference("life seconds", "59", "3600,60:86400")),
    ],
)
def test_each_attribute_that_differs_is_named(offered: dict[str, object], difference: Difference) -> None:
    assert compare_ike(replace(OFFERED, **offered), CONFIGURED).differences == (difference,)  # type: ignore[arg-type]


@pytest.mark.parametrize("group", [Group.MODP_1024, Group.MODP_2048, Group.ECP_192, Group.BP_512])
def test_any_stands_for_whatever_group_we_have(group: Group) -> None:
    assert compare_ike(replace(OFFERED, group=group), replace(CONFIGURED, group="ANY")).differences == ()


def test_any_does_not_stand_for_a_group_that_is_broken_while_one_waits() -> None:
    tiny = replace(OFFERED, group=Group.MODP_768)
    difference = Difference("group", "MODP_768", "ANY")
    assert compare_ike(tiny, replace(CONFIGURED, group="ANY")).differences == (difference,)
    assert compare_ike(tiny, replace(CONFIGURED, group="MODP_768")).differences == ()


def test_several_differences_are_all_named() -> None:
    offered = IkeParameters(
        Encryption.DES3_CBC, None, HashAlgorithm.MD5, AuthenticationMethod.PRE_SHARED, Group.MODP_1024
    )
    words = [each.attribute for each in compare_ike(offered, CONFIGURED).differences]
    assert words == ["encryption", "key length", "hash", "group"]


@pytest.mark.parametrize("field", ["encryption", "hash", "authentication", "group"])
def test_any_accepts_whatever_is_offered(field: str) -> None:
    strict = replace(CONFIGURED, **{field: "NONSENSE"})  # type: ignore[arg-type]
    assert compare_ike(OFFERED, strict).differences
    assert not compare_ike(OFFERED, replace(strict, **{field: "ANY"})).differences  # type: ignore[arg-type]


def test_any_cipher_comes_with_any_key_length() -> None:
    free = replace(CONFIGURED, encryption="ANY", key_length=None)
    for offered in (OFFERED, replace(OFFERED, encryption=Encryption.DES3_CBC, key_length=None)):
        assert not compare_ike(offered, free).differences


def test_aes_without_a_configured_length_means_128_bits() -> None:
    plain = replace(CONFIGURED, key_length=None)
    assert not compare_ike(replace(OFFERED, key_length=128), plain).differences
    assert compare_ike(OFFERED, plain).differences == (Difference("key length", "256", "128"),)


def test_a_life_that_was_not_offered_is_eight_hours() -> None:
    silent = replace(OFFERED, life_seconds=None)
    assert not compare_ike(silent, CONFIGURED).differences
    short = replace(CONFIGURED, lifetimes=(Lifetime("SECONDS", Interval(3600, 60, 7200)),))
    assert compare_ike(silent, short).differences == (Difference("life seconds", "28800", "3600,60:7200"),)


def test_any_duration_accepts_every_life() -> None:
    free = replace(CONFIGURED, lifetimes=(Lifetime("SECONDS", None), Lifetime("KILOBYTES", None)))
    assert not compare_ike(replace(OFFERED, life_seconds=1), free).differences


def test_a_configured_volume_wants_one_offered() -> None:
    bounded = replace(CONFIGURED, lifetimes=(Lifetime("KILOBYTES", Interval(1000, 1000, 2000)),))
    assert compare_ike(OFFERED, bounded).differences == (Difference("life kilobytes", None, "1000,1000:2000"),)
    assert not compare_ike(replace(OFFERED, life_kilobytes=1500), bounded).differences


ESP = IpsecParameters(
    Protocol.IPSEC_ESP,
    b"spi!",
    EspTransform.AES,
    Encapsulation.TUNNEL,
    Authentication.HMAC_SHA2_256,
    Group.MODP_2048,
    128,
    1200,
)
ESP_XF = IpsecTransform("X", "AES", "TUNNEL", "HMAC_SHA2_256", "MODP_2048", Interval(128, 128, 128))


@pytest.mark.parametrize(
    ("offered", "differences"),
    [
        ({}, ()),
        ({"encapsulation": Encapsulation.UDP_ENCAP_TUNNEL}, ()),
        ({"encapsulation": Encapsulation.UDP_ENCAP_TUNNEL_DRAFT}, ()),
        (
            {"encapsulation": Encapsulation.UDP_ENCAP_TRANSPORT},
            (Difference("encapsulation", "TRANSPORT", "TUNNEL"),),
        ),
        ({"group": None}, (Difference("group", None, "MODP_2048"),)),
        ({"authentication": None}, (Difference("authentication", None, "HMAC_SHA2_256"),)),
        (
            {"transform": EspTransform.DES3, "key_length": None},
            (Difference("encryption", "3DES", "AES"), Difference("key length", None, "128")),
        ),
    ],
)
def test_a_phase_2_offer_is_compared_attribute_by_attribute(
    offered: dict[str, object], differences: tuple[Difference, ...]
) -> None:
    assert compare_ipsec(replace(ESP, **offered), ESP_XF).differences == differences  # type: ignore[arg-type]


def test_pfs_that_is_not_configured_is_a_difference() -> None:
    assert compare_ipsec(ESP, replace(ESP_XF, group=None)).differences == (Difference("group", "MODP_2048", None),)


def test_ah_differs_in_its_hash() -> None:
    ah = IpsecParameters(Protocol.IPSEC_AH, b"spi!", AhTransform.SHA, Encapsulation.TUNNEL, Authentication.HMAC_SHA)
    configured = IpsecTransform("A", "MD5", "TUNNEL", "HMAC_MD5")
    words = [each.attribute for each in compare_ipsec(ah, configured).differences]
    assert words == ["hash", "authentication"]
