"""The commands of ike rules: every row of what today's ipsecctl(8) prints, written out by hand."""

from __future__ import annotations

import pytest

from policydb.ipsec.commands import Command, commands_of, identity_type
from tests.policydb.ipsec.support import commands, deletion, ike

HOSTS = "from 1.1.1.1 to 2.2.2.2"
T1 = "phase1-transform-peer-2.2.2.2-RSA_SIG-SHA-AES128-MODP_3072"
P2 = "from-1.1.1.1-to-2.2.2.2"
T2 = f"phase2-transform-{P2}-AES128-SHA2_256-MODP_3072-TUNNEL"

HEAD = [
    "C set [Phase 1]:2.2.2.2=peer-2.2.2.2 force",
    "C set [peer-2.2.2.2]:Phase=1 force",
    "C set [peer-2.2.2.2]:Address=2.2.2.2 force",
    "C set [peer-2.2.2.2]:Configuration=phase1-peer-2.2.2.2 force",
    "C set [phase1-peer-2.2.2.2]:EXCHANGE_TYPE=ID_PROT force",
]
MAIN = [
    f"C add [phase1-peer-2.2.2.2]:Transforms={T1} force",
    f"C set [{T1}]:AUTHENTICATION_METHOD=RSA_SIG force",
    f"C set [{T1}]:HASH_ALGORITHM=SHA force",
    f"C set [{T1}]:ENCRYPTION_ALGORITHM=AES_CBC force",
    f"C set [{T1}]:KEY_LENGTH=128,128:256 force",
    f"C set [{T1}]:GROUP_DESCRIPTION=MODP_3072 force",
    f"C set [{T1}]:Life=LIFE_MAIN_MODE force",
]
CONNECTION = [
    f"C set [{P2}]:Phase=2 force",
    f"C set [{P2}]:ISAKMP-peer=peer-2.2.2.2 force",
    f"C set [{P2}]:Configuration=phase2-{P2} force",
    f"C set [{P2}]:Local-ID=from-1.1.1.1 force",
    f"C set [{P2}]:Remote-ID=to-2.2.2.2 force",
]
SUITE = [
    f"C set [phase2-{P2}]:EXCHANGE_TYPE=QUICK_MODE force",
    f"C set [phase2-{P2}]:Suites=phase2-suite-{P2} force",
    f"C set [phase2-suite-{P2}]:Protocols=phase2-protocol-{P2} force",
    f"C set [phase2-protocol-{P2}]:PROTOCOL_ID=IPSEC_ESP force",
]
QUICK = [
    f"C set [phase2-protocol-{P2}]:Transforms={T2} force",
    f"C set [{T2}]:TRANSFORM_ID=AES force",
    f"C set [{T2}]:KEY_LENGTH=128,128:256 force",
    f"C set [{T2}]:ENCAPSULATION_MODE=TUNNEL force",
    f"C set [{T2}]:AUTHENTICATION_ALGORITHM=HMAC_SHA2_256 force",
    f"C set [{T2}]:GROUP_DESCRIPTION=MODP_3072 force",
    f"C set [{T2}]:Life=LIFE_QUICK_MODE force",
]
IDS = [
    "C set [from-1.1.1.1]:ID-type=IPV4_ADDR force",
    "C set [from-1.1.1.1]:Address=1.1.1.1 force",
    "C set [to-2.2.2.2]:ID-type=IPV4_ADDR force",
    "C set [to-2.2.2.2]:Address=2.2.2.2 force",
]
TAIL = [f"C add [Phase 2]:Connections={P2}"]


def test_the_shortest_rule_sets_all_of_this() -> None:
    assert commands(f"ike {HOSTS}") == [*HEAD, *MAIN, *CONNECTION, *SUITE, *QUICK, *IDS, *TAIL]


def test_a_passive_rule_is_listed_as_such() -> None:
    expected = [*HEAD, *MAIN, *CONNECTION, *SUITE, *QUICK, *IDS, f"C add [Phase 2]:Passive-Connections={P2}"]
    assert commands(f"ike passive {HOSTS}") == expected


def test_a_dynamic_rule_checks_the_peer_and_is_known_by_the_host_name() -> None:
    expected = [
        "C set [General]:Check-interval=30 force",
        "C set [General]:DPD-check-interval=5 force",
        *HEAD,
        *MAIN,
        "C set [peer-2.2.2.2]:ID=id-gw.example.org force",
        "C set [id-gw.example.org]:ID-type=FQDN force",
        "C set [id-gw.example.org]:Name=gw.example.org force",
        *CONNECTION,
        *SUITE,
        *QUICK,
        *IDS,
        *TAIL,
    ]
    assert commands(f"ike dynamic {HOSTS}") == expected


