"""Transforms: which attributes make which parameters (RFC 2407 section 4.5, RFC 2409 appendix A), and which none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.messages.payloads import DataAttribute, Transform
from daemon.ike.messages.transforms import (
    IkeParameters,
    IpsecParameters,
    Unsupported,
    decode_ike,
    decode_ipsec,
    encode_ike,
    encode_ipsec,
)
from daemon.ike.registries import (
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

IKE = ((1, 7), (14, 256), (2, 4), (3, 1), (4, 14), (11, 1), (12, 3600))
ESP = ((4, 1), (5, 5), (6, 128), (1, 1), (2, 3600))
Pairs = tuple[tuple[int, int | bytes], ...]


def transform(number: int, *pairs: tuple[int, int | bytes]) -> Transform:
    return Transform(1, number, tuple(DataAttribute(kind, value) for kind, value in pairs))


def without(pairs: Pairs, *kinds: int) -> Pairs:
    return tuple(each for each in pairs if each[0] not in kinds)


def changed(pairs: Pairs, kind: int, value: int | bytes) -> Pairs:
    return tuple((each, value if each == kind else old) for each, old in pairs)


# --- phase 1 ------------------------------------------------------------------------------------------------------


def test_a_phase_1_transform_is_decoded() -> None:
    decoded = decode_ike(transform(1, *IKE))
    assert decoded == IkeParameters(
        Encryption.AES_CBC,
        256,
        HashAlgorithm.SHA2_256,
        AuthenticationMethod.PRE_SHARED,
        Group.MODP_2048,
        life_seconds=3600,
    )
    assert str(decoded) == "AES_CBC-256 SHA2_256 PRE_SHARED MODP_2048 3600s"


@pytest.mark.parametrize("bits", [None, 40, 96, 128])
@pytest.mark.parametrize("cipher", [3, 6])
def test_blowfish_and_cast_have_a_key_length_or_a_default(cipher: int, bits: int | None) -> None:
    pairs = changed(IKE, 1, cipher)
    decoded = decode_ike(transform(1, *(without(pairs, 14) if bits is None else changed(pairs, 14, bits))))
    assert (decoded.encryption, decoded.key_length) == (cipher, bits)


@pytest.mark.parametrize("group", [1, 2, 5, *range(14, 22), 25, 26, 28, 29, 30])
def test_the_groups_that_isakmpd_has_but_three(group: int) -> None:
    """EC2N_155, EC2N_185 and BP_224 no library has; the small subgroups of 22 to 24 nobody should."""
    assert decode_ike(transform(1, *changed(IKE, 4, group))).group == group
    assert esp(12, *ESP, (3, group)).group == group


@pytest.mark.parametrize("group", [0, 3, 4, 22, 23, 24, 27, 31])
def test_no_other_group_is_taken_for_pfs(group: int) -> None:
    with pytest.raises(Unsupported):
        esp(12, *ESP, (3, group))


def test_3des_has_no_key_length() -> None:
    assert decode_ike(transform(1, *without(changed(IKE, 1, 5), 14))).key_length is None


def test_lives_may_be_long_and_of_both_types() -> None:
    lives: Pairs = ((11, 2), (12, bytes.fromhex("00100000")), (11, 1), (12, bytes.fromhex("0000000000015180")))
    decoded = decode_ike(transform(1, *without(IKE, 11, 12), *lives))
    assert (decoded.life_seconds, decoded.life_kilobytes) == (86400, 1048576)
    assert decode_ike(transform(1, *without(IKE, 11, 12))).life_seconds is None


@pytest.mark.parametrize(
    ("pairs", "attribute"),
    [
        *(
            (without(IKE, kind), word)
            for kind, word in ((1, "encryption"), (2, "hash"), (3, "authentication"), (4, "group"))
        ),
        (without(IKE, 14), "key length"),
        (changed(IKE, 14, 0), "key length"),
        (changed(IKE, 14, 127), "key length"),
        (changed(IKE, 14, 64), "key length"),
        (changed(IKE, 1, 5), "key length"),  # 3DES with a key length
        (changed(IKE, 1, 1), "encryption"),
        (changed(IKE, 1, 99), "encryption"),
        (changed(IKE, 2, 3), "hash"),
        (changed(IKE, 3, 2), "authentication"),
        (changed(IKE, 3, 65535), "authentication"),
        *((changed(IKE, 4, group), "group") for group in (0, 3, 4, 6, 13, 22, 23, 24, 27, 31)),
        (changed(changed(IKE, 1, 3), 14, 32), "key length"),  # Blowfish: 40 to 448 in steps of 8
        (changed(changed(IKE, 1, 3), 14, 129), "key length"),
        (changed(changed(IKE, 1, 3), 14, 456), "key length"),
        (changed(changed(IKE, 1, 6), 14, 136), "key length"),  # CAST: 40 to 128 in steps of 8
        (changed(changed(IKE, 1, 6), 14, 127), "key length"),
        (changed(IKE, 1, 2), "encryption"),  # IDEA
        (changed(IKE, 1, 4), "encryption"),  # RC5
        (changed(IKE, 4, 1025), "group"),
        ((*IKE, (13, 1)), "PRF"),
        ((*IKE, (5, 1)), "GROUP_TYPE"),
        ((*IKE, (6, b"\xff" * 64)), "GROUP_PRIME"),
        ((*IKE, (7, 2)), "GENERATOR_1"),
        ((*IKE, (16384, 1)), "IKEATTRIBUTE16384"),
        ((*IKE, (1, 7)), "ENCRYPTION_ALGORITHM"),  # twice
        (changed(IKE, 1, b""), "ENCRYPTION_ALGORITHM"),
        ((*IKE, (11, 1), (12, 7200)), "LIFE_DURATION"),  # seconds twice
        (changed(IKE, 12, 0), "LIFE_DURATION"),
        (changed(IKE, 11, 3), "LIFE_DURATION"),
        (without(IKE, 11), "LIFE_DURATION"),
        (without(IKE, 12), "life type"),
    ],
)
def test_what_phase_1_cannot_do_is_said(pairs: Pairs, attribute: str) -> None:
    with pytest.raises(Unsupported) as caught:
        decode_ike(transform(1, *pairs))
    assert caught.value.attribute == attribute
    comparison = caught.value.comparison("offer")
    assert comparison.differences[0].attribute == attribute


def test_a_transform_other_than_key_ike_is_unsupported() -> None:
    with pytest.raises(Unsupported):
        decode_ike(transform(2, *IKE))


# --- phase 2 ------------------------------------------------------------------------------------------------------


def esp(number: int, *pairs: tuple[int, int | bytes], natt: bool = False) -> IpsecParameters:
    return decode_ipsec(Protocol.IPSEC_ESP, b"spi!", transform(number, *pairs), natt=natt)


def test_an_esp_transform_is_decoded() -> None:
    decoded = esp(12, *ESP, (3, 19))
    assert decoded == IpsecParameters(
        Protocol.IPSEC_ESP,
        b"spi!",
        EspTransform.AES,
        Encapsulation.TUNNEL,
        Authentication.HMAC_SHA2_256,
        Group.ECP_256,
        128,
        3600,
    )
    assert str(decoded) == "IPSEC_ESP AES-128 HMAC_SHA2_256 TUNNEL ECP_256 3600s"


@pytest.mark.parametrize(
    ("number", "bits", "authentication", "cipher_octets", "mac_octets"),
    [
        (3, None, 1, 24, 16),  # 3DES (RFC 2451), HMAC-MD5 (RFC 2403)
        (3, None, 2, 24, 20),  # HMAC-SHA1 (RFC 2404)
        (12, 128, 5, 16, 32),  # AES-CBC (RFC 3602), HMAC-SHA2 (RFC 4868)
        (12, 192, 6, 24, 48),
        (12, 256, 7, 32, 64),
        (12, 256, 8, 32, 20),  # HMAC-RIPEMD-160 (RFC 2857)
        (12, 256, None, 32, 0),
        (13, 128, 2, 20, 20),  # AES-CTR: 4 octets of nonce (RFC 3686)
        (20, 256, None, 36, 0),  # AES-GCM: 4 octets of salt (RFC 4106)
        (23, 128, None, 20, 0),  # AES-GMAC (RFC 4543)
        (11, None, 2, 0, 20),  # NULL
        (6, None, 2, 16, 20),  # CAST: 128 bits unless negotiated
        (7, None, 2, 16, 20),
        (7, 448, 2, 56, 20),
    ],
)
def test_keymat_has_the_octets_that_each_algorithm_takes(
    number: int, bits: int | None, authentication: int | None, cipher_octets: int, mac_octets: int
) -> None:
    optional = [(kind, value) for kind, value in ((6, bits), (5, authentication)) if value is not None]
    decoded = esp(number, (4, 1), *optional)
    assert (decoded.encryption_key_octets, decoded.authentication_key_octets) == (cipher_octets, mac_octets)


@pytest.mark.parametrize(
    ("number", "pairs", "attribute"),
    [
        (12, without(ESP, 4), "encapsulation"),
        (12, changed(ESP, 4, 3), "encapsulation"),  # UDP without a NAT
        (12, changed(ESP, 4, 9), "encapsulation"),
        (12, without(ESP, 6), "key length"),
        (12, changed(ESP, 6, 64), "key length"),
        (12, changed(ESP, 6, 0), "key length"),
        (3, ESP, "key length"),
        (11, without(ESP, 5, 6), "authentication"),  # NULL twice
        (20, ESP, "authentication"),  # combined with another authenticator
        (23, changed(ESP, 6, 0), "key length"),
        (12, changed(ESP, 5, 3), "authentication"),
        (12, changed(ESP, 5, 99), "authentication"),
        (2, without(ESP, 6), "encryption"),
        (99, ESP, "encryption"),
        (12, (*ESP, (3, 3)), "group"),
        (12, (*ESP, (7, 8)), "KEY_ROUNDS"),
        (12, (*ESP, (8, 1)), "COMPRESS_DICTIONARY_SIZE"),
        (12, (*ESP, (9, 1)), "COMPRESS_PRIVATE_ALGORITHM"),
        (12, (*ESP, (10, 1)), "ECN_TUNNEL"),
        (12, (*ESP, (32001, 1)), "IPSECATTRIBUTE32001"),
        (12, (*ESP, (5, 5)), "AUTHENTICATION_ALGORITHM"),
        (12, without(ESP, 1), "SA_LIFE_DURATION"),
        (12, changed(ESP, 2, 0), "SA_LIFE_DURATION"),
        (12, changed(ESP, 2, b"\1" * 9), "SA_LIFE_DURATION"),
    ],
)
def test_what_esp_cannot_do_is_said(number: int, pairs: Pairs, attribute: str) -> None:
    with pytest.raises(Unsupported) as caught:
        esp(number, *pairs)
    assert caught.value.attribute == attribute


@pytest.mark.parametrize(("number", "authentication"), [(2, 1), (3, 2), (5, 5), (6, 6), (7, 7), (8, 8)])
def test_ah_goes_with_its_own_authentication_algorithm_only(number: int, authentication: int) -> None:
    decoded = decode_ipsec(Protocol.IPSEC_AH, b"spi!", transform(number, (4, 1), (5, authentication)), natt=False)
    assert decoded.encryption_key_octets == 0
    assert decoded.authentication_key_octets > 0
    for pairs in (((4, 1),), ((4, 1), (5, authentication % 8 + 1)), ((4, 1), (5, authentication), (6, 128))):
        with pytest.raises(Unsupported):
            decode_ipsec(Protocol.IPSEC_AH, b"spi!", transform(number, *pairs), natt=False)


@pytest.mark.parametrize("number", [0, 1, 4, 9, 99])
def test_ah_transforms_that_nobody_does_are_unsupported(number: int) -> None:
    with pytest.raises(Unsupported) as caught:
        decode_ipsec(Protocol.IPSEC_AH, b"spi!", transform(number, (4, 1), (5, 1)), natt=False)
    assert caught.value.attribute == "hash"


def test_compression_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="protocol IPCOMP"):
        decode_ipsec(Protocol.IPCOMP, b"cp", transform(2, (4, 1)), natt=True)


@pytest.mark.parametrize(
    ("number", "mode", "in_udp"),
    [
        (1, "TUNNEL", False),
        (2, "TRANSPORT", False),
        (3, "TUNNEL", True),
        (4, "TRANSPORT", True),
        (61443, "TUNNEL", True),
        (61444, "TRANSPORT", True),
    ],
)
def test_encapsulation_is_a_mode_in_udp_or_not(number: int, mode: str, in_udp: bool) -> None:
    decoded = esp(12, *changed(ESP, 4, number), natt=True)
    assert (str(decoded.mode), decoded.udp_encapsulated) == (mode, in_udp)


@given(
    st.sampled_from([Protocol.IPSEC_ESP, Protocol.IPSEC_AH, Protocol.IPCOMP]),
    st.integers(0, 255),
    st.lists(st.tuples(st.integers(0, 12), st.one_of(st.integers(0, 30), st.binary(max_size=9))), max_size=8),
)
def test_any_attributes_are_parameters_or_unsupported(
    protocol: Protocol, number: int, pairs: list[tuple[int, int]]
) -> None:
    for decode in (
        lambda: decode_ike(transform(number, *pairs)),
        lambda: decode_ipsec(protocol, b"spi!", transform(number, *pairs), natt=True),
    ):
        try:
            decoded = decode()
        except Unsupported as reason:
            shown = str(reason)
        else:
            shown = str(decoded)
        assert shown.isprintable()


# --- encoding -----------------------------------------------------------------------------------------------------

HOUR = Lifetime("SECONDS", Interval(3600, 60, 86400))


def test_a_configured_phase_1_transform_is_encoded_in_the_order_of_the_manual() -> None:
    configured = IkeTransform(
        "T",
        "AES_CBC",
        "SHA2_256",
        "PRE_SHARED",
        "MODP_2048",
        Interval(256, 128, 256),
        (HOUR, Lifetime("KILOBYTES", None)),
    )
    assert encode_ike(3, configured) == Transform(3, 1, tuple(DataAttribute(kind, value) for kind, value in IKE))


def test_aes_without_a_key_length_is_offered_with_128_bits() -> None:
    ike = encode_ike(1, IkeTransform("T", "AES_CBC", "SHA", "PRE_SHARED", "MODP_1024"))
    assert DataAttribute(14, 128) in ike.attributes
    ipsec = encode_ipsec(1, Protocol.IPSEC_ESP, IpsecTransform("X", "AES", "TUNNEL", "HMAC_SHA"), Encapsulation.TUNNEL)
    assert DataAttribute(6, 128) in ipsec.attributes


def test_a_long_life_is_encoded_in_four_octets() -> None:
    day = Lifetime("SECONDS", Interval(86400, 60, 86400))
    encoded = encode_ike(1, IkeTransform("T", "3DES_CBC", "MD5", "PRE_SHARED", "MODP_1024", lifetimes=(day,)))
    assert encoded.attributes[-1] == DataAttribute(12, bytes.fromhex("00015180"))
    assert decode_ike(encoded).life_seconds == 86400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("encryption", each) for each in ("ANY", "IDEA_CBC", "NONSENSE")),
        *(("hash", each) for each in ("ANY", "TIGER")),
        *(("authentication", each) for each in ("ANY", "DSS")),
        *(("group", each) for each in ("ANY", "EC2N_155")),
    ],
)
def test_what_cannot_be_done_or_meant_is_not_offered(field: str, value: str) -> None:
    words = {
        "encryption": "3DES_CBC",
        "hash": "SHA",
        "authentication": "PRE_SHARED",
        "group": "MODP_1024",
        field: value,
    }
    with pytest.raises(Unsupported):
        encode_ike(1, IkeTransform("T", **words))  # type: ignore[arg-type]


@pytest.mark.parametrize("authentication", [None, "HMAC_SHA", "HMAC_SHA2_512"])
@pytest.mark.parametrize("group", [None, "MODP_2048", "ECP_384"])
@pytest.mark.parametrize(("cipher", "bits"), [("3DES", None), ("AES", 256), ("BLOWFISH", 128)])
def test_a_configured_phase_2_transform_survives_the_wire(
    authentication: str | None, group: str | None, cipher: str, bits: int | None
) -> None:
    length = Interval(bits, bits, bits) if bits else None
    configured = IpsecTransform("X", cipher, "TRANSPORT", authentication, group, length, (HOUR,))
    decoded = decode_ipsec(
        Protocol.IPSEC_ESP,
        b"spi!",
        encode_ipsec(1, Protocol.IPSEC_ESP, configured, Encapsulation.TRANSPORT),
        natt=False,
    )
    words = (decoded.transform, decoded.encapsulation, decoded.authentication, decoded.group)
    expected = (cipher, "TRANSPORT", authentication, group)
    assert tuple(None if each is None else str(each) for each in words) == expected
    assert (decoded.key_length, decoded.life_seconds) == (bits, 3600)
