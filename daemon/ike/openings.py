"""Which first messages are answered, and with what: nothing shows yet that their senders are where they say.

Main mode costs hashes, and its answer is shorter than the question. In aggressive mode the answer holds a public value,
which is shared (daemon.ike.public_values), and may be longer than the question: then others have to pay for it.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from daemon.ike import limits
from daemon.ike.aggressive import AGGRESSIVE_MODE
from daemon.ike.authentication import METHODS
from daemon.ike.core import Core
from daemon.ike.errors import Silent
from daemon.ike.exchange import AnyExchange, Datagram, known
from daemon.ike.phase1 import Phase1Exchange
from daemon.ike.timers import TimerKey, TimerKind


def check_simultaneous(core: Core, address: str) -> None:
    """A peer with a section of its own that has answered our phase 1 needs no second one (isakmpd).

    While that is hoped for, that is: a peer that does not answer any more may have lost it, and may begin anew. For the
    Default peer this does not hold: others may be behind the same name.
    """
    peer = core.oracle.configuration.peers_by_address.get(ip_address(address))
    for each in core.exchanges.ours_with(peer) if peer is not None else ():
        hoped_for = core.timers.deadline(TimerKey(TimerKind.RETRANSMIT, each.number)) is not None
        if each.step > 1 and hoped_for and each.path.remote.address == address:
            raise Silent(f'exchange_setup_p1: phase 1 with "{peer}" is under way already')


def check_room(core: Core, exchange: AnyExchange, datagram: Datagram) -> None:
    """Whether a first message may cost us anything, before it does."""
    address = datagram.path.remote.address
    if core.exchanges.exhausted(address):
        raise Silent("message_recv: too many exchanges with this address in which nobody has proved anything")
    if not core.exchanges.admits(address, exchange.known, min(len(datagram.data), limits.OFFER_OCTETS), core.now):
        raise Silent("message_recv: too many half-open exchanges")


def equip(core: Core, exchange: Phase1Exchange, datagram: Datagram) -> Phase1Exchange:
    """What an exchange needs besides its first message to be answered."""
    if exchange.script is not AGGRESSIVE_MODE:
        return exchange
    pay(core, exchange, datagram)
    state = exchange.state
    if not METHODS[state.method].without_power and not core.signed_openings.take(core.now):
        raise Silent("message_recv: too many half-open exchanges in aggressive mode")
    pair = core.public_values.pair(known(state.parameters).group, core.tools.surroundings.random, core.now)
    return replace(exchange, state=replace(state, pair=pair))


def pay(core: Core, exchange: AnyExchange, datagram: Datagram) -> None:
    """Whether a first message, or its repetition, may be answered though the answer may be longer. Raises Silent."""
    if exchange.script is AGGRESSIVE_MODE and not core.answers.pays(limits.HEADERS + len(datagram.data), core.now):
        raise Silent("message_recv: answers in aggressive mode have got too long")


def spent(core: Core, number: int) -> None:
    """It was answered."""
    exchange = core.exchanges.get(number)
    if exchange is not None and exchange.script is AGGRESSIVE_MODE and exchange.sent is not None:
        core.answers.spend(limits.HEADERS + len(exchange.sent.data))
