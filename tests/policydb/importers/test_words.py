"""Words of other daemons: proposals, durations, selectors, identities, keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.importers import words
from policydb.importers.plan import Identity, NotCarriedError, Suite


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("aes128-sha256-modp2048", Suite("AES-128", "SHA2-256", 14)),
        ("aes256-sha1-ecp384", Suite("AES-256", "SHA", 20)),
        ("3des-md5-modp1024", Suite("3DES", "MD5", 2)),
        ("aes128gcm16-modp3072", Suite("AESGCM-128", "", 15)),
        ("aes192-sha512-prfsha512-modp4096", Suite("AES-192", "SHA2-512", 16)),
        ("aes128-sha256-noesn", Suite("AES-128", "SHA2-256", None)),
        ("aes256-sha2_512;dh19", Suite("AES-256", "SHA2-512", 19)),
        ("aes_gcm256-null", None),
        ("aes_gcm256", Suite("AESGCM-256", "", None)),
        ("AES-SHA2;MODP1536", Suite("AES", "SHA2-256", 5)),
        ("chacha20poly1305-x25519", None),
        ("aes128-aes256-sha1", None),
        ("aes128-sha256-prfsha512-modp2048", None),
        ("aes128-sha256-esn", None),
        ("sha256-modp2048", None),
        ("", None),
    ],
)
def test_proposals(text: str, wanted: Suite | None) -> None:
    if wanted is None:
        with pytest.raises(NotCarriedError):
            words.suite(text)
    else:
        assert words.suite(text) == wanted


def test_what_isakmpd_conf_has_no_name_for_is_refused() -> None:
    with pytest.raises(NotCarriedError):
        Suite("AESGCM-128", "", 14).main_mode("PRE_SHARED")
    with pytest.raises(NotCarriedError):
        Suite("AES-128", "SHA", None).main_mode("PRE_SHARED")
    with pytest.raises(NotCarriedError, match="integrity"):
        Suite("AES-128", "", 14).quick_mode(transport=False)
    assert Suite("AES-128", "SHA", 14).main_mode("RSA_SIG") == "AES-128-SHA-GRP14-RSA_SIG"
    assert Suite("AESGCM-128", "", 14).quick_mode(transport=True) == "QM-ESP-TRP-AESGCM-128-PFS-GRP14"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("3600", 3600), ("90s", 90), ("4h", 14400), ("2 days", 172800), ("24 hour", 86400), ("1w", 604800)],
)
def test_durations(text: str, wanted: int) -> None:
    assert words.lifetime(text) == wanted


@pytest.mark.parametrize("text", ["", "x", "-5", "59", "1y", "99999999d", "\u00b2", "1.5h"])
def test_what_is_no_lifetime(text: str) -> None:
    with pytest.raises(NotCarriedError):
        words.lifetime(text)


@pytest.mark.parametrize(
    ("network", "proto", "port", "wanted"),
    [
        ("10.1.0.0/16", "", "", ("10.1.0.0/16", 0, 0)),
        ("10.1.2.3/16", "any", "any", ("10.1.0.0/16", 0, 0)),
        ("10.1.2.3", "tcp", "80", ("10.1.2.3/32", 6, 80)),
        ("2001:db8::/32", "17", "domain", ("2001:db8::/32", 17, 53)),
        ("10.0.0.0/8", "", "80", None),
        ("10.0.0.0/33", "", "", None),
        ("10.0.0.1-10.0.0.9", "", "", None),
        ("fe80::1%eth0", "", "", None),
        ("10.0.0.0/8", "tcp", "70000", None),
        ("10.0.0.0/8", "tcp", "1024-65535", None),
        ("10.0.0.0/8", "256", "", None),
        ("10.0.0.0/8", "nonsense", "", None),
    ],
)
def test_selectors(network: str, proto: str, port: str, wanted: tuple[str, int, int] | None) -> None:
    if wanted is None:
        with pytest.raises(NotCarriedError):
            words.selector(network, proto, port)
    else:
        found = words.selector(network, proto, port)
        assert (str(found.network), found.protocol, found.port) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("vpn.example.org", Identity("FQDN", "vpn.example.org")),
        ("@vpn.example.org", Identity("FQDN", "vpn.example.org")),
        ("fqdn:192.0.2.1", Identity("FQDN", "192.0.2.1")),
        ("carol@example.org", Identity("USER_FQDN", "carol@example.org")),
        ("@carol@example.org", Identity("USER_FQDN", "carol@example.org")),
        ("192.0.2.1", Identity("IPV4_ADDR", "192.0.2.1")),
        ("2001:DB8::1", Identity("IPV6_ADDR", "2001:db8::1")),
        ("C=SE, O=My Org, CN=host", Identity("ASN1_DN", "/C=SE/O=My Org/CN=host")),
        ("/C=SE/E=a@b", Identity("ASN1_DN", "/C=SE/emailAddress=a@b")),
        ("*@example.org", None),
        ("@#6b6579", None),
        ("C=SE, CN=*", None),
        ('CN="a,b"', None),
        ("CN=", None),
        ("", None),
    ],
)
def test_identities(text: str, wanted: Identity | None) -> None:
    if wanted is None:
        with pytest.raises(NotCarriedError):
            words.identity(text)
    else:
        assert words.identity(text) == wanted


@given(st.text(max_size=20))
def test_nothing_checked_becomes_another_line(text: str) -> None:
    try:
        found = words.checked(text)
    except NotCarriedError:
        return
    assert found == text
    assert len(f"a={found}\n".splitlines()) == 1
    assert not found.endswith("\\")
    found.encode("latin-1")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0x616263", b"abc"), ("0sYWJj", b"abc"), ("abc", b"abc"), ("0xzz", None), ("0s!", None), ("", None)],
)
def test_keys(text: str, wanted: bytes | None) -> None:
    if wanted is None:
        with pytest.raises(NotCarriedError) as caught:
            words.key_octets(text)
        assert "zz" not in str(caught.value)
    else:
        assert words.key_octets(text) == wanted


@given(st.text(max_size=30), st.sampled_from([words.suite, words.seconds, words.address, words.identity, words.port]))
def test_any_word_is_understood_or_refused_in_words_that_can_be_shown(
    text: str, reader: Callable[[str], object]
) -> None:
    told = ""
    try:
        reader(text)
    except NotCarriedError as problem:
        told = str(problem)
    assert told.isprintable()
