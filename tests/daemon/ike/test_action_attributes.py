"""isakmpd.policy(5), "action attributes", row by row: where each value comes from, and that `explain` shows it.

A row is a row of the manual's table, in its order. Where the manual and the original program differ the manual holds:
SHA-2 of AH stands in ah_hash_alg, ECN leaves the encapsulation alone, a Key ID is printed from its first octet, times
have fourteen digits, a lifetime that was not negotiated is "0". KEY_ROUNDS, ECN_TUNNEL, the COMPRESS_ attributes and
IPCOMP as a protocol cannot be negotiated, as in the original: their attributes keep what they have in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from daemon.ike.messages.payloads import DataAttribute, Identification, Transform
from daemon.ike.messages.proposals import IpsecParameters, IpsecProposal
from daemon.ike.messages.transforms import Unsupported, decode_ipsec
from daemon.ike.policy import NegotiationFacts, action_attributes
from daemon.ike.registries import (
    AhTransform,
    Authentication,
    Encapsulation,
    EspTransform,
    ExchangeType,
    Group,
    IdType,
    IpsecAttribute,
    Protocol,
)
from daemon.ike.trust.identities import from_payload
from policydb.attributes import VOCABULARY
from policydb.connections import Identity
from tests.daemon.ike.network import host
from tests.policydb.command_line import Run
from tests.policydb.conftest import policydb

__all__ = ["policydb"]  # the fixture

ESP = IpsecParameters(
    Protocol.IPSEC_ESP,
    b"spi!",
    EspTransform.AES,
    Encapsulation.TUNNEL,
    Authentication.HMAC_SHA2_256,
    Group.MODP_2048,
    128,
    1200,
    5000,
)
AH = IpsecParameters(
    Protocol.IPSEC_AH,
    b"spi!",
    AhTransform.SHA2_256,
    Encapsulation.TRANSPORT,
    Authentication.HMAC_SHA2_256,
    Group.MODP_2048,
    None,
    600,
    None,
)
BOTH = (ESP, AH)

FACTS = NegotiationFacts(
    initiator=True,
    phase1_exchange=ExchangeType.ID_PROT,
    phase1_group=Group.MODP_2048,
    proposal=IpsecProposal(1, BOTH, ()),
    remote_id=Identity("FQDN", name="gw.example.org"),
    remote_filter=host("10.128.1.12"),
    local_filter=host("10.2.0.1"),
    remote_address=ip_address("10.128.1.12"),
    local_address=ip_address("1080:0:12:0:8:800:200C:417A"),
    now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
)


def facts(**changes: Any) -> NegotiationFacts:  # noqa: ANN401 - fields of NegotiationFacts, of ESP or of AH by prefix
    """FACTS with other fields; `esp` and `ah` are other parameters of that protocol, None: without it."""
    protocols = []
    for name, usual in (("esp", ESP), ("ah", AH)):
        wanted = changes.pop(name, {})
        if wanted is not None:
            protocols.append(replace(usual, **wanted))
    return replace(FACTS, proposal=IpsecProposal(1, tuple(protocols), ()), **changes)


def identity(kind: IdType, data: bytes, protocol: int = 0, port: int = 0) -> Identity:
    """What a peer sends, as it is read."""
    return from_payload(Identification(kind, protocol, port, data))


def ip(*addresses: str) -> bytes:
    return b"".join(ip_address(each).packed for each in addresses)


DN = bytes.fromhex("301c310b3009060355040613024445310d300b06035504030c04677731 32".replace(" ", ""))
"""C=DE, CN=gw12, in DER."""

KINDS = {
    "IPv4 address": (IdType.IPV4_ADDR, ip("10.128.1.12"), "010.128.001.012", "010.128.001.012", "010.128.001.012"),
    "IPv4 range": (
        IdType.IPV4_RANGE,
        ip("10.0.0.5", "10.0.1.9"),
        "010.000.000.005-010.000.001.009",
        "010.000.000.005",
        "010.000.001.009",
    ),
    "IPv4 subnet": (
        IdType.IPV4_ADDR_SUBNET,
        ip("10.1.2.0", "255.255.254.0"),
        "010.001.002.000-010.001.003.255",
        "010.001.002.000",
        "010.001.003.255",
    ),
    "IPv6 address": (
        IdType.IPV6_ADDR,
        ip("1080:0:12:0:8:800:200C:417A"),
        *(3 * ("1080:0000:0012:0000:0008:0800:200c:417a",)),
    ),
    "IPv6 range": (
        IdType.IPV6_RANGE,
        ip("2001:db8::1", "2001:db8::f"),
        "2001:0db8:0000:0000:0000:0000:0000:0001-2001:0db8:0000:0000:0000:0000:0000:000f",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        "2001:0db8:0000:0000:0000:0000:0000:000f",
    ),
    "IPv6 subnet": (
        IdType.IPV6_ADDR_SUBNET,
        ip("2001:db8::", "ffff:ffff::"),
        "2001:0db8:0000:0000:0000:0000:0000:0000-2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:0db8:0000:0000:0000:0000:0000:0000",
        "2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff",
    ),
    "FQDN": (IdType.FQDN, b"gw.example.org", "gw.example.org", "", ""),
    "User FQDN": (IdType.USER_FQDN, b"me@example.org", "me@example.org", "", ""),
    "ASN1 DN": (IdType.DER_ASN1_DN, DN, "/C=DE/CN=gw12", "", ""),
    "ASN1 GN": (IdType.DER_ASN1_GN, b"\x82\x0egw.example.org", None, "", ""),
    "Key ID": (IdType.KEY_ID, b"group one", "group one", "", ""),
    "Key ID, not printable": (IdType.KEY_ID, b"\x00\xab\xff", "00abff", "", ""),
}
"""policy's word for the type -> ID type, its octets, the attribute, the bounds; None: said in docs/formats.md."""

