"""libreswan's impairments (`whack --impair`): what a broken or hostile pluto says to us, and what we must make of it.

Left out is what changes no octet of IKEv1, as captures with and without it show: `corrupt-encrypted` and
`replay-encrypted` (IKEv2's SK payload, and on pluto's own side), `major-version-bump`, `minor-version-bump`,
`send-bogus-payload-flag`, `send-nonzero-reserved-id`, all that has v2 in its name, pluto's own checks and its timers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.interop import wire
from tests.interop.gateway import Isakmpd
from tests.interop.libreswan import Libreswan
from tests.interop.libreswan_rows import AGGRESSIVE, PFS_GROUP, RSA, XAUTH, XAUTH_METHOD
from tests.interop.scenario import Begins
from tests.interop.settings import Settings

OURS, THEIRS = Begins.OURS, Begins.THEIRS

Evidence = Callable[[Isakmpd, Libreswan], bool]


# --- what shows that pluto did it, where our log has nothing to say -------------------------------------------------


def heard(ours: Isakmpd, _theirs: Libreswan) -> bool:
    """For what our log names: that is enough."""
    return ours.process.is_alive()


def logged(words: str) -> Evidence:
    """pluto's log says so."""
    return lambda _ours, theirs: words in theirs.log()


def recorded(reason: str) -> Evidence:
    """Our decision log has this end of a negotiation."""
    return lambda ours, _theirs: reason in {each["reason"] for each in ours.records()}


def cookie(name: str) -> Evidence:
    """Our ISAKMP SA has the cookie 1 in this place."""
    return lambda ours, _theirs: any(f"{name} {1:016x}" in each.text for each in ours.sas())


def long_message(ours: Isakmpd, _theirs: Libreswan) -> bool:
    """More octets came in one message than one packet of Ethernet holds."""
    lengths = wire.tshark(ours.capture, ["-Y", "isakmp", "-T", "fields", "-e", "isakmp.length"]).split()
    return any(int(each) > 1500 for each in lengths if each.isdigit())


def left_alone(ours: Isakmpd, theirs: Libreswan) -> bool:
    """pluto has no SA any more, and we were not told."""
    return "#" not in theirs.states() and any(each.ready for each in ours.sas())


# --- what both sides are configured to ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setup:
    """What both sides are told beside the bases; `when` is for one role. `sound`: without an impairment it works."""

    settings: Settings = field(default_factory=Settings)
    when: Mapping[Begins, Settings] = field(default_factory=dict)
    certified: bool = False
    sound: bool = True


LOSSY = Settings({"General:Retransmit-tries": "15", "General:Retransmit-timeout": "0.5"})

SETUPS = {
    "main mode": Setup(),
    "main mode, lossy link": Setup(LOSSY),
    "aggressive mode": Setup(AGGRESSIVE),
    "certificates": Setup(RSA, certified=True),
    "XAUTH": Setup(XAUTH_METHOD, XAUTH),
    "quick mode": Setup(),
    "quick mode, PFS": Setup(PFS_GROUP),
    "quick mode that pluto refuses": Setup(Settings(theirs={"esp": "3des-sha1"}), sound=False),
    "ESP that protects nothing": Setup(Settings(theirs={"esp": "null-none"}), sound=False),
    "ESP without authentication": Setup(Settings(theirs={"esp": "aes128-none"}), sound=False),
}


