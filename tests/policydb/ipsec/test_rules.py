"""What ike rules mean: hosts, expansion, defaults, and every message about a rule that cannot be used."""

from __future__ import annotations

import math

import pytest

from grammar.ipsec_codes import IpsecCode
from policydb.ipsec.program import DefaultPeer
from policydb.ipsec.rules import MAX_PAIRS
from policydb.ipsec.tables import complete
from tests.policydb.ipsec.support import expansion, ike, messages

HOSTS = "from 1.1.1.1 to 2.2.2.2"


def pairs(text: str) -> list[tuple[str, str]]:
    return [(each.traffic.source.name, each.traffic.destination.name) for each in ike(text)]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("from 1.1.1.1 to 2.2.2.2", [("1.1.1.1", "2.2.2.2")]),
        (
            "from { 1.1.1.1 3.3.3.3 } to { 2.2.2.2, 4.4.4.4 }",
            [("1.1.1.1", "2.2.2.2"), ("1.1.1.1", "4.4.4.4"), ("3.3.3.3", "2.2.2.2"), ("3.3.3.3", "4.4.4.4")],
        ),
        ("from { 1.1.1.1 { 3.3.3.3 } } to 2.2.2.2", [("1.1.1.1", "2.2.2.2"), ("3.3.3.3", "2.2.2.2")]),
        ("from { 1.1.1.1 ::1 } to { ::2 2.2.2.2 }", [("1.1.1.1", "2.2.2.2"), ("::1", "::2")]),
        ("from any to any", [("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0")]),
        ("from any to 10.0.0.0/8", [("0.0.0.0/0", "10.0.0.0/8")]),
        ("from em0 to { 2.2.2.2 ::2 }", [("em0", "2.2.2.2"), ("em0", "::2")]),
        ("from egress to 2.2.2.2", [("egress", "2.2.2.2")]),
        ("from www.example.org to 2.2.2.2", [("203.0.113.80", "2.2.2.2"), ("203.0.113.81", "2.2.2.2")]),
        ("from www.example.org to ::2", [("2001:db8::80", "::2")]),
    ],
)
def test_every_from_goes_with_every_to_of_its_family(hosts: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(f"ike {hosts}") == expected


@pytest.mark.parametrize("kind", ["ike", "flow", "esp"])
def test_lists_that_come_to_too_many_pairs_are_refused_before_they_are_made(kind: str) -> None:
    width = math.isqrt(MAX_PAIRS) + 1
    lists = [" ".join(f"10.{net}.{each // 256}.{each % 256}" for each in range(width)) for net in (1, 2)]
    behind = "spi 0x1000" if kind == "esp" else "peer 192.0.2.2"
    found = expansion(f"{kind} from {{ {lists[0]} }} to {{ {lists[1]} }} {behind}")
    assert not found.rules
    assert [(each.code, each.message) for each in found.diagnostics] == [
        (IpsecCode.TOO_MANY, f"rule expands to {width * width} combinations")
    ]


def test_the_peer_is_the_destination_of_each_pair_if_that_is_a_host() -> None:
    peers = [each.peer.name if each.peer else None for each in ike("ike from 1.1.1.1 to { 2.2.2.2 10.0.0.0/8 }")]
    assert peers == ["2.2.2.2", None]


def test_of_a_name_the_first_address_is_the_peer() -> None:
    [rule] = ike(f"ike {HOSTS} peer www.example.org local em0")
    assert rule.peer is not None
    assert rule.local is not None
    assert (rule.peer.name, rule.local.name, str(rule.local.address)) == ("203.0.113.80", "em0", "192.0.2.7")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("from 1.1.1.1 to ::2", IpsecCode.FAMILIES, "source/destination address families do not match"),
        (
            "from { 1.1.1.1 3.3.3.3 } to { ::1 ::2 }",
            IpsecCode.FAMILIES,
            "source/destination address families do not match",
        ),
        ("from unknown.example to 2.2.2.2", IpsecCode.HOST, "could not parse host specification"),
        ("from 300.1.1.1 to 2.2.2.2", IpsecCode.HOST, "could not parse host specification"),
        ("from 10.0.2 to 2.2.2.2", IpsecCode.HOST, "could not parse host specification"),
        ("from 10.0.0.0/33 to 2.2.2.2", IpsecCode.HOST, "could not parse host specification"),
        ("from www.example.org/24 to 2.2.2.2", IpsecCode.HOST, "could not parse host specification"),
        ("from 10.0.0.0/129 to 2.2.2.2", IpsecCode.HOST, "host: invalid netmask '/129'"),
        ("from 1.1.1.1 (::1) to 2.2.2.2", IpsecCode.NAT, "Flow NAT address family mismatch"),
        ("from 1.1.1.1 to 2.2.2.2 (3.3.3.3)", IpsecCode.NAT, "no flow NAT support for destination network: 2.2.2.2"),
        (f"{HOSTS} peer unknown.example", IpsecCode.HOST, "could not parse host specification"),
        (f"proto 256 {HOSTS}", IpsecCode.PROTOCOL, "protocol outside range"),
        (f"proto -1 {HOSTS}", IpsecCode.PROTOCOL, "protocol outside range"),
        (f"proto nosuch {HOSTS}", IpsecCode.PROTOCOL, "unknown protocol: nosuch"),
        ("from 1.1.1.1 port 22 to 2.2.2.2", IpsecCode.PROTOCOL, "no protocol supplied with source/destination ports"),
        (
            "proto icmp from 1.1.1.1 to 2.2.2.2 port 22",
            IpsecCode.PROTOCOL,
            "no protocol supplied with source/destination ports",
        ),
        ("proto tcp from 1.1.1.1 port 65536 to 2.2.2.2", IpsecCode.PORT, "port outside range"),
        ("proto tcp from 1.1.1.1 to 2.2.2.2 port nosuch", IpsecCode.PORT, "unknown port: nosuch"),
        (f"{HOSTS} main lifetime 5s", IpsecCode.LIFETIME, "invalid time unit: Undefined error: 0"),
        (f"{HOSTS} quick lifetime soon", IpsecCode.LIFETIME, "invalid time specification: soon: Undefined error: 0"),
        (
            f"{HOSTS} quick enc aes-128-gcm auth hmac-sha1",
            IpsecCode.TRANSFORM,
            "authentication is implicit for aes-128-gcm",
        ),
        ("interface em0", IpsecCode.INTERFACE, "invalid sec interface name"),
        ("interface sec", IpsecCode.INTERFACE, "invalid sec interface unit: invalid"),
        ("interface secx", IpsecCode.INTERFACE, "invalid sec interface unit: invalid"),
        ("interface sec01", IpsecCode.INTERFACE, "invalid sec interface unit: invalid"),
        ("interface sec99999999999", IpsecCode.INTERFACE, "invalid sec interface unit: too large"),
    ],
)
def test_a_rule_that_cannot_be_used_is_left_out(text: str, code: IpsecCode, message: str) -> None:
    found = expansion(f"ike {text}")
    assert found.rules == ()
    assert [(each.code, each.message) for each in found.diagnostics] == [(code, message)]


