"""What a received message goes through (docs/formats.md, "Checks"): each check with its text and its notification.

A row of CHECKS damages the true message of some state in one way. Wherever the way it is damaged makes sense, along
every course of a negotiation, it must give the same line, the same notification, and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from daemon.ike.algorithms import keys
from daemon.ike.events import Send
from daemon.ike.exchange import Datagram, open_message
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import HEADER_LENGTH, ZERO_COOKIE, Notify, Payload, SaPayload
from daemon.ike.registries import Doi, ExchangeType, Flag, Notification, PayloadType, Protocol, Situation
from tests.daemon.ike.forgery import COURSES, Held, state_of

RANDOM = b"\xde\xad\xbe\xef" * 2
PLACES = [(course, number) for course, each in COURSES.items() for number in range(1, each.messages + 1)]
everywhere = pytest.mark.parametrize(("course", "number"), PLACES, ids=str)


def header(held: Held, **fields: object) -> bytes:
    """The message with other header fields."""
    return replace(held.header, **fields).encode() + held.data[HEADER_LENGTH:]  # type: ignore[arg-type]


def opens(held: Held) -> bool:
    """Whether this is the first message of all."""
    return held.header.responder_cookie == ZERO_COOKIE


def is_news(held: Held) -> bool:
    return held.header.exchange_type == ExchangeType.INFO


def is_no_news(held: Held) -> bool:
    return not is_news(held)


def first_answer(held: Held) -> bool:
    """Whether this tells the initiator the responder's cookie: any will do."""
    return held.exchange is not None and held.exchange.responder_cookie == ZERO_COOKIE


def continues(held: Held) -> bool:
    return not opens(held)


def in_clear(held: Held) -> bool:
    return not held.header.flags & Flag.ENC


def is_protected(held: Held) -> bool:
    return not in_clear(held) and not held.step.in_clear_too


def anywhere(held: Held) -> bool:
    del held
    return True


def with_sa(held: Held) -> bool:
    return any(isinstance(each, SaPayload) for each in held.message.payloads)


def first_payload(held: Held, offset: int, octet: int) -> bytes:
    """The message with one octet of its first payload's generic header or body changed, all else as it was."""
    place = HEADER_LENGTH + offset
    return held.data[:place] + bytes([octet]) + held.data[place + 1 :]


def without_last_payload(held: Held) -> bytes:
    """The message cut where its last payload, which the one before announces, begins."""
    rest = len(held.data) - 4 - len(held.message.payloads[-1].body)
    return header(held, length=rest)[:rest]


def sa_fields(held: Held, **fields: object) -> bytes:
    """The message with other fields in its SA payload."""

    def changed(each: Payload) -> Payload:
        return replace(each, **fields) if isinstance(each, SaPayload) else each  # type: ignore[arg-type]

    return held.forged(tuple(map(changed, held.message.payloads)))


def proposal_fields(held: Held, **fields: object) -> bytes:
    sa = next(each for each in held.message.payloads if isinstance(each, SaPayload))
    return sa_fields(held, proposals=tuple(replace(each, **fields) for each in sa.proposals))  # type: ignore[arg-type]


def reversed_order(held: Held) -> bytes:
    return held.forged(held.message.payloads[::-1])


def has_order(held: Held) -> bool:
    return bool(held.step.leading) and len(held.message.payloads) > 1


def out_of_turn(held: Held) -> bytes:
    """A message of another exchange type in the middle of this one."""
    other = ExchangeType.AGGRESSIVE if held.header.exchange_type == ExchangeType.ID_PROT else ExchangeType.ID_PROT
    return header(held, exchange_type=other)


def under_way(held: Held) -> bool:
    return held.exchange is not None


def begins_phase_2(held: Held) -> bool:
    return held.exchange is None and held.isakmp is not None and held.header.exchange_type == ExchangeType.QUICK_MODE


@dataclass(frozen=True)
class Check:
    """One row: the number of the check, where it can be made to fail, how, and what must come of it."""

    number: int
    what: str
    where: Callable[[Held], bool]
    damage: Callable[[Held], bytes]
    text: str
    notification: Notification | None


