"""Identities: RFC 2407 section 4.6.2 on the wire, isakmpd's printed form, isakmpd.policy(5)'s words."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.errors import InvalidIdInformation, LocalError, ProtocolError
from daemon.ike.messages.payloads import Identification
from daemon.ike.registries import IdType
from daemon.ike.trust import identities
from policydb.connections import Identity

ROWS = [
    (Identity("IPV4_ADDR", address=ip_address("192.0.2.1")), IdType.IPV4_ADDR, "c0000201", "192.0.2.1"),
    (
        Identity("IPV6_ADDR", address=ip_address("2001:db8::1")),
        IdType.IPV6_ADDR,
        "20010db8" + "0" * 23 + "1",
        "2001:db8::1",
    ),
    (
        Identity("IPV4_ADDR_SUBNET", network=ip_network("10.1.0.0/16")),
        IdType.IPV4_ADDR_SUBNET,
        "0a010000ffff0000",
        "10.1.0.0/16",
    ),
    (
        Identity("IPV6_ADDR_SUBNET", network=ip_network("2001:db8::/32")),
        IdType.IPV6_ADDR_SUBNET,
        "20010db8" + "0" * 24 + "ffffffff" + "0" * 24,
        "2001:db8::/32",
    ),
    (
        Identity("IPV4_RANGE", address=ip_address("10.0.0.1"), upper=ip_address("10.0.0.9")),
        IdType.IPV4_RANGE,
        "0a0000010a000009",
        "10.0.0.1-10.0.0.9",
    ),
    (Identity("FQDN", name="gw.example.org"), IdType.FQDN, b"gw.example.org".hex(), "gw.example.org"),
    (Identity("USER_FQDN", name="me@example.org"), IdType.USER_FQDN, b"me@example.org".hex(), "me@example.org"),
    (Identity("KEY_ID", name="group one"), IdType.KEY_ID, b"group one".hex(), "group one"),
    (Identity("KEY_ID", name="\x00\xff\n"), IdType.KEY_ID, "00ff0a", "00ff0a"),
    (
        Identity("IPV4_ADDR", address=ip_address("192.0.2.1"), protocol=17, port=500),
        IdType.IPV4_ADDR,
        "c0000201",
        "192.0.2.1 proto 17 port 500",
    ),
]
rows = pytest.mark.parametrize(("identity", "kind", "data", "printed"), ROWS, ids=[row[3] for row in ROWS])


@rows
def test_an_identity_is_carried_as_its_type_asks(identity: Identity, kind: IdType, data: str, printed: str) -> None:
    payload = identities.to_payload(identity)
    assert payload == Identification(kind, identity.protocol, identity.port, bytes.fromhex(data))
    assert identities.from_payload(payload) == identity
    assert str(identity) == printed


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("IPV4_ADDR", ""),
        ("IPV4_ADDR", "c00002"),
        ("IPV4_ADDR", "c000020100"),
        ("IPV6_ADDR", "c0000201"),
        ("IPV4_ADDR_SUBNET", "0a010000"),
        ("IPV4_ADDR_SUBNET", "0a010000ff00ff00"),
        ("IPV4_ADDR_SUBNET", "0a01000000ffffff"),
        ("IPV6_ADDR_SUBNET", "00" * 31),
        ("IPV4_RANGE", "0a0000090a000001"),
        ("FQDN", ""),
        ("FQDN", b"gw example".hex()),
        ("FQDN", b"gw\nexample".hex()),
        ("FQDN", b"gw\0".hex()),
        ("USER_FQDN", "ff"),
        ("KEY_ID", ""),
        ("KEY_ID", "00" * 513),
        ("DER_ASN1_DN", "3000"),
        ("DER_ASN1_GN", "3000"),
    ],
)
def test_an_unusable_identity_is_refused(kind: str, data: str) -> None:
    with pytest.raises(InvalidIdInformation):
        identities.from_payload(Identification(IdType[kind], 0, 0, bytes.fromhex(data)))


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535), st.binary(max_size=40))
def test_any_identity_of_a_peer_is_a_value_or_refused(kind: int, protocol: int, port: int, data: bytes) -> None:
    try:
        identity = identities.from_payload(Identification(IdType(kind), protocol, port, data))
    except ProtocolError as error:
        shown = str(error)
    else:
        shown = str(identity)
        if kind not in (IdType.DER_ASN1_DN, IdType.DER_ASN1_GN):  # those are read only: text is not their octets
            assert identities.from_payload(identities.to_payload(identity)) == identity
        assert set(identities.policy_words("remote_id", identity))
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        ("8210" + b"host.example.org".hex(), "DNS:host.example.org"),
        ("810e" + b"me@example.org".hex(), "email:me@example.org"),
        ("8611" + b"https://example/?".hex(), "URI:https:\\x2F\\x2Fexample\\x2F?"),
        ("8704c0000201", "IP Address:192.0.2.1"),
        ("8710" + "20010db8" + "0" * 23 + "1", "IP Address:2001:db8::1"),
        ("a411" + "300f310d300b06035504030c0468" + "6f7374", "DirName:/CN=host"),
    ],
)
def test_a_general_name_is_printed_as_openssl_does(form: str, printed: str) -> None:
    identity = identities.from_payload(Identification(IdType.DER_ASN1_GN, 0, 0, bytes.fromhex(form)))
    assert (identity.type, str(identity)) == ("DER_ASN1_GN", printed)
    assert identities.policy_words("remote_id", identity)["remote_id_type"] == "ASN1 GN"
    assert identities.policy_words("remote_id", identity)["remote_id"] == printed
    with pytest.raises(LocalError):
        identities.to_payload(identity)


@pytest.mark.parametrize(
    "form", ["", "82", "8200", "8201", "820178820178", "880101", "870501020304", "a4023000", "a402"]
)
def test_what_is_no_general_name_of_a_host_or_person_is_refused(form: str) -> None:
    with pytest.raises(InvalidIdInformation):
        identities.from_payload(Identification(IdType.DER_ASN1_GN, 0, 0, bytes.fromhex(form)))


def test_host_bits_of_a_subnet_do_not_count() -> None:
    payload = Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, bytes.fromhex("0a0100ffffff0000"))
    assert identities.from_payload(payload).network == ip_network("10.1.0.0/16")


@pytest.mark.parametrize(
    "identity",
    [
        Identity("IPV4_ADDR", address=ip_address("::1")),
        Identity("IPV4_ADDR", name="gw"),
        Identity("IPV4_ADDR_SUBNET", address=ip_address("10.0.0.1")),
        Identity("FQDN"),
        Identity("FQDN", name="gw", upper=ip_address("10.0.0.1")),
        Identity("FQDN", name="\u20ac"),
        Identity("DER_ASN1_DN", name="CN=x"),
        Identity("NONSENSE", name="x"),
    ],
)
def test_a_configured_identity_that_does_not_fit_its_type_is_our_own_error(identity: Identity) -> None:
    with pytest.raises(LocalError):
        identities.to_payload(identity)


HOST = Identity("IPV4_ADDR", address=ip_address("192.0.2.1"))


@pytest.mark.parametrize(
    ("configured", "received", "expected"),
    [
        (HOST, HOST, True),
        (HOST, Identity("IPV4_ADDR", address=ip_address("192.0.2.10")), False),
        (HOST, Identity("IPV4_ADDR_SUBNET", network=ip_network("192.0.2.1/32")), False),
        (HOST, Identity("FQDN", name="192.0.2.1"), False),
        (Identity("FQDN", name="gw"), Identity("USER_FQDN", name="gw"), False),
        (Identity("FQDN", name="gw"), Identity("FQDN", name="gw.example.org"), False),  # no prefix comparison
        (Identity("FQDN", name="gw.example.org"), Identity("FQDN", name="gw"), False),
        (HOST, Identity("IPV4_ADDR", address=ip_address("192.0.2.1"), protocol=17, port=500), True),
        (Identity("IPV4_ADDR", address=ip_address("192.0.2.1"), protocol=6), HOST, False),
        (
            Identity("IPV4_ADDR", address=ip_address("192.0.2.1"), protocol=6, port=22),
            Identity("IPV4_ADDR", address=ip_address("192.0.2.1"), protocol=6, port=23),
            False,
        ),
        (
            Identity("IPV4_ADDR", address=ip_address("192.0.2.1"), protocol=6),
            Identity("IPV4_ADDR", address=ip_address("192.0.2.1"), protocol=6, port=23),
            True,
        ),
    ],
)
def test_identities_match_by_type_and_whole_value(configured: Identity, received: Identity, expected: bool) -> None:
    assert identities.matches(configured, received) is expected


def test_an_address_is_an_identity_of_its_family() -> None:
    assert identities.of_address(ip_address("192.0.2.1")) == HOST
    assert identities.of_address(ip_address("::1")).type == "IPV6_ADDR"


@pytest.mark.parametrize(
    ("identity", "kind", "value", "lower", "upper"),
    [
        (HOST, "IPv4 address", "192.000.002.001", "192.000.002.001", "192.000.002.001"),
        (
            ROWS[1][0],
            "IPv6 address",
            "2001:0db8:0000:0000:0000:0000:0000:0001",
            "2001:0db8:0000:0000:0000:0000:0000:0001",
            "2001:0db8:0000:0000:0000:0000:0000:0001",
        ),
        (ROWS[2][0], "IPv4 subnet", "010.001.000.000-010.001.255.255", "010.001.000.000", "010.001.255.255"),
        (ROWS[4][0], "IPv4 range", "010.000.000.001-010.000.000.009", "010.000.000.001", "010.000.000.009"),
        (ROWS[5][0], "FQDN", "gw.example.org", "", ""),
        (ROWS[6][0], "User FQDN", "me@example.org", "", ""),
        (ROWS[7][0], "Key ID", "group one", "", ""),
        (ROWS[8][0], "Key ID", "00ff0a", "", ""),
    ],
)
def test_policy_gets_the_words_of_its_manual(identity: Identity, kind: str, value: str, lower: str, upper: str) -> None:
    assert identities.policy_words("remote_id", identity) == {
        "remote_id_type": kind,
        "remote_id": value,
        "remote_id_addr_lower": lower,
        "remote_id_addr_upper": upper,
        "remote_id_proto": "0",
        "remote_id_port": "0",
    }


@pytest.mark.parametrize(("protocol", "word"), [(0, "0"), (6, "tcp"), (17, "udp"), (97, "etherip"), (1, "1")])
def test_protocols_have_words_where_the_manual_names_them(protocol: int, word: str) -> None:
    words = identities.policy_words("local_filter", Identity("FQDN", name="x", protocol=protocol, port=80))
    assert (words["local_filter_proto"], words["local_filter_port"], words["local_filter"]) == (word, "80", "x")


# --- traffic ------------------------------------------------------------------------------------------------------


def said(kind: int, data: bytes, protocol: int = 0, port: int = 0) -> Identification:
    return Identification(IdType(kind), protocol, port, data)


NOBODY = "0.0.0.0"  # noqa: S104 - nothing is bound to it


def octets(*addresses: str) -> bytes:
    return b"".join(ip_address(each).packed for each in addresses)


OUR_HOST, OUR_NET = said(1, octets("10.1.0.7")), said(4, octets("10.1.0.0", "255.255.255.0"))
DN = bytes.fromhex("301c310b3009060355040613024445310d300b06035504030c0467773132")

NO_TRAFFIC = [
    (said(2, b"a.example"), "FQDN a.example names no addresses"),
    (said(2, b"010.001.000.000-010.001.000.255"), "names no addresses"),
    (said(3, b"me@a.example"), "USER_FQDN me@a.example names no addresses"),
    (said(9, DN), "DER_ASN1_DN /C=DE/CN=gw12 names no addresses"),
    (said(10, b"\x82\x09a.example"), "DER_ASN1_GN .* names no addresses"),
    (said(10, b"\x87\x04" + octets("10.1.0.7")), "DER_ASN1_GN .* names no addresses"),
    (said(11, b"a key"), "KEY_ID a key names no addresses"),
    (said(11, b"\0\n\xff"), "KEY_ID 000aff names no addresses"),
    (said(12, b"\1\0\0\x08" + octets("10.1.0.7")), "ID type IDTYPE12 is not supported"),
    (said(0, b""), "is not supported"),
    (said(255, octets("10.1.0.7")), "is not supported"),
    (said(1, octets(NOBODY)), "0.0.0.0 is the address of no host"),
    (said(4, octets(NOBODY, "255.255.255.255")), "0.0.0.0/32 is the address of no host"),
    (said(7, octets(NOBODY, NOBODY)), "is the address of no host"),
    (said(5, octets("::")), ":: is the address of no host"),
    (said(7, octets("10.1.0.9", "10.1.0.8")), "the range is empty"),
    (said(4, octets("10.1.0.0", "255.0.255.0")), "the mask is not contiguous"),
    (said(1, octets("10.1.0.7")[:3]), "3 octets for an address of 4"),
    (said(1, octets("10.1.0.7", "10.1.0.7")), "8 octets for an address of 4"),
    (said(4, octets("10.1.0.0") + b"\xff"), "1 octets for an address of 4"),
    (said(5, octets("10.1.0.7")), "4 octets for an address of 16"),
]


@pytest.mark.parametrize(("payload", "reason"), NO_TRAFFIC, ids=str)
def test_what_means_no_packets_is_no_traffic_on_either_side(payload: Identification, reason: str) -> None:
    for pair in ((OUR_HOST, payload), (payload, OUR_NET)):
        with pytest.raises(InvalidIdInformation, match=reason):
            identities.traffic(*pair)


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (
            said(4, octets("10.1.0.0", "255.255.0.0"), 17),
            said(7, octets("10.2.0.7", "10.2.0.9"), 6),
            "name two protocols",
        ),
        (said(1, octets("10.1.0.7"), 6, 80), said(1, octets("10.2.0.7"), 17, 0), "name two protocols"),
    ],
    ids=str,
)
def test_two_ends_between_which_no_packet_goes_are_no_traffic(
    ours: Identification, theirs: Identification, reason: str
) -> None:
    with pytest.raises(InvalidIdInformation, match=reason):
        identities.traffic(ours, theirs)


@pytest.mark.parametrize(
    ("payload", "lower", "upper"),
    [
        (OUR_HOST, "10.1.0.7", "10.1.0.7"),
        (said(4, octets("10.1.0.7", "255.255.255.0")), "10.1.0.0", "10.1.0.255"),  # bits outside the mask mean nothing
        (said(4, octets("10.1.0.7", "255.255.255.255")), "10.1.0.7", "10.1.0.7"),
        (said(4, octets(NOBODY, NOBODY)), NOBODY, "255.255.255.255"),
        (said(7, octets(NOBODY, "255.255.255.255")), NOBODY, "255.255.255.255"),
        (said(7, octets("10.1.0.7", "10.1.0.7")), "10.1.0.7", "10.1.0.7"),
        (said(1, octets("224.0.0.5")), "224.0.0.5", "224.0.0.5"),  # OSPF in a tunnel: what policy allows
        (said(1, octets("255.255.255.255")), "255.255.255.255", "255.255.255.255"),
        (said(1, octets("10.1.0.7"), 17, 53), "10.1.0.7", "10.1.0.7"),
    ],
    ids=str,
)
def test_every_set_of_addresses_is_traffic(payload: Identification, lower: str, upper: str) -> None:
    ours, theirs = identities.traffic(payload, OUR_HOST)
    assert identities.bounds(ours) == (ip_address(lower), ip_address(upper))
    assert identities.bounds(theirs) == (ip_address("10.1.0.7"),) * 2
    assert identities.traffic(OUR_HOST, payload) == (theirs, ours)
