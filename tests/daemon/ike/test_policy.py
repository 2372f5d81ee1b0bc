"""Action attributes and authorizers: every row of isakmpd.policy(5), to the manual where isakmpd's code departs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network

import pytest

from daemon.ike.messages.proposals import IpsecParameters, IpsecProposal
from daemon.ike.messages.transforms import AH, AUTHENTICATIONS, ESP
from daemon.ike.policy import NegotiationFacts, action_attributes, psk_authorizers
from daemon.ike.registries import (
    AhTransform,
    Authentication,
    Encapsulation,
    EspTransform,
    ExchangeType,
    Group,
    Protocol,
)
from policydb.attributes import VOCABULARY, Kind
from policydb.connections import Identity

ESP_128 = IpsecParameters(
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
AH_SHA = IpsecParameters(
    Protocol.IPSEC_AH, b"spi!", AhTransform.SHA2_256, Encapsulation.TRANSPORT, Authentication.HMAC_SHA2_256
)


def proposal(*protocols: IpsecParameters) -> IpsecProposal:
    return IpsecProposal(1, protocols, ())


FACTS = NegotiationFacts(
    initiator=False,
    phase1_exchange=ExchangeType.ID_PROT,
    phase1_group=Group.MODP_4096,
    proposal=proposal(ESP_128),
    remote_id=Identity("FQDN", name="gw.example.org", protocol=17, port=500),
    remote_filter=Identity("IPV4_ADDR_SUBNET", network=ip_network("10.2.0.0/16")),
    local_filter=Identity("IPV6_ADDR", address=ip_address("2001:db8::1"), protocol=6, port=443),
    remote_address=ip_address("192.0.2.2"),
    local_address=ip_address("192.0.2.1"),
    now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
)


def attribute(name: str, **changes: object) -> str | None:
    return action_attributes(replace(FACTS, **changes)).get(name)  # type: ignore[arg-type]


def esp(name: str, **changes: object) -> str | None:
    return attribute(name, proposal=proposal(replace(ESP_128, **changes)))  # type: ignore[arg-type]


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "EST5EDT")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_an_esp_tunnel_has_these_attributes() -> None:
    assert action_attributes(FACTS) == {
        "app_domain": "IPsec policy",
        "doi": "ipsec",
        "initiator": "no",
        "phase_1": "main",
        "phase1_group_desc": "16",
        "pfs": "yes",
        "ah_present": "no",
        "esp_present": "yes",
        "comp_present": "no",
        "esp_enc_alg": "aes",
        "esp_auth_alg": "hmac-sha2-256",
        "esp_encapsulation": "tunnel",
        "esp_group_desc": "14",
        "esp_key_length": "128",
        "ah_ecn": "no",
        "esp_ecn": "no",
        "comp_ecn": "no",
        "ah_life_seconds": "0",
        "esp_life_seconds": "1200",
        "comp_life_seconds": "0",
        "ah_life_kbytes": "0",
        "esp_life_kbytes": "5000",
        "comp_life_kbytes": "0",
        "remote_id_type": "FQDN",
        "remote_id": "gw.example.org",
        "remote_id_addr_lower": "",
        "remote_id_addr_upper": "",
        "remote_id_proto": "udp",
        "remote_id_port": "500",
        "remote_filter_type": "IPv4 subnet",
        "remote_filter": "010.002.000.000-010.002.255.255",
        "remote_filter_addr_lower": "010.002.000.000",
        "remote_filter_addr_upper": "010.002.255.255",
        "remote_filter_proto": "0",
        "remote_filter_port": "0",
        "local_filter_type": "IPv6 address",
        "local_filter": "2001:0db8:0000:0000:0000:0000:0000:0001",
        "local_filter_addr_lower": "2001:0db8:0000:0000:0000:0000:0000:0001",
        "local_filter_addr_upper": "2001:0db8:0000:0000:0000:0000:0000:0001",
        "local_filter_proto": "tcp",
        "local_filter_port": "443",
        "remote_negotiation_address": "192.000.002.002",
        "local_negotiation_address": "192.000.002.001",
        "remote_ike_address": "192.000.002.002",
        "local_ike_address": "192.000.002.001",
        "GMTTimeOfDay": "20260304050607",
        "LocalTimeOfDay": "20260304000607",
    }


BOTH = proposal(ESP_128, replace(AH_SHA, group=Group.MODP_2048, life_seconds=60))


@pytest.mark.parametrize("offered", [proposal(ESP_128), proposal(AH_SHA), BOTH])
def test_names_and_words_are_those_of_the_vocabulary(offered: IpsecProposal) -> None:
    for name, value in action_attributes(replace(FACTS, proposal=offered)).items():
        row = VOCABULARY[name]
        if row.kind is Kind.WORD:
            assert value in row.values
        elif row.kind is Kind.NUMBER:
            assert value.isdecimal()


def test_both_protocols_of_a_proposal_are_described() -> None:
    assert attribute("ah_present", proposal=BOTH) == attribute("esp_present", proposal=BOTH) == "yes"
    assert attribute("ah_hash_alg", proposal=BOTH) == "sha2-256"
    assert attribute("ah_auth_alg", proposal=BOTH) == "hmac-sha2-256"
    assert attribute("ah_encapsulation", proposal=BOTH) == "transport"
    assert attribute("ah_life_seconds", proposal=BOTH) == "60"
    assert attribute("ah_group_desc", proposal=BOTH) == "14"
    assert attribute("esp_enc_alg", proposal=BOTH) == "aes"


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("initiator", {"initiator": True}, "yes"),
        ("phase_1", {"phase1_exchange": ExchangeType.AGGRESSIVE}, "aggressive"),
        ("phase1_group_desc", {"phase1_group": Group.ECP_521}, "21"),
        ("pfs", {"proposal": proposal(AH_SHA)}, "no"),
        ("esp_present", {"proposal": proposal(AH_SHA)}, "no"),
        ("esp_enc_alg", {"proposal": proposal(AH_SHA)}, None),
        ("ah_key_length", {"proposal": proposal(AH_SHA)}, None),
        ("ah_hash_alg", {}, None),
        ("remote_ike_address", {"remote_address": ip_address("::1")}, "0000:0000:0000:0000:0000:0000:0000:0001"),
        ("GMTTimeOfDay", {"now": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))}, "20251231220000"),
    ],
)
def test_a_fact_becomes_its_attribute(name: str, changes: dict[str, object], expected: str | None) -> None:
    assert attribute(name, **changes) == expected


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("esp_enc_alg", {"transform": EspTransform.DES3, "key_length": None}, "3des"),
        ("esp_enc_alg", {"transform": EspTransform.NULL, "key_length": None}, "null"),
        ("esp_enc_alg", {"transform": EspTransform.CAST}, "cast"),
        ("esp_enc_alg", {"transform": EspTransform.BLOWFISH}, "blowfish"),
        *(("esp_enc_alg", {"transform": each}, "aes") for each in (EspTransform.AES_CTR, EspTransform.AES_GCM_16)),
        ("esp_enc_alg", {"transform": EspTransform.AES_GMAC, "authentication": None}, "null"),
        ("esp_auth_alg", {"authentication": None}, None),
        ("esp_auth_alg", {"authentication": Authentication.HMAC_MD5}, "hmac-md5"),
        ("esp_auth_alg", {"authentication": Authentication.HMAC_SHA}, "hmac-sha"),
        ("esp_auth_alg", {"authentication": Authentication.HMAC_SHA2_384}, "hmac-sha2-384"),
        ("esp_auth_alg", {"authentication": Authentication.HMAC_SHA2_512}, "hmac-sha2-512"),
        ("esp_auth_alg", {"authentication": Authentication.HMAC_RIPEMD}, "hmac-ripemd"),
        ("esp_encapsulation", {"encapsulation": Encapsulation.TRANSPORT}, "transport"),
        ("esp_encapsulation", {"encapsulation": Encapsulation.UDP_ENCAP_TUNNEL}, "udp-encap-tunnel"),
        ("esp_encapsulation", {"encapsulation": Encapsulation.UDP_ENCAP_TUNNEL_DRAFT}, "udp-encap-tunnel"),
        ("esp_encapsulation", {"encapsulation": Encapsulation.UDP_ENCAP_TRANSPORT}, "transport"),
        ("esp_encapsulation", {"encapsulation": Encapsulation.UDP_ENCAP_TRANSPORT_DRAFT}, "transport"),
        ("esp_group_desc", {"group": None}, None),
        ("pfs", {"group": None}, "no"),
        ("esp_key_length", {"key_length": None}, None),
        ("esp_life_seconds", {"life_seconds": None}, "28800"),
        ("esp_life_kbytes", {"life_kilobytes": None}, "9" * 20),
    ],
)
def test_a_parameter_of_esp_becomes_its_attribute(name: str, changes: dict[str, object], expected: str | None) -> None:
    assert esp(name, **changes) == expected


@pytest.mark.parametrize("transform", AH, ids=str)
def test_ah_hashes_go_into_ah_hash_alg(transform: AhTransform) -> None:
    offered = proposal(replace(AH_SHA, transform=transform, authentication=AH[transform]))
    words = {"MD5": "md5", "SHA": "sha", "RIPEMD": "ripemd"}
    expected = words.get(str(transform), str(transform).lower().replace("_", "-"))
    assert attribute("ah_hash_alg", proposal=offered) == expected


def test_whatever_can_be_negotiated_has_its_word() -> None:
    for transform in ESP:
        assert esp("esp_enc_alg", transform=transform) in VOCABULARY["esp_enc_alg"].values
    for authentication in AUTHENTICATIONS:
        assert esp("esp_auth_alg", authentication=authentication) in VOCABULARY["esp_auth_alg"].values


@pytest.mark.parametrize(
    ("key", "md5", "sha1"),
    [
        (b"foobar", "3858f62230ac3c915f300c664312c63f", "8843d7f92416211de9ebb963ff4ce28125932878"),
        (b"mekmitasdigoat", "227f500abfe58f5f5d61e7f6053d8d85", "bf1091800d1221f9a35ec087a67e2d6209d6478e"),
    ],
)
def test_a_pre_shared_key_is_three_principals(key: bytes, md5: str, sha1: str) -> None:
    assert psk_authorizers(key) == (
        f"passphrase:{key.decode()}",
        f"passphrase-md5-hex:{md5}",
        f"passphrase-sha1-hex:{sha1}",
    )


def test_a_key_of_any_octets_is_latin_1_text() -> None:
    assert psk_authorizers(b"\x00\xff")[0] == "passphrase:\x00\xff"
