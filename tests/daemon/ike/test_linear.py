"""Whatever a stranger may send is read in time that is linear in its octets, so that no datagram holds up the others.

Each row is a kind of text or payload that is read before its sender has proved anything, at 1, 2, 4 and 8 times a size,
the largest of which is within what is accepted. Two measures hold each, and both are needed:

- *steps*: the operations of the interpreter, counted. They are the same in each run, and a loop of ours that is
  quadratic shows in them. The exponent is below 1.2.
- *processor time of this thread*, the least of several tries, for what regular expressions, OpenSSL and other libraries
  do is no step. It is never measured against a clock, only against itself: at eight times the size not 8^1.6 times as
  much. What is quadratic takes 8^2 times as much. A busy machine makes single tries longer, and not the least of many.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import count, pairwise
from math import log
from types import FrameType
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from daemon.ike import limits
from daemon.ike.errors import ProtocolError
from daemon.ike.events import Endpoint, Path
from daemon.ike.messages.fragments import Fragment, FragmentStore
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import (
    Attributes,
    CertificateRequest,
    DataAttribute,
    Delete,
    Header,
    Identification,
    Message,
    Notify,
    Payload,
    Proposal,
    SaPayload,
    Transform,
    UnknownPayload,
    VendorId,
    encode_payloads,
)
from daemon.ike.messages.proposals import choose_phase1
from daemon.ike.messages.transforms import encode_ike
from daemon.ike.messages.vendor import recognised
from daemon.ike.registries import (
    CertificateEncoding,
    ConfigurationType,
    ExchangeType,
    IdType,
    Notification,
    PayloadType,
    Protocol,
)
from daemon.ike.trust.assertions import keynote_credentials
from daemon.ike.trust.certificates import CertificateError, read_certificate
from daemon.ike.trust.identities import from_payload
from tests import pki
from tests.daemon.ike.network import WEST, Node, ike_transform
from tests.daemon.ike.test_own_name import pair_of

FACTORS = (1, 2, 4, 8)
MOST_STEPS = 1.2
MOST_TIME = 1.6
TRIES = 5
FEW = 200
"""Steps at the smallest size below which the fixed part of a reader is all there is to see."""


@dataclass(frozen=True)
class Row:
    """A kind of text: what it looks like at so many times the size, and who reads it."""

    make: Callable[[int], Any]
    read: Callable[[Any], object]


# --- readers ------------------------------------------------------------------------------------------------------


def parsed(octets: tuple[PayloadType, bytes]) -> object:
    return parse_payloads(*octets)


def parsed_as_proved(octets: tuple[PayloadType, bytes]) -> object:
    return parse_payloads(*octets, padded=True, proved=True)


def credentials(text: str) -> object:
    return keynote_credentials(text, "the peer", accept_weak=False)


def identity(claimed: Identification) -> object:
    try:
        return from_payload(claimed)
    except ProtocolError as error:
        return error


def certificate(der: bytes) -> object:
    try:
        return read_certificate(der)
    except CertificateError as error:
        return error


def whole(parts: list[bytes]) -> object:
    store = FragmentStore()
    last = len(parts)
    for number in range(last, 0, -1):
        store.add(("192.0.2.1", b"c" * 16), Fragment(1, number, number == last, parts[number - 1]), 0.0)
    return store


@cache
def somebody() -> Node:
    return pair_of("ID_PROT", section=False).start().west


COOKIES = count(1)


def first_message(data: bytes) -> object:
    path = Path(Endpoint(WEST, 500), Endpoint("203.0.113.1", 500))
    return somebody().engine.receive_datagram(next(COOKIES).to_bytes(8) + data[8:], path, 0.0)


def nested(kind: bytes) -> bytes:
    """A DER name with one attribute of such a type."""
    data = kind + b"\x13\x01x"
    for tag in (0x30, 0x31, 0x30):
        data = bytes([tag, 0x82]) + len(data).to_bytes(2) + data
    return data


def refused(octets: tuple[PayloadType, bytes]) -> object:
    try:
        return parse_payloads(*octets)
    except ProtocolError as error:
        return error


def refusal(offered: SaPayload) -> object:
    try:
        return choose_phase1(offered, [ike_transform()] * 4)
    except ProtocolError as error:
        return error


# --- what is sent -------------------------------------------------------------------------------------------------


def sa(transforms: int, attributes: int, proposals: int = 1) -> SaPayload:
    transform = Transform(1, 1, tuple(DataAttribute(16000 + number, number) for number in range(attributes)))
    return SaPayload((Proposal(1, Protocol.ISAKMP, b"", (transform,) * transforms),) * proposals)


def name(values: int, octets: int) -> Identification:
    return Identification(
        IdType.DER_ASN1_DN, 0, 0, x509.Name([pki.dn("/CN=" + "x" * octets).rdns[0]] * values).public_bytes()
    )


def alternatives(count: int) -> bytes:
    issued = pki.root("/CN=CA").issue(
        "/CN=host", pki.names(*(f"DNS:host{number}.example.org" for number in range(count)))
    )
    return issued.der


def unknown_extension(octets: int) -> bytes:
    extension = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), bytes(octets))
    return pki.root("/CN=CA").issue("/CN=host", extensions=((extension, False),)).der


def subject(values: int) -> bytes:
    return pki.root("/CN=CA").issue("/OU=" + "/OU=".join(["x" * 40] * values)).der


def message(*payloads: Payload) -> bytes:
    good = encode_ike(1, ike_transform())
    offer = SaPayload((Proposal(1, Protocol.ISAKMP, b"", (good,)),))
    return Message(Header(b"initiate", bytes(8), ExchangeType.ID_PROT), (offer, *payloads)).encode()


def unsigned(licensees: int) -> str:
    return 'Authorizer: "a"\nLicensees: ' + " || ".join(f'"k{number}"' for number in range(licensees)) + "\n"


ROWS = {
    "KeyNote: empty lines": Row(lambda times: "\n" * (120 * times), credentials),
    "KeyNote: blank lines": Row(lambda times: " \t\n" * (120 * times), credentials),
    "KeyNote: lines of blanks and newlines": Row(lambda times: "a\n\n" * (4 * times), credentials),
    "KeyNote: blanks": Row(lambda times: "Comment:" + " " * (2000 * times) + "\n", credentials),
    "KeyNote: blanks before a newline": Row(
        lambda times: "Comment: x\n" + (" " * 120 + "\n") * (15 * times), credentials
    ),
    "KeyNote: a long word": Row(lambda times: "Comment: " + "x" * (2000 * times), credentials),
    "KeyNote: labels": Row(lambda times: "a:b\n" * (40 * times), credentials),
    "KeyNote: comments": Row(lambda times: "#\n" * (110 * times), credentials),
    "KeyNote: backslashes": Row(lambda times: 'Authorizer: "' + "\\x" * (50 * times) + '"\n', credentials),
    "KeyNote: licensees": Row(lambda times: unsigned(20 * times), credentials),
    "KeyNote: conditions": Row(
        lambda times: 'Authorizer: "a"\nConditions: ' + " && ".join(['a == "b"'] * (12 * times)) + ";\n", credentials
    ),
    "KeyNote: parentheses": Row(
        lambda times: 'Authorizer: "a"\nConditions: ' + "(" * (100 * times) + ";\n", credentials
    ),
    "KeyNote: assertions": Row(lambda times: "\n\n".join([unsigned(2)] * (4 * times)), credentials),
    "KeyNote: more than is read": Row(lambda times: "a b\n" * (20_000 * times), credentials),
    "X.509: names": Row(lambda times: alternatives(30 * times), certificate),
    "X.509: an unknown extension": Row(lambda times: unknown_extension(1900 * times), certificate),
    "X.509: a long subject": Row(lambda times: subject(8 * times), certificate),
    "X.509: rubbish": Row(lambda times: b"\x30\x80" * (1000 * times), certificate),
    "DN: many attributes": Row(lambda times: name(8 * times, 20), identity),
    "DN: a long value": Row(lambda times: name(1, 8 * times), identity),
    "DN: a long number": Row(
        lambda times: Identification(
            IdType.DER_ASN1_DN, 0, 0, nested(b"\x06\x82" + (450 * times).to_bytes(2) + b"\x81" * (450 * times))
        ),
        identity,
    ),
    "KEY_ID": Row(lambda times: Identification(IdType.KEY_ID, 0, 0, bytes(250 * times)), identity),
    "USER_FQDN": Row(lambda times: Identification(IdType.USER_FQDN, 0, 0, b"a@" * (120 * times)), identity),
    "GN": Row(
        lambda times: Identification(
            IdType.DER_ASN1_GN, 0, 0, b"\x82\x82" + (240 * times).to_bytes(2) + b"h" * (240 * times)
        ),
        identity,
    ),
    "SA: transforms of a stranger": Row(lambda times: encode_payloads([sa(8 * times, 5)]), parsed),
    "SA: attributes of a stranger": Row(lambda times: encode_payloads([sa(10, 4 * times)]), parsed),
    "SA: proposals of a stranger": Row(lambda times: encode_payloads([sa(1, 3, 8 * times)]), parsed),
    "SA: transforms of a peer": Row(lambda times: encode_payloads([sa(8 * times, 24, 8)]), parsed_as_proved),
    "SA: too long": Row(lambda times: encode_payloads([sa(30 * times, 30)]), refused),
    "SA: what is chosen": Row(lambda times: sa(8 * times, 5), refusal),
    "certificate requests": Row(
        lambda times: encode_payloads([CertificateRequest(CertificateEncoding.X509_SIG, bytes(900))] * (8 * times)),
        parsed,
    ),
    "notifications": Row(
        lambda times: encode_payloads([Notify(Notification.INITIAL_CONTACT, data=bytes(900))] * (8 * times)), parsed
    ),
    "a long notification": Row(
        lambda times: encode_payloads([Notify(Notification.INITIAL_CONTACT, data=bytes(8000 * times))]), parsed
    ),
    "vendor IDs": Row(lambda times: [bytes([number]) * 900 for number in range(8 * times)], recognised),
    "vendor ID payloads": Row(lambda times: encode_payloads([VendorId(bytes(900))] * (8 * times)), parsed),
    "private payloads": Row(
        lambda times: encode_payloads([UnknownPayload(bytes(900), PayloadType(200))] * (8 * times)), parsed
    ),
    "a list of SPIs": Row(
        lambda times: encode_payloads([Delete(Protocol.IPSEC_ESP, (b"spi!",) * (1800 * times))]), parsed
    ),
    "mode-config and XAUTH attributes": Row(
        lambda times: encode_payloads(
            [
                Attributes(
                    ConfigurationType.REQUEST,
                    1,
                    tuple(DataAttribute(number, b"x" * 400) for number in range(16 * times)),
                )
            ]
        ),
        parsed_as_proved,
    ),
    "fragments": Row(lambda times: [bytes(500)] * (8 * times), whole),
    "a whole first message": Row(lambda times: message(*[VendorId(bytes(60 * times))] * 30), first_message),
}


# --- measures -----------------------------------------------------------------------------------------------------


def steps(work: Callable[[], object]) -> int:
    """The operations of the interpreter that it takes."""
    count = 0

    def each(frame: FrameType, event: str, _: object) -> object:
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return each

    before = sys.gettrace()
    sys.settrace(each)  # type: ignore[arg-type]
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def seconds(work: Callable[[], object]) -> float:
    """The processor time that it takes, the least of several tries of at least two milliseconds each."""
    began = time.thread_time()
    work()
    rounds = max(1, round(0.002 / max(time.thread_time() - began, 1e-7)))
    return min(_timed(work, rounds) for _ in range(TRIES)) / rounds


def _timed(work: Callable[[], object], rounds: int) -> float:
    began = time.thread_time()
    for _ in range(rounds):
        work()
    return time.thread_time() - began


def exponent(least: float, most: float) -> float:
    return log(most / least, FACTORS[-1] / FACTORS[0])


def works(row: Row) -> list[Callable[[], object]]:
    def work(times: int) -> Callable[[], object]:
        made = row.make(times)
        return lambda: row.read(made)

    return [work(times) for times in FACTORS]


@pytest.mark.parametrize("kind", ROWS)
def test_reading_takes_steps_in_proportion(kind: str) -> None:
    all_works = works(ROWS[kind])
    all_works[0]()  # what is loaded or cached at the first time
    counted = [steps(work) for work in all_works]
    for before, after in pairwise(counted):
        assert after <= 2**MOST_STEPS * max(before, FEW), counted


@pytest.mark.parametrize("kind", ROWS)
def test_reading_takes_processor_time_in_proportion(kind: str) -> None:
    first, *_, last = works(ROWS[kind])
    first()
    assert exponent(seconds(first), seconds(last)) < MOST_TIME, kind


@pytest.mark.parametrize("measure", [steps, seconds])
def test_both_measures_find_what_is_quadratic(measure: Callable[[Callable[[], object]], float]) -> None:
    """A loop in a loop for the steps; for the time what no step shows, a regular expression that starts over."""
    pattern = re.compile(r"(\n*)x")

    planted: dict[object, Callable[[int], object]] = {
        steps: lambda size: [None for _ in range(size // 10) for _ in range(size // 10)],
        seconds: lambda size: pattern.findall("\n" * size),
    }
    work = planted[measure]
    assert exponent(measure(lambda: work(400)), measure(lambda: work(3200))) > MOST_TIME


def test_the_largest_of_each_row_is_within_what_is_accepted() -> None:
    """Else a row would measure how fast something is refused; those that mean to say so in their names."""
    kept = {kind: row for kind, row in ROWS.items() if row.read is credentials and "more than" not in kind}
    for kind, row in kept.items():
        told = keynote_credentials(row.make(8), "x", accept_weak=False).ignored
        assert not any("x: more than" in each for each in told), kind
    assert len(ROWS["vendor ID payloads"].make(8)[1]) > 50_000
    assert limits.CREDENTIAL_LINES >= 8 * 120
    assert read_header(ROWS["a whole first message"].make(8)).length > 14_000