ESP_WORDS = (
    *("des", "des-iv64", "3des", "rc4", "rc5", "idea"),
    *("cast", "blowfish", "3idea", "des-iv32", "null", "aes"),
)

Row = tuple[str, str, dict[str, Any], str | None]
"""The manual's row, an attribute of it, what is negotiated, the value."""


def _identity_rows() -> Iterator[Row]:
    for field in ("remote_id", "remote_filter", "local_filter"):
        for word, (kind, data, text, lower, upper) in KINDS.items():
            changes = {field: identity(kind, data)}
            yield "*_type", f"{field}_type", changes, word.partition(",")[0]
            if text is not None:
                yield "remote_id, *_filter", field, changes, text
            yield "*_addr_lower", f"{field}_addr_lower", changes, lower
            yield "*_addr_upper", f"{field}_addr_upper", changes, upper
        for port in (0, 500, 65535):
            yield "*_port", f"{field}_port", {field: replace(host("10.0.0.1"), protocol=17, port=port)}, str(port)
        for number, word in ((0, "0"), (6, "tcp"), (17, "udp"), (97, "etherip"), (1, "1"), (50, "50"), (255, "255")):
            yield "*_proto", f"{field}_proto", {field: replace(host("10.0.0.1"), protocol=number)}, word


def _protocol_rows() -> Iterator[Row]:
    for prefix in ("ah", "esp"):
        yield "*_present", f"{prefix}_present", {}, "yes"
        yield "*_present", f"{prefix}_present", {prefix: None}, "no"
        for mode, word in (
            (Encapsulation.TUNNEL, "tunnel"),
            (Encapsulation.TRANSPORT, "transport"),
            (Encapsulation.UDP_ENCAP_TUNNEL, "udp-encap-tunnel"),
            (Encapsulation.UDP_ENCAP_TUNNEL_DRAFT, "udp-encap-tunnel"),
            (Encapsulation.UDP_ENCAP_TRANSPORT, "transport"),
            (Encapsulation.UDP_ENCAP_TRANSPORT_DRAFT, "transport"),
        ):
            yield "*_encapsulation", f"{prefix}_encapsulation", {prefix: {"encapsulation": mode}}, word
        for word in ["md5", "sha", "des-mac", "kpdk", "sha2-256", "sha2-384", "sha2-512", "ripemd"]:
            name = word.replace("-", "_").upper()
            registered = Authentication.from_text(name if word in ("des-mac", "kpdk") else f"HMAC_{name}")
            wanted = word if word in ("des-mac", "kpdk") else f"hmac-{word}"
            yield "*_auth_alg", f"{prefix}_auth_alg", {prefix: {"authentication": registered}}, wanted
        for group in (1, 2, 3, 4, 5, *range(14, 22), *range(25, 31)):
            yield "*_group_desc", f"{prefix}_group_desc", {prefix: {"group": Group(group)}}, str(group)
        yield "*_group_desc", f"{prefix}_group_desc", {prefix: {"group": None}}, None
        for field, name in (("life_seconds", "life_seconds"), ("life_kilobytes", "life_kbytes")):
            yield f"*_{name}", f"{prefix}_{name}", {prefix: {field: 4711}}, "4711"
            unsaid = {"life_seconds": "28800", "life_kilobytes": "9" * 20}[field]  # what the SA has: docs/departures.md
            yield f"*_{name}", f"{prefix}_{name}", {prefix: {field: None}}, unsaid
            yield f"*_{name}", f"{prefix}_{name}", {prefix: None}, "0"
        yield "*_key_length", f"{prefix}_key_length", {prefix: {"key_length": 256}}, "256"
        yield "*_key_length", f"{prefix}_key_length", {prefix: {"key_length": None}}, None
        yield "*_key_rounds", f"{prefix}_key_rounds", {}, None
    for prefix in ("ah", "esp", "comp"):
        yield "*_ecn", f"{prefix}_ecn", {}, "no"
    yield "*_auth_alg", "esp_auth_alg", {"esp": {"transform": EspTransform.AES_GCM_16, "authentication": None}}, None
    for word in ["md5", "sha", "des", "ripemd", "sha2-256", "sha2-384", "sha2-512"]:
        transform = AhTransform.from_text(word.replace("-", "_").upper())
        yield "ah_hash_alg", "ah_hash_alg", {"ah": {"transform": transform}}, word  # the code: SHA-2 in ah_auth_alg
    for word in [
        "des",
        "des-iv64",
        "3des",
        "rc4",
        "rc5",
        "idea",
        "cast",
        "blowfish",
        "3idea",
        "des-iv32",
        "null",
        "aes",
    ]:
        transform_id = EspTransform.from_text(word.replace("-", "_").upper())
        yield "esp_enc_alg", "esp_enc_alg", {"esp": {"transform": transform_id}}, word
    for each in (EspTransform.AES_CTR, EspTransform.AES_GCM_16):
        yield "esp_enc_alg", "esp_enc_alg", {"esp": {"transform": each}}, "aes"
    yield "*_present", "comp_present", {}, "no"
    for name in ("life_seconds", "life_kbytes"):
        yield f"*_{name}", f"comp_{name}", {}, "0"
    for name in ("alg", "encapsulation", "group_desc", "dict_size", "private_alg"):
        yield f"comp_{name}", f"comp_{name}", {}, None