def test_a_dynamic_rule_with_srcid_keeps_it() -> None:
    lines = commands(f"ike dynamic {HOSTS} srcid other")
    assert "C set [peer-2.2.2.2]:ID=id-other force" in lines
    assert not any("gw.example.org" in each for each in lines)


def test_local_and_psk_come_before_the_configuration() -> None:
    peer = "peer-2.2.2.2-local-3.3.3.3"
    assert commands(f"ike {HOSTS} local 3.3.3.3 psk secret")[:9] == [
        f"C set [Phase 1]:2.2.2.2={peer} force",
        f"C set [{peer}]:Phase=1 force",
        f"C set [{peer}]:Address=2.2.2.2 force",
        f"C set [{peer}]:Local-address=3.3.3.3 force",
        f"C set [{peer}]:Authentication=secret force",
        f"C set [{peer}]:Configuration=phase1-{peer} force",
        f"C set [phase1-{peer}]:EXCHANGE_TYPE=ID_PROT force",
        f"C add [phase1-{peer}]:Transforms=phase1-transform-{peer}-PRE_SHARED-SHA-AES128-MODP_3072 force",
        f"C set [phase1-transform-{peer}-PRE_SHARED-SHA-AES128-MODP_3072]:AUTHENTICATION_METHOD=PRE_SHARED force",
    ]


@pytest.mark.parametrize(
    "text", ["ike from 1.1.1.1 to 10.0.0.0/8", f"ike {HOSTS} peer any", "ike from 1.1.1.1 to 2.2.2.2/32"]
)
def test_a_network_or_any_makes_it_the_default_peer(text: str) -> None:
    assert commands(text)[:5] == [
        "C set [Phase 1]:Default=peer-default force",
        "C set [peer-default]:Phase=1 force",
        "C set [peer-default]:Configuration=phase1-peer-default force",
        "C set [phase1-peer-default]:EXCHANGE_TYPE=ID_PROT force",
        "C add [phase1-peer-default]:Transforms=phase1-transform-peer-default-RSA_SIG-SHA-AES128-MODP_3072 force",
    ]


def test_aggressive_mode() -> None:
    assert "C set [phase1-peer-2.2.2.2]:EXCHANGE_TYPE=AGGRESSIVE force" in commands(f"ike {HOSTS} aggressive")


@pytest.mark.parametrize(
    ("srcid", "kind", "tag"),
    [
        ("1.2.3.4", "IPV4_ADDR", "Address"),
        ("2001:db8::1", "IPV6_ADDR", "Address"),
        ("me@example.org", "USER_FQDN", "Name"),
        ("me.example.org", "FQDN", "Name"),
    ],
)
def test_identities_have_the_type_of_their_form(srcid: str, kind: str, tag: str) -> None:
    lines = commands(f"ike {HOSTS} srcid {srcid} dstid other")
    assert lines[len(HEAD + MAIN) : len(HEAD + MAIN) + 6] == [
        f"C set [peer-2.2.2.2]:ID=id-{srcid} force",
        f"C set [id-{srcid}]:ID-type={kind} force",
        f"C set [id-{srcid}]:{tag}={srcid} force",
        "C set [peer-2.2.2.2]:Remote-ID=id-other force",
        "C set [id-other]:ID-type=FQDN force",
        "C set [id-other]:Name=other force",
    ]
    assert identity_type(srcid) == kind


@pytest.mark.parametrize(
    ("given", "sections"),
    [
        ("600", "600"),
        ("10m", "600"),
        ("10M", "600"),
        ("1h", "3600"),
        ("1H", "3600"),
        ('"900"', "900"),
        ("2hours", "7200"),
    ],
)
def test_lifetimes_have_a_section_of_their_own(given: str, sections: str) -> None:
    lines = commands(f"ike {HOSTS} main lifetime {given} quick lifetime {given}")
    for transform in (T1, T2):
        place = lines.index(f"C set [{transform}]:Life={transform}-life force")
        assert lines[place + 1 : place + 3] == [
            f"C set [{transform}-life]:LIFE_TYPE=SECONDS force",
            f"C set [{transform}-life]:LIFE_DURATION={sections} force",
        ]


