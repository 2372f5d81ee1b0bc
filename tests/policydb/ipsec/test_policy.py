"""The assertion of a rule: it allows the rule's connection, and nothing that differs in a single point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest

from daemon.ike.messages.proposals import IpsecProposal
from daemon.ike.messages.transforms import IpsecParameters
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
from grammar.keynote import parse_policy
from policydb.connections import Identity
from policydb.ipsec.policy import assertion_of, names_no_key, summary
from policydb.keynote.checker import Checker
from policydb.keynote.conditions import compile_assertion
from policydb.keynote.memory import MemoryGraph
from policydb.linting.lint import lint_policy
from policydb.request import Request
from tests.policydb.ipsec.support import ike

RULE = (
    "ike esp from 10.1.0.0/16 to 10.2.0.0/16 local 192.0.2.1 peer 192.0.2.2"
    " quick enc aes-256 group modp2048 dstid east.example.org psk mekmitasdigoat"
)
KEY = psk_authorizers(b"mekmitasdigoat")

ESP = IpsecParameters(
    Protocol.IPSEC_ESP,
    b"spi!",
    EspTransform.AES,
    Encapsulation.TUNNEL,
    Authentication.HMAC_SHA2_256,
    Group.MODP_2048,
    256,
    1200,
)
FACTS = NegotiationFacts(
    initiator=False,
    phase1_exchange=ExchangeType.ID_PROT,
    phase1_group=Group.MODP_3072,
    proposal=IpsecProposal(1, (ESP,), ()),
    remote_id=Identity("FQDN", name="east.example.org"),
    remote_filter=Identity("IPV4_ADDR_SUBNET", network=ip_network("10.2.0.0/16")),
    local_filter=Identity("IPV4_ADDR_SUBNET", network=ip_network("10.1.0.0/16")),
    remote_address=ip_address("192.0.2.2"),
    local_address=ip_address("192.0.2.1"),
    now=datetime(2026, 3, 4, tzinfo=UTC),
)


def allows(text: str, facts: NegotiationFacts, key: tuple[str, ...] = KEY) -> bool:
    """Whether the assertions of a rule allow what was negotiated."""
    return decided(text, action_attributes(facts), key)


def decided(text: str, attributes: Mapping[str, str], key: tuple[str, ...]) -> bool:
    policy = parse_policy("\n".join(assertion_of(each) for each in ike(text)), "ipsec.conf")
    assert policy.diagnostics == ()
    assert lint_policy(policy.assertions, "ipsec.conf") == []
    graph = MemoryGraph([compile_assertion(each, "ipsec.conf") for each in policy.assertions])
    return Checker(graph).decide(Request(key, attributes)) == "true"


def proposed(**changes: object) -> NegotiationFacts:
    """The negotiation with another transform."""
    return replace(FACTS, proposal=IpsecProposal(1, (replace(ESP, **changes),), ()))  # type: ignore[arg-type]


def test_the_connection_itself_is_allowed_in_either_direction() -> None:
    assert allows(RULE, FACTS)
    assert allows(RULE, replace(FACTS, initiator=True))


def test_behind_nat_it_is_the_same_connection() -> None:
    assert allows(RULE, proposed(encapsulation=Encapsulation.UDP_ENCAP_TUNNEL))


def test_another_key_has_nothing() -> None:
    assert not allows(RULE, FACTS, psk_authorizers(b"another"))


@pytest.mark.parametrize(
    "facts",
    [
        proposed(transform=EspTransform.DES3, key_length=None),
        proposed(key_length=128),
        proposed(key_length=None),
        proposed(authentication=Authentication.HMAC_SHA),
        proposed(authentication=None),
        proposed(group=None),
        proposed(group=Group.MODP_3072),
        proposed(encapsulation=Encapsulation.TRANSPORT),
        replace(FACTS, remote_id=Identity("FQDN", name="west.example.org")),
        replace(FACTS, remote_id=Identity("USER_FQDN", name="east.example.org")),
        replace(FACTS, remote_filter=Identity("IPV4_ADDR_SUBNET", network=ip_network("10.2.0.0/15"))),
        replace(FACTS, remote_filter=Identity("IPV4_ADDR_SUBNET", network=ip_network("10.2.0.0/17"))),
        replace(FACTS, remote_filter=Identity("IPV4_ADDR", address=ip_address("10.2.0.1"))),
        replace(FACTS, remote_filter=replace(FACTS.remote_filter, protocol=6)),
        replace(FACTS, remote_filter=replace(FACTS.remote_filter, protocol=6, port=22)),
        replace(FACTS, local_filter=Identity("IPV4_ADDR_SUBNET", network=ip_network("10.0.0.0/8"))),
        replace(FACTS, local_filter=replace(FACTS.local_filter, protocol=17)),
        replace(FACTS, remote_filter=FACTS.local_filter, local_filter=FACTS.remote_filter),
        replace(FACTS, remote_address=ip_address("192.0.2.3")),
        replace(FACTS, local_address=ip_address("192.0.2.9")),
        replace(
            FACTS,
            proposal=IpsecProposal(
                1,
                (
                    IpsecParameters(
                        Protocol.IPSEC_AH,
                        b"spi!",
                        AhTransform.SHA2_256,
                        Encapsulation.TUNNEL,
                        Authentication.HMAC_SHA2_256,
                        Group.MODP_2048,
                    ),
                ),
                (),
            ),
        ),
    ],
)
def test_what_differs_in_one_point_is_not(facts: NegotiationFacts) -> None:
    assert not allows(RULE, facts)


def test_without_pfs_a_group_is_refused() -> None:
    text = RULE.replace("modp2048", "none")
    assert allows(text, proposed(group=None))
    assert not allows(text, FACTS)


@pytest.mark.parametrize(("bits", "allowed"), [(128, True), (192, True), (256, True), (64, False)])
def test_a_range_of_key_lengths(bits: int, allowed: bool) -> None:
    assert allows(RULE.replace("aes-256", "aes"), proposed(key_length=bits)) is allowed


def test_a_combined_cipher_has_no_hash() -> None:
    text = RULE.replace("aes-256", "aes-256-gcm")
    assert allows(text, proposed(transform=EspTransform.AES_GCM_16, authentication=None))
    assert not allows(text, FACTS)


@pytest.mark.parametrize(
    ("name", "transform"),
    [
        ("3des", EspTransform.DES3),
        ("cast128", EspTransform.CAST),
        ("null auth hmac-sha2-256", EspTransform.NULL),
    ],
)
def test_ciphers_of_one_length(name: str, transform: EspTransform) -> None:
    text = RULE.replace("aes-256", name)
    assert allows(text, proposed(transform=transform, key_length=None))
    assert not allows(text, FACTS)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("hmac-md5", Authentication.HMAC_MD5),
        ("hmac-ripemd160", Authentication.HMAC_RIPEMD),
        ("hmac-sha1", Authentication.HMAC_SHA),
        ("hmac-sha2-384", Authentication.HMAC_SHA2_384),
        ("hmac-sha2-512", Authentication.HMAC_SHA2_512),
    ],
)
def test_hashes(name: str, algorithm: Authentication) -> None:
    text = RULE.replace("quick", f"quick auth {name}")
    assert allows(text, proposed(authentication=algorithm))
    assert not allows(text, FACTS)


@pytest.mark.parametrize(
    ("name", "transform", "algorithm"),
    [
        ("hmac-md5", AhTransform.MD5, Authentication.HMAC_MD5),
        ("hmac-sha1", AhTransform.SHA, Authentication.HMAC_SHA),
        ("hmac-ripemd160", AhTransform.RIPEMD, Authentication.HMAC_RIPEMD),
        ("hmac-sha2-256", AhTransform.SHA2_256, Authentication.HMAC_SHA2_256),
    ],
)
def test_ah(name: str, transform: AhTransform, algorithm: Authentication) -> None:
    text = RULE.replace("esp", "ah transport").replace("enc aes-256", f"auth {name}")
    ah = IpsecParameters(Protocol.IPSEC_AH, b"spi!", transform, Encapsulation.TRANSPORT, algorithm, Group.MODP_2048)
    assert allows(text, replace(FACTS, proposal=IpsecProposal(1, (ah,), ())))
    assert not allows(text, FACTS)
    both = replace(ESP, encapsulation=Encapsulation.TRANSPORT)
    assert not allows(text, replace(FACTS, proposal=IpsecProposal(1, (ah, both), ())))


@pytest.mark.parametrize(("proto", "number"), [("tcp", 6), ("udp", 17)])
def test_protocol_and_ports(proto: str, number: int) -> None:
    text = RULE.replace("from 10.1.0.0/16", f"proto {proto} from 10.1.0.0/16 port 1024").replace(
        "to 10.2.0.0/16", "to 10.2.0.0/16 port 22"
    )
    facts = replace(
        FACTS,
        local_filter=replace(FACTS.local_filter, protocol=number, port=1024),
        remote_filter=replace(FACTS.remote_filter, protocol=number, port=22),
    )
    assert allows(text, facts)
    assert not allows(text, FACTS)
    assert not allows(text, replace(facts, remote_filter=replace(facts.remote_filter, port=23)))


def test_any_peer_is_known_by_its_key_alone() -> None:
    text = "ike from 10.1.0.0/16 to 10.2.0.0/16 quick enc aes-256 group modp2048 psk mekmitasdigoat"
    anywhere = replace(FACTS, remote_address=ip_address("203.0.113.9"), remote_id=Identity("FQDN", name="x"))
    assert allows(text, anywhere)
    assert not allows(text, anywhere, psk_authorizers(b"another"))


def test_every_pair_of_a_list_is_allowed() -> None:
    text = RULE.replace("to 10.2.0.0/16", "to { 10.2.0.0/16, 10.3.0.0/16 }")
    for network in ("10.2.0.0/16", "10.3.0.0/16"):
        assert allows(text, replace(FACTS, remote_filter=Identity("IPV4_ADDR_SUBNET", network=ip_network(network))))


@pytest.mark.parametrize(
    ("dstid", "identity"),
    [
        ("192.0.2.2", Identity("IPV4_ADDR", address=ip_address("192.0.2.2"))),
        ("2001:db8::2", Identity("IPV6_ADDR", address=ip_address("2001:db8::2"))),
        ("me@example.org", Identity("USER_FQDN", name="me@example.org")),
        ("'quo\"t\\ed'", Identity("FQDN", name='quo"t\\ed')),
    ],
)
def test_the_peers_identity_in_each_form(dstid: str, identity: Identity) -> None:
    text = RULE.replace("east.example.org", dstid)
    assert allows(text, replace(FACTS, remote_id=identity))
    assert not allows(text, FACTS)


def test_a_hexadecimal_key_is_the_octets_that_it_says() -> None:
    assert allows(RULE.replace("mekmitasdigoat", "0x666f6f"), FACTS, psk_authorizers(b"foo"))


def test_rsa_names_no_key() -> None:
    [rule] = ike(RULE.replace("psk mekmitasdigoat", "rsa"))
    assert names_no_key(rule)
    assert "Licensees" not in assertion_of(rule)
    assert not names_no_key(ike(RULE)[0])


def test_no_key_is_in_the_assertion() -> None:
    [rule] = ike(RULE)
    assert "mekmitasdigoat" not in assertion_of(rule)
    assert summary(rule) == "ike esp tunnel from 10.1.0.0/16 to 10.2.0.0/16 peer 192.0.2.2"


def test_interfaces_carry_everything() -> None:
    text = "ike interface sec1 peer 192.0.2.2 quick enc aes-256 group modp2048 psk mekmitasdigoat"
    all_of_it = Identity("IPV4_ADDR_SUBNET", network=ip_network("0.0.0.0/0"))
    assert allows(text, replace(FACTS, local_filter=all_of_it, remote_filter=all_of_it))
    assert not allows(text, FACTS)


@pytest.mark.parametrize(
    ("enc", "transform", "bits"),
    [
        ("3des-cbc", EspTransform.DES3, None),
        ("aes-128", EspTransform.AES, 128),
        ("aes-192-ctr", EspTransform.AES_CTR, 192),
        ("aes-256-gcm", EspTransform.AES_GCM_16, 256),
        ("aes-128-gmac", EspTransform.AES_GMAC, 128),
        ("blowfish", EspTransform.BLOWFISH, 128),
        ("cast128", EspTransform.CAST, None),
        ("null", EspTransform.NULL, None),
    ],
)
def test_each_cipher_is_named_as_the_daemon_tells_it(enc: str, transform: EspTransform, bits: int | None) -> None:
    implicit = enc.endswith(("gcm", "gmac"))
    auth = "" if implicit else "auth hmac-sha2-256 "
    text = RULE.replace("enc aes-256 ", f"{auth}enc {enc} ")
    authentication = None if implicit else Authentication.HMAC_SHA2_256
    assert allows(text, proposed(transform=transform, key_length=bits, authentication=authentication))
    others = {EspTransform.NULL: EspTransform.AES, EspTransform.AES_GMAC: EspTransform.AES_GCM_16}
    other = others.get(transform, EspTransform.AES_GMAC if implicit else EspTransform.NULL)
    assert not allows(text, proposed(transform=other, key_length=bits, authentication=authentication))
