"""Bounded reading and writing of octets in network order.

A Reader never looks past its end and never allocates what a length field claims, only what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daemon.ike.errors import PayloadMalformed


class Reader:
    """Reads `data` from front to end; every read raises PayloadMalformed where the octets run out.

    `what` names the structure for the error texts.
    """

    __slots__ = ("_data", "_end", "_position", "what")

    def __init__(self, data: bytes, what: str = "message") -> None:
        self._data = data
        self._position = 0
        self._end = len(data)
        self.what = what

    @property
    def remaining(self) -> int:
        """Octets not yet read, up to the innermost restriction."""
        return self._end - self._position

    def octets(self, count: int) -> bytes:
        """The next `count` octets."""
        start = self._position
        end = start + count
        if end > self._end:
            raise PayloadMalformed(f"{self.what}: {count} octets wanted, {self.remaining} left")
        self._position = end
        return self._data[start:end]

    def rest(self) -> bytes:
        """All octets up to the innermost restriction."""
        return self.octets(self.remaining)

    def uint8(self) -> int:
        """One octet."""
        return self.octets(1)[0]

    def uint16(self) -> int:
        """Two octets, high one first."""
        return int.from_bytes(self.octets(2))

    def uint32(self) -> int:
        """Four octets, high one first."""
        return int.from_bytes(self.octets(4))

    def zero(self, count: int) -> None:
        """`count` reserved octets, which must be zero (RFC 2408 section 5.3)."""
        value = self.octets(count)
        if any(value):
            raise PayloadMalformed(f"{self.what}: reserved field non-zero: {value.hex()}")

    def finish(self) -> None:
        """Insist that nothing is left."""
        if self.remaining:
            raise PayloadMalformed(f"{self.what}: {self.remaining} octets too many")

    @contextmanager
    def restrict(self, count: int, what: str) -> Iterator[None]:
        """Bound all reads to the next `count` octets; they must be consumed exactly when the block ends."""
        if count > self.remaining:
            raise PayloadMalformed(f"{what}: payload too long: {count}")
        outer = (self._end, self.what)
        self._end = self._position + count
        self.what = what
        yield
        self.finish()
        self._end, self.what = outer


class Writer:
    """Collects octets; raises OverflowError where a number does not fit its field."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def octets(self, data: bytes) -> Writer:
        """Append `data` as it is."""
        self._data += data
        return self

    def uint8(self, value: int) -> Writer:
        """Append one octet."""
        return self.octets(value.to_bytes(1))

    def uint16(self, value: int) -> Writer:
        """Append two octets, high one first."""
        return self.octets(value.to_bytes(2))

    def uint32(self, value: int) -> Writer:
        """Append four octets, high one first."""
        return self.octets(value.to_bytes(4))

    def getvalue(self) -> bytes:
        """What was written."""
        return bytes(self._data)
