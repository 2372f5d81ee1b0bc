"""The transaction exchange: two messages with attributes, for mode-config and for XAUTH (draft-dukes-ike-mode-cfg-02).

    Initiator                        Responder
    HDR*, HASH, ATTRIBUTE     -->                      REQUEST or SET
                              <--    HDR*, HASH, ATTRIBUTE    REPLY or ACK

Each has a message ID of its own, or several in a row share one, and then the IVs are chained through all of them: a
gateway may do either. HASH is verified first, so whatever else is wrong ends the exchange beyond doubt. What cannot be
answered yet, because XAUTH comes first, is dropped: it may have overtaken the message that it waits for.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace

from daemon.ike import modeconfig, xauth
from daemon.ike.algorithms import keys
from daemon.ike.core import Core
from daemon.ike.errors import InvalidHashInformation, PayloadMalformed, Silent, UnsupportedExchangeType
from daemon.ike.exchange import Exchange, Retransmission, Role, Script, Step, Subject, Tools, beyond_doubt, known
from daemon.ike.messages.payloads import Attributes, DataAttribute, Hash, Message, Payload, encode_payloads
from daemon.ike.records import printed
from daemon.ike.registries import ConfigurationType, ExchangeType, PayloadType
from daemon.ike.sa import Duty, IsakmpSa
from policydb.negotiation import Reason

_ANSWERS = {ConfigurationType.REQUEST: ConfigurationType.REPLY, ConfigurationType.SET: ConfigurationType.ACK}


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is asked or told, and the answer, as far as it has come."""

    isakmp: IsakmpSa = field(repr=False)
    question: Attributes | None = None
    answer: Attributes | None = None

    @property
    def about_user(self) -> bool:
        """Whether this is XAUTH and not mode-config."""
        return self.question is not None and xauth.concerns(self.question.attributes)

    def subject(self) -> Subject:
        """For records and logs."""
        sa = self.isakmp
        return Subject(sa.name, "", printed(sa.local_id), printed(sa.remote_id), user=sa.user)


TransactionExchange = Exchange[Transaction]


def exchange_for(
    core: Core, isakmp: IsakmpSa, role: Role, message_id: int, question: Attributes | None = None
) -> TransactionExchange:
    """The value with which a transaction begins; one under the message ID of the last goes on with its IVs."""
    fresh = isakmp.chain is None or isakmp.chain[0] != message_id
    return Exchange(
        number=core.next_number(),
        script=TRANSACTION,
        role=role,
        name="",
        path=isakmp.path,
        oracle=core.oracle,
        started=core.now,
        initiator_cookie=isakmp.initiator_cookie,
        responder_cookie=isakmp.responder_cookie,
        state=Transaction(isakmp, question),
        message_id=message_id,
        cipher=keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, message_id) if fresh else known(isakmp.chain)[1],
        fragment_size=isakmp.fragment_size,
    )


def asking(
    core: Core, isakmp: IsakmpSa, kind: ConfigurationType, what: tuple[DataAttribute, ...]
) -> TransactionExchange:
    """A transaction that we begin."""
    identifier = int.from_bytes(core.tools.surroundings.random(2))
    message_id = core.random_message_id(isakmp.cookies)
    return exchange_for(core, isakmp, Role.INITIATOR, message_id, Attributes(kind, identifier, what))


# --- message 1 ----------------------------------------------------------------------------------------------------


def send_question(exchange: TransactionExchange, tools: Tools) -> tuple[TransactionExchange, tuple[Payload, ...]]:
    """Message 1: what we ask or tell."""
    del tools
    return exchange, _authenticated(exchange, known(exchange.state.question))


def receive_question(exchange: TransactionExchange, message: Message, tools: Tools) -> TransactionExchange:
    """Message 1: HASH, and whether this is the time for it; then the answer is made."""
    question = _verified(exchange, message)
    following = replace(exchange, state=replace(exchange.state, question=question))
    isakmp, about_user = exchange.state.isakmp, following.state.about_user
    if isakmp.unproved and not (about_user and Duty.ANSWER in isakmp.duties):
        raise Silent("message_recv: transaction before XAUTH is done")
    with beyond_doubt(following, Reason.MALFORMED):
        kind = _ANSWERS.get(question.type)
        if kind is None:
            raise PayloadMalformed(f"message_validate_attribute: a transaction cannot begin with {question.type}")
    with beyond_doubt(following, Reason.AUTHENTICATION_FAILED):
        if about_user and not isakmp.unproved:
            raise UnsupportedExchangeType("XAUTH: asked for, and the method agreed on in phase 1 has none, or is done")
        what = _answer(following, tools)
    return replace(following, state=replace(following.state, answer=Attributes(kind, question.identifier, what)))


