"""The registries: words of isakmpd.conf(5), numbers of IANA, and numbers that nobody assigned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike import registries
from daemon.ike.registries import (
    Encapsulation,
    Encryption,
    EspTransform,
    Group,
    HashAlgorithm,
    Notification,
    PayloadType,
    Protocol,
    Registry,
)

ALL = [
    each
    for each in vars(registries).values()
    if isinstance(each, type) and issubclass(each, Registry) and each is not Registry
]


@pytest.mark.parametrize(
    ("registry", "word", "number"),
    [
        (Encryption, "3DES_CBC", 5),
        (Encryption, "AES_CBC", 7),
        (HashAlgorithm, "SHA", 2),
        (HashAlgorithm, "SHA2_512", 6),
        (Group, "MODP_2048", 14),
        (Group, "ECP_521", 21),
        (Group, "BP_512", 30),
        (EspTransform, "3DES", 3),
        (EspTransform, "3IDEA", 8),
        (EspTransform, "AES_GMAC", 23),
        (Protocol, "IPSEC_AH", 2),
        (Protocol, "IPSEC_ESP", 3),
        (Encapsulation, "UDP_ENCAP_TUNNEL", 3),
        (Notification, "NO_PROPOSAL_CHOSEN", 14),
        (Notification, "R_U_THERE_ACK", 36137),
    ],
)
def test_words_of_the_configuration_are_numbers_on_the_wire(registry: type[Registry], word: str, number: int) -> None:
    member = registry.from_text(word)
    assert member == number
    assert str(member) == word
    assert member is registry(number)


@pytest.mark.parametrize("registry", ALL, ids=lambda each: each.__name__)
def test_every_word_reads_back_as_its_member(registry: type[Registry]) -> None:
    for member in registry:
        assert registry.from_text(str(member)) is member
        assert member.known


@pytest.mark.parametrize("registry", ALL, ids=lambda each: each.__name__)
@given(number=st.integers(0, 0xFFFFFFFF))
def test_every_number_prints(registry: type[Registry], number: int) -> None:
    value = registry(number)
    assert value == number
    assert str(value)
    assert value.known is (number in {int(each) for each in registry})


def test_an_unknown_number_prints_with_its_number() -> None:
    assert str(Notification(12345)) == "NOTIFICATION12345"
    assert str(PayloadType(99)) == "PAYLOADTYPE99"
    assert len(PayloadType.__members__) == len(list(PayloadType)) == 25


@pytest.mark.parametrize("word", ["DES3_CBCX", "", "3des_cbc", "NOTIFICATION12345"])
def test_a_word_that_no_registry_has_is_refused(word: str) -> None:
    with pytest.raises(KeyError):
        Encryption.from_text(word)


def test_a_negative_number_is_no_value() -> None:
    with pytest.raises(ValueError, match="-1"):
        Notification(-1)