def _key_rows() -> Iterator[Row]:
    gmac = {"transform": EspTransform.AES_GMAC, "authentication": None}
    yield "esp_enc_alg", "esp_enc_alg", {"esp": gmac}, "null"  # the code: aes; docs/departures.md
    yield "*_key_length", "esp_key_length", {"esp": gmac}, "128"
    for each, bits in ((EspTransform.CAST, "128"), (EspTransform.BLOWFISH, "128"), (EspTransform.DES3, None)):
        yield "*_key_length", "esp_key_length", {"esp": {"transform": each, "key_length": None}}, bits


def _rows() -> Iterator[Row]:
    yield "app_domain", "app_domain", {}, "IPsec policy"
    yield "doi", "doi", {}, "ipsec"
    yield "initiator", "initiator", {}, "yes"
    yield "initiator", "initiator", {"initiator": False}, "no"
    yield "phase_1", "phase_1", {}, "main"
    yield "phase_1", "phase_1", {"phase1_exchange": ExchangeType.AGGRESSIVE}, "aggressive"
    for group in (1, 2, 5, *range(14, 22), 25, 26, 28, 29, 30):
        yield "phase1_group_desc", "phase1_group_desc", {"phase1_group": Group(group)}, str(group)
    yield "pfs", "pfs", {}, "yes"
    yield "pfs", "pfs", {"esp": {"group": None}, "ah": {"group": None}}, "no"
    yield from _protocol_rows()
    yield from _key_rows()
    yield from _identity_rows()
    for name in ("negotiation", "ike"):
        yield "*_address", f"remote_{name}_address", {}, "010.128.001.012"
        yield "*_address", f"local_{name}_address", {}, "1080:0000:0012:0000:0008:0800:200c:417a"
    yield "GMTTimeOfDay", "GMTTimeOfDay", {}, "20260304050607"
    yield "LocalTimeOfDay", "LocalTimeOfDay", {}, FACTS.now.astimezone().strftime("%Y%m%d%H%M%S")