@pytest.mark.parametrize(
    ("text", "fatal"),
    [
        (f"{HOSTS} main lifetime 5s", True),
        (f"{HOSTS} main lifetime x", True),
        ("from ::/129 to ::1", True),
        (f"proto 256 {HOSTS}", False),
    ],
)
def test_some_errors_are_the_last(text: str, fatal: bool) -> None:
    assert expansion(f"ike {text}").fatal is fatal


def test_a_name_that_nobody_knows_is_told() -> None:
    assert expansion("ike from unknown.example to 2.2.2.2").unknown == "unknown.example"
    assert expansion("ike from 10.0.0.0/33 to 2.2.2.2").unknown == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("main auth hmac-md5 auth hmac-sha1", "auth already set"),
        ("main enc aes enc 3des", "enc already set"),
        ("quick comp deflate comp deflate", "comp already set"),
        ("quick group grp1 group grp2", "group already set"),
        ("quick enc rot13", "rot13 not a valid transform"),
        ("quick comp lzs", "lzs not a valid transform"),
        ("quick enc des-cbc", "des-cbc not a valid transform"),
        ("quick enc skipjack", "skipjack not a valid transform"),
    ],
)
def test_a_doubtful_transform_is_told_and_the_rule_stands(text: str, message: str) -> None:
    found = expansion(f"ike {HOSTS} {text}")
    assert len(found.rules) == 1
    assert [(each.code, each.message) for each in found.diagnostics] == [(IpsecCode.TRANSFORM, message)]


def test_what_is_unknown_leaves_the_default_and_what_is_repeated_the_first() -> None:
    found = expansion(f"ike {HOSTS} main enc rot13 auth hmac-md5 auth hmac-sha1")
    [rule] = found.rules
    main = getattr(rule, "main", None)
    assert (getattr(main, "enc", None), getattr(main, "auth", None)) == ("aes", "hmac-md5")


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("enc", "3des", "3des-cbc"),
        ("enc", "cast", "cast128"),
        ("enc", "a", "aes"),
        ("enc", "aes-1", "aes-128"),
        ("enc", "aesc", "aesctr"),
        ("enc", "n", "none"),
        ("enc", "nu", "null"),
        ("enc", "u", "unknown"),
        ("auth", "hmac-sha2", "hmac-sha2-256"),
        ("auth", "h", "hmac-md5"),
        ("group", "grp1", "grp1"),
        ("group", "grp", "grp1"),
        ("group", "modp1", "modp1024"),
        ("group", "none", "none"),
        ("comp", "d", "deflate"),
        ("enc", "AES", None),
        ("group", "grp25", None),
    ],
)
def test_the_first_name_that_begins_so_is_meant(kind: str, text: str, name: str | None) -> None:
    assert complete(kind, text) == name


# --- rules for any peer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("srcid a dstid b psk one", []),
        ("main enc 3des srcid a dstid b psk one", []),
        ("local 9.9.9.9 srcid a dstid b psk one", ["default peer local mismatch"]),
        ("srcid a dstid b rsa", ["default peer phase 1 auth mismatch"]),
        ("srcid a dstid b psk two", ["default peer psk mismatch"]),
        ("aggressive srcid a dstid b psk one", ["default peer phase 1 mode mismatch"]),
        ("srcid x dstid b psk one", ["default peer srcid mismatch"]),
        ("srcid a dstid x psk one", ["default peer dstid mismatch"]),
        ("peer 2.2.2.2 psk two", []),
    ],
)
def test_rules_for_any_peer_are_compared_with_the_first(second: str, expected: list[str]) -> None:
    known = DefaultPeer()
    [first] = ike("ike from 1.1.1.1 to 10.0.0.0/8 srcid a dstid b psk one")
    [rule] = ike(f"ike from 1.1.1.1 to 10.1.0.0/16 {second}")
    assert known.mismatches(first) == ()
    assert list(known.mismatches(rule)) == expected


def test_messages_never_hold_the_key() -> None:
    assert not [each for each in messages(f"ike {HOSTS} quick enc rot13 psk topsecret") if "topsecret" in each]
