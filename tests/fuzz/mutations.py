"""Datagrams that nobody should send: random ones, and valid ones damaged in the ways that find parsers' mistakes.

Everything comes from the `random.Random` that is passed in, so a seed repeats a run. Offsets are those of the ISAKMP
header (RFC 2408 section 3.1) and of the generic payload header (3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

HEADER = 28
NEXT_PAYLOAD, VERSION, EXCHANGE, FLAGS, MESSAGE_ID, LENGTH = 16, 17, 18, 19, slice(20, 24), slice(24, 28)

TELLING_BYTES = (0, 1, 2, 4, 8, 0x10, 0x7F, 0x80, 0xFE, 0xFF)
TELLING_LENGTHS = (0, 1, 3, 4, 5, 7, 8, 27, 28, 29, 0x7FFF, 0x8000, 0xFFFC, 0xFFFF)

Mutation = Callable[[bytes, Random], bytes]


def with_length(data: bytes) -> bytes:
    """The same with the header's length made true, so that the damage behind it is looked at."""
    return data if len(data) < HEADER else data[:24] + len(data).to_bytes(4, "big") + data[28:]


def payload_offsets(data: bytes) -> list[int]:
    """Where the payloads of a clear message start, as far as the chain can be followed."""
    offsets, at = [], HEADER
    while at + 4 <= len(data):
        offsets.append(at)
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 4 or data[at] == 0:
            break
        at += length
    return offsets


def _replace(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def flip_bits(data: bytes, random: Random) -> bytes:
    """One to four bits."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_bytes(data: bytes, random: Random) -> bytes:
    """One to four octets, to values at the edges."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        changed[random.randrange(len(changed))] = random.choice(TELLING_BYTES)
    return bytes(changed)


def set_words(data: bytes, random: Random) -> bytes:
    """A 16-bit number somewhere, as lengths and attribute values are."""
    at = random.randrange(max(1, len(data) - 1))
    return _replace(data, at, random.choice(TELLING_LENGTHS).to_bytes(2, "big"))[: len(data)]


def delete_slice(data: bytes, random: Random) -> bytes:
    """A stretch is missing; the header's length is right or as it was."""
    at = random.randrange(len(data))
    shorter = data[:at] + data[at + random.randint(1, 40) :]
    return random.choice((shorter, with_length(shorter)))


def insert_slice(data: bytes, random: Random) -> bytes:
    """A stretch too many, of random octets or of the message itself."""
    at, start = random.randrange(len(data)), random.randrange(len(data))
    more = random.choice((random.randbytes(random.randint(1, 64)), data[start : start + random.randint(1, 200)]))
    return random.choice((with_length, lambda each: each))(data[:at] + more + data[at:])


def header_field(data: bytes, random: Random) -> bytes:
    """One field of the header is another."""
    field = random.choice((NEXT_PAYLOAD, VERSION, EXCHANGE, FLAGS))
    choice = random.randrange(4)
    if choice == 0:
        return _replace(data, 24, random.choice((*TELLING_LENGTHS, 1 << 31, (1 << 32) - 1)).to_bytes(4, "big"))
    if choice == 1:
        return _replace(data, 20, random.randbytes(4))
    if choice == 2:
        return _replace(data, random.choice((0, 8)), random.choice((bytes(8), random.randbytes(8))))
    return _replace(data, field, bytes([random.randrange(256)]))


def payload_field(data: bytes, random: Random) -> bytes:
    """One generic payload header says something else: next payload, reserved octet or length."""
    offsets = payload_offsets(data)
    if not offsets:
        return flip_bits(data, random)
    at = random.choice(offsets)
    choice = random.randrange(3)
    if choice == 0:
        return _replace(data, at, bytes([random.randrange(256)]))
    if choice == 1:
        return _replace(data, at + 1, bytes([random.randrange(1, 256)]))
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    new = random.choice((*TELLING_LENGTHS, max(0, length - 1), min(0xFFFF, length + 1)))
    return _replace(data, at + 2, new.to_bytes(2, "big"))


def repeat_payload(data: bytes, random: Random) -> bytes:
    """A payload many times over, or the payloads in another order."""
    offsets = payload_offsets(data)
    if len(offsets) < 2:
        return insert_slice(data, random)
    pieces = [data[one:other] for one, other in zip(offsets, [*offsets[1:], len(data)], strict=True)]
    if random.random() < 0.5:
        random.shuffle(pieces)
    else:
        pieces.insert(0, random.choice(pieces) * random.choice((1, 2, 50)))
    return with_length(data[:HEADER] + b"".join(pieces))


def random_body(data: bytes, random: Random) -> bytes:
    """The header stands, what follows is random; often whole cipher blocks, as an encrypted message is."""
    length = random.choice((8, 16, 24, 32, 64, 72, 128, random.randint(0, 300)))
    return with_length(data[:HEADER] + random.randbytes(length))


def random_datagram(_: bytes, random: Random) -> bytes:
    """Octets, or a header with plausible version and exchange type and octets after it."""
    body = random.randbytes(random.choice((0, 1, 27, 28, 29, random.randint(0, 1500))))
    if random.random() < 0.5:
        return body
    exchange = random.choice((0, 1, 2, 4, 5, 6, 32, 33, 34, 37, 240, 255))
    head = random.choice((bytes(8), random.randbytes(8))) + random.choice((bytes(8), random.randbytes(8)))
    head += bytes([random.randrange(20), random.choice((0x10, 0x20)), exchange, random.choice((0, 1, 2, 4, 5))])
    return with_length(head + random.choice((bytes(4), random.randbytes(4))) + bytes(4) + body)


MUTATIONS: Sequence[Mutation] = (
    flip_bits, set_bytes, set_words, delete_slice, insert_slice, header_field, payload_field, repeat_payload,
    random_body, random_datagram,
)  # fmt: skip


def prefixes(data: bytes) -> Iterator[bytes]:
    """Every proper beginning of a message, the empty one too; with the length it claims, and with its own."""
    for end in range(len(data)):
        yield data[:end]
        if end >= HEADER:
            yield with_length(data[:end])


def damaged(valid: Sequence[bytes], count: int, random: Random) -> Iterator[bytes]:
    """`count` damaged datagrams, some of them damaged twice."""
    for _ in range(count):
        data = random.choice(valid)
        for _ in range(random.choice((1, 1, 1, 2))):
            data = random.choice(MUTATIONS)(data or b"\0", random)
        yield data
