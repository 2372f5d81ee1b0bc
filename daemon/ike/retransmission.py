"""When a message that got no answer goes out again: by the peer's schedule, or because the peer repeats itself."""

from __future__ import annotations

from dataclasses import replace

from daemon.ike.core import Core
from daemon.ike.exchange import AnyExchange, Retransmission, Role
from daemon.ike.quick import QuickMode
from daemon.ike.sa import IsakmpSa
from daemon.ike.timers import TimerKey, TimerKind
from daemon.ike.transaction import Transaction
from policydb.connections import Configuration

_DICE = 0xFFFF


def transmit(core: Core, exchange: AnyExchange) -> AnyExchange:
    """Send the exchange's last message (again) and arrange for the next time, or give up."""
    if exchange.sent is None:
        return exchange
    if isinstance(exchange.state, QuickMode | Transaction):
        last_word = exchange.state.isakmp.last_word
        if last_word is not None and exchange.sent.transmissions:
            # Perhaps there is no answer because the peer still waits for the end of phase 1, which nothing repeats.
            core.transmit(last_word)
        core.wear(exchange.state.isakmp, len(exchange.sent.data))
    core.transmit(exchange.sent)
    sent = replace(exchange.sent, transmissions=exchange.sent.transmissions + 1, message=None)
    following = replace(exchange, sent=sent)
    core.keep(following)
    if sent.repeats is Retransmission.TIMER:
        wait = _wait(core, exchange.oracle.configuration, exchange.state.subject().peer_name, sent.transmissions)
        if wait is None:
            core.log(
                f"transport_send_messages: giving up on exchange {exchange.label}, "
                f"no response from peer {sent.path.remote}"
            )
        else:
            core.timers.arm(TimerKey(TimerKind.RETRANSMIT, exchange.number), core.now + wait)
    return following


def retransmit(core: Core, number: int) -> None:
    """The timer of an exchange's last message went off, or the peer repeated what it answers."""
    exchange = core.exchanges.get(number)
    if exchange is not None:
        transmit(core, exchange)


def await_peer(core: Core, isakmp: IsakmpSa) -> None:
    """Where it is the peer's turn to begin: repeat message 3 of aggressive mode until the peer is heard of.

    It may wait for that message; without it, it is not the peer's turn, and the peer must not repeat what it said to
    somebody who has proved nothing. Where we begin, message 3 goes along with what we repeat.
    """
    if isakmp.role is Role.INITIATOR and isakmp.last_word is not None and (isakmp.duties or isakmp.waiting):
        wait = _wait(core, core.oracle.configuration, isakmp.name, isakmp.last_word.transmissions)
        if wait is not None:
            core.timers.arm(TimerKey(TimerKind.LAST_WORD, isakmp.number), core.now + wait)


def repeat_last_word(core: Core, isakmp: IsakmpSa) -> None:
    """The timer of `await_peer` went off."""
    if isakmp.last_word is not None:
        core.transmit(isakmp.last_word)
        isakmp.last_word = replace(isakmp.last_word, transmissions=isakmp.last_word.transmissions + 1)
        await_peer(core, isakmp)


def _wait(core: Core, configuration: Configuration, peer_name: str, sends: int) -> float | None:
    """Seconds until a message to a peer, sent so often by now, is sent again; None: it is given up."""
    peer = configuration.peers.get(peer_name)
    schedule = peer.schedule if peer is not None else configuration.general.schedule
    if sends > schedule.tries:
        return None
    wait = schedule.wait(sends)
    if schedule.jitter:
        wait *= 1 - schedule.jitter / 100 * int.from_bytes(core.tools.surroundings.random(2)) / _DICE
    return wait