def _answer(exchange: TransactionExchange, tools: Tools) -> tuple[DataAttribute, ...]:
    isakmp, question = exchange.state.isakmp, known(exchange.state.question)
    asked = question.attributes
    if question.type is ConfigurationType.SET:
        return modeconfig.to_ack(asked)
    if exchange.state.about_user:
        return xauth.answer(asked, _user(exchange, tools))
    section = modeconfig.section_for(exchange.oracle.configuration, isakmp.remote_id, isakmp.user)
    return modeconfig.to_reply(section, asked) if section is not None else ()


def _user(exchange: TransactionExchange, tools: Tools) -> xauth.User | None:
    """Who we are to this gateway, if its section says so and the password is there."""
    peer = exchange.oracle.configuration.peers.get(exchange.state.isakmp.name)
    if peer is None or not peer.user or peer.password is None:
        return None
    password = tools.secrets.preshared_key(peer.password)
    return xauth.User(peer.user, password) if password else None


# --- message 2 ----------------------------------------------------------------------------------------------------


def send_answer(exchange: TransactionExchange, tools: Tools) -> tuple[TransactionExchange, tuple[Payload, ...]]:
    """Message 2: REPLY or ACK."""
    del tools
    return exchange, _authenticated(exchange, known(exchange.state.answer))


def receive_answer(exchange: TransactionExchange, message: Message, tools: Tools) -> TransactionExchange:
    """Message 2: HASH, and that it answers what we asked.

    Its identifier is not compared: the message ID says what belongs together, and strongSwan's replies to XAUTH have 0.
    """
    del tools
    question, answer = known(exchange.state.question), _verified(exchange, message)
    following = replace(exchange, state=replace(exchange.state, answer=answer))
    with beyond_doubt(following, Reason.MALFORMED):
        if answer.type != _ANSWERS[question.type]:
            raise PayloadMalformed(f"message_validate_attribute: {answer.type} is no answer to {question.type}")
    return following


# --- HASH ---------------------------------------------------------------------------------------------------------


def _authenticated(exchange: TransactionExchange, attributes: Attributes) -> tuple[Payload, ...]:
    return Hash(_hash(exchange, (attributes,))), attributes


def _verified(exchange: TransactionExchange, message: Message) -> Attributes:
    """The attributes of a message whose HASH fits."""
    if not hmac.compare_digest(_hash(exchange, message.payloads[1:]), message.all(Hash)[0].data):
        raise InvalidHashInformation("message_validate_hash: HASH does not verify")
    return message.all(Attributes)[0]


def _hash(exchange: TransactionExchange, covered: tuple[Payload, ...]) -> bytes:
    """prf(SKEYID_a, M-ID | ATTRIBUTE) (section 3.5), the same form as an informational exchange's."""
    rest = encode_payloads(covered)[1]
    return keys.informational_hash(exchange.state.isakmp.keys, exchange.message_id, rest)


# --- the table ----------------------------------------------------------------------------------------------------

_HASH = (PayloadType.HASH,)
_ATTRIBUTES = {PayloadType.HASH: 1, PayloadType.ATTRIBUTE: 1}
_EXTRAS = {PayloadType.NOTIFY: 4, PayloadType.VENDOR: 8}
_I, _R = Role.INITIATOR, Role.RESPONDER
_TIMER, _DUPLICATE = Retransmission.TIMER, Retransmission.DUPLICATE
_SECTION = "draft-dukes-ike-mode-cfg-02 section 3.5, message"

TRANSACTION: Script[Transaction] = Script(
    ExchangeType.TRANSACTION,
    "transaction",
    (
        Step(f"{_SECTION} 1", _I, _HASH, _ATTRIBUTES, _EXTRAS, True, receive_question, send_question, _TIMER),
        Step(f"{_SECTION} 2", _R, _HASH, _ATTRIBUTES, _EXTRAS, True, receive_answer, send_answer, _DUPLICATE),
    ),
)
