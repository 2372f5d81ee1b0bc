"""ike-scan and psk-crack, which share no code with anybody: what a stranger is answered, and that HASH_R is right."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.interop.bed import LEFT, RIGHT, Bed, run
from tests.interop.gateway import Isakmpd
from tests.interop.pair import ESP
from tests.interop.settings import SECRET, isakmpd_conf, policy, psk_licensee

Record = Callable[[str, object], None]

AGGRESSIVE = {"phase-1:EXCHANGE_TYPE": "AGGRESSIVE", "General:Accept-aggressive-psk": "yes"}


def isakmpd(bed: Bed, transform: str, **changes: str) -> Isakmpd:
    """Our daemon with one transform."""
    told = {"phase-1:Transforms": transform, **changes}
    return Isakmpd(bed, isakmpd_conf(told), policy([psk_licensee()], ESP))


def scan(bed: Bed, *options: str) -> str:
    """What ike-scan prints about us, from a port of its own choice."""
    argv = ["ike-scan", "--sport=0", "--retry=2", "--timeout=2000", "-M", *options, LEFT.address]
    return run(bed.inside(RIGHT, argv), check=False, timeout=60)


@pytest.mark.parametrize(
    ("transform", "offered", "words"),
    [
        ("AES-128-SHA-GRP2", "7/128,2,1,2", "Enc=AES KeyLength=128 Hash=SHA1 Group=2:modp1024 Auth=PSK"),
        ("3DES-MD5-GRP5", "5,1,1,5", "Enc=3DES Hash=MD5 Group=5:modp1536 Auth=PSK"),
    ],
)
def test_what_we_take_is_answered_with_it(
    bed: Bed, transform: str, offered: str, words: str, record_property: Record
) -> None:
    record_property("row", "ike-scan-main")
    isakmpd(bed, transform)
    said = scan(bed, f"--trans={offered}")
    assert "Main Mode Handshake returned" in said
    found = re.search(r"SA=\((.*?)\)", re.sub(r"\s+", " ", said))
    assert found
    assert set(words.split()) <= set(found[1].split())
    record_property("interop", "Main Mode Handshake returned")


def test_what_we_do_not_take_is_refused(bed: Bed, record_property: Record) -> None:
    record_property("row", "ike-scan-refused")
    ours = isakmpd(bed, "AES-128-SHA-GRP2")
    assert "NO-PROPOSAL-CHOSEN" in scan(bed, "--trans=1,1,1,1")
    assert ours.exchanges() == 0
    record_property("interop", "NO-PROPOSAL-CHOSEN")


def test_version_2_is_refused(bed: Bed, record_property: Record) -> None:
    record_property("row", "ike-scan-v2")
    ours = isakmpd(bed, "AES-128-SHA-GRP2")
    said = scan(bed, "--ikev2")
    assert "0 returned handshake" in said
    assert "INVALID_PAYLOAD_TYPE: message_recv: invalid payload type 33" in ours.log()
    assert ours.exchanges() == 0
    record_property("interop", "no handshake")


@pytest.mark.parametrize("transform", ["AES-128-SHA-GRP2", "AES-128-MD5-GRP2"])
def test_psk_crack_finds_the_secret_in_our_hash_and_no_other(bed: Bed, transform: str, record_property: Record) -> None:
    """HASH_R of aggressive mode by another implementation: only the right secret gives what we sent."""
    record_property("row", "psk-crack")
    isakmpd(bed, transform, **AGGRESSIVE)
    captured = bed.folder / "psk"
    digest = {"SHA": 2, "MD5": 1}[transform.split("-")[2]]
    options = [f"--trans=7/128,{digest},1,2", "--dhgroup=2", "--id=right.example.org", "--idtype=2"]
    said = scan(bed, "--aggressive", *options, f"--pskcrack={captured}")
    assert "Aggressive Mode Handshake returned" in said
    words = bed.folder / "words"
    for guesses, found in (([SECRET[:-1], SECRET.upper()], False), ([SECRET[:-1], SECRET], True)):
        words.write_text("".join(f"{each}\n" for each in guesses))
        cracked = run(["psk-crack", f"--dictionary={words}", str(captured)], check=False)
        assert (f'key "{SECRET}" matches' in cracked) is found
    record_property("interop", "the secret found, no other")
