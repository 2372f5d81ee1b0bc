"""The life of connections: brought up at start and by command, checked, renewed, torn down (isakmpd, connections)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from daemon.ike.core import Core
from daemon.ike.events import Path, SendKeepalive
from daemon.ike.exchange import AnyExchange, Role
from daemon.ike.informational import delete_of, tell
from daemon.ike.negotiation import complain, start_phase1, start_quick
from daemon.ike.phase1 import Phase1
from daemon.ike.quick import QuickMode
from daemon.ike.removal import abandon, remove
from daemon.ike.sa import IpsecSa, IsakmpSa, SaFlag
from daemon.ike.standing import retire, stands
from daemon.ike.timers import TimerKey, TimerKind
from policydb.connections import Peer
from policydb.negotiation import Reason


def establish(core: Core, name: str) -> None:
    """Bring a connection up: a quick mode under the peer's ISAKMP SA, or behind the phase 1 that makes one.

    In passive mode nothing is initiated; whoever asks is answered all the same.
    """
    if core.passive:
        return
    connection = core.connection(name)
    peer = core.peer(connection.peer) if connection else None
    if connection is None or peer is None:
        core.log(f'exchange_establish: no connection "{name}" or no peer for it')
        return
    if any(isinstance(each.state, QuickMode) for each in core.exchanges.named(name)):
        return
    isakmp = core.sas.phase1_with(peer.name)
    if isakmp is not None and not stands(core, isakmp):
        retire(core, isakmp)
    elif isakmp is not None:
        start_quick(core, isakmp, connection)
        return
    under_way = _phase1_under_way(core, peer.name)
    if under_way is None:
        start_phase1(core, peer, (name,))
    elif name not in under_way.waiting:
        core.keep(replace(under_way, waiting=(*under_way.waiting, name)))


def _phase1_under_way(core: Core, peer: str) -> AnyExchange | None:
    begun = (each for each in core.exchanges.named(peer) if each.role is Role.INITIATOR)
    return next((each for each in begun if isinstance(each.state, Phase1)), None)


def check(core: Core) -> None:
    """The connection checker: what should be up and is not, is brought up; comes again after Check-interval."""
    configuration = core.oracle.configuration
    core.arm_again(TimerKey(TimerKind.CHECK), configuration.general.check_interval)
    for connection in configuration.connections.values():
        if connection.initiates and connection.name not in core.stopped and not core.sas.named(connection.name):
            establish(core, connection.name)
    for sa in core.sas.ipsec:
        if _overdue(core, sa):
            soften(core, sa)


def _overdue(core: Core, sa: IpsecSa) -> bool:
    """Whether a renewal that was due has come to nothing so far."""
    return sa.soft_at is not None and sa.soft_at <= core.now and not sa.flags & SaFlag.REPLACED


# --- expiry -------------------------------------------------------------------------------------------------------


def soften(core: Core, sa: IsakmpSa | IpsecSa, octets: int | None = None) -> None:
    """The soft lifetime is over: what we initiated and still want gets a successor.

    `octets` is what the kernel says the SA has carried. One that the kernel asked for is renewed only for that.
    """
    if sa.flags & SaFlag.REPLACED or sa.name in core.stopped:
        return
    sa.soft_at = core.now if sa.soft_at is None else min(sa.soft_at, core.now)
    if isinstance(sa, IpsecSa):
        if sa.flags & SaFlag.ONDEMAND and octets is not None:
            sa.flags = sa.flags & ~SaFlag.FADING if octets else sa.flags | SaFlag.FADING
        if sa.flags & SaFlag.STAYALIVE or (sa.flags & SaFlag.ONDEMAND and octets):
            establish(core, sa.name)
        return
    peer = core.peer(sa.name)
    in_use = bool(core.sas.owned_by(sa.owner))
    if core.passive or not sa.flags & SaFlag.STAYALIVE:
        return
    if peer is not None and in_use and _phase1_under_way(core, sa.name) is None:
        start_phase1(core, peer, (), _way_to(peer, sa))


def _way_to(peer: Peer, sa: IsakmpSa) -> Path | None:
    """The path of an SA for its successor: a peer behind a NAT is reached through the mapping that it made.

    None where the configuration has moved the peer elsewhere since.
    """
    return sa.path if peer.address in (None, ip_address(sa.path.remote.address)) else None


def delete(core: Core, sa: IsakmpSa | IpsecSa, *, priority: bool = False) -> None:
    """Take an SA down and say so to the peer; a phase 1 leaves its phase 2 SAs as they are (dangling SAs)."""
    isakmp = sa if isinstance(sa, IsakmpSa) else _protector(core, sa)
    if isakmp is not None:
        tell(core, isakmp, *delete_of(sa), priority=priority)
    remove(core, sa)


def _protector(core: Core, sa: IpsecSa) -> IsakmpSa | None:
    """The newest ISAKMP SA with the peer of an IPsec SA."""
    return next(reversed(core.sas.shared_with(sa.owner)), None)


def keep_alive(core: Core, isakmp: IsakmpSa) -> None:
    """Keep the NAT before us from forgetting our mapping (RFC 3948 section 4)."""
    core.emit(SendKeepalive(isakmp.path))
    core.arm_again(TimerKey(TimerKind.KEEPALIVE, isakmp.number), core.oracle.configuration.general.nat_t_keepalive)


# --- commands -----------------------------------------------------------------------------------------------------


def connect(core: Core, name: str) -> None:
    """FIFO `c name`."""
    if core.passive:
        core.log(f'ui_connect: "{name}" is not started: only `M active` lets negotiations be initiated')
        return
    core.stopped.discard(name)
    establish(core, name)


def tear_down(core: Core, name: str | None, phase: int) -> None:
    """FIFO `t [main|quick] name` by connection, peer or address; `T` (None): all phase 2."""
    for exchange in core.exchanges:
        first = isinstance(exchange.state, Phase1)
        known_as = (exchange.name, exchange.state.subject().peer_name, exchange.path.remote.address)
        if name and first is (phase == 1) and name in known_as:
            abandon(core, exchange)
    if phase == 1:
        for isakmp in core.sas.isakmp:
            if name in (isakmp.name, isakmp.path.remote.address):
                delete(core, isakmp)
        return
    if name is not None and name in core.oracle.configuration.connections:
        core.stopped.add(name)
    for sa in core.sas.ipsec:
        if name is None or (name and name in (sa.name, sa.owner[0], sa.path.remote.address)):
            delete(core, sa)


def listen_on(core: Core, addresses: tuple[str, ...]) -> None:
    """What speaks from an address that is listened on no more ends: exchanges with a record, phase 1 with a DELETE.

    Its phase 2 SAs stay, as after every phase 1; what is still wanted comes up again from another address.
    """
    listened = {ip_address(each) for each in addresses}

    def is_gone(path: Path) -> bool:
        local = ip_address(path.local.address)
        return local not in listened and type(local)(0) not in listened

    for exchange in core.exchanges:
        if is_gone(exchange.path):
            text = f"{exchange.path.local.address} is not listened on any more"
            complain(core, exchange, Reason.LOCAL_ERROR, text)
            abandon(core, exchange)
    for isakmp in core.sas.isakmp:
        if is_gone(isakmp.path):
            core.log(f"phase 1 with {isakmp.path.remote} ends: {isakmp.path.local.address} is not listened on any more")
            delete(core, isakmp, priority=True)


def reinitialize(core: Core) -> None:
    """connection_reinit: every connection of [Phase 2] is wanted again."""
    core.stopped.clear()
    check(core)


def delete_named(core: Core, cookies: bytes, message_id: int | None, line: str) -> None:
    """FIFO `d cookies msgid`: one SA, with a DELETE to the peer."""
    sa: IsakmpSa | IpsecSa | None = core.sas.by_cookies(cookies)
    if message_id is not None:
        sa = next((each for each in core.sas.ipsec if each.exchange == (cookies, message_id)), None)
    if sa is None:
        core.log(f'ui_delete: command "{line}" found no SA')
        return
    delete(core, sa)


def shut_down(core: Core) -> None:
    """SIGTERM, FIFO `Q`: DELETE for all phase 2, then all phase 1 SAs, before anything else that is queued.

    With -S the SAs are left to the peer and to whoever takes over from us.
    """
    core.log("isakmpd: shutting down...")
    for exchange in core.exchanges:
        abandon(core, exchange)
    everything: tuple[IsakmpSa | IpsecSa, ...] = (*core.sas.ipsec, *core.sas.isakmp)
    for sa in everything:
        if core.oracle.configuration.general.delete_sas and not core.settings.passive:
            delete(core, sa, priority=True)
        else:
            remove(core, sa)
    core.timers.cancel(TimerKey(TimerKind.CHECK))
    core.closed = True
