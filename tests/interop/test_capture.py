"""tshark reads what we sent: the wire with the lines of --keylog, and our own capture in the clear (-L)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.bed import Bed, eventually
from tests.interop.gateway import Isakmpd
from tests.interop.pair import LEGACY, MODERN, both, settled
from tests.interop.settings import Settings
from tests.interop.wire import INFORMATIONAL, MAIN_MODE, QUICK_MODE, Capture, Message, messages

SA, KEY_EXCHANGE, ID, HASH, NONCE, DELETE = 1, 4, 5, 8, 10, 12  # payload types (RFC 2408 section 3.1)


def negotiate(bed: Bed, settings: Settings, *, we_initiate: bool) -> tuple[Isakmpd, Path]:
    """One negotiation and our shutdown, captured on the wire."""
    ours, theirs = both(bed, settings)
    capture = Capture(bed)
    if we_initiate:
        ours.command("c t")
    else:
        theirs.initiate()
    settled(ours, theirs)
    ours.stop()
    eventually("strongSwan has nothing left", lambda: not theirs.sas() or None, 5)
    return ours, capture.stop()


def check_all_is_there(found: list[Message]) -> None:
    """Every payload well-formed, and in the encrypted messages what RFC 2409 puts there."""
    assert not [each for each in found if each.malformed]
    main = [each.payloads for each in found if each.exchange == MAIN_MODE]
    quick = [each.payloads for each in found if each.exchange == QUICK_MODE]
    assert [SA in payloads for payloads in main[:2]] == [True, True]
    assert [{KEY_EXCHANGE, NONCE} <= set(payloads) for payloads in main[2:4]] == [True, True]
    assert [{ID, HASH} <= set(payloads) for payloads in main[4:]] == [True, True]
    assert [{HASH, SA, NONCE, ID} <= set(payloads) for payloads in quick[:2]] == [True, True]
    assert [HASH in payloads for payloads in quick[2:]] == [True]
    assert [each for each in found if each.exchange == INFORMATIONAL and {HASH, DELETE} <= set(each.payloads)]


@pytest.mark.parametrize("we_initiate", [True, False], ids=["isakmpd-initiates", "strongswan-initiates"])
@pytest.mark.parametrize("settings", [MODERN, LEGACY], ids=["aes256-sha256-pfs", "3des-md5-modp1024"])
def test_tshark_decrypts_the_wire_with_our_key_lines(bed: Bed, settings: Settings, we_initiate: bool) -> None:
    ours, capture = negotiate(bed, settings, we_initiate=we_initiate)
    assert ours.keylog.stat().st_mode & 0o077 == 0
    found = messages(capture, ours.keylog.read_text().split())
    assert [each.encrypted for each in found].count(True) >= 6
    check_all_is_there(found)


def test_without_the_key_lines_tshark_sees_no_payload(bed: Bed) -> None:
    """The oracle itself: what is read above was really encrypted."""
    _, capture = negotiate(bed, MODERN, we_initiate=True)
    assert not [each for each in messages(capture) if each.encrypted and each.payloads[1:]]


def test_tshark_reads_our_own_capture(bed: Bed) -> None:
    ours, _ = negotiate(bed, MODERN, we_initiate=True)
    assert ours.capture.stat().st_mode & 0o077 == 0
    found = messages(ours.capture)
    assert not [each for each in found if each.encrypted]
    check_all_is_there(found)