N = Notification
CHECKS = (
    Check(1, "short", anywhere, lambda held: held.data[:27], "message_recv: bad message length 27", None),
    Check(1, "nothing", anywhere, lambda _: b"", "message_recv: bad message length 0", None),
    Check(
        1, "length too short", anywhere, lambda held: header(held, length=28), "message_recv: bad message length", None
    ),
    Check(
        1,
        "length too long",
        anywhere,
        lambda held: header(held, length=len(held.data) + 1),
        "message_recv: bad message length",
        None,
    ),
    Check(
        3,
        "news under unknown cookies",
        is_news,
        lambda held: header(held, initiator_cookie=RANDOM, responder_cookie=RANDOM),
        "message_recv: informational message with unknown cookies",
        None,
    ),
    Check(
        3,
        "wrong cookies",
        is_no_news,
        lambda held: header(held, initiator_cookie=RANDOM, responder_cookie=RANDOM),
        f"message_recv: invalid cookie(s) {RANDOM.hex()} {RANDOM.hex()}",
        N.INVALID_COOKIE,
    ),
    Check(
        3,
        "wrong responder cookie",
        lambda held: continues(held) and is_no_news(held) and not first_answer(held),
        lambda held: header(held, responder_cookie=RANDOM),
        "message_recv: invalid cookie(s)",
        N.INVALID_COOKIE,
    ),
    Check(
        5,
        "wrong next payload",
        anywhere,
        lambda held: header(held, next_payload=22),
        "message_recv: invalid payload type 22 in ISAKMP header (check passphrases, if applicable and in Phase 1)",
        N.INVALID_PAYLOAD_TYPE,
    ),
    Check(
        6,
        "major version",
        anywhere,
        lambda held: header(held, version=0x20),
        "message_recv: invalid version major 2",
        N.INVALID_MAJOR_VERSION,
    ),
    Check(
        6,
        "minor version",
        anywhere,
        lambda held: header(held, version=0x11),
        "message_recv: invalid version minor 1",
        N.INVALID_MINOR_VERSION,
    ),
    *(
        Check(
            7,
            f"exchange type {number}",
            anywhere,
            lambda held, number=number: header(held, exchange_type=number),  # type: ignore[misc]
            "message_recv: invalid exchange type ",
            N.INVALID_EXCHANGE_TYPE,
        )
        for number in (0, 7, 31)
    ),
    Check(
        7,
        "phase 2 without a responder cookie",
        opens,
        lambda held: header(held, exchange_type=ExchangeType.QUICK_MODE),
        "message_recv: invalid exchange type QUICK_MODE",
        N.INVALID_EXCHANGE_TYPE,
    ),
    *(
        Check(
            8,
            f"flag {bit}",
            anywhere,
            lambda held, bit=bit: header(held, flags=held.header.flags | bit),  # type: ignore[misc]
            "message_recv: invalid flags 0x",
            N.INVALID_FLAGS,
        )
        for bit in (8, 16, 32, 64, 128)
    ),
    Check(
        9,
        "message id",
        opens,
        lambda held: header(held, message_id=1),
        "message_recv: invalid message id",
        N.INVALID_MESSAGE_ID,
    ),
    Check(
        10,
        "phase 1 is over",
        begins_phase_2,
        lambda held: header(held, message_id=0, exchange_type=ExchangeType.ID_PROT),
        "message_recv: phase 1 message after ISAKMP SA is ready",
        None,
    ),
    Check(
        11,
        "encrypted without keys",
        in_clear,
        lambda held: header(held, flags=Flag.ENC),
        "message_recv: encrypted message without keys",
        None,
    ),
    Check(
        12,
        "an octet too many",
        in_clear,
        lambda held: header(held, length=len(held.data) + 1) + b"\0",
        "message_parse_payloads: 1 octets after the last payload",
        N.UNEQUAL_PAYLOAD_LENGTHS,
    ),
    Check(
        12,
        "the last payload is missing",
        in_clear,
        without_last_payload,
        "message_parse_payloads: short message",
        N.UNEQUAL_PAYLOAD_LENGTHS,
    ),
    Check(
        12,
        "an unknown next payload",
        in_clear,
        lambda held: first_payload(held, 0, 99),
        "message_parse_payloads: invalid next payload type PAYLOADTYPE99 in payload of type",
        N.INVALID_PAYLOAD_TYPE,
    ),
    Check(
        12,
        "a reserved octet",
        in_clear,
        lambda held: first_payload(held, 1, 0x5A),
        "message_parse_payloads: reserved field non-zero: 5a",
        N.PAYLOAD_MALFORMED,
    ),
    Check(
        12,
        "payload too long",
        in_clear,
        lambda held: first_payload(held, 2, 0xFF),
        "message_parse_payloads: payload too long: 6",
        N.PAYLOAD_MALFORMED,
    ),
    Check(
        12,
        "payload too short",
        in_clear,
        lambda held: first_payload(replace(held, data=first_payload(held, 2, 0)), 3, 3),
        "message_parse_payloads: payload too short: 3",
        N.PAYLOAD_MALFORMED,
    ),
    Check(
        13,
        "out of sequence",
        has_order,
        reversed_order,
        "message_recv: payload out of sequence",
        N.PAYLOAD_MALFORMED,
    ),
    Check(
        13,
        "another DOI",
        lambda held: with_sa(held) and in_clear(held),
        lambda held: sa_fields(held, doi=Doi(2)),
        "message_validate_sa: DOI DOI2 is not supported",
        N.DOI_NOT_SUPPORTED,
    ),
    Check(
        13,
        "another situation",
        lambda held: with_sa(held) and in_clear(held),
        lambda held: sa_fields(held, situation=Situation.SECRECY),
        "message_validate_sa: situation 0x2 is not supported",
        N.SITUATION_NOT_SUPPORTED,
    ),
    Check(
        13,
        "another protocol",
        lambda held: with_sa(held) and in_clear(held),
        lambda held: proposal_fields(held, protocol=Protocol(77)),
        "message_validate_proposal: protocol PROTOCOL77 is not supported",
        N.INVALID_PROTOCOL_ID,
    ),
    Check(
        13,
        "SPI too long",
        lambda held: with_sa(held) and in_clear(held),
        lambda held: proposal_fields(held, spi=bytes(17)),
        "message_validate_proposal: SPI of 17 octets for ISAKMP",
        N.INVALID_SPI,
    ),
    Check(
        14,
        "no exchange",
        begins_phase_2,
        lambda held: header(held, exchange_type=ExchangeType.ID_PROT),
        "message_recv: no exchange of type ID_PROT begins here",
        N.PAYLOAD_MALFORMED,
    ),
    Check(
        14,
        "another exchange type",
        under_way,
        out_of_turn,
        "message_recv: exchange type ",
        N.INVALID_EXCHANGE_TYPE,
    ),
    *(
        Check(
            15,
            f"DOI exchange type {number}",
            begins_phase_2,
            lambda held, number=number: header(held, exchange_type=number),  # type: ignore[misc]
            f"message_recv: invalid DOI exchange type {number}",
            N.INVALID_EXCHANGE_TYPE,
        )
        for number in (34, 255)
    ),
    Check(
        15,
        "new group mode",
        begins_phase_2,
        lambda held: header(held, exchange_type=ExchangeType.NEW_GROUP_MODE),
        "message_recv: exchange type NEW_GROUP_MODE is not supported",
        N.UNSUPPORTED_EXCHANGE_TYPE,
    ),
    *(
        Check(
            15,
            f"{kind} begins",
            where,
            lambda held, kind=kind: header(held, exchange_type=kind),  # type: ignore[misc]
            f"message_recv: exchange type {kind} is not supported",
            N.UNSUPPORTED_EXCHANGE_TYPE,
        )
        for kind in (ExchangeType.BASE, ExchangeType.AUTH_ONLY)
        for where in (opens, begins_phase_2)
    ),
    Check(
        16,
        "in the clear",
        lambda held: is_protected(held) and is_no_news(held),
        lambda held: header(held, flags=Flag.NONE),
        "message_recv: cleartext phase ",
        N.INVALID_FLAGS,
    ),
)


