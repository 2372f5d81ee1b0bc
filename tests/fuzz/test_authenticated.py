"""A peer that knows the key and sends rubbish: each datagram is encrypted and its HASH verifies, the rest is damage."""

from __future__ import annotations

from random import Random

import pytest

from daemon.ike.algorithms import keys
from daemon.ike.events import InstallSas
from daemon.ike.sa import IsakmpSa
from tests.fuzz.engines import MESSAGES, Node, Pair, converse
from tests.fuzz.mutations import HEADER, damaged, payload_offsets
from tests.fuzz.test_datagrams import EXCHANGE_LIFE, OffenceError, check_lines

COUNT = 1500
QUICK_MODE, INFORMATIONAL, ENCRYPTED, HASH = 32, 5, 1, 8
OPENING = 6
"""The index of quick mode's first message in a conversation."""


def isakmp_sa(node: Node) -> IsakmpSa:
    [sa] = node.engine._core.sas.isakmp
    return sa


def clear_payloads(pair: Pair) -> tuple[int, bytes]:
    """What follows the HASH in the valid first message of quick mode: its first payload's type, and the octets."""
    data = pair.spoken[OPENING].data
    sa = isakmp_sa(pair.east)
    plain, _ = keys.phase2_cipher(sa.keys, sa.cipher.iv, int.from_bytes(data[20:24])).decrypt(data[HEADER:])
    rest = plain[int.from_bytes(plain[2:4]) :]
    last = payload_offsets(bytes(HEADER) + rest)[-1] - HEADER
    return plain[0], rest[: last + int.from_bytes(rest[last + 2 : last + 4])]  # without the padding


def sealed(sa: IsakmpSa, exchange: int, message_id: int, first: int, rest: bytes) -> bytes:
    """Any octets as a message that decrypts and verifies (RFC 2409 section 5.5, appendix B)."""
    proof = keys.quick_hash1(sa.keys, message_id, rest)
    plain = bytes([first, 0]) + (4 + len(proof)).to_bytes(2) + proof + rest
    body, _ = keys.phase2_cipher(sa.keys, sa.cipher.iv, message_id).encrypt(plain)
    head = sa.cookies + bytes([HASH, 0x10, exchange, ENCRYPTED]) + message_id.to_bytes(4)
    return head + (HEADER + len(body)).to_bytes(4) + body


@pytest.mark.parametrize("exchange", [QUICK_MODE, INFORMATIONAL], ids=["quick mode", "informational"])
@pytest.mark.parametrize("delivered", [OPENING, MESSAGES])
def test_rubbish_from_an_authenticated_peer(delivered: int, exchange: int) -> None:
    seed = f"authenticated/{delivered}/{exchange}"
    random = Random(seed)
    pair = converse(delivered)
    victim, sa = pair.west, isakmp_sa(pair.west)
    first, rest = clear_payloads(converse(MESSAGES))
    # The mutations expect a header: one of zeros goes before the payloads and comes off again.
    chains = damaged([bytes([*[0] * 16, first, *[0] * 11]) + rest], COUNT, random)
    for chain in chains:
        victim.now += 1
        message_id = random.randrange(1, 1 << 32)
        data = sealed(sa, exchange, message_id, chain[16] if len(chain) > 16 else 0, chain[HEADER:])
        try:
            outputs = victim.receive(data)
            check_lines(outputs)
            assert not [each for each in outputs if isinstance(each, InstallSas)], "SAs without message 3"
        except Exception as error:
            raise OffenceError(f"{type(error).__name__}: {error}; seed {seed!r}, chain {chain.hex()}") from error
    victim.pass_time(EXCHANGE_LIFE)
    assert not victim.engine.report(victim.now).exchanges


def test_the_sealing_itself() -> None:
    """An undamaged chain, sealed anew, is answered with message 2: so what is refused above is the damage."""
    pair = converse(OPENING)
    first, rest = clear_payloads(converse(MESSAGES))
    outputs = pair.west.receive(sealed(isakmp_sa(pair.west), QUICK_MODE, 77, first, rest))
    assert [each for each in pair.west.sent if each.data[18] == QUICK_MODE], outputs