@dataclass(frozen=True, slots=True)
class Impairment:
    """One impairment in one role of ours.

    `says`: the check as our log names it, "" where the message is as good as any; then `shows` proves that something
    was impaired. `stands`: phase 1 comes up all the same. `late`: pluto is impaired once it stands. `at_end`: it
    spoils the DELETEs, so pluto takes the connection down. `kernel`: pluto gets that far only where it has ESP.
    """

    name: str
    begins: Begins
    says: str
    stands: bool
    setup: str = "main mode"
    shows: Evidence = heard
    late: bool = False
    at_end: bool = False
    kernel: bool = False

    @property
    def row(self) -> str:
        """Its name in the document's results."""
        return f"impair-{self.setup}-{self.name}-{self.begins}"

    @property
    def words(self) -> tuple[str, ...]:
        """What whack is told: `a:b+c:d` is two impairments that belong together."""
        return tuple(self.name.split("+"))

    @property
    def sound(self) -> bool:
        """Whether a pluto that behaves again can negotiate."""
        return SETUPS[self.setup].sound

    def told(self) -> Settings:
        """What both sides are configured to."""
        setup = SETUPS[self.setup]
        return setup.settings | setup.when.get(self.begins, Settings())


# --- our log's words for each check ---------------------------------------------------------------------------------

MISSING = "PAYLOAD_MALFORMED: message_parse_payloads: payload type KEY_EXCH missing"
EMPTY_KEY = "PAYLOAD_MALFORMED: message_validate_key_exch: payload is empty"
RANGE = "INVALID_KEY_INFORMATION: public value outside the range of MODP_2048"
NO_PROPOSAL = "NO_PROPOSAL_CHOSEN: message_negotiate_sa: no compatible proposal found"
SEQUENCE = "PAYLOAD_MALFORMED: message_recv: payload out of sequence"
EMPTY_HASH = "PAYLOAD_MALFORMED: message_validate_hash: payload is empty"
WRONG_HASH = "INVALID_HASH_INFORMATION: message_validate_hash: HASH does not verify"
FLAGS = "INVALID_FLAGS: message_recv: invalid flags 0x4"
RESERVED = "PAYLOAD_MALFORMED: message_parse_payloads: reserved field non-zero: 1"
NO_KEY = "AUTHENTICATION_FAILED: rsa_sig_decode_hash: no public key found"
LATE = "was not done in time: its ISAKMP SA is deleted"

KEY_EXCHANGES = {"omit": MISSING, "empty": EMPTY_KEY, "duplicate": RANGE, "0": RANGE, "255": RANGE}
HASHES = {"omit": SEQUENCE, "empty": EMPTY_HASH, "duplicate": WRONG_HASH, "0": WRONG_HASH}
KEY_LENGTHS = ("omit", "empty", "duplicate", "0")

REPETITIONS = {
    "replay-duplicates": "start processing duplicate packet",
    "replay-forward": "start processing replay forward: packet 2",
    "replay-backward": "start processing start replay backward: packet 2",
    "jacob-two-two": "JACOB 2-2: resending",
}
"""What must not keep a negotiation from its end, and pluto's words for it."""


def _impairments() -> Iterator[Impairment]:
    for begins in (OURS, THEIRS):
        yield from _phase_1(begins)
        yield from _harmless(begins)
        yield from _informational(begins)
        for value, says in HASHES.items():
            name = f"v1-hash-exchange:xauth+v1-hash-payload:{value}"
            yield Impairment(name, begins, says, stands=True, setup="XAUTH")
    yield from _one_role()
    yield from _quick_mode()


def _phase_1(begins: Begins) -> Iterator[Impairment]:
    for setup in ("main mode", "aggressive mode"):
        for value, says in KEY_EXCHANGES.items():
            yield Impairment(f"ke-payload:{value}", begins, says, stands=False, setup=setup)
    yield Impairment("send-bogus-isakmp-flag", begins, f"{FLAGS}0", stands=False)
    yield Impairment("send-nonzero-reserved", begins, RESERVED, stands=False)
    yield Impairment("send-pkcs7-thingie", begins, NO_KEY, stands=False, setup="certificates")


def _harmless(begins: Begins) -> Iterator[Impairment]:
    for setup in ("main mode", "aggressive mode"):
        for name, words in REPETITIONS.items():
            yield Impairment(name, begins, "", stands=True, setup=setup, shows=logged(words))
    for number in (1, 2, 3):
        for way in ("outgoing", "incoming"):
            says = logged(f"dropping {way} message {number}")
            yield Impairment(f"drop-{way}:{number}", begins, "", stands=True, setup="main mode, lossy link", shows=says)