def told(held: Held, sent: list[Send]) -> list[Notification]:
    """The notifications in what was sent, protected or not."""
    found = []
    for out in sent:
        head = read_header(out.data)
        assert head.exchange_type == ExchangeType.INFO
        isakmp = held.receiver.engine._core.sas.by_cookies(head.initiator_cookie + head.responder_cookie)
        cipher = keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, head.message_id) if isakmp else None
        message = open_message(cipher, Datagram(head, out.data, out.path))[0]
        found += [each.type for each in message.payloads if isinstance(each, Notify)]
    return found


@everywhere
def test_every_check_has_its_text_and_its_notification_and_changes_nothing(course: str, number: int) -> None:
    held = COURSES[course].hold(number, 1)
    node, source = held.receiver, held.path.remote
    before, counted = state_of(node), node.census()
    tried = 0
    for check in CHECKS:
        if not check.where(held):
            continue
        tried += 1
        data, lines, sent = check.damage(held), len(node.log), len(node.sent)
        held.pair.now += 1.0  # strangers may make us say only so much in a second
        held.inject(data)
        why = f"dropped message from {source.address} port {source.port}"
        if check.notification is not None:
            why += f" due to notification type {check.notification}"
        dropped = [line for line in node.log[lines:] if line.startswith("dropped message")]
        assert [line.startswith(f"{why}: {check.text}") for line in dropped] == [True], (check.what, dropped)
        silent = check.notification is None or data[18] == ExchangeType.INFO  # news are never answered with an error
        answers = [each for _, each in node.sent[sent:] if isinstance(each, Send)]
        assert told(held, answers) == ([] if silent else [check.notification]), check.what
        assert held.isakmp or all(len(each.data) <= len(data) for each in answers), check.what
        assert state_of(node) == before, check.what
        assert node.census() == counted, check.what
    assert tried >= 15
    held.release(60.0)
    assert held.pair.established


TEN = (
    "short",
    "wrong cookies",
    "wrong next payload",
    "major version",
    "minor version",
    "exchange type 0",
    "flag 8",
    "message id",
    "length too short",
    "length too long",
)


def test_the_ten_malformed_headers_are_among_them() -> None:
    assert set(TEN) <= {each.what for each in CHECKS}


def test_every_check_of_the_manual_is_made_to_fail() -> None:
    """2 and 4 refuse nothing: a repetition is answered as before, or is silent (test_reception)."""
    assert {each.number for each in CHECKS} == set(range(1, 17)) - {2, 4}


def test_a_check_is_tried_in_some_state() -> None:
    holds = [COURSES[course].hold(number, 1) for course, number in PLACES]
    for check in CHECKS:
        assert any(check.where(held) for held in holds), check.what


def test_payload_types_print() -> None:
    assert str(PayloadType(99)) == "PAYLOADTYPE99"
