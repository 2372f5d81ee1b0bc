"""The informational exchange: one message with notifications and DELETEs (RFC 2408 section 4.8, RFC 2409 section 5.7).

HDR*, HASH(1), N/D         once the ISAKMP SA stands
HDR, N                     before: hearsay, which is logged and changes nothing
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace

from daemon.ike.algorithms import keys
from daemon.ike.core import Core
from daemon.ike.errors import InvalidHashInformation
from daemon.ike.exchange import Datagram, Exchange, Retransmission, Role, Script, Step, Subject, Tools, advance, known
from daemon.ike.messages.payloads import ZERO_COOKIE, Delete, Hash, Message, Notify, Payload, encode_payloads
from daemon.ike.records import printed
from daemon.ike.registries import ExchangeType, PayloadType, Protocol
from daemon.ike.sa import IpsecSa, IsakmpSa


@dataclass(frozen=True, slots=True)
class Informational:
    """What is told: NOTIFY and DELETE payloads; `isakmp` None: unprotected."""

    isakmp: IsakmpSa | None = field(default=None, repr=False)
    news: tuple[Payload, ...] = ()

    def subject(self) -> Subject:
        """For records and logs."""
        if self.isakmp is None:
            return Subject()
        return Subject(self.isakmp.name, "", printed(self.isakmp.local_id), printed(self.isakmp.remote_id))


InformationalExchange = Exchange[Informational]


def send_protected(exchange: InformationalExchange, tools: Tools) -> tuple[InformationalExchange, tuple[Payload, ...]]:
    """HASH(1) and what it covers."""
    del tools
    state = exchange.state
    rest = encode_payloads(state.news)[1]
    proof = keys.informational_hash(known(state.isakmp).keys, exchange.message_id, rest)
    return exchange, (Hash(proof), *state.news)


def receive_protected(exchange: InformationalExchange, message: Message, tools: Tools) -> InformationalExchange:
    """HASH(1) first; without it nothing was said."""
    rest = encode_payloads(message.payloads[1:])[1]
    expected = keys.informational_hash(known(exchange.state.isakmp).keys, exchange.message_id, rest)
    if not hmac.compare_digest(expected, message.all(Hash)[0].data):
        raise InvalidHashInformation("message_validate_hash: HASH does not verify")
    return receive_hearsay(exchange, message, tools)


def send_hearsay(exchange: InformationalExchange, tools: Tools) -> tuple[InformationalExchange, tuple[Payload, ...]]:
    """A notification without keys."""
    del tools
    return exchange, exchange.state.news


def receive_hearsay(exchange: InformationalExchange, message: Message, tools: Tools) -> InformationalExchange:
    """What was said, by whomever."""
    del tools
    news = tuple(each for each in message.payloads if isinstance(each, Notify | Delete))
    return replace(exchange, state=replace(exchange.state, news=news))


_NEWS = {PayloadType.NOTIFY: 32, PayloadType.DELETE: 32, PayloadType.VENDOR: 8}
_HASH = (PayloadType.HASH,)
_I, _NEVER = Role.INITIATOR, Retransmission.NEVER
_SECTION = "RFC 2409 section 5.7"

INFORMATIONAL: Script[Informational] = Script(
    ExchangeType.INFO,
    "informational",
    (Step(_SECTION, _I, _HASH, {PayloadType.HASH: 1}, _NEWS, True, receive_protected, send_protected, _NEVER),),
)

HEARSAY: Script[Informational] = Script(
    ExchangeType.INFO,
    "unprotected informational",
    (Step("RFC 2408 section 4.8", _I, (), {}, _NEWS, False, receive_hearsay, send_hearsay, _NEVER),),
)


# --- telling the peer ---------------------------------------------------------------------------------------------


def exchange_for(core: Core, isakmp: IsakmpSa, message_id: int, role: Role) -> InformationalExchange:
    """A protected informational exchange under an ISAKMP SA."""
    return Exchange(
        number=0,
        script=INFORMATIONAL,
        role=role,
        name=isakmp.name,
        path=isakmp.path,
        oracle=core.oracle,
        started=core.now,
        initiator_cookie=isakmp.initiator_cookie,
        responder_cookie=isakmp.responder_cookie,
        state=Informational(isakmp),
        message_id=message_id,
        cipher=keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, message_id),
        fragment_size=isakmp.fragment_size,
    )


def tell(core: Core, isakmp: IsakmpSa, *news: Payload, priority: bool = False) -> None:
    """Send NOTIFY or DELETE payloads under the protection of an ISAKMP SA, once."""
    message_id = core.random_message_id(isakmp.cookies)
    exchange = exchange_for(core, isakmp, message_id, Role.INITIATOR)
    ready = replace(exchange, state=replace(exchange.state, news=news))
    sent = known(advance(ready, core.tools).sent)
    core.transmit(sent, priority=priority)
    isakmp.answered.use(message_id)
    core.wear(isakmp, len(sent.data))


def hearsay_exchange(core: Core, datagram: Datagram, role: Role) -> InformationalExchange:
    """An unprotected informational exchange with the cookies of a datagram: that very one, or an answer to it."""
    return Exchange(
        number=0,
        script=HEARSAY,
        role=role,
        name="",
        path=datagram.path,
        oracle=core.oracle,
        started=core.now,
        initiator_cookie=datagram.header.initiator_cookie,
        responder_cookie=datagram.header.responder_cookie,
        state=Informational(),
        message_id=datagram.header.message_id,
    )


def tell_in_the_clear(core: Core, cause: Datagram, notify: Notify) -> None:
    """Send an unprotected notification, unless it would be longer than what made us send it.

    So nobody gets more out of us than was put in (amplification by a forged source address). Where the cause has no
    responder cookie yet, ours is a fresh one: a message ID needs both cookies (isakmpd's header check 9).
    """
    theirs = cause.header.responder_cookie
    exchange = replace(
        hearsay_exchange(core, cause, Role.INITIATOR),
        responder_cookie=core.random_cookie() if theirs == ZERO_COOKIE else theirs,
        message_id=core.random_message_id(cause.cookies),
        state=Informational(news=(notify,)),
    )
    sent = known(advance(exchange, core.tools).sent)
    if len(sent.data) <= len(cause.data):
        core.transmit(sent)


def delete_of(sa: IsakmpSa | IpsecSa) -> tuple[Delete, ...]:
    """The DELETE payloads that tell a peer that an SA of ours is gone (RFC 2408 section 3.15)."""
    if isinstance(sa, IsakmpSa):
        return (Delete(Protocol.ISAKMP, (sa.cookies,)),)
    return tuple(Delete(Protocol.from_text(f"IPSEC_{each.protocol}"), (each.spi.to_bytes(4),)) for each in sa.inbound)