def test_lifetime_minus_one_is_none() -> None:
    assert commands(f"ike {HOSTS} main lifetime -1") == commands(f"ike {HOSTS}")


# --- algorithms ---------------------------------------------------------------------------------------------------

MAIN_CIPHERS = [
    ("3des-cbc", "3DES", "", ""),
    ("3des", "3DES", "", ""),
    ("aes", "AES", "128", "128,128:256"),
    ("aes-128", "AES", "128", "128,128:128"),
    ("aes-192", "AES", "192", "192,192:192"),
    ("aes-256", "AES", "256", "256,256:256"),
    ("blowfish", "BLOWFISH", "128", "128,96:192"),
    ("cast128", "CAST", "", ""),
    ("cast", "CAST", "", ""),
]


@pytest.mark.parametrize(("name", "value", "size", "length"), MAIN_CIPHERS)
def test_ciphers_of_main_mode(name: str, value: str, size: str, length: str) -> None:
    lines = commands(f"ike {HOSTS} main enc {name}")
    transform = f"phase1-transform-peer-2.2.2.2-RSA_SIG-SHA-{value}{size}-MODP_3072"
    assert f"C set [{transform}]:ENCRYPTION_ALGORITHM={value}_CBC force" in lines
    lengths = [each for each in lines if each.startswith(f"C set [{transform}]:KEY_LENGTH=")]
    assert lengths == ([f"C set [{transform}]:KEY_LENGTH={length} force"] if length else [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hmac-md5", "MD5"),
        ("hmac-sha1", "SHA"),
        ("hmac-sha2-256", "SHA2_256"),
        ("hmac-sha2", "SHA2_256"),
        ("hmac-sha2-384", "SHA2_384"),
        ("hmac-sha2-512", "SHA2_512"),
    ],
)
def test_hashes_of_main_mode(name: str, value: str) -> None:
    transform = f"phase1-transform-peer-2.2.2.2-RSA_SIG-{value}-AES128-MODP_3072"
    assert f"C set [{transform}]:HASH_ALGORITHM={value} force" in commands(f"ike {HOSTS} main auth {name}")


GROUPS = [
    ("modp768", "MODP_768"),
    ("grp1", "MODP_768"),
    ("modp1024", "MODP_1024"),
    ("grp2", "MODP_1024"),
    ("modp1536", "MODP_1536"),
    ("grp5", "MODP_1536"),
    ("modp2048", "MODP_2048"),
    ("grp14", "MODP_2048"),
    ("modp3072", "MODP_3072"),
    ("grp15", "MODP_3072"),
    ("modp4096", "MODP_4096"),
    ("grp16", "MODP_4096"),
    ("modp6144", "MODP_6144"),
    ("grp17", "MODP_6144"),
    ("modp8192", "MODP_8192"),
    ("grp18", "MODP_8192"),
    ("ecp256", "ECP_256"),
    ("grp19", "ECP_256"),
    ("ecp384", "ECP_384"),
    ("grp20", "ECP_384"),
    ("ecp521", "ECP_521"),
    ("grp21", "ECP_521"),
    ("ecp224", "ECP_224"),
    ("grp26", "ECP_224"),
    ("bp224", "BP_224"),
    ("grp27", "BP_224"),
    ("bp256", "BP_256"),
    ("grp28", "BP_256"),
    ("bp384", "BP_384"),
    ("grp29", "BP_384"),
    ("bp512", "BP_512"),
    ("grp30", "BP_512"),
]


@pytest.mark.parametrize(("name", "value"), GROUPS)
def test_groups_of_both_modes(name: str, value: str) -> None:
    lines = commands(f"ike {HOSTS} main group {name} quick group {name}")
    first = f"phase1-transform-peer-2.2.2.2-RSA_SIG-SHA-AES128-{value}"
    second = f"phase2-transform-{P2}-AES128-SHA2_256-{value}-TUNNEL"
    assert f"C set [{first}]:GROUP_DESCRIPTION={value} force" in lines
    assert f"C set [{second}]:GROUP_DESCRIPTION={value} force" in lines


def test_no_group_in_quick_mode_is_no_pfs() -> None:
    lines = commands(f"ike {HOSTS} quick group none")
    transform = f"phase2-transform-{P2}-AES128-SHA2_256-NONE-TUNNEL"
    assert f"C set [{transform}]:AUTHENTICATION_ALGORITHM=HMAC_SHA2_256 force" in lines
    assert not any(each.startswith(f"C set [{transform}]:GROUP") for each in lines)


