"""What we do about an informational message: everything where the keys protect it, nothing where they do not."""

from __future__ import annotations

from dataclasses import replace

from daemon.ike import dpd, lifetimes
from daemon.ike.authentication import METHODS
from daemon.ike.completion import drop_others, shorten
from daemon.ike.core import Core
from daemon.ike.events import Path
from daemon.ike.exchange import AnyExchange, Role
from daemon.ike.informational import Informational
from daemon.ike.keying import protocol_name
from daemon.ike.messages.payloads import Delete, Notify, Payload
from daemon.ike.negotiation import complain, end
from daemon.ike.quick import QuickExchange, QuickMode, initiator_spi
from daemon.ike.records import printed
from daemon.ike.registries import LifeType, Notification, Protocol
from daemon.ike.removal import remove
from daemon.ike.sa import IpsecSa, IsakmpSa
from policydb.negotiation import Reason

_FIRST_STATUS = 16384
"""Notifications from here on report a status, below they are errors (RFC 2408 section 3.14.1)."""

_VERIFIED_ERRORS = frozenset({Notification.NO_PROPOSAL_CHOSEN, Notification.INVALID_ID_INFORMATION})
_SPI_LENGTH = 4

_UNPROVED = frozenset(
    {
        Notification.INVALID_PAYLOAD_TYPE,
        Notification.PAYLOAD_MALFORMED,
        Notification.UNEQUAL_PAYLOAD_LENGTHS,
        Notification.INVALID_HASH_INFORMATION,
        Notification.AUTHENTICATION_FAILED,
    }
)
"""What peers say when our proof decrypts to rubbish there, or does not verify."""


# --- protected ----------------------------------------------------------------------------------------------------


def act(core: Core, isakmp: IsakmpSa, news: tuple[Payload, ...]) -> None:
    """Do what an authenticated peer tells us, in its order; only so much while it owes us its user."""
    for each in news:
        if isakmp.unproved and not core.may_complain():
            return
        if isinstance(each, Delete):
            _delete(core, isakmp, each)
        elif isinstance(each, Notify):
            _notified(core, isakmp, each)


def _delete(core: Core, isakmp: IsakmpSa, payload: Delete) -> None:
    """DELETE: only the sender's own SAs, named by its inbound SPIs or its cookies."""
    for spi in payload.spis:
        sa: IsakmpSa | IpsecSa | None
        if payload.protocol is Protocol.ISAKMP:
            sa = core.sas.by_cookies(spi)
        elif payload.protocol in (Protocol.IPSEC_ESP, Protocol.IPSEC_AH):
            name, number = protocol_name(payload.protocol), int.from_bytes(spi)
            sa = core.sas.outbound(isakmp.owner, name, number)
        else:
            sa = None
        if sa is None or sa.owner != isakmp.owner:
            core.log(f"ipsec_handle_delete: no SA of {isakmp.path.remote} with SPI {spi.hex()}", "SA", 20)
            continue
        ids = [printed(isakmp.local_id), printed(isakmp.remote_id)]
        initiator, responder = ids if isakmp.role is Role.INITIATOR else reversed(ids)
        core.log(
            f"isakmpd: Peer {isakmp.path.remote.address} made us delete live SA {sa.name or '<unnamed>'} "
            f"for proto {int(payload.protocol)}, initiator id: {initiator}, responder id: {responder}",
            verbose=True,
        )
        remove(core, sa)


def _notified(core: Core, isakmp: IsakmpSa, notify: Notify) -> None:
    if notify.type is Notification.INITIAL_CONTACT:
        isakmp.told_first_contact = True  # while XAUTH is owed, it counts when the user is known
        if not isakmp.unproved:
            drop_others(core, isakmp)
    elif notify.type in (Notification.R_U_THERE, Notification.R_U_THERE_ACK):
        dpd.heard(core, isakmp, notify)
    elif notify.type is Notification.RESPONDER_LIFETIME:
        _shorten(core, isakmp, notify)
    elif notify.type < _FIRST_STATUS:
        exchange = _refused_exchange(core, isakmp, notify)
        text = f"the peer refused with {notify.type}"
        core.log(f"got NOTIFY of type {notify.type} from {isakmp.path.remote}")
        if exchange is not None:
            end(core, exchange, Reason.PEER_REFUSED, text)
    else:
        core.log(f"got NOTIFY of type {notify.type} from {isakmp.path.remote}", "Exch", 10)


def _shorten(core: Core, isakmp: IsakmpSa, notify: Notify) -> None:
    """RESPONDER-LIFETIME after the fact: what the peer keeps for a shorter time ends here with it."""
    seconds = lifetimes.told(notify).get(LifeType.SECONDS)
    sa: IsakmpSa | IpsecSa | None = isakmp
    if notify.protocol is not Protocol.ISAKMP:
        sa = core.sas.outbound(isakmp.owner, protocol_name(notify.protocol), int.from_bytes(notify.spi))
    if sa is None or seconds is None:
        core.log(f"got NOTIFY of type {notify.type} from {isakmp.path.remote} for no SA or without seconds")
        return
    shorten(core, sa, seconds)


def _refused_exchange(core: Core, isakmp: IsakmpSa, notify: Notify) -> QuickExchange | None:
    """The quick mode that an error is about: the one its SPI names.

    Without an SPI it is the only one there is, if the error is one that a peer finds in verified messages alone:
    others it may have found in what a third party forged, and reported to us under the protection of its keys.
    """
    running = [each for each in core.exchanges.under(isakmp.cookies) if isinstance(each.state, QuickMode)]
    for each in running:
        if notify.spi and initiator_spi(each)[1] == notify.spi:
            return each
    ours = [each for each in running if each.role is Role.INITIATOR]
    vague = len(notify.spi) != _SPI_LENGTH and notify.type in _VERIFIED_ERRORS
    return ours[0] if vague and len(ours) == 1 else None


# --- hearsay ------------------------------------------------------------------------------------------------------


def hear(core: Core, exchange: AnyExchange | None, heard: Informational, path: Path) -> None:
    """Unprotected news: logged, and once recorded for the phase 1 that it claims to be about. Nothing else changes."""
    for each in heard.news:
        if not core.may_complain():
            return
        if isinstance(each, Delete):
            core.log(f"got unauthenticated DELETE, sent by {path.remote}")
        elif isinstance(each, Notify):
            core.log(f"got unauthenticated NOTIFY of type {each.type}, sent by {path.remote}")
            if exchange is not None and not exchange.grievance and each.type < _FIRST_STATUS:
                doubt = _doubt(exchange, each)
                text = f"somebody at the peer's address said {each.type}, not authenticated{doubt}"
                complain(core, exchange, Reason.PEER_REFUSED, text)
                exchange = replace(exchange, grievance=text)
                core.keep(exchange)


def _doubt(exchange: AnyExchange, notify: Notify) -> str:
    """What is probably wrong where the peer cannot read or verify our proof."""
    if not exchange.state.skeyid or notify.type not in _UNPROVED:
        return ""
    doubt = METHODS[exchange.state.method].of(exchange.role).doubt
    return f": {doubt}" if doubt else ""
