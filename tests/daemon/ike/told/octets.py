"""A peer of our own for quick mode, written down octet by octet: it may say what no honest implementation says.

It shares an ISAKMP SA with one engine, and only the ciphers and HASH formulas with the daemon. Payloads are packed and
unpacked here, so that what a test reads on the wire is not what the daemon thinks that it wrote.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from daemon.ike.algorithms import dh, keys
from daemon.ike.algorithms.ciphers import Cbc
from daemon.ike.events import (
    AllocateSpi,
    Connect,
    Installed,
    InstallSas,
    LogLine,
    Output,
    Record,
    SecurityAssociation,
    Send,
    SpiAllocated,
)
from daemon.ike.natt import NatFound
from daemon.ike.registries import Group
from daemon.ike.removal import remove
from policydb.connections import Configuration
from policydb.negotiation import NegotiationRecord
from policydb.request import Request
from tests.daemon.ike.forgery import held_at

SA, KE, ID, HASH, NONCE, NOTIFY = 1, 4, 5, 8, 10, 11
QUICK_MODE, INFO = 32, 5
RESPONDER_LIFETIME = 24576
_ENCRYPTED = 1
_OUR_SPI = 0x0E5E0E5E
_NONCE = b"a nonce of the peer"

Payloads = Sequence[tuple[int, bytes]]


def chain(payloads: Payloads) -> bytes:
    """Payloads with their generic headers (RFC 2408 section 3.2)."""
    following = [kind for kind, _ in payloads[1:]] + [0]
    return b"".join(
        struct.pack(">BBH", after, 0, len(body) + 4) + body
        for (_, body), after in zip(payloads, following, strict=True)
    )


def unchain(kind: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The payloads of a chain whose first one is of this type."""
    while kind:
        following, _, length = struct.unpack_from(">BBH", data)
        yield kind, data[4:length]
        kind, data = following, data[length:]


@dataclass(frozen=True)
class Proposal:
    """A proposal payload as it is read or written; of each transform number, ID and the octets of its attributes."""

    number: int
    protocol: int
    spi: bytes
    transforms: tuple[tuple[int, int, bytes], ...]

    @property
    def body(self) -> bytes:
        """Without its generic header (RFC 2408 section 3.5)."""
        last = len(self.transforms) - 1
        transforms = b"".join(
            struct.pack(">BBHBBH", 0 if index == last else 3, 0, 8 + len(attributes), number, kind, 0) + attributes
            for index, (number, kind, attributes) in enumerate(self.transforms)
        )
        head = struct.pack(">BBBB", self.number, self.protocol, len(self.spi), len(self.transforms))
        return head + self.spi + transforms


def sa_body(proposals: Sequence[Proposal]) -> bytes:
    """An SA payload of the IPsec DOI, situation IDENTITY_ONLY."""
    return struct.pack(">II", 1, 1) + chain([(2, proposal.body) for proposal in proposals])


def read_sa(body: bytes) -> tuple[Proposal, ...]:
    """The proposals of an SA payload."""
    return tuple(_read_proposal(data) for _, data in unchain(2, body[8:]))


def _read_proposal(data: bytes) -> Proposal:
    number, protocol, size, _ = struct.unpack_from(">BBBB", data)
    transforms = tuple((body[0], body[1], body[4:]) for _, body in unchain(3, data[4 + size :]))
    return Proposal(number, protocol, data[4 : 4 + size], transforms)


def read_attributes(data: bytes) -> list[tuple[int, int]]:
    """Types and numbers of data attributes, in their order (RFC 2408 section 3.3)."""
    found = []
    while data:
        kind, value = struct.unpack_from(">HH", data)
        basic = kind & 0x8000
        size = 4 if basic else 4 + value
        found.append((kind & 0x7FFF, value if basic else int.from_bytes(data[4:size], "big")))
        data = data[size:]
    return found