QUICK_CIPHERS = [
    *[(name, value, size, length, True) for name, value, size, length in MAIN_CIPHERS],
    ("aesctr", "AES_CTR", "128", "128,128:128", True),
    ("aes-128-ctr", "AES_CTR", "128", "128,128:128", True),
    ("aes-192-ctr", "AES_CTR", "192", "192,192:192", True),
    ("aes-256-ctr", "AES_CTR", "256", "256,256:256", True),
    ("aes-128-gcm", "AES_GCM_16", "128", "128,128:128", False),
    ("aes-192-gcm", "AES_GCM_16", "192", "192,192:192", False),
    ("aes-256-gcm", "AES_GCM_16", "256", "256,256:256", False),
    ("aes-128-gmac", "AES_GMAC", "128", "128,128:128", False),
    ("aes-192-gmac", "AES_GMAC", "192", "192,192:192", False),
    ("aes-256-gmac", "AES_GMAC", "256", "256,256:256", False),
    ("null", "NULL", "", "", False),
    ("nu", "NULL", "", "", False),
]


@pytest.mark.parametrize(("name", "value", "size", "length", "hashed"), QUICK_CIPHERS)
def test_ciphers_of_quick_mode(name: str, value: str, size: str, length: str, hashed: bool) -> None:
    part = "SHA2_256" if hashed else "NONE"
    transform = f"phase2-transform-{P2}-{value}{size}-{part}-MODP_3072-TUNNEL"
    assert [each for each in commands(f"ike {HOSTS} quick enc {name}") if f"[{transform}]" in each] == [
        f"C set [{transform}]:TRANSFORM_ID={value} force",
        *([f"C set [{transform}]:KEY_LENGTH={length} force"] if length else []),
        f"C set [{transform}]:ENCAPSULATION_MODE=TUNNEL force",
        *([f"C set [{transform}]:AUTHENTICATION_ALGORITHM=HMAC_SHA2_256 force"] if hashed else []),
        f"C set [{transform}]:GROUP_DESCRIPTION=MODP_3072 force",
        f"C set [{transform}]:Life=LIFE_QUICK_MODE force",
    ]


def test_null_may_have_a_hash_all_the_same() -> None:
    transform = f"phase2-transform-{P2}-NULL-MD5-MODP_3072-TUNNEL"
    lines = commands(f"ike {HOSTS} quick enc null auth hmac-md5")
    assert f"C set [{transform}]:AUTHENTICATION_ALGORITHM=HMAC_MD5 force" in lines


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hmac-md5", "MD5"),
        ("hmac-ripemd160", "RIPEMD"),
        ("hmac-sha1", "SHA"),
        ("hmac-sha2-256", "SHA2_256"),
        ("hmac-sha2-384", "SHA2_384"),
        ("hmac-sha2-512", "SHA2_512"),
    ],
)
def test_hashes_of_esp_and_ah(name: str, value: str) -> None:
    esp = f"phase2-transform-{P2}-AES128-{value}-MODP_3072-TUNNEL"
    assert f"C set [{esp}]:AUTHENTICATION_ALGORITHM=HMAC_{value} force" in commands(f"ike {HOSTS} quick auth {name}")
    ah = f"phase2-transform-{P2}-NONE-{value}-MODP_3072-TRANSPORT"
    assert [each for each in commands(f"ike ah transport {HOSTS} quick auth {name}") if f"[{ah}]" in each] == [
        f"C set [{ah}]:TRANSFORM_ID={value} force",
        f"C set [{ah}]:ENCAPSULATION_MODE=TRANSPORT force",
        f"C set [{ah}]:AUTHENTICATION_ALGORITHM=HMAC_{value} force",
        f"C set [{ah}]:GROUP_DESCRIPTION=MODP_3072 force",
        f"C set [{ah}]:Life=LIFE_QUICK_MODE force",
    ]


def test_ah_says_so() -> None:
    assert f"C set [phase2-protocol-{P2}]:PROTOCOL_ID=IPSEC_AH force" in commands(f"ike ah {HOSTS}")


# --- traffic ------------------------------------------------------------------------------------------------------


def selectors(text: str) -> list[str]:
    """The commands about the two ends of the traffic."""
    return [
        each
        for each in commands(text)
        if each.startswith(("C set [from-", "C set [to-", "C set [nat-")) and "-to-" not in each
    ]


