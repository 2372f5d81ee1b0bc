"""Public values that no peer may send (RFC 2631 section 2.1.5, RFC 5903 section 9): one table for every group.

In both phases and both roles the values are put into messages that are true otherwise, so that nothing but the value
is wrong.
"""

from __future__ import annotations

import random

import pytest

from daemon.ike.algorithms.dh import GROUPS, generate, modp_prime
from daemon.ike.errors import InvalidKeyInformation
from daemon.ike.events import Send
from daemon.ike.messages.payloads import KeyExchange
from daemon.ike.registries import Group
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.curves import CURVES
from tests.daemon.ike.forgery import Held, held_at, state_of
from tests.daemon.ike.network import EAST, WEST, Pair, configuration, ike_transform, suite

every = pytest.mark.parametrize("group", sorted(GROUPS), ids=str)


def _of_modp(group: Group) -> dict[str, bytes]:
    prime = modp_prime(group)
    octets = prime.bit_length() // 8
    good = pow(2, 12345, prime).to_bytes(octets)
    numbers = {"0": 0, "1": 1, "p-1": prime - 1, "p": prime, "p+1": prime + 1, "2^n-1": (1 << 8 * octets) - 1}
    return {name: number.to_bytes(octets) for name, number in numbers.items()} | {
        "an octet": b"\2",
        "one octet less": good[1:],
        "one octet more": b"\0" + good,
        "twice the length": good + good,
    }


def _of_curve(group: Group) -> dict[str, bytes]:
    curve = CURVES[group]
    octets = curve.octets
    x, y = curve.base

    def pair(*numbers: int) -> bytes:
        return b"".join(number.to_bytes(octets) for number in numbers)

    return {
        "0, 0, which stands for infinity in some programs": pair(0, 0),
        "infinity, as SEC 1 encodes it": b"\0",
        "x alone": pair(x),
        "a compressed point": b"\2" + pair(x),
        "an uncompressed point with its prefix": b"\4" + pair(x, y),
        "one octet less": pair(x, y)[:-1],
        "one octet more": pair(x, y) + b"\0",
        "not on the curve": pair(x, y + 1),
        "on another curve": pair(x, curve.prime - y - 1),
        "x and y the other way round": pair(y, x),
        "coordinates above the prime": b"\xff" * (2 * octets),
        "x not reduced": pair((x + curve.prime) % (1 << 8 * octets), y),
        "all of another length": b"\1" * 3,
    }


def refused(group: Group) -> dict[str, bytes]:
    """Every value that is wrong in a group, by what it is."""
    return _of_curve(group) if group in CURVES else _of_modp(group)


@every
def test_the_table_holds_no_value_that_is_right(group: Group) -> None:
    if group in CURVES:
        curve = CURVES[group]
        halves = {value: (value[: curve.octets], value[curve.octets :]) for value in refused(group).values()}
        points = [(int.from_bytes(x), int.from_bytes(y)) for v, (x, y) in halves.items() if len(v) == 2 * curve.octets]
        assert len(points) >= 5
        assert not any(x < curve.prime and y < curve.prime and curve.holds((x, y)) for x, y in points)
    else:
        prime = modp_prime(group)
        whole = [each for each in refused(group).values() if len(each) == prime.bit_length() // 8]
        assert len(whole) == 6
        assert not any(1 < int.from_bytes(each) < prime - 1 for each in whole)


@every
def test_no_secret_is_made_with_any_of_them(group: Group) -> None:
    ours = generate(group, random.Random(1).randbytes)
    for name, value in refused(group).items():
        with pytest.raises(InvalidKeyInformation):
            raise AssertionError(f"{name}: {ours.shared(value).hex()}")
    assert ours.shared(generate(group, random.Random(2).randbytes).public)


# --- in a negotiation ---------------------------------------------------------------------------------------------

PHASE_1 = {3: "main mode, to the responder", 4: "main mode, to the initiator"}
PHASE_2 = {7: "quick mode, to the responder", 8: "quick mode, to the initiator"}


def stopped_at(number: int, group: Group) -> Held:
    """A negotiation with this group in the phase of its message `number`, stopped before that message arrives."""
    options = {
        "transforms": (ike_transform(group=str(group) if number in PHASE_1 else "ECP_256"),),
        "suites": (suite(group=str(group) if number in PHASE_2 else None),),
    }
    pair = Pair(configuration(EAST, WEST, initiates=True, **options), configuration(WEST, EAST, **options))  # type: ignore[arg-type]
    return held_at(number, pair)


def with_value(held: Held, value: bytes) -> bytes:
    """The message with another public value, true in everything else."""
    changed = (KeyExchange(value) if isinstance(each, KeyExchange) else each for each in held.message.payloads)
    return held.forged(tuple(changed))


@every
@pytest.mark.parametrize("number", PHASE_1, ids=PHASE_1.get)
def test_main_mode_refuses_them_and_takes_the_true_one_afterwards(number: int, group: Group) -> None:
    """Nothing is proved yet: a forged value changes nothing, and the answer tells no more than it was asked."""
    held = stopped_at(number, group)
    node = held.receiver
    for name, value in refused(group).items():
        before, lines, sent = state_of(node), len(node.log), len(node.sent)
        data = with_value(held, value)
        held.inject(data)
        assert state_of(node) == before, name
        assert [line for line in node.log[lines:] if "type INVALID_KEY_INFORMATION: public value" in line], name
        assert all(isinstance(each, Send) and len(each.data) <= len(data) for _, each in node.sent[sent:]), name
    held.release()
    assert held.pair.established


@every
@pytest.mark.parametrize("number", PHASE_2, ids=PHASE_2.get)
def test_a_quick_mode_ends_with_the_first_of_them_and_the_peer_is_told(number: int, group: Group) -> None:
    """The HASH is true, so the peer itself said it; each value has a negotiation of its own."""
    for name, value in refused(group).items():
        held = stopped_at(number, group)
        node, other = held.receiver, held.pair.east if held.receiver is held.pair.west else held.pair.west
        held.inject(with_value(held, value))
        assert [line for line in node.log if "type INVALID_KEY_INFORMATION: public value" in line], name
        assert (node.records[-1].outcome, node.records[-1].reason) == (Outcome.FAILED, Reason.MALFORMED), name
        assert (node.kernel, node.spis, node.phase(2)) == ({}, set(), []), name
        lines = len(other.log)
        held.pair.run(held.pair.now + 0.1)
        assert [line for line in other.log[lines:] if "INVALID_KEY_INFORMATION" in line], name