# --- the peer -----------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What became of one quick mode: SAs for the kernel, records, and what the two ends said (bodies by type).

    `notified` are the notifications that the engine sent by themselves, `log` what it said of general interest.
    """

    sas: tuple[SecurityAssociation, ...] = ()
    records: list[NegotiationRecord] = field(default_factory=list)
    first: list[tuple[int, bytes]] = field(default_factory=list)
    second: list[tuple[int, bytes]] = field(default_factory=list)
    notified: list[int] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def chosen(self) -> tuple[Proposal, ...]:
        """What message 2 chose."""
        return read_sa(next(body for kind, body in self.second if kind == SA))


class Peer:
    """The other end of an ISAKMP SA with one engine ("west" of tests.daemon.ike.network), which is `node`."""

    def __init__(self, seed: int = 1, *, behind_nat: bool = False) -> None:
        held = held_at(7)
        self.node, self.path = held.receiver, held.path
        isakmp = held.isakmp
        assert isakmp is not None
        self.isakmp = isakmp
        if behind_nat:
            isakmp.nat = NatFound(local=False, remote=True)
        self.now = held.pair.now
        self.pair = dh.generate(Group.ECP_256, lambda count: bytes(count - 1) + b"\x07")
        self._spi = 0x1000
        self._message_id = seed << 16
        self._outcome = Outcome()

    def configure(self, configuration: Configuration, policy: Callable[[Request], bool]) -> None:
        """What holds for the quick modes that follow."""
        self.node.oracle.configuration = configuration
        self.node.oracle.policy = policy
        self.node.oracle.asked.clear()
        self.node.oracle.explained.clear()

    def offer(self, sa: bytes, ids: Sequence[bytes], *, with_key: bool) -> Outcome:
        """Begin a quick mode, and prove that we are there if it is answered."""
        self._message_id += 1
        key = [(KE, self.pair.public)] if with_key else []
        payloads = [(SA, sa), (NONCE, _NONCE), *key, *((ID, body) for body in ids)]
        outcome = self._begun(payloads)
        digest = keys.quick_hash1(self.isakmp.keys, self._message_id, chain(payloads))
        data, cipher = self._sealed(self._cipher(self._message_id), [(HASH, digest), *payloads])
        answer = self._deliver(data)
        if answer is not None:
            first, plain, cipher = self._opened(cipher, answer)
            outcome.second = list(unchain(first, plain))
            nonce = next(body for kind, body in outcome.second if kind == NONCE)
            proof = keys.quick_hash3(self.isakmp.keys, self._message_id, _NONCE, nonce)
            self._deliver(self._sealed(cipher, [(HASH, proof)])[0])
        return self._ended(outcome)

    def answer(
        self,
        connection: str,
        choose: Callable[[tuple[Proposal, ...]], Payloads],
        ids: Mapping[int, bytes] | None = None,
    ) -> Outcome:
        """Let the engine begin, and answer with what `choose` makes of its proposals: an SA payload and what follows.

        `ids` are identities, 0 and 1, to be answered in the place of those that the engine sent.
        """
        outcome = self._begun([])
        offered = self._carry_out(self.node.engine.command(Connect(connection), self.now))
        if offered is not None:
            self._message_id = int.from_bytes(offered[20:24], "big")
            first, plain, cipher = self._opened(self._cipher(self._message_id), offered)
            outcome.first = list(unchain(first, plain))
            nonce = next(body for kind, body in outcome.first if kind == NONCE)
            (sa, *rest) = choose(read_sa(next(body for kind, body in outcome.first if kind == SA)))
            key = [(KE, self.pair.public) for kind, _ in outcome.first if kind == KE]
            sent = [body for kind, body in outcome.first if kind == ID]
            said = [(ID, (ids or {}).get(index, body)) for index, body in enumerate(sent)]
            outcome.second = [sa, (NONCE, _NONCE), *key, *said, *rest]
            digest = keys.quick_hash2(self.isakmp.keys, self._message_id, nonce, chain(outcome.second))
            self._deliver(self._sealed(cipher, [(HASH, digest), *outcome.second])[0])
        return self._ended(outcome)

    # --- messages -------------------------------------------------------------------------------------------------

    def _cipher(self, message_id: int) -> Cbc:
        return keys.phase2_cipher(self.isakmp.keys, self.isakmp.cipher.iv, message_id)

    def _sealed(self, cipher: Cbc, payloads: Payloads) -> tuple[bytes, Cbc]:
        body, following = cipher.encrypt(chain(payloads))
        head = (payloads[0][0], 0x10, QUICK_MODE, _ENCRYPTED, self._message_id, 28 + len(body))
        return self.isakmp.cookies + struct.pack(">BBBBII", *head) + body, following

    def _opened(self, cipher: Cbc, data: bytes) -> tuple[int, bytes, Cbc]:
        plain, following = cipher.decrypt(data[28:])
        return data[16], plain, following

    # --- the engine -----------------------------------------------------------------------------------------------

    def _begun(self, payloads: Payloads) -> Outcome:
        self._outcome = Outcome(first=list(payloads))
        return self._outcome

    def _ended(self, outcome: Outcome) -> Outcome:
        """Nothing of it stays behind, so that ten thousand of them cost what the first did."""
        core = self.node.engine._core
        for sa in list(core.sas.ipsec):
            remove(core, sa)
        core.take_outputs()
        return outcome

    def _deliver(self, data: bytes) -> bytes | None:
        return self._carry_out(self.node.engine.receive_datagram(data, self.path, self.now))

    def _carry_out(self, outputs: Sequence[Output]) -> bytes | None:
        """Be the loop and the kernel; the quick mode message that comes out of it."""
        self.now += 0.001
        said = None
        work = list(outputs)
        while work:
            output = work.pop(0)
            if isinstance(output, AllocateSpi):
                self._spi += 1
                work += self.node.engine.result(output.token, SpiAllocated(self._spi), self.now)
            elif isinstance(output, InstallSas):
                self._outcome.sas = output.sas
                work += self.node.engine.result(output.token, Installed(), self.now)
            elif isinstance(output, Record):
                self._outcome.records.append(output.record)
            elif isinstance(output, LogLine) and output.level == 0:
                self._outcome.log.append(output.text)
            elif isinstance(output, Send) and output.data[18] == QUICK_MODE:
                said = output.data
            elif isinstance(output, Send) and output.data[18] == INFO:
                self._outcome.notified += self._notifications(output.data)
        return said

    def _notifications(self, data: bytes) -> list[int]:
        """The types of notifications in an informational message."""
        first, plain, _ = self._opened(self._cipher(int.from_bytes(data[20:24], "big")), data)
        return [int.from_bytes(body[6:8], "big") for kind, body in unchain(first, plain) if kind == NOTIFY]


def life(protocol: int, spi: bytes, attributes: bytes) -> tuple[int, bytes]:
    """A RESPONDER-LIFETIME notification (RFC 2407 section 4.6.3.1)."""
    return NOTIFY, struct.pack(">IBBH", 1, protocol, len(spi), RESPONDER_LIFETIME) + spi + attributes
