"""What a finished exchange leaves: an ISAKMP SA or IPsec SAs with their lifetimes, a record, and a line in the log."""

from __future__ import annotations

from math import inf

from daemon.ike import dpd
from daemon.ike.authentication import METHODS
from daemon.ike.core import Core
from daemon.ike.exchange import AnyExchange, Role, known
from daemon.ike.keying import soft_share
from daemon.ike.lifetimes import LEAST_SECONDS
from daemon.ike.messages.proposals import IkeParameters, IpsecParameters
from daemon.ike.phase1 import Phase1Exchange
from daemon.ike.quick import QuickExchange
from daemon.ike.records import listed, make_record, printed
from daemon.ike.registries import EspTransform, Protocol
from daemon.ike.removal import remove
from daemon.ike.sa import IpsecSa, IsakmpSa, SaFlag
from daemon.ike.timers import TimerKey, TimerKind
from daemon.ike.trust.credentials import Proof
from policydb.negotiation import Outcome, Question


def phase1_done(core: Core, exchange: Phase1Exchange) -> IsakmpSa:
    """The ISAKMP SA of a phase 1 in which both sides have proved themselves, in the table."""
    state = exchange.state
    parameters = known(state.parameters)
    core.public_values.retire(state.public_r)
    seconds = parameters.seconds
    isakmp = IsakmpSa(
        number=core.next_number(),
        name=exchange.name,
        role=exchange.role,
        path=exchange.path,
        initiator_cookie=exchange.initiator_cookie,
        responder_cookie=exchange.responder_cookie,
        group=parameters.group,
        keys=known(state.keys),
        cipher=known(exchange.cipher),
        authorizers=known(state.proof).authorizers,
        credentials=known(state.proof).credentials,
        local_id=known(state.local_id),
        remote_id=known(state.remote_id),
        transform=_phase1_transform(parameters),
        lifetime_seconds=seconds,
        lifetime_kilobytes=parameters.life_kilobytes,
        begun=exchange.started,
        since=core.now,
        peer=known(state.peer),
        exchange_type=exchange.script.type,
        version=state.version,
        nat=state.nat,
        vendors=state.vendors,
        fragment_size=exchange.fragment_size,
        told_first_contact=state.told_first_contact,
        flags=SaFlag.READY,
        soft_at=core.now + seconds * soft_share(core.tools.surroundings.random),
        hard_at=core.now + seconds,
    )
    isakmp.answered.remember(0, exchange.received, exchange.sent)
    isakmp.last_word = exchange.sent
    core.contacted.add(isakmp.path.remote.address)
    if METHODS[state.method].asked is None:
        supersede(core, isakmp)
    core.sas.add(isakmp)
    _arm_lifetime(core, isakmp)
    _attend_to_nat(core, isakmp)
    dpd.begin(core, isakmp)
    ids = [printed(isakmp.local_id), printed(isakmp.remote_id)]
    initiator, responder = ids if exchange.role is Role.INITIATOR else reversed(ids)
    _tell_proof(core, isakmp, known(state.proof))
    core.log(
        f"isakmpd: phase 1 done{_as_role(exchange)}: initiator id {initiator}, responder id {responder}, "
        f"{_ends(exchange)}",
        verbose=True,
    )
    _accepted(core, exchange, ())
    return isakmp


def _tell_proof(core: Core, isakmp: IsakmpSa, proof: Proof) -> None:
    core.log(f"{printed(isakmp.remote_id)} is proved by {proof.description}", "Exch", 10)
    for doubt in proof.doubts:
        core.log(f"passed over: {doubt}", "Exch", 10)


def quick_done(core: Core, exchange: QuickExchange) -> IpsecSa:
    """The IPsec SAs of a quick mode that the kernel has installed, in the table; older ones are marked replaced."""
    state = exchange.state
    parameters = known(state.proposal).protocols[0]
    # Its protocols are wanted together, so all of them end with the one that ends first.
    first = min(state.sas, key=lambda each: each.hard_seconds or inf)
    kilobytes = [each.hard_kilobytes for each in state.sas if each.hard_kilobytes is not None]
    sa = IpsecSa(
        number=core.next_number(),
        name=exchange.name,
        role=exchange.role,
        path=exchange.path,
        owner=state.isakmp.owner,
        sas=state.sas,
        local_id=printed(state.isakmp.local_id),
        remote_id=printed(state.isakmp.remote_id),
        transform=_phase2_transform(parameters),
        lifetime_seconds=first.hard_seconds,
        lifetime_kilobytes=min(kilobytes, default=None),
        since=core.now,
        flags=SaFlag.READY,
        soft_at=core.now + first.soft_seconds if first.soft_seconds else None,
        hard_at=core.now + first.hard_seconds if first.hard_seconds else None,
        exchange=(state.isakmp.cookies, exchange.message_id),
    )
    replaced = core.sas.like(sa)
    # Who negotiated an SA renews it, and whoever replaces one of those has taken that on with it.
    if state.connection is not None and state.connection.acquire is not None:
        sa.flags |= SaFlag.ONDEMAND
    elif sa.name and (exchange.role is Role.INITIATOR or any(each.flags & SaFlag.STAYALIVE for each in replaced)):
        sa.flags |= SaFlag.STAYALIVE
    for each in replaced:
        each.flags |= SaFlag.REPLACED
    core.sas.add(sa)
    state.isakmp.answered.remember(exchange.message_id, exchange.received, exchange.sent)
    _arm_lifetime(core, sa)
    others = listed(state.subject().bound_by)
    bound = f", with the suites of {others}, whose traffic it touches" if others else ""
    core.log(f"isakmpd: quick mode done{_as_role(exchange)}: {_ends(exchange)}{bound}", verbose=True)
    _accepted(core, exchange, state.questions)
    return sa


