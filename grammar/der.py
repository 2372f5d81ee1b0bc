"""DER, as little as keys need: a SEQUENCE of INTEGERs with definite lengths (X.690)."""

from __future__ import annotations

_SEQUENCE = 0x30
_INTEGER = 0x02


class DerError(ValueError):
    """Octets that are not the SEQUENCE they should be."""


def integers(data: bytes, count: int, what: str) -> tuple[int, ...]:
    """The `count` INTEGERs of the SEQUENCE that `data` holds. Octets behind the SEQUENCE do not belong to it.

    Raises DerError, which speaks of `what`.
    """
    body, _ = _element(data, 0, _SEQUENCE, what)
    numbers: list[int] = []
    position = 0
    while position < len(body) and len(numbers) <= count:
        octets, position = _element(body, position, _INTEGER, what)
        if not octets:
            raise DerError(f"the {what} holds an empty INTEGER")
        numbers.append(int.from_bytes(octets, "big", signed=True))
    if len(numbers) != count:
        held = f"more than {count}" if len(numbers) > count else len(numbers)
        raise DerError(f"the {what} holds {held} numbers, {count} are needed")
    return tuple(numbers)


def sequence(*numbers: int) -> bytes:
    """A SEQUENCE of INTEGERs, each with as few octets as can be."""
    body = b"".join(
        _tagged(_INTEGER, each.to_bytes(each.bit_length() // 8 + 1, "big", signed=True)) for each in numbers
    )
    return _tagged(_SEQUENCE, body)


def _element(data: bytes, position: int, tag: int, what: str) -> tuple[bytes, int]:
    """The content of the element at `position`, and where the next one starts."""
    if data[position : position + 1] != bytes((tag,)):
        raise DerError(f"the {what} is not a DER sequence of integers")
    length, start = _length(data, position + 1, what)
    if start + length > len(data):
        raise DerError(f"the {what} is cut short")
    return data[start : start + length], start + length


def _length(data: bytes, position: int, what: str) -> tuple[int, int]:
    if position >= len(data):
        raise DerError(f"the {what} is cut short")
    first = data[position]
    if first < 0x80:
        return first, position + 1
    size = first & 0x7F
    octets = data[position + 1 : position + 1 + size]
    if not 1 <= size <= 4 or len(octets) < size:
        raise DerError(f"the {what} has an impossible length")
    return int.from_bytes(octets, "big"), position + 1 + size


def _tagged(tag: int, body: bytes) -> bytes:
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body
