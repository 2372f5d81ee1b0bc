"""daemon/keystore.py: Authentication of isakmpd.conf(5) as octets, found by the store's references, never shown."""

from __future__ import annotations

from daemon.keystore import keys_of
from grammar.nodes import Binding, Span
from policydb.sealing import secret_reference


def binding(section: str, tag: str, value: str, line: int = 1) -> Binding:
    span = Span(0, 0, line, 1)
    return Binding(span, section, tag, value, span, span)


def test_a_key_is_the_text_itself_or_what_hex_digits_say() -> None:
    store, wrong = keys_of(
        [
            binding("west", "Authentication", "mekmitasdigoat # no comment"),
            binding("east", "authentication", "0x00fF10"),
            binding("north", "Authentication", "caf\xe9"),
        ]
    )
    assert wrong == ()
    assert store.preshared_key(secret_reference("West")) == b"mekmitasdigoat # no comment"
    assert store.preshared_key(secret_reference("east")) == b"\x00\xff\x10"
    assert store.preshared_key(secret_reference("NORTH")) == b"caf\xe9"


def test_unknown_references_have_no_key() -> None:
    store, _ = keys_of([binding("west", "Authentication", "x"), binding("west", "Address", "192.0.2.1")])
    assert store.preshared_key(secret_reference("east")) is None
    assert store.preshared_key("west") is None


def test_the_first_value_of_a_section_counts() -> None:
    store, _ = keys_of([binding("west", "Authentication", "first"), binding("WEST", "Authentication", "second")])
    assert store.preshared_key(secret_reference("west")) == b"first"


def test_a_key_that_cannot_be_used_is_named_by_line_and_section_and_not_told() -> None:
    store, wrong = keys_of([binding("west", "Authentication", "0xdeadbee", line=7)])
    assert store.preshared_key(secret_reference("west")) is None
    assert len(wrong) == 1
    assert "line 7" in wrong[0]
    assert "[west]" in wrong[0]
    assert "deadbee" not in wrong[0]


def test_keys_are_never_printed() -> None:
    store, _ = keys_of([binding("west", "Authentication", "mekmitasdigoat")])
    assert "mekmit" not in repr(store) + str(store)