ROWS = list(_rows())


def test_every_attribute_of_the_vocabulary_has_its_row_and_no_other() -> None:
    assert {attribute for _, attribute, _, _ in ROWS} == set(VOCABULARY)


@pytest.mark.parametrize(
    ("attribute", "changes", "value"),
    [each[1:] for each in ROWS],
    ids=[f"{row}: {attribute}={value}" for row, attribute, _, value in ROWS],
)
def test_row(attribute: str, changes: dict[str, Any], value: str | None) -> None:
    assert action_attributes(facts(**changes)).get(attribute) == value


@pytest.mark.parametrize(
    "attribute",
    [
        (IpsecAttribute.KEY_ROUNDS, 16),
        (IpsecAttribute.COMPRESS_DICTIONARY_SIZE, 15),
        (IpsecAttribute.COMPRESS_PRIVATE_ALGORITHM, 1),
        (IpsecAttribute.ECN_TUNNEL, 1),
    ],
)
def test_attributes_behind_rows_that_are_never_set_make_a_transform_unsupported(attribute: tuple[int, int]) -> None:
    fine = (DataAttribute(4, 1), DataAttribute(5, 5), DataAttribute(6, 128))
    assert decode_ipsec(Protocol.IPSEC_ESP, b"spi!", Transform(1, 12, fine), natt=False).key_length == 128
    with pytest.raises(Unsupported):
        decode_ipsec(Protocol.IPSEC_ESP, b"spi!", Transform(1, 12, (*fine, DataAttribute(*attribute))), natt=False)


def test_ipcomp_is_not_negotiated() -> None:
    with pytest.raises(Unsupported, match="protocol"):
        decode_ipsec(Protocol.IPCOMP, b"\1\2", Transform(1, 2, (DataAttribute(4, 1),)), natt=False)


# --- explain ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VOCABULARY)
def test_explain_shows_each_attribute_with_its_value(name: str, policydb: Run) -> None:
    """A policy that compares it; where the negotiation gives no value, explain says so."""
    Path("p.kn").write_text(f'Authorizer: "POLICY"\nConditions: {name} == "what nobody negotiates" -> "true";\n')
    attributes = action_attributes(FACTS)
    given = [word for key, value in attributes.items() for word in ("--attribute", f"{key}={value}")]
    code, out, err = policydb("explain", "--policy", "p.kn", "--authorizer", "somebody", *given)
    assert (code, err) == (1, "")
    value = attributes.get(name, "not set") or '""'
    assert f"^ is {value}, needed what nobody negotiates" in out