def supersede(core: Core, isakmp: IsakmpSa) -> None:
    """What becomes of the SAs from before this one, once it is known whose it is: with XAUTH, whose user it is."""
    if isakmp.told_first_contact:
        drop_others(core, isakmp)
    _replace_others(core, isakmp)


def _replace_others(core: Core, isakmp: IsakmpSa) -> None:
    """Older ISAKMP SAs with the same peer carry nothing new and are not renewed; whoever replaces one has that duty."""
    same_peer = core.sas.shared_with(isakmp.owner)
    older = [each for each in same_peer if each is not isakmp and each.local_id == isakmp.local_id]
    if isakmp.role is Role.INITIATOR or any(each.flags & SaFlag.STAYALIVE for each in older):
        isakmp.flags |= SaFlag.STAYALIVE
    for each in older:
        if not each.flags & SaFlag.REPLACED and each.path.remote != isakmp.path.remote:
            dpd.ask_after(core, each)
        each.flags |= SaFlag.REPLACED


def drop_others(core: Core, isakmp: IsakmpSa) -> None:
    """INITIAL-CONTACT (RFC 2407 section 4.6.3.3): the peer has forgotten every SA from before this one; so do we.

    Only SAs of the same authenticated identity at the same address go: others may share the address behind a NAT. What
    came to be after this phase 1 began is no leftover: two peers that begin at the same time both say INITIAL-CONTACT.
    """
    others: tuple[IsakmpSa | IpsecSa, ...] = (
        *core.sas.shared_with(isakmp.owner),
        *core.sas.owned_by(isakmp.owner),
    )
    for other in others:
        same_address = other.path.remote.address == isakmp.path.remote.address
        if other is not isakmp and same_address and other.since < isakmp.begun:
            remove(core, other)


def _attend_to_nat(core: Core, isakmp: IsakmpSa) -> None:
    """Behind a NAT of ours the mapping must be kept alive (RFC 3948 section 4)."""
    if isakmp.nat is None or not isakmp.nat.any:
        return
    isakmp.flags |= SaFlag.NAT_T_ENABLE
    if isakmp.nat.local:
        isakmp.flags |= SaFlag.NAT_T_KEEPALIVE
        core.arm_again(TimerKey(TimerKind.KEEPALIVE, isakmp.number), core.oracle.configuration.general.nat_t_keepalive)


def _arm_lifetime(core: Core, sa: IsakmpSa | IpsecSa) -> None:
    for kind, at in ((TimerKind.SOFT_EXPIRY, sa.soft_at), (TimerKind.HARD_EXPIRY, sa.hard_at)):
        if at is not None:
            core.timers.arm(TimerKey(kind, sa.number), at)


def shorten(core: Core, sa: IsakmpSa | IpsecSa, seconds: int) -> None:
    """Let an SA live so many seconds in all, if that is less than it would."""
    seconds = max(seconds, LEAST_SECONDS)
    if sa.hard_at is None or sa.since + seconds >= sa.hard_at:
        return
    sa.lifetime_seconds = seconds
    sa.hard_at = sa.since + seconds
    soft_at = sa.since + seconds * soft_share(core.tools.surroundings.random)
    sa.soft_at = min(soft_at, sa.soft_at) if sa.soft_at is not None else soft_at
    _arm_lifetime(core, sa)


def _accepted(core: Core, exchange: AnyExchange, questions: tuple[Question, ...]) -> None:
    core.log_questions(questions)
    wall = core.tools.surroundings.wall_clock()
    core.record(make_record(exchange, Outcome.ACCEPTED, wall, questions=questions))


def _as_role(exchange: AnyExchange) -> str:
    return "" if exchange.role is Role.INITIATOR else " (as responder)"


def _ends(exchange: AnyExchange) -> str:
    return f"src: {exchange.path.local.address} dst: {exchange.path.remote.address}"


def _phase1_transform(parameters: IkeParameters) -> tuple[tuple[str, str], ...]:
    return (
        ("Encryption algorithm", str(parameters.encryption)),
        ("Encryption key length", str(parameters.key_length or "")),
        ("Hash algorithm", str(parameters.hash)),
        ("Group description", str(parameters.group)),
    )


def _phase2_transform(parameters: IpsecParameters) -> tuple[tuple[str, str], ...]:
    """The lines of isakmpd's SA report."""
    lines = []
    if parameters.protocol is Protocol.IPSEC_ESP:
        name = str(EspTransform(parameters.transform))
        lines.append(("Encryption key length", str(parameters.encryption_key_octets * 8)))
        lines.append(("Encryption algorithm", _CIPHERS.get(name, name)))
    if parameters.authentication is not None:
        name = str(parameters.authentication).replace("_", "-")
        lines.append(("Authentication key length", str(parameters.authentication_key_octets * 8)))
        lines.append(("Authentication algorithm", "HMAC-SHA1" if name == "HMAC-SHA" else name))
    return tuple(lines)


_CIPHERS = {"AES": "AES (CBC)", "AES_CTR": "AES (CTR)", "AES_GCM_16": "AES (GCM)", "AES_GMAC": "AES (GMAC)"}
"""Where the report's name of a cipher is not isakmpd.conf's."""
