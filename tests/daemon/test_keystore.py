"""daemon/keystore.py: Authentication of isakmpd.conf(5) as octets, found by the store's references, never shown."""

from __future__ import annotations

import pytest

from daemon.keystore import keys_of
from grammar.nodes import Binding, Span
from policydb.configuration.sealing import secret_reference


def binding(section: str, tag: str, value: str, line: int = 1) -> Binding:
    span = Span(0, 0, line, 1)
    return Binding(span, section, tag, value, span, span)


def test_a_key_is_the_text_itself_or_what_hex_digits_say() -> None:
    store = keys_of(
        [
            binding("west", "Authentication", "mekmitasdigoat # no comment"),
            binding("east", "authentication", "0x00fF10"),
            binding("north", "Authentication", "caf\xe9"),
        ]
    )
    assert store.preshared_key(secret_reference("West")) == b"mekmitasdigoat # no comment"
    assert store.preshared_key(secret_reference("east")) == b"\x00\xff\x10"
    assert store.preshared_key(secret_reference("NORTH")) == b"caf\xe9"


def test_unknown_references_have_no_key() -> None:
    store = keys_of([binding("west", "Authentication", "x"), binding("west", "Address", "192.0.2.1")])
    assert store.preshared_key(secret_reference("east")) is None
    assert store.preshared_key("west") is None


def test_the_first_value_of_a_section_counts() -> None:
    store = keys_of([binding("west", "Authentication", "first"), binding("WEST", "Authentication", "second")])
    assert store.preshared_key(secret_reference("west")) == b"first"


@pytest.mark.parametrize("value", ["0xdeadbee", "0x", "0xno", ""])
def test_what_is_no_key_is_left_out_and_no_later_value_takes_its_place(value: str) -> None:
    store = keys_of([binding("west", "Authentication", value), binding("west", "Authentication", "second")])
    assert store.preshared_key(secret_reference("west")) is None


def test_passwords_of_xauth_are_kept_as_they_are_written() -> None:
    store = keys_of([binding("p", "XAUTH-Password", "0xhush"), binding("XAUTH-users", "Bob", "of bob")])
    assert store.preshared_key(secret_reference("p", "xauth-password")) == b"0xhush"
    assert store.preshared_key(secret_reference("xauth-users", "bob")) == b"of bob"
    assert store.preshared_key(secret_reference("p")) is None


def test_keys_are_never_printed() -> None:
    store = keys_of([binding("west", "Authentication", "mekmitasdigoat")])
    assert "mekmit" not in repr(store) + str(store)
