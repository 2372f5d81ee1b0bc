"""Flows and static SAs: how they are expanded, printed and checked."""

from __future__ import annotations

import pytest

from grammar.ipsec_codes import IpsecCode
from policydb.ipsec.sas import Bundles, SaRule
from tests.policydb.ipsec.support import expansion, printed

HOSTS = "from 1.1.1.1 to 2.2.2.2"
MD5, SHA1, SHA256 = (f"0x{'aa' * octets}" for octets in (16, 20, 32))
AES128, TDES = (f"0x{'ee' * octets}" for octets in (16, 24))

# --- flows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            HOSTS,
            [
                "flow esp out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type require",
                "flow esp in from 2.2.2.2 to 1.1.1.1 peer 2.2.2.2 type require",
            ],
        ),
        (f"ah out {HOSTS}", ["flow ah out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type require"]),
        (f"esp in {HOSTS}", ["flow esp in from 1.1.1.1 to 2.2.2.2 peer 1.1.1.1 type require"]),
        (f"ipcomp out {HOSTS}", ["flow ipcomp out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type use"]),
        (f"ipip out {HOSTS}", ["flow ipip out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type use"]),
        (
            "proto tcp from 1.1.1.1 port 2022 to 2.2.2.2 port 22",
            [
                "flow esp out proto tcp from 1.1.1.1 port 2022 to 2.2.2.2 port ssh peer 2.2.2.2 type require",
                "flow esp in proto tcp from 2.2.2.2 port ssh to 1.1.1.1 port 2022 peer 2.2.2.2 type require",
            ],
        ),
        (f"out proto 200 {HOSTS}", ["flow esp out proto 200 from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type require"]),
        (
            "from 10.0.2/24 to 10.1.0.0/16 local 1.1.1.1 peer 2.2.2.2 srcid a dstid b",
            [
                "flow esp out from 10.0.2.0/24 to 10.1.0.0/16 local 1.1.1.1 peer 2.2.2.2 srcid a dstid b type require",
                "flow esp in from 10.1.0.0/16 to 10.0.2.0/24 local 1.1.1.1 peer 2.2.2.2 srcid a dstid b type require",
            ],
        ),
        (
            "out from 1.1.1.1/32 to 2.2.2.2/32 peer 3.3.3.3",
            ["flow esp out from 1.1.1.1 to 2.2.2.2 peer 3.3.3.3 type require"],
        ),
        ("out from ::1/128 to ::2", ["flow esp out from ::1 to ::2 peer ::2 type require"]),
        ("out from em0 to 2.2.2.2", ["flow esp out from 192.0.2.7 to 2.2.2.2 peer 2.2.2.2 type require"]),
        (
            "out from 1.1.1.1 (10.0.0.0/8) to 2.2.2.2",
            ["flow esp out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type require"],
        ),
        ("out from 1.1.1.1 to 10.0.0.0/8 peer any", ["flow esp out from 1.1.1.1 to 10.0.0.0/8 type require"]),
        (
            "out from 1.1.1.1 to any peer 2.2.2.2",
            ["flow esp out from 1.1.1.1 to 0.0.0.0/0 peer 2.2.2.2 type require"],
        ),
        *[
            (f"out {HOSTS} type {kind}", [f"flow esp out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type {kind}"])
            for kind in ("use", "acquire", "require", "dontacq")
        ],
        *[
            (
                f"out from 1.1.1.1 to 10.0.0.0/8 peer 2.2.2.2 srcid a type {kind}",
                [f"flow esp out from 1.1.1.1 to 10.0.0.0/8 type {kind}"],
            )
            for kind in ("deny", "bypass")
        ],
    ],
)
def test_flows_are_printed(text: str, lines: list[str]) -> None:
    assert printed(f"flow {text}") == lines


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("out from 1.1.1.1 to 10.0.2/24", "10.0.2/24"),
        ("from 1.1.1.1 to any", "0.0.0.0/0"),
        ("in from 10.0.0.0/8 to 2.2.2.2", "2.2.2.2"),
    ],
)
def test_a_flow_towards_a_network_needs_a_peer(text: str, name: str) -> None:
    [finding] = expansion(f"flow {text}").diagnostics
    assert (finding.code, finding.message) == (IpsecCode.NO_PEER, f"no peer specified for destination {name}")


