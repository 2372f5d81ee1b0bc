"""The vocabulary of isakmpd.policy(5) and the address form that makes string order address order."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.attributes import PROTECTED, RESERVED, VOCABULARY, Kind, is_reserved, suggest, zero_padded
from policydb.request import Request


@pytest.mark.parametrize(
    ("address", "padded"),
    [
        ("10.128.1.12", "010.128.001.012"),
        ("255.255.255.255", "255.255.255.255"),
        ("0.0.0.0", "000.000.000.000"),  # noqa: S104 - a value, nothing binds
        ("1080:0:12:0:8:800:200c:417a", "1080:0000:0012:0000:0008:0800:200c:417a"),
        ("::1", "0000:0000:0000:0000:0000:0000:0000:0001"),
        ("FE80::ABCD", "fe80:0000:0000:0000:0000:0000:0000:abcd"),
        ("fe80::1%eth0", "fe80:0000:0000:0000:0000:0000:0000:0001"),
    ],
)
def test_zero_padded_form(address: str, padded: str) -> None:
    assert zero_padded(address) == padded


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_ipv4_string_order_is_address_order(one: int, other: int) -> None:
    assert (zero_padded(IPv4Address(one)) < zero_padded(IPv4Address(other))) == (one < other)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_ipv6_string_order_is_address_order(one: int, other: int) -> None:
    assert (zero_padded(IPv6Address(one)) < zero_padded(IPv6Address(other))) == (one < other)


@pytest.mark.parametrize("text", ["", "10.0.0", "010.0.0.1", "300.1.1.1", "gateway", "1::2::3"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        zero_padded(text)


def test_every_name_may_be_asked_and_none_is_reserved() -> None:
    Request(("A",), dict.fromkeys(VOCABULARY, ""))
    assert not any(is_reserved(name) for name in VOCABULARY)
    assert all(is_reserved(name) for name in RESERVED)
    assert set(VOCABULARY) >= PROTECTED


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("app_domain", Kind.WORD, "IPsec policy"),
        ("esp_enc_alg", Kind.WORD, "aes"),
        ("ah_hash_alg", Kind.WORD, "sha2-512"),
        ("comp_alg", Kind.WORD, "deflate"),
        ("esp_encapsulation", Kind.WORD, "udp-encap-tunnel"),
        ("esp_group_desc", Kind.NUMBER, "21"),
        ("remote_filter_type", Kind.WORD, "IPv6 subnet"),
        ("remote_id_proto", Kind.TEXT, "etherip"),
    ],
)
def test_values_of_the_manual_are_listed(name: str, kind: Kind, value: str) -> None:
    assert VOCABULARY[name].kind is kind
    assert value in VOCABULARY[name].values


def test_every_word_has_its_closed_list() -> None:
    assert [each.name for each in VOCABULARY.values() if each.kind is Kind.WORD and not each.values] == []


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("esp_enc_algo", "esp_enc_alg"),
        ("esp_encalg", "esp_enc_alg"),
        ("ESP_PRESENT", "esp_present"),
        ("remote_filter_address_lower", "remote_filter_addr_lower"),
        ("gmttimeofday", "GMTTimeOfDay"),
        ("zzz", None),
    ],
)
def test_suggestion_for_a_typo(typo: str, meant: str | None) -> None:
    assert suggest(typo) == meant
