"""Distinguished names in one line, against what openssl prints and against names made to deceive."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike import limits
from daemon.ike.trust.names import MalformedNameError, one_line

CN = NameOID.COMMON_NAME


def name(*values: str) -> bytes:
    return x509.Name([x509.NameAttribute(CN, each) for each in values]).public_bytes()


def test_a_name_reads_as_openssl_prints_it(tmp_path: Path) -> None:
    subject = '/C=SE/ST=Skåne/O=Örg "quoted"/OU=a+b/CN=host.example.org/emailAddress=root@example.org/DC=org'
    request = ["openssl", "req", "-new", "-x509", "-newkey", "ed25519", "-nodes", "-utf8", "-subj", subject]
    subprocess.run([*request, "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True)
    printed = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "cert", "-noout", "-subject", "-nameopt", "compat"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    certificate = x509.load_pem_x509_certificate((tmp_path / "cert").read_bytes())
    assert one_line(certificate.subject.public_bytes()) == printed.removeprefix("subject=").strip()


def test_the_empty_name_is_empty() -> None:
    assert one_line(x509.Name([]).public_bytes()) == ""


def test_an_attribute_without_a_short_name_is_called_by_its_number() -> None:
    odd = x509.NameAttribute(x509.ObjectIdentifier("1.3.6.1.4.1.99999.5"), "x")
    assert one_line(x509.Name([odd]).public_bytes()) == "/1.3.6.1.4.1.99999.5=x"


def test_wide_strings_read_as_utf8() -> None:
    wide = x509.NameAttribute(CN, "åß", _ASN1Type.BMPString)
    assert one_line(x509.Name([wide]).public_bytes()) == "/CN=\\xC3\\xA5\\xC3\\x9F"


@pytest.mark.parametrize(
    ("honest", "deceiver"),
    [
        (("Org", "boss"), ("Org/CN=boss",)),
        (("a/b",), ("a\\x2Fb",)),
        (("a\\",), ("a\\x5C",)),
    ],
)
def test_no_value_reads_as_two_attributes(honest: tuple[str, ...], deceiver: tuple[str, ...]) -> None:
    assert one_line(name(*honest)) != one_line(name(*deceiver))


@given(st.lists(st.text(min_size=1, max_size=20), max_size=4), st.lists(st.text(min_size=1, max_size=20), max_size=4))
def test_two_names_read_alike_only_if_they_are_alike(first: list[str], second: list[str]) -> None:
    lines = [one_line(name(*each)) for each in (first, second)]
    assert (lines[0] == lines[1]) is (first == second)
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize(
    "value",
    ["06035504831e020061", "06001e020061", "06035504031e0161", "06035504031e02d800", "06035504031c0400110000"],
    ids=["type cut short", "no type", "half a character", "half a pair", "beyond Unicode"],
)
def test_an_attribute_that_cannot_be_read_is_refused(value: str) -> None:
    data = bytes.fromhex(value)
    for tag in (0x30, 0x31, 0x30):
        data = bytes([tag, len(data)]) + data
    with pytest.raises(MalformedNameError):
        one_line(data)


@given(st.binary(max_size=80))
def test_octets_that_are_no_name_are_refused(data: bytes) -> None:
    with suppress(MalformedNameError):
        assert one_line(data).isascii()


@given(st.data())
def test_damaged_names_are_read_or_refused(data: st.DataObject) -> None:
    octets = bytearray(name("host", "other"))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MalformedNameError):
        assert one_line(bytes(octets)).isascii()


def test_endless_names_are_refused() -> None:
    with pytest.raises(MalformedNameError):
        one_line(name(*(["x" * 60] * (limits.NAME_OCTETS // 60))))