# --- static SAs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            f"esp {HOSTS} spi 0xdeadbeef:0xbeefdead authkey {SHA256}:{SHA256} enckey {AES128}:{AES128}",
            [
                "esp tunnel from 1.1.1.1 to 2.2.2.2 spi 0xdeadbeef auth hmac-sha2-256 enc aes",
                "esp tunnel from 2.2.2.2 to 1.1.1.1 spi 0xbeefdead auth hmac-sha2-256 enc aes",
            ],
        ),
        (
            f"esp transport {HOSTS} spi 4096 udpencap port 4500 auth hmac-sha1 enc 3des authkey {SHA1} enckey {TDES}",
            ["esp transport from 1.1.1.1 to 2.2.2.2 spi 0x00001000 auth hmac-sha1 enc 3des-cbc"],
        ),
        (
            f"{HOSTS} spi 0x100 enc null authkey {SHA256}",
            ["esp tunnel from 1.1.1.1 to 2.2.2.2 spi 0x00000100 auth hmac-sha2-256 enc null"],
        ),
        (
            f"ah {HOSTS} spi 0x100 authkey {SHA256}",
            ["ah tunnel from 1.1.1.1 to 2.2.2.2 spi 0x00000100 auth hmac-sha2-256"],
        ),
        (
            "ipcomp from 1.1.1.1 to 2.2.2.2 spi 0x1000:0x1001",
            [
                "ipcomp tunnel from 1.1.1.1 to 2.2.2.2 spi 0x00001000 comp deflate",
                "ipcomp tunnel from 2.2.2.2 to 1.1.1.1 spi 0x00001001 comp deflate",
            ],
        ),
        ("ipip from 1.1.1.1 to 2.2.2.2 spi 0x1000", ["ipip tunnel from 1.1.1.1 to 2.2.2.2 spi 0x00001000"]),
        (
            "tcpmd5 from 1.1.1.1 to 2.2.2.2 spi 0x1000:0x1001 authkey 0xdeadbeef:0xbeefdead",
            ["tcpmd5 from 1.1.1.1 to 2.2.2.2 spi 0x00001000", "tcpmd5 from 2.2.2.2 to 1.1.1.1 spi 0x00001001"],
        ),
        ("tcpmd5 from 1.1.1.1 to 2.2.2.2 spi 0x1000", ["tcpmd5 from 1.1.1.1 to 2.2.2.2 spi 0x00001000"]),
        (
            f"ah from {{ 1.1.1.1 3.3.3.3 }} to 10.0.0.0/8 spi 0x100 authkey {SHA256[2:]}",
            [
                "ah tunnel from 1.1.1.1 to 10.0.0.0/8 spi 0x00000100 auth hmac-sha2-256",
                "ah tunnel from 3.3.3.3 to 10.0.0.0/8 spi 0x00000100 auth hmac-sha2-256",
            ],
        ),
        (
            f"ah {HOSTS} spi 0x100 auth hmac-md5 authkey {MD5}a",
            ["ah tunnel from 1.1.1.1 to 2.2.2.2 spi 0x00000100 auth hmac-md5"],
        ),
    ],
)
def test_static_sas_are_printed_without_their_keys(text: str, lines: list[str]) -> None:
    assert printed(text) == lines


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (f"esp {HOSTS} spi 0", IpsecCode.SPI, "no SPI specified"),
        (f"esp {HOSTS} spi 0x0", IpsecCode.SPI, "no SPI specified"),
        (f"esp {HOSTS} spi 255", IpsecCode.SPI, "255 within reserved spi range"),
        (f"esp {HOSTS} spi 0x1", IpsecCode.SPI, "1 within reserved spi range"),
        (f"esp {HOSTS} spi 0x100:0xff", IpsecCode.SPI, "255 within reserved spi range"),
        (f"esp {HOSTS} spi 4294967296", IpsecCode.SPI, "4294967296 not a valid spi"),
        (f"esp {HOSTS} spi 0x100000000", IpsecCode.SPI, "0x100000000 not a valid spi"),
        (f"esp {HOSTS} spi 0xnone", IpsecCode.SPI, "0xnone not a valid spi"),
        (f"ah {HOSTS} spi 0x100 enc aes", IpsecCode.KIND, "ah does not provide encryption"),
        (f"ah {HOSTS} spi 0x100 comp deflate", IpsecCode.KIND, "ah does not provide compression"),
        (f"esp {HOSTS} spi 0x100 comp deflate", IpsecCode.KIND, "esp does not provide compression"),
        (f"ipcomp {HOSTS} spi 0x100 auth hmac-md5", IpsecCode.KIND, "no encryption or authentication with ipcomp"),
        (f"ipcomp {HOSTS} spi 0x100 enc aes", IpsecCode.KIND, "no encryption or authentication with ipcomp"),
        *[
            (f"ipip {HOSTS} spi 0x100 {word}", IpsecCode.KIND, "no encryption, authentication or compression with ipip")
            for word in ("auth hmac-md5", "enc aes", "comp deflate")
        ],
        *[
            (f"esp {HOSTS} spi 0x100 enc {name}", IpsecCode.KIND, f"{name} is disallowed with static keys")
            for name in ("aesctr", "aes-128-ctr", "aes-256-gcm", "aes-192-gmac", "chacha20-poly1305")
        ],
        (f"esp {HOSTS} spi 0x100", IpsecCode.KEY, "no authentication key specified"),
        (f"esp {HOSTS} spi 0x100 authkey {SHA256}", IpsecCode.KEY, "no encryption key specified"),
        (
            f"esp {HOSTS} spi 0x100 authkey {MD5}",
            IpsecCode.KEY,
            "wrong authentication key length, needs to be 256 bits",
        ),
        *[
            (
                f"ah {HOSTS} spi 0x100 auth {name} authkey 0xaa",
                IpsecCode.KEY,
                f"wrong authentication key length, needs to be {bits} bits",
            )
            for name, bits in (
                ("hmac-md5", 128),
                ("hmac-sha1", 160),
                ("hmac-ripemd160", 160),
                ("hmac-sha2-256", 256),
                ("hmac-sha2-384", 384),
                ("hmac-sha2-512", 512),
            )
        ],
        *[
            (
                f"esp {HOSTS} spi 0x100 enc {name} authkey {SHA256} enckey 0xaa",
                IpsecCode.KEY,
                f"encryption key too short (8 bits), minimum {bits} bits",
            )
            for name, bits in (
                ("3des", 192),
                ("aes", 128),
                ("aes-192", 192),
                ("aes-256", 256),
                ("blowfish", 40),
                ("cast128", 40),
            )
        ],
        *[
            (
                f"esp {HOSTS} spi 0x100 enc {name} authkey {SHA256} enckey {'ab' * 57}",
                IpsecCode.KEY,
                f"encryption key too long (456 bits), maximum {bits} bits",
            )
            for name, bits in (
                ("3des", 192),
                ("aes", 256),
                ("aes-128", 128),
                ("blowfish", 448),
                ("cast128", 128),
                ("null", 0),
            )
        ],
    ],
)
def test_an_sa_that_cannot_be_is_refused(text: str, code: IpsecCode, message: str) -> None:
    found = expansion(text)
    assert found.rules == ()
    assert [(each.code, each.message) for each in found.diagnostics] == [(code, message)]
    assert not found.fatal


