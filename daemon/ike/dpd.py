"""Dead peer detection (RFC 3706): a peer from which nothing comes is asked, and what it does not answer ends.

Each DPD-check-interval the kernel is asked first: traffic from the peer is an answer too. A silent peer gets
R_U_THERE, five times with one sequence number and five seconds apart; 25 seconds after the first it counts as dead, and
its SAs are deleted without a word to it. The numbers begin at random below 2^15, so that they differ from those of an
older life, and grow by one a round (isakmpd).

A peer that makes a new phase 1 from elsewhere is asked once whether it is still where the old one was, whatever the
interval: it may have moved or started anew, or two hosts may share an identity, and only silence there tells.
"""

from __future__ import annotations

from dataclasses import replace

from daemon.ike.core import Awaited, Core
from daemon.ike.events import LastUse, LastUsed, Outcome
from daemon.ike.informational import delete_of, tell
from daemon.ike.messages.payloads import Notify
from daemon.ike.messages.vendor import Vendor
from daemon.ike.registries import Notification, Protocol
from daemon.ike.removal import remove
from daemon.ike.sa import IpsecSa, IsakmpSa, SaFlag
from daemon.ike.timers import TimerKey, TimerKind

PROBES = 5
PROBE_SECONDS = 5.0

_FIRST_MASK = 0x7FFF
_LARGEST = 0xFFFFFFFF
_SEQUENCE_LENGTH = 4


def begin(core: Core, isakmp: IsakmpSa) -> None:
    """Look after a new ISAKMP SA, if the peer can answer and [General]:DPD-check-interval says so."""
    if Vendor.DPD not in isakmp.vendors:
        return
    isakmp.flags |= SaFlag.DPD
    first = int.from_bytes(core.tools.surroundings.random(2)) & _FIRST_MASK
    isakmp.dpd = replace(isakmp.dpd, sequence=first)
    _wait(core, isakmp)


def _wait(core: Core, isakmp: IsakmpSa) -> None:
    """Nothing to ask for one interval."""
    interval = core.oracle.configuration.general.dpd_check_interval
    if interval > 0:
        core.timers.arm(TimerKey(TimerKind.DPD, isakmp.number), core.now + interval)


def tick(core: Core, isakmp: IsakmpSa) -> None:
    """The timer went off: ask the kernel, ask the peer again, or give it up.

    A replaced SA is not asked about: it may end at the peer before it does here, and its successor tells as much.
    """
    if isakmp.dpd.probes >= PROBES:
        if isakmp.flags & SaFlag.REPLACED:
            _clear(core, isakmp)
        else:
            _bury(core, isakmp)
    elif isakmp.dpd.probes:
        _probe(core, isakmp)
    elif not isakmp.flags & SaFlag.REPLACED:
        _wait(core, isakmp)
        core.drop_tokens(isakmp.number)
        inbound = (sa for each in core.sas.owned_by(isakmp.owner) for sa in each.inbound)
        keys = tuple((each.protocol, each.destination, each.spi) for each in inbound)
        if not keys:
            _probe(core, isakmp)
            return
        token = core.next_number()
        core.awaited[token] = Awaited(isakmp.number, last_use=True)
        core.emit(LastUse(token, keys))


def take_last_use(core: Core, isakmp: IsakmpSa, outcome: Outcome) -> None:
    """The kernel's answer. Where it does not know, the peer is asked."""
    interval = core.oracle.configuration.general.dpd_check_interval
    if isinstance(outcome, LastUsed) and outcome.seconds is not None and outcome.seconds < interval:
        return
    if not isakmp.dpd.probes:
        _probe(core, isakmp)


def _probe(core: Core, isakmp: IsakmpSa) -> None:
    isakmp.dpd = replace(isakmp.dpd, probes=isakmp.dpd.probes + 1)
    core.timers.arm(TimerKey(TimerKind.DPD, isakmp.number), core.now + PROBE_SECONDS)
    data = isakmp.dpd.sequence.to_bytes(_SEQUENCE_LENGTH)
    tell(core, isakmp, Notify(Notification.R_U_THERE, Protocol.ISAKMP, isakmp.cookies, data))


def ask_after(core: Core, isakmp: IsakmpSa) -> None:
    """A phase 1 from elsewhere has taken the place of this one: is the peer still here as well?"""
    if isakmp.flags & SaFlag.DPD and not isakmp.dpd.probes:
        _probe(core, isakmp)


def _clear(core: Core, isakmp: IsakmpSa) -> None:
    """No answer where the peer was before: what was negotiated with it there ends.

    It is told by way of a phase 1 that stands, for behind a new mapping of its NAT it may still have those SAs.
    """
    there = [each for each in core.sas.owned_by(isakmp.owner) if each.path.remote == isakmp.path.remote]
    heirs = reversed(core.sas.shared_with(isakmp.owner))
    heir = next((each for each in heirs if not each.flags & SaFlag.REPLACED), None)
    core.log(f"dpd_check_event: peer has left {isakmp.path.remote}: {len(there)} phase 2 SAs end with phase 1")
    for sa in there:
        if heir is not None:
            tell(core, heir, *delete_of(sa))
        remove(core, sa)
    remove(core, isakmp)


def _bury(core: Core, isakmp: IsakmpSa) -> None:
    """No answer: everything that was negotiated with this peer ends, and it is met anew next time."""
    owned: tuple[IpsecSa | IsakmpSa, ...] = core.sas.owned_by(isakmp.owner)
    core.log(f"dpd_check_event: peer {isakmp.path.remote} is dead: {len(owned)} phase 2 SAs end with phase 1")
    core.contacted.discard(isakmp.path.remote.address)
    for sa in (*owned, isakmp):
        remove(core, sa)


# --- what the peer says -------------------------------------------------------------------------------------------


def heard(core: Core, isakmp: IsakmpSa, notify: Notify) -> None:
    """An authenticated R_U_THERE or its ACK (RFC 3706 section 5.3: both cookies as SPI, a number as data)."""
    if notify.spi != isakmp.cookies or len(notify.data) != _SEQUENCE_LENGTH:
        core.log(f"dpd_handle_notify: {notify.type} for another SA, or without a sequence number")
        return
    number = int.from_bytes(notify.data)
    if notify.type is Notification.R_U_THERE:
        _asked(core, isakmp, number, notify)
    else:
        _answered(core, isakmp, number)


def _asked(core: Core, isakmp: IsakmpSa, number: int, notify: Notify) -> None:
    """The peer wants to know whether we live. A number below the last, or too often the same, may be replayed."""
    state = isakmp.dpd
    times = state.asked_times + 1 if number == state.asked else 1
    if state.asked is not None and (number < state.asked or times >= PROBES):
        core.log(f"dpd_handle_notify: bad R_U_THERE seqno {number} <= {state.asked}")
        return
    isakmp.dpd = replace(state, asked=number, asked_times=times)
    tell(core, isakmp, Notify(Notification.R_U_THERE_ACK, Protocol.ISAKMP, isakmp.cookies, notify.data))


def _answered(core: Core, isakmp: IsakmpSa, number: int) -> None:
    state = isakmp.dpd
    if number != state.sequence:
        core.log(f"dpd_handle_notify: got bad ACK seqno {number}, expected {state.sequence}")
        return
    if state.probes:
        isakmp.dpd = replace(state, probes=0, sequence=(state.sequence + 1) & _LARGEST)
        core.timers.cancel(TimerKey(TimerKind.DPD, isakmp.number))
        _wait(core, isakmp)
