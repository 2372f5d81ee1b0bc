"""Rubbish in the message that proves an identity by signature: anybody who does the key exchange can send it.

Message 5 of main mode holds ID, CERT, SIG and CERT_REQ. Each damaged one is encrypted rightly, so it is read whole.
Nothing but the exchange itself may be there afterwards, and the genuine message 5 must still be taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from daemon.ike import limits
from daemon.ike.algorithms.ciphers import Cbc
from daemon.ike.events import Captured, Output, Path
from daemon.ike.exchange import known
from daemon.ike.trust.keyring import Keyring
from tests.daemon.ike.network import EAST, WEST, Pair
from tests.daemon.ike.test_signed_phase1 import holding, host, written
from tests.fuzz.mutations import HEADER, damaged
from tests.fuzz.test_datagrams import OffenceError, check_lines

COUNT = 600
ENCRYPTED = 1


@dataclass(frozen=True)
class Stopped:
    """A main mode whose message 5 was caught on its way: as it is, in the clear, and how west will open it."""

    pair: Pair
    path: Path
    genuine: bytes
    clear: bytes
    cipher: Cbc

    def receive(self, data: bytes) -> list[Output]:
        """West receives a message 5."""
        west = self.pair.west
        return west.engine.receive_datagram(data, Path(self.path.remote, self.path.local), self.pair.now)

    def proved(self) -> list[str]:
        """Who has proved an identity to west."""
        return [each.remote_id.data.decode() for each in self.pair.west.engine._core.sas.isakmp]

    def sealed(self, message: bytes) -> bytes:
        """Any octets as message 5 (RFC 2409 appendix B); the header is the genuine one but for the first payload."""
        body, _ = self.cipher.encrypt(message[HEADER:])
        first = message[16] if len(message) > 16 else 0
        head = self.genuine[:16] + bytes([first]) + self.genuine[17:24]
        return head + (HEADER + len(body)).to_bytes(4) + body


def stopped(method: str) -> Stopped:
    """One in which both sides sign."""
    return caught(
        Pair(
            written(EAST, method=method),
            written(WEST, method=method),
            credentials=(Keyring(holding(host(EAST, method))), Keyring(holding(host(WEST, method)))),
        )
    )


def caught(pair: Pair) -> Stopped:
    """Starts a pair whose east begins main mode, and holds message 5."""
    messages: list[tuple[Path, bytes]] = []

    def catch(source: str, path: Path, data: bytes) -> list[bytes]:
        if source == EAST and data[19] & ENCRYPTED:
            messages.append((path, data))
            return []
        return [data]

    pair.filter = catch
    pair.start().run(0.5)
    clear = [each.data for each in pair.east.outputs if isinstance(each, Captured) and each.outbound][-1]
    [exchange] = list(pair.west.engine._core.exchanges)
    return Stopped(pair, *messages[0], clear, known(exchange.cipher))


@pytest.mark.parametrize("method", ["RSA_SIG", "ECDSA_256"])
def test_rubbish_in_the_place_of_a_proof(method: str) -> None:
    seed = f"signed/{method}"
    trial = stopped(method)
    before = trial.pair.west.census()
    refused = 0
    for message in damaged([trial.clear], COUNT, Random(seed)):
        try:
            check_lines(trial.receive(trial.sealed(message)))
        except Exception as error:
            raise OffenceError(f"{type(error).__name__}: {error}; seed {seed!r}, message {message.hex()}") from error
        if trial.proved():
            # Damage to what nobody signs, a CERT_REQ or the padding, leaves the proof a proof.
            assert trial.proved() == ["east.example.org"]
            trial = stopped(method)
            continue
        refused += 1
        assert trial.pair.west.census() == before
        if not refused % (limits.PROOFS_PER_EXCHANGE - 1):
            # So many proofs of the peer's own that do not verify keep no true one out; more would (daemon.ike.limits).
            trial.receive(trial.genuine)
            assert trial.proved() == ["east.example.org"]
            trial = stopped(method)
    assert refused > COUNT / 2


def test_the_sealing_itself() -> None:
    """An undamaged message, sealed anew, is a proof: so what is refused above is the damage."""
    trial = stopped("RSA_SIG")
    trial.receive(trial.sealed(trial.clear))
    assert trial.proved() == ["east.example.org"]