def test_each_bad_pair_of_digits_is_told_and_the_sa_stands() -> None:
    found = expansion(f"ah {HOSTS} spi 0x100 auth hmac-md5 authkey 0xzz{'aa' * 14}g0")
    assert [str(each) for each in found.rules] == ["ah tunnel from 1.1.1.1 to 2.2.2.2 spi 0x00000100 auth hmac-md5"]
    assert [each.message for each in found.diagnostics] == ["keys need to be specified in hex digits"] * 2


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (f"ah {HOSTS} spi 0x100:0x200 authkey {SHA256}", ["no authentication key specified", "sarule: expand_rule"]),
        (f"ah {HOSTS} spi 0x100 authkey {SHA256}:{SHA256}", ["no SPI specified", "sarule: expand_rule"]),
        (f"tcpmd5 {HOSTS} spi 0x100 authkey aa:bb", ["no SPI specified", "tcpmd5rule: expand_rule"]),
    ],
)
def test_a_way_back_that_cannot_be_is_the_end(text: str, messages: list[str]) -> None:
    found = expansion(text)
    assert found.fatal
    assert len(found.rules) == 1
    assert [each.message for each in found.diagnostics] == messages


def test_keys_may_stand_in_files() -> None:
    found = expansion(f'ah {HOSTS} spi 0x100:0x200 authkey file "out:in"', out=f"{SHA256}\n", **{"in": SHA256[2:]})
    assert not found.diagnostics
    assert len(found.rules) == 2


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "open key: No such file or directory"),
        ({"key": ""}, "key: key too small"),
        ({"key": "a" * 1025}, "key: key too large"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_the_end(files: dict[str, str], message: str) -> None:
    found = expansion(f'ah {HOSTS} spi 0x100 authkey file "key"', **files)
    assert found.fatal
    assert [each.message for each in found.diagnostics] == [message]


def test_a_bundle_ties_later_sas_to_its_first() -> None:
    bundles = Bundles()
    lines = []
    for text in (
        f"esp transport {HOSTS} spi 0x1000 enc null authkey {SHA256} bundle one",
        f"ah transport {HOSTS} spi 0x2000 authkey {SHA256} bundle one",
        f"ah transport {HOSTS} spi 0x3000 authkey {SHA256} bundle two",
        f"ah transport from 3.3.3.3 to 2.2.2.2 spi 0x4000 authkey {SHA256} bundle one",
        f"ah transport {HOSTS} spi 0x5000 authkey {SHA256}",
    ):
        [rule] = expansion(text).rules
        assert isinstance(rule, SaRule)
        lines.append(bundles.join(rule))
    assert lines == [
        None,
        "[bundle esp to 2.2.2.2 spi 0x00001000 with ah to 2.2.2.2 spi 0x00002000]",
        None,
        None,
        None,
    ]
