"""Secrets become digests and references, and those who know them still match."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.configuration.sealing import (
    SecretError,
    hide_keys,
    preshared_key,
    seal_bindings,
    secret_octets,
    secret_reference,
)
from policydb.secrecy import escapes_sealing, seal, seal_policy
from tests.policydb.confs import WHOLE, bindings

FOOBAR = "passphrase-sha1-hex:8843d7f92416211de9ebb963ff4ce28125932878"
"""isakmpd.policy(5)."""


def test_a_passphrase_is_sealed_as_its_sha_1() -> None:
    assert seal("passphrase:foobar") == FOOBAR


@pytest.mark.parametrize("principal", [FOOBAR, "rsa-hex:00", "DN:/CN=x", "passphrase", "xpassphrase:y", ""])
def test_any_other_principal_stays(principal: str) -> None:
    assert seal(principal) == principal


@given(st.text(st.characters(max_codepoint=255)))
def test_the_digest_is_over_the_octets(passphrase: str) -> None:
    expected = hashlib.sha1(passphrase.encode("latin-1")).hexdigest()
    assert seal(f"passphrase:{passphrase}") == f"passphrase-sha1-hex:{expected}"


def test_every_passphrase_of_a_policy_is_sealed() -> None:
    text = 'Comment: "passphrase:foobar"\n# was passphrase:foobar\nLicensees: "passphrase:foobar" || "x"\n'
    assert seal_policy(text) == (f'Comment: "{FOOBAR}"\n# was {FOOBAR}\nLicensees: "{FOOBAR}" || "x"\n')


def test_escapes_in_a_literal_are_read_before_the_digest_is_made() -> None:
    assert seal_policy(r'Licensees: "passphrase:foo\142ar"') == f'Licensees: "{FOOBAR}"'
    quoted = hashlib.sha1(b'say "x"').hexdigest()
    assert seal_policy(r'Licensees: "passphrase:say \"x\""') == f'Licensees: "passphrase-sha1-hex:{quoted}"'


@given(st.text(st.sampled_from('passphrase:"\\\n# x'), max_size=80))
def test_sealing_a_policy_keeps_its_lines(text: str) -> None:
    sealed = seal_policy(text)
    assert sealed.count("\n") == text.count("\n")
    assert seal_policy(sealed) == sealed


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), min_size=12))
def test_a_literal_and_a_requester_are_sealed_alike(passphrase: str) -> None:
    assert seal_policy(f'Licensees: "passphrase:{passphrase}"') == f'Licensees: "{seal(f"passphrase:{passphrase}")}"'


@pytest.mark.parametrize("principal", ["passphrase:x", "PassPhrase:x", f"{FOOBAR}rest", f"{FOOBAR}\n"])
def test_what_still_holds_a_passphrase_is_recognised(principal: str) -> None:
    assert escapes_sealing(principal)


@pytest.mark.parametrize("principal", [FOOBAR, "passphrase-md5-hex:00", "POLICY", "passphrase-sha1-hex:00"])
def test_what_holds_none_is_not(principal: str) -> None:
    assert not escapes_sealing(principal)


def test_a_key_of_isakmpd_conf_becomes_a_reference() -> None:
    sealed = seal_bindings(binding for _, binding in bindings(WHOLE))
    assert [each.value for each in sealed if each.tag == "Authentication"] == ["secret:east"]
    assert "mekmitasdigoat" not in repr(sealed)


def test_passwords_of_xauth_become_references_too() -> None:
    text = "[p]\nXAUTH-User=bob\nXAUTH-Password=hush\n[XAUTH-users]\nBob=hush\nauthentication=hush\n"
    sealed = seal_bindings(binding for _, binding in bindings(text))
    assert [each.value for each in sealed] == ["bob", "password:p", "user:bob", "user:authentication"]


@pytest.mark.parametrize(
    ("section", "tag", "value", "expected"),
    [
        ("p", "XAUTH-Password", "0x00", b"0x00"),
        ("XAUTH-users", "bob", "0x00", b"0x00"),
        ("XAUTH-users", "authentication", "0x00", b"0x00"),
        ("p", "Authentication", "0x00", b"\0"),
        ("p", "XAUTH-Password", "\xe9", b"\xe9"),
    ],
)
def test_a_password_is_its_text_whatever_it_looks_like(section: str, tag: str, value: str, expected: bytes) -> None:
    assert secret_octets(section, tag, value) == expected


@pytest.mark.parametrize(("section", "tag"), [("p", "XAUTH-Password"), ("XAUTH-users", "bob")])
def test_an_empty_password_is_none(section: str, tag: str) -> None:
    with pytest.raises(SecretError, match="empty"):
        secret_octets(section, tag, "")


def test_references_know_no_case_for_sections_have_none() -> None:
    assert secret_reference("East") == secret_reference("EAST") == "secret:east"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authentication=key\n", "Authentication=***\n"),
        ("AUTHENTICATION =  key two\nPort=1\n", "AUTHENTICATION =  *******\nPort=1\n"),
        ("  authentication=key", "  authentication=***"),
        ("Authentication=key\\\nmore\nPort=1", "Authentication=****\n****\nPort=1"),
        ("# Authentication=key\n", "# Authentication=***\n"),
        ("Authentication of old = key\n", "Authentication ************\n"),
        (" Authentication mekmitasdigoat\n", " Authentication **************\n"),
        ("authentication: x\n[next]\n", "authentication: *\n[next]\n"),
        ("Authentcation=key\n", "Authentcation=***\n"),
        ("Auhtentication key\n", "Auhtentication ***\n"),
        ("Authentications\t= key\n", "Authentications\t= ***\n"),
        ("Authenticationkey\n", "Authentication***\n"),
        ("Authentication-Data key\n", "Authentication-Data key\n"),
        ("Authorization=x\n", "Authorization=x\n"),
        ("AUTHENTICATION_METHOD=PRE_SHARED\n", "AUTHENTICATION_METHOD=PRE_SHARED\n"),
        ("AUTHENTICATION_ALGORITHM=HMAC_SHA\n", "AUTHENTICATION_ALGORITHM=HMAC_SHA\n"),
        ("XAUTH-Password= hush\nXAUTH-User= bob\n", "XAUTH-Password= ****\nXAUTH-User= bob\n"),
        ("[p]\nXAUTH-Pasword=hush\n", "[p]\nXAUTH-Pasword=****\n"),
        ("[XAUTH-users]\nbob=hush\n\n[p]\nPort=1\n", "[XAUTH-users]\nbob=****\n\n[p]\nPort=1\n"),
        ("[xauth-Users]\nbob hush\n al\\\nice=x", "[xauth-Users]\nbob ****\n****\n*****"),
        ("[XAUT-user]\nbob@example.org = hush\n", "[XAUT-user]\nbob@example.org = ****\n"),
        (" [XAUTH-users\nbob=hush\n", " [XAUTH-users\nbob=****\n"),
        ("[XAUTH-users]\nhush\n", "[XAUTH-users]\n****\n"),
        ("[east] Authentication=key\n", "[east] Authentication=***\n"),
        ("[east]\nKey=hush\nauth= hush\nIKE_PSK=hush\n", "[east]\nKey=****\nauth= ****\nIKE_PSK=****\n"),
        ("Pre shared key = hush hush\n", "Pre shared key =**********\n"),
        ("# my pass phrase=hush\n", "# my pass phrase=****\n"),
        ("KEY_LENGHT=128\nKeylength=128\n", "KEY_LENGHT=128\nKeylength=128\n"),
        (
            "Private-key=/a\nUse-Keynote=no\nPasive-connections=a\n",
            "Private-key=/a\nUse-Keynote=no\nPasive-connections=a\n",
        ),
        ("[a]\nPort=1\n[XAUTH-users]\nb=hush\n[c]\nPort=2\n", "[a]\nPort=1\n[XAUTH-users]\nb=****\n[c]\nPort=2\n"),
    ],
)
def test_keys_are_hidden_in_what_is_shown(text: str, expected: str) -> None:
    assert hide_keys(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("mekmitasdigoat", b"mekmitasdigoat"), ("0x00ff", b"\x00\xff"), ("0xAb", b"\xab"), ("\xe9", b"\xe9"), ("0", b"0")],
)
def test_a_key_is_its_text_or_its_hexadecimal_digits(value: str, expected: bytes) -> None:
    assert preshared_key(value) == expected


@pytest.mark.parametrize("value", ["", "0x", "0x1", "0xzz", "0x0 "])
def test_an_impossible_key_is_refused_without_telling_it(value: str) -> None:
    with pytest.raises(SecretError) as raised:
        preshared_key(value)
    assert value in {"", "0x"} or value not in str(raised.value)