def _informational(begins: Begins) -> Iterator[Impairment]:
    yield Impairment("ikev1-del-with-notify", begins, "made us delete live SA peer", stands=True, at_end=True)
    yield Impairment("send-no-delete", begins, "", stands=True, at_end=True, shows=left_alone)
    for value, says in HASHES.items():
        name = f"v1-hash-exchange:delete+v1-hash-payload:{value}"
        yield Impairment(name, begins, says, stands=True, at_end=True)


def _one_role() -> Iterator[Impairment]:
    yield Impairment("send-bogus-isakmp-flag", OURS, f"{FLAGS}0", stands=False, setup="aggressive mode")
    yield Impairment("send-bogus-isakmp-flag", THEIRS, f"{FLAGS}1", stands=False, setup="aggressive mode")
    yield Impairment("bust-mr2", OURS, "", stands=True, shows=long_message)
    yield Impairment("bust-mi2", THEIRS, "", stands=True, shows=long_message)
    skipped = logged("Skipped sending STATE_MAIN_R2")
    yield Impairment("send-no-main-r2", OURS, "", stands=True, shows=skipped)
    yield Impairment("ike-responder-spi:1", OURS, "", stands=True, shows=cookie("rcookie"))
    yield Impairment("ike-initiator-spi:1", THEIRS, "", stands=True, shows=cookie("icookie"))
    yield Impairment("ike-responder-spi:0", OURS, "message_recv: dropping setup for existing SA", stands=False)
    yield Impairment("ike-initiator-spi:0", THEIRS, "message_recv: initiator cookie is zero", stands=False)
    for setup in ("main mode", "aggressive mode"):
        yield Impairment("drop-i2", THEIRS, "", stands=False, setup=setup, shows=recorded("timeout"))
    # It loses our message 4 and repeats nothing: we do, half a second later.
    yield Impairment("suppress-retransmits+drop-incoming:2", THEIRS, "", stands=True, shows=logged("IMPAIR: drop"))
    deleted = logged("retransmit so deleting SA")
    yield Impairment("delete-on-retransmit+drop-incoming:2", THEIRS, "", stands=True, shows=deleted)
    for value in (*KEY_LENGTHS, "120"):
        yield Impairment(f"ike-key-length-attribute:{value}", THEIRS, NO_PROPOSAL, stands=False)
    yield Impairment("send-no-xauth-r0", OURS, LATE, stands=True, setup="XAUTH")
    yield Impairment("drop-xauth-r0", THEIRS, LATE, stands=True, setup="XAUTH")


def _quick_mode() -> Iterator[Impairment]:
    for value, says in HASHES.items():
        quick = f"v1-hash-exchange:quick+v1-hash-payload:{value}"
        yield Impairment(quick, THEIRS, says, stands=True, setup="quick mode")
        yield Impairment(quick, OURS, says, stands=True, setup="quick mode", kernel=True)
        notified = f"v1-hash-exchange:notification+v1-hash-payload:{value}"
        yield Impairment(notified, OURS, says, stands=True, setup="quick mode that pluto refuses")
    for value in KEY_LENGTHS:
        yield Impairment(f"child-key-length-attribute:{value}", THEIRS, NO_PROPOSAL, stands=True, setup="quick mode")
    for value, says in (KEY_EXCHANGES | {"omit": NO_PROPOSAL}).items():
        name, setup = f"ke-payload:{value}", "quick mode, PFS"
        yield Impairment(name, THEIRS, says, stands=True, setup=setup, late=True)
    for setup in ("ESP that protects nothing", "ESP without authentication"):
        for name in ("allow-null-none", "proposal-parser"):
            yield Impairment(name, THEIRS, NO_PROPOSAL, stands=True, setup=setup)


IMPAIRMENTS = tuple(_impairments())
