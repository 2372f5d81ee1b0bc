"""Offers of quick mode by dice: every attribute in every form at every edge, most of each offer being sound.

What is all nonsense is refused at once and tries nothing; so each part is sound most of the time, and odd alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random

from policydb.connections import ANY, Interval, IpsecProtocol, IpsecTransform, Lifetime, Suite
from tests.daemon.ike.told.octets import NOTIFY, SA, Payloads, Proposal, life, sa_body

AH, ESP, IPCOMP = 2, 3, 4
ECP_256 = 19

SECONDS = (
    *(0, 1, 30, 59, 60, 61, 599, 600, 1200, 3600, 28799, 28800, 28801, 65535, 65536, 86400, 86401),
    *(2**31 - 2, 2**31 - 1, 2**31, 2**31 + 60, 2**32 - 1, 2**32, 2**32 + 60, 2**33 + 3600, 2**40),
    *(2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 60, 2**128 + 3600, 10**20, 10**20 - 1),
)
KILOBYTES = (*SECONDS, 4, 5, 100, 1000, 4999, 5000, 5001, 100_000)

_CIPHERS = {
    12: (128, 192, 256),
    3: (None,),
    13: (128, 256),
    20: (128, 256),
    23: (128, 256),
    11: (None,),
    7: (None, 128),
}
_RARE_CIPHERS = {7: (None, 40, 128, 448), 6: (None, 40, 128), 2: (None,), 0: (None,), 99: (128,), 12: (None, 64, 0)}
_AH_FITTING = {2: 1, 3: 2, 5: 5, 6: 6, 7: 7, 8: 8}
_MODES = (0, 1, 2, 3, 4, 5, 61443, 61444, 65535)


@dataclass(frozen=True)
class Offer:
    """Message 1 as far as policy is concerned: SA payload, ID payloads (IDci, IDcr), whether there is a KE payload."""

    sa: bytes
    ids: tuple[bytes, ...]
    with_key: bool


def attribute(dice: Random, kind: int, number: int) -> bytes:
    """A number in one of the ways in which it can be written, and now and then in one in which it cannot."""
    if number < 1 << 16 and dice.random() < 0.6:
        return struct.pack(">HH", 0x8000 | kind, number)
    least = (number.bit_length() + 7) // 8
    width = max(least, dice.choice((1, 2, 3, 4, 4, 4, 8, 8, 9, 16, 64)))
    if dice.random() < 0.03:
        width = max(0, least - 1)
        number &= (1 << 8 * width) - 1
    return struct.pack(">HH", kind, width) + number.to_bytes(width, "big")


def lifetimes(dice: Random) -> list[bytes]:
    """Pairs of a life type and a duration; sometimes none, one twice, or half of one."""
    pairs = []
    if dice.random() < 0.7:
        pairs.append((1, dice.choice((600, 1200, 3600, 28800)) if dice.random() < 0.4 else dice.choice(SECONDS)))
    if dice.random() < 0.35:
        pairs.append((2, dice.choice(KILOBYTES)))
    if pairs and dice.random() < 0.06:
        pairs.append((dice.choice((1, 2, 3, 0)), dice.choice(SECONDS)))
    dice.shuffle(pairs)
    written = []
    for kind, number in pairs:
        written += [attribute(dice, 1, kind)] * (dice.random() > 0.03)
        written += [attribute(dice, 2, number)] * (dice.random() > 0.03)
    return written


def transform(dice: Random, protocol: int, group: int | None, like: IpsecTransform | None = None) -> tuple[int, bytes]:
    """The ID and the attributes of a transform, which may be `like` one of ours."""
    numbers: dict[int, int] = {4: dice.choice((1, 1, 1, 2)) if dice.random() < 0.93 else dice.choice(_MODES)}
    if like is not None:
        kind, numbers = _numbers_of(like)
    elif protocol == AH:
        kind = dice.choice(tuple(_AH_FITTING))
        numbers[5] = _AH_FITTING[kind]
    elif protocol == ESP:
        table = _CIPHERS if dice.random() < 0.85 else _RARE_CIPHERS
        kind = dice.choice(tuple(table))
        bits = dice.choice(table[kind])
        if bits is not None:
            numbers[6] = bits
        if kind not in (20, 23) and dice.random() < (1.0 if kind == 11 else 0.8):
            numbers[5] = dice.choice((1, 2, 5, 6, 7, 8))
    else:
        kind = dice.choice((1, 2, 3))
    if group is not None:
        numbers[3] = group
    if dice.random() < 0.05:
        numbers[dice.choice((3, 4, 5, 6, 7, 8, 9, 10, 11, 32000))] = dice.choice((0, 1, 2, 5, 19, 40, 128, 256, 65535))
    if numbers and dice.random() < 0.03:
        del numbers[dice.choice(tuple(numbers))]
    written = [attribute(dice, each, number) for each, number in numbers.items()]
    if dice.random() < 0.03:
        written.append(dice.choice(written or [b""]))
    dice.shuffle(written)
    lives = lifetimes(dice)
    place = dice.randrange(len(written) + 1)
    return kind, b"".join([*written[:place], *lives, *written[place:]])


_ENCAPSULATIONS = {"TUNNEL": 1, "TRANSPORT": 2, ANY: 1}
_ESP_IDS = {"AES": 12, "AES_CTR": 13, "3DES": 3, "AES_GCM_16": 20, "AES_GMAC": 23, "BLOWFISH": 7, "NULL": 11}
_HASHES = {"MD5": 1, "SHA": 2, "SHA2_256": 5, "SHA2_512": 7}


def _numbers_of(like: IpsecTransform) -> tuple[int, dict[int, int]]:
    """The ID and attributes of one of our transforms."""
    numbers = {4: _ENCAPSULATIONS[like.encapsulation]}
    if like.authentication is not None:
        numbers[5] = _HASHES[like.authentication.removeprefix("HMAC_")]
    if like.transform_id in _HASHES:
        return next(kind for kind, fitting in _AH_FITTING.items() if fitting == numbers[5]), numbers
    if like.key_length is not None or like.transform_id == "AES":
        numbers[6] = like.key_length.offer if like.key_length is not None else 128
    return _ESP_IDS[like.transform_id], numbers


def offer(
    dice: Random, ids: Callable[[Random], bytes], others: Callable[[Random], bytes], ours: Sequence[Suite] = ()
) -> Offer:
    """A whole message 1; `ids` makes the identities of the peer's side, `others` those of ours.

    It is often much like one of `ours`, where we have any.
    """
    with_key = any(_of_group(suite) for suite in ours) if dice.random() < 0.8 else dice.random() < 0.1
    proposals: list[Proposal] = []
    for number in sorted({dice.randrange(1, 5) for _ in range(dice.choice((1, 1, 1, 2, 3)))}):
        like: dict[int, Sequence[IpsecTransform]] = {}
        if ours and dice.random() < 0.7:
            protocols = dice.choice(ours).protocols
            like = {AH if each.protocol_id == "IPSEC_AH" else ESP: each.transforms for each in protocols}
        usual = ((ESP,),) * 8 + ((AH,), (AH,), (AH, ESP), (AH, ESP), (ESP, IPCOMP), (IPCOMP,))
        for protocol in tuple(like) or dice.choice(usual):
            transforms = []
            for index in range(dice.choice((1, 1, 2, 3))):
                similar = dice.choice(like[protocol]) if like else None
                kind, attributes = transform(dice, protocol, ECP_256 if with_key else None, similar)
                transforms.append((index + 1, kind, attributes))
            spi = dice.randrange(256, 1 << 32).to_bytes(4, "big") if protocol != IPCOMP else b"\1\2"
            proposals.append(Proposal(number, protocol, spi, tuple(transforms)))
    written = () if dice.random() < 0.04 else (ids(dice), others(dice))
    return Offer(sa_body(proposals), written if dice.random() < 0.99 else written[:1], with_key)


def _of_group(suite: Suite) -> bool:
    return any(each.group is not None for protocol in suite.protocols for each in protocol.transforms)


# --- identities ---------------------------------------------------------------------------------------------------


def identity(kind: int, data: bytes, protocol: int = 0, port: int = 0) -> bytes:
    """The body of an ID payload (RFC 2407 section 4.6.2)."""
    return struct.pack(">BBH", kind, protocol, port) + data


def _packed(*addresses: str) -> bytes:
    return b"".join(ip_address(each).packed for each in addresses)


_ZERO = "0.0.0.0"  # noqa: S104 - nothing is bound to it
_NAMES = (
    (2, b"a.example"),
    (2, b"010.001.000.000-010.001.000.255"),
    (3, b"somebody@a.example"),
    (9, bytes.fromhex("301c310b3009060355040613024445310d300b06035504030c0467773132")),
    (10, b"\x82\x09a.example"),
    (11, b"a key's name"),
    (11, b"\0\xff\n"),
    (12, b"\1\0\0\0\1\2\3\4"),
    (0, b""),
    (200, b"what?"),
)
_ODD = (
    (1, _packed(_ZERO)),
    (1, _packed("224.0.0.5")),
    (1, _packed("255.255.255.255")),
    (1, b"\x0a\1\0"),
    (1, b""),
    (4, _packed(_ZERO, _ZERO)),
    (4, _packed(_ZERO, "255.255.255.255")),
    (4, _packed("10.1.0.7", "255.255.255.0")),
    (4, _packed("10.1.0.0", "255.0.255.0")),
    (4, _packed("10.1.0.0") + b"\xff\xff"),
    (7, _packed("10.1.0.9", "10.1.0.1")),
    (7, _packed(_ZERO, "255.255.255.255")),
    (7, _packed(_ZERO, _ZERO)),
    (5, _packed("::")),
    (5, _packed("2001:db8::1")),
    (6, _packed("2001:db8::", "ffff:ffff::")),
    (8, _packed("2001:db8::1", "2001:db8::ff")),
    (5, _packed("10.1.0.1")),
)
_PORTS = ((0, 0),) * 8 + ((6, 0), (6, 80), (17, 0), (17, 53), (97, 0), (1, 0), (50, 0), (0, 500), (255, 65535))


def identities_around(network: str) -> Callable[[Random], bytes]:
    """Identities of every type for one side of the traffic; `network` is the first three octets of its usual one."""
    usual = (
        (4, _packed(f"{network}.0", "255.255.255.0")),
        (7, _packed(f"{network}.0", f"{network}.255")),
        (1, _packed(f"{network}.7")),
        (4, _packed(f"{network}.7", "255.255.255.255")),
        (7, _packed(f"{network}.7", f"{network}.7")),
        (4, _packed(f"{network}.128", "255.255.255.128")),
        (4, _packed(f"{network.rpartition('.')[0]}.0.0", "255.255.0.0")),
        (7, _packed(f"{network}.200", f"{network.rpartition('.')[0]}.9.9")),
        (4, _packed("172.16.0.0", "255.255.0.0")),
        (1, _packed("172.16.5.5")),
        (4, _packed(_ZERO, _ZERO)),
    )

    def made(dice: Random) -> bytes:
        chance = dice.random()
        kind, data = dice.choice(usual if chance < 0.88 else _ODD if chance < 0.95 else _NAMES)
        if chance < 0.45:
            kind, data = usual[0]
        return identity(kind, data, *dice.choice(_PORTS) if dice.random() < 0.25 else (0, 0))

    return made


# --- what is configured, and answers to it ------------------------------------------------------------------------


def _life(dice: Random) -> tuple[Lifetime, ...]:
    def interval(usual: Sequence[int]) -> Interval | None:
        ours = dice.choice(usual)
        return dice.choice((Interval(ours, 1, 86400), Interval(ours, ours, ours), Interval(ours, 0, 2**32 - 1), None))

    lives = []
    if dice.random() < 0.8:
        lives.append(Lifetime("SECONDS", interval((60, 600, 1200, 3600, 28800))))
    if dice.random() < 0.2:
        lives.append(Lifetime("KILOBYTES", interval((100, 5000))))
    return tuple(lives)


def configured(dice: Random) -> tuple[Suite, ...]:
    """One or two suites of a connection; all of them without or with the same PFS group, as initiators need it."""
    group = "ECP_256" if dice.random() < 0.1 else None
    return tuple(Suite(f"SUITE{index}", _protocols(dice, group)) for index in range(dice.choice((1, 1, 2))))


def _protocols(dice: Random, group: str | None) -> tuple[IpsecProtocol, ...]:
    made = []
    for protocol in dice.choice((("IPSEC_ESP",),) * 6 + (("IPSEC_AH",), ("IPSEC_AH", "IPSEC_ESP"))):
        transforms = []
        for index in range(dice.choice((1, 2, 3))):
            hashed: str | None = dice.choice(("MD5", "SHA", "SHA2_256", "SHA2_512"))
            cipher, bits = f"{hashed}", None
            if protocol == "IPSEC_ESP":
                cipher, bits = dice.choice(
                    (("AES", 128), ("AES", 256), ("AES", None), ("3DES", None), ("AES_GMAC", 128), ("AES_GCM_16", 128),
                     ("BLOWFISH", None), ("NULL", None), ("AES_CTR", 256))
                )  # fmt: skip
                hashed = None if cipher in ("AES_GCM_16", "AES_GMAC") else hashed
            mode = dice.choice(("TUNNEL", "TUNNEL", "TUNNEL", "TRANSPORT", ANY))
            transforms.append(
                IpsecTransform(
                    f"XF{index}",
                    cipher,
                    mode,
                    f"HMAC_{hashed}" if hashed else None,
                    group,
                    Interval(bits, bits, 256) if bits else None,
                    _life(dice),
                )
            )
        made.append(IpsecProtocol(protocol, protocol, tuple(transforms)))
    return tuple(made)


def answer(dice: Random) -> Callable[[tuple[Proposal, ...]], Payloads]:
    """A responder that chooses one of the proposals, mostly as it stands, and says how long it keeps the SAs."""

    def choose(offered: tuple[Proposal, ...]) -> Payloads:
        number = dice.choice(offered).number
        spis = {}
        chosen = []
        for proposal in offered:
            if proposal.number == number:
                picked = dice.choice(proposal.transforms)
                if dice.random() < 0.05:
                    picked = (picked[0], *transform(dice, proposal.protocol, None))
                spis[proposal.protocol] = dice.randrange(256, 1 << 32).to_bytes(4, "big")
                chosen.append(Proposal(number, proposal.protocol, spis[proposal.protocol], (picked,)))
        notes = []
        for _ in range(dice.choice((0, 1, 1, 2))):
            protocol = dice.choice(tuple(spis))
            notes.append(life(protocol, spis[protocol], b"".join(lifetimes(dice))))
        assert all(kind == NOTIFY for kind, _ in notes)
        return [(SA, sa_body(chosen)), *notes]

    return choose
