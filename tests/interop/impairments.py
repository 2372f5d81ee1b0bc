"""libreswan's impairments (`whack --impair`): what a broken or hostile pluto says to us, and what we must make of it.

Those that spoil IKEv2 alone are left out, and so are those that send nothing else in IKEv1: `corrupt-encrypted`,
`replay-encrypted`, `major-version-bump`, `minor-version-bump`, pluto's own checks and its timers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.interop.scenario import Begins

OURS, THEIRS = Begins.OURS, Begins.THEIRS


@dataclass(frozen=True, slots=True)
class Impairment:
    """One impairment in one role of ours.

    `says`: the check as our log names it, "" where the message is as good as any; `stands`: phase 1 comes up all the
    same. `at_end`: it spoils the DELETEs, so pluto takes the connection down.
    """

    name: str
    begins: Begins
    says: str
    stands: bool
    at_end: bool = False

    @property
    def row(self) -> str:
        """Its name in the document's results."""
        return f"impair-{self.name}-{self.begins}"

    @property
    def words(self) -> tuple[str, ...]:
        """What whack is told: `a:b+c:d` is two impairments that belong together."""
        return tuple(self.name.split("+"))


MISSING = "PAYLOAD_MALFORMED: message_parse_payloads: payload type KEY_EXCH missing"
EMPTY_KEY = "PAYLOAD_MALFORMED: message_validate_key_exch: payload is empty"
RANGE = "INVALID_KEY_INFORMATION: public value outside the range of MODP_2048"
NO_PROPOSAL = "NO_PROPOSAL_CHOSEN: message_negotiate_sa: no compatible proposal found"
SEQUENCE = "PAYLOAD_MALFORMED: message_recv: payload out of sequence"
EMPTY_HASH = "PAYLOAD_MALFORMED: message_validate_hash: payload is empty"
WRONG_HASH = "INVALID_HASH_INFORMATION: message_validate_hash: HASH does not verify"
FLAGS = "INVALID_FLAGS: message_recv: invalid flags 0x40"
RESERVED = "PAYLOAD_MALFORMED: message_parse_payloads: reserved field non-zero: 1"

KEY_EXCHANGES = {"omit": MISSING, "empty": EMPTY_KEY, "duplicate": RANGE, "0": RANGE, "255": RANGE}
HASHES = {"omit": SEQUENCE, "empty": EMPTY_HASH, "duplicate": WRONG_HASH, "0": WRONG_HASH}
KEY_LENGTHS = ("omit", "empty", "duplicate", "0")

HARMLESS = {
    THEIRS: (
        "bust-mi2", "replay-duplicates", "replay-forward", "replay-backward", "jacob-two-two", "drop-outgoing:1",
        "drop-outgoing:3", "drop-incoming:1", "suppress-retransmits", "send-bogus-payload-flag",
        "v1-hash-exchange:notification+v1-hash-payload:0", "send-no-delete", "ike-initiator-spi:1",
    ),
    OURS: (
        "bust-mr2", "replay-duplicates", "replay-forward", "replay-backward", "jacob-two-two", "suppress-retransmits",
        "send-no-main-r2", "send-no-delete", "ike-responder-spi:1",
    ),
}  # fmt: skip
"""What must not keep a negotiation from its end: repetitions, losses, odd cookies and what IKEv1 allows."""


def _impairments() -> Iterator[Impairment]:
    for begins in (OURS, THEIRS):
        for value, says in KEY_EXCHANGES.items():
            yield Impairment(f"ke-payload:{value}", begins, says, stands=False)
        yield Impairment("send-bogus-isakmp-flag", begins, FLAGS, stands=False)
        yield Impairment("send-nonzero-reserved", begins, RESERVED, stands=False)
        yield Impairment("ikev1-del-with-notify", begins, "made us delete live SA peer", stands=True, at_end=True)
        for value, says in HASHES.items():
            name = f"v1-hash-exchange:delete+v1-hash-payload:{value}"
            yield Impairment(name, begins, says, stands=True, at_end=True)
        for name in HARMLESS[begins]:
            yield Impairment(name, begins, "", stands=True)
    for value in (*KEY_LENGTHS, "120"):
        yield Impairment(f"ike-key-length-attribute:{value}", THEIRS, NO_PROPOSAL, stands=False)
    for value in KEY_LENGTHS:
        yield Impairment(f"child-key-length-attribute:{value}", THEIRS, NO_PROPOSAL, stands=True)
    for value, says in HASHES.items():
        yield Impairment(f"v1-hash-exchange:quick+v1-hash-payload:{value}", THEIRS, says, stands=True)
    yield Impairment("drop-i2", THEIRS, "", stands=False)
    yield Impairment("ike-responder-spi:0", OURS, "message_recv: dropping setup for existing SA", stands=False)


IMPAIRMENTS = tuple(_impairments())
