"""What a negotiation costs does not grow with how many others there are: counted in steps of the interpreter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from daemon.ike.core import Core
from daemon.ike.events import Connect
from daemon.ike.exchange import Role
from daemon.ike.messages.payloads import Identification
from daemon.ike.registries import IdType
from daemon.ike.sa import Answered, IpsecSa, IsakmpSa, SaFlag
from policydb.connections import General
from tests.daemon.ike.network import EAST, WEST, Pair, configuration, connected
from tests.sizes import sized

PEERS = sized(50, 400)
QUIET = General(check_interval=100_000)


def steps(what: Callable[[], object]) -> int:
    """How many instructions of Python something takes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ANN401 - as sys.settrace has it
        nonlocal count
        del argument
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        what()
    finally:
        sys.settrace(before)
    return count


def _phase_1(core: Core, isakmp: IsakmpSa, **changes: object) -> IsakmpSa:
    number = core.next_number()
    cookie = number.to_bytes(8)
    fields: dict[str, Any] = {"number": number, "initiator_cookie": cookie, "answered": Answered(), **changes}
    made = replace(isakmp, **fields)
    core.sas.add(made)
    return made


def _phase_2(core: Core, sa: IpsecSa, isakmp: IsakmpSa, **changes: Any) -> None:  # noqa: ANN401
    number = core.next_number()
    inbound = tuple(replace(each, spi=each.spi ^ number << 8) for each in sa.sas)
    core.sas.add(replace(sa, number=number, owner=isakmp.owner, sas=inbound, **changes))


def peers_of_one_section(core: Core, isakmp: IsakmpSa, sa: IpsecSa, count: int) -> None:
    """All under [Phase 1]:Default, with traffic that no connection has."""
    for number in range(count):
        name = Identification(IdType.FQDN, 0, 0, f"peer-{number}.example.org".encode())
        _phase_2(core, sa, _phase_1(core, isakmp, remote_id=name))


def users_of_one_group(core: Core, isakmp: IsakmpSa, sa: IpsecSa, count: int) -> None:
    """One identity and key for all, told apart by XAUTH."""
    for number in range(count):
        _phase_2(core, sa, _phase_1(core, isakmp, user=f"user-{number}"))


def connections_of_one_peer(core: Core, isakmp: IsakmpSa, sa: IpsecSa, count: int) -> None:
    """A connection each."""
    for number in range(count):
        _phase_2(core, sa, isakmp, name=f"connection-{number}")


def phase_1s_under_way(core: Core, isakmp: IsakmpSa, sa: IpsecSa, count: int) -> None:
    """We begin with all peers at the same time."""
    del sa
    pair = Pair(configuration(EAST, WEST, initiates=True))
    pair.filter = lambda *_: []
    (begun,) = pair.start().east.engine._core.exchanges
    for _ in range(count):
        number = core.next_number()
        under_way = replace(begun, number=number, name=f"peer-{number}", initiator_cookie=number.to_bytes(8))
        core.exchanges.put(replace(under_way, role=Role.INITIATOR, path=isakmp.path), core.now)


Crowd = Callable[[Core, IsakmpSa, IpsecSa, int], None]


@pytest.mark.parametrize(
    "crowd", [peers_of_one_section, users_of_one_group, connections_of_one_peer, phase_1s_under_way]
)
@pytest.mark.full_size
def test_one_more_negotiation_costs_the_same_among_four_times_as_many(crowd: Crowd) -> None:
    cost = []
    for count in (PEERS, 4 * PEERS):
        responder = replace(configuration(WEST, EAST, general=QUIET), connections={})
        pair = connected(configuration(EAST, WEST, initiates=True, general=QUIET), responder)
        core = pair.west.engine._core
        (isakmp,), (sa,) = core.sas.isakmp, core.sas.ipsec
        assert sa.name == ""
        crowd(core, isakmp, sa, count)
        for each in pair.east.engine._core.sas.isakmp:
            each.flags |= SaFlag.REPLACED  # so that a phase 1 comes first

        def negotiate(pair: Pair = pair) -> None:
            pair.do(pair.east, pair.east.engine.command(Connect("net"), pair.now))
            pair.run(pair.now + 1.0)

        cost.append(steps(negotiate))
        assert len(pair.east.engine._core.sas.ipsec) == 2
    # Not one step for each of those that came to it: whoever is looked at costs several.
    assert cost[1] - cost[0] < 3 * PEERS, cost