def test_networks_have_an_address_as_typed_and_a_mask() -> None:
    assert selectors("ike from 10.0.2/24 to 172.20/16 peer 2.2.2.2") == [
        "C set [from-10.0.2/24]:ID-type=IPV4_ADDR_SUBNET force",
        "C set [from-10.0.2/24]:Network=10.0.2 force",
        "C set [from-10.0.2/24]:Netmask=255.255.255.0 force",
        "C set [to-172.20/16]:ID-type=IPV4_ADDR_SUBNET force",
        "C set [to-172.20/16]:Network=172.20 force",
        "C set [to-172.20/16]:Netmask=255.255.0.0 force",
    ]


def test_a_network_of_one_ipv4_address_stays_a_network() -> None:
    assert selectors("ike from 1.1.1.1/32 to 2.2.2.2")[:3] == [
        "C set [from-1.1.1.1/32]:ID-type=IPV4_ADDR_SUBNET force",
        "C set [from-1.1.1.1/32]:Network=1.1.1.1 force",
        "C set [from-1.1.1.1/32]:Netmask=255.255.255.255 force",
    ]


def test_ipv6_is_normalised_and_128_bits_are_a_host() -> None:
    assert selectors("ike from 2001:DB8:0::1/128 to 3ffe:0::1/24 peer 2.2.2.2") == [
        "C set [from-2001:db8::1]:ID-type=IPV6_ADDR force",
        "C set [from-2001:db8::1]:Address=2001:db8::1 force",
        "C set [to-3ffe::1/24]:ID-type=IPV6_ADDR_SUBNET force",
        "C set [to-3ffe::1/24]:Network=3ffe::1 force",
        "C set [to-3ffe::1/24]:Netmask=ffff:ff00:: force",
    ]


def test_an_ipv6_peer() -> None:
    lines = commands("ike from 3ffe::1 to 3ffe::2")
    assert lines[0] == "C set [Phase 1]:3ffe::2=peer-3ffe::2 force"
    assert "C set [peer-3ffe::2]:Address=3ffe::2 force" in lines


def test_protocol_and_ports_are_part_of_names_and_identities() -> None:
    assert selectors("ike proto tcp from 1.1.1.1 port 2022 to 2.2.2.2 port ssh") == [
        "C set [from-1.1.1.1=6:2022]:ID-type=IPV4_ADDR force",
        "C set [from-1.1.1.1=6:2022]:Address=1.1.1.1 force",
        "C set [to-2.2.2.2=6:22]:ID-type=IPV4_ADDR force",
        "C set [to-2.2.2.2=6:22]:Address=2.2.2.2 force",
        "C set [from-1.1.1.1=6:2022]:Protocol=6 force",
        "C set [to-2.2.2.2=6:22]:Protocol=6 force",
        "C set [from-1.1.1.1=6:2022]:Port=2022 force",
        "C set [to-2.2.2.2=6:22]:Port=22 force",
    ]


def test_port_0_is_no_port() -> None:
    assert commands("ike from 1.1.1.1 port 0 to 2.2.2.2") == commands(f"ike {HOSTS}")


def test_source_nat_has_a_section_of_its_own() -> None:
    lines = commands("ike proto udp from 1.1.1.1 (10.0.0.0/8) port 1 to 2.2.2.2")
    connection = "from-1.1.1.1=17:1-to-2.2.2.2=17"
    place = lines.index(f"C set [{connection}]:NAT-ID=nat-10.0.0.0/8=17:1 force")
    assert lines[place - 1] == f"C set [{connection}]:Local-ID=from-1.1.1.1=17:1 force"
    assert lines[place + 1] == f"C set [{connection}]:Remote-ID=to-2.2.2.2=17 force"
    assert selectors("ike proto udp from 1.1.1.1 (10.0.0.0/8) port 1 to 2.2.2.2")[2:5] == [
        "C set [nat-10.0.0.0/8=17:1]:ID-type=IPV4_ADDR_SUBNET force",
        "C set [nat-10.0.0.0/8=17:1]:Network=10.0.0.0 force",
        "C set [nat-10.0.0.0/8=17:1]:Netmask=255.0.0.0 force",
    ]


def test_a_tag_follows_the_identities() -> None:
    lines = commands(f'ike {HOSTS} tag "ipsec-$id"')
    place = lines.index(f"C set [{P2}]:Remote-ID=to-2.2.2.2 force")
    assert lines[place + 1] == f"C set [{P2}]:PF-Tag=ipsec-$id force"


def test_an_interface_rule_carries_everything_over_a_unit() -> None:
    lines = commands("ike interface sec1 local 1.1.1.1 peer 2.2.2.2")
    assert [each for each in lines if each.startswith("C set [from-sec1")] == [
        "C set [from-sec1-to-sec1]:Phase=2 force",
        "C set [from-sec1-to-sec1]:ISAKMP-peer=peer-2.2.2.2-local-1.1.1.1 force",
        "C set [from-sec1-to-sec1]:Configuration=phase2-from-sec1-to-sec1 force",
        "C set [from-sec1-to-sec1]:Local-ID=from-sec1 force",
        "C set [from-sec1-to-sec1]:Remote-ID=to-sec1 force",
        "C set [from-sec1-to-sec1]:Interface=1 force",
        "C set [from-sec1]:ID-type=IPV4_ADDR_SUBNET force",
        "C set [from-sec1]:Network=0.0.0.0 force",
        "C set [from-sec1]:Netmask=0.0.0.0 force",
    ]
    assert lines[-1] == "C add [Phase 2]:Connections=from-sec1-to-sec1"


def test_an_interface_as_host_is_known_by_its_name() -> None:
    assert selectors("ike from em0 to 2.2.2.2")[:2] == [
        "C set [from-em0]:ID-type=IPV4_ADDR force",
        "C set [from-em0]:Address=em0 force",
    ]


# --- what cannot be negotiated ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ("auth hmac-ripemd160", "illegal transform hmac-ripemd160"),
        ("enc null", "illegal transform null"),
        ("enc aesctr", "illegal transform aesctr"),
        ("enc aes-128-gcm", "illegal transform aes-128-gcm"),
        ("enc n", "illegal transform none"),
        ("group none", "illegal group none"),
        ("auth hmac-ripemd160 enc null", "illegal transform null"),
    ],
)
def test_an_illegal_main_mode_ends_before_its_transforms(transforms: str, message: str) -> None:
    [rule] = ike(f"ike {HOSTS} main {transforms}")
    emission = commands_of(rule)
    assert (emission.error, emission.cut) == (message, "")
    assert [str(each) for each in emission.commands] == HEAD


@pytest.mark.parametrize(
    ("text", "protocol", "message"),
    [
        ("ah {} quick enc aes", "AH", "illegal transform aes"),
        ("ah {} quick enc aes auth none", "AH", "illegal transform aes"),
        ("ah {} quick auth none", "AH", "illegal transform none"),
        ("esp {} quick auth none", "ESP", "illegal transform none"),
        ("esp {} quick enc chacha20-poly1305", "ESP", "illegal transform chacha20-poly1305"),
    ],
)
def test_an_illegal_quick_mode_ends_behind_the_protocol(text: str, protocol: str, message: str) -> None:
    [rule] = ike(f"ike {text.format(HOSTS)}")
    emission = commands_of(rule)
    last = f"C set [phase2-protocol-{P2}]:PROTOCOL_ID=IPSEC_{protocol} force"
    assert (emission.error, emission.cut) == (message, "")
    assert [str(each) for each in emission.commands] == [*HEAD, *MAIN, *CONNECTION, *SUITE[:3], last]


@pytest.mark.parametrize(("protocol", "number"), [("ipcomp", 3), ("ipip", 5)])
def test_an_illegal_protocol_cuts_its_line(protocol: str, number: int) -> None:
    [rule] = ike(f"ike {protocol} {HOSTS}")
    emission = commands_of(rule)
    assert emission.error == f"illegal satype {number}"
    assert emission.cut == f"C set [phase2-protocol-{P2}]:PROTOCOL_ID="
    assert [str(each) for each in emission.commands] == [*HEAD, *MAIN, *CONNECTION, *SUITE[:3]]


# --- the delete form ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "tag"), [("active", "Connections"), ("dynamic", "Connections"), ("passive", "Passive-Connections")]
)
def test_deleting_takes_the_connection_and_leaves_the_peer(mode: str, tag: str) -> None:
    assert deletion(f"ike {mode} {HOSTS}") == [
        f"t {P2}",
        f"C rmv [Phase 2]:{tag}={P2}",
        f"C rms [{P2}]",
        f"C rms [phase2-{P2}]",
    ]


def test_commands_are_printed_as_the_fifo_reads_them() -> None:
    assert str(Command("set", "General", "a", "b")) == "C set [General]:a=b"
    assert str(Command("set", "General", "a", "b", force=True)) == "C set [General]:a=b force"
