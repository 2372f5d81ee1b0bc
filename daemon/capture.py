"""-L: IKE messages in the clear as a pcap file, behind synthesised IP and UDP headers (isakmpd(8))."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from daemon.files import open_for_append, write_all
from daemon.ike.events import Captured, Endpoint
from policydb.folders import FileRefusedError, OwnFile

SNAPLEN = 65536
LINKTYPE_LOOP = 108
"""DLT_LOOP as it is written to files: a 4-octet address family in network order, then the packet."""

_FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, LINKTYPE_LOOP)
_FAMILY_INET = 2
_FAMILY_INET6 = 24  # OpenBSD's number; readers of LINKTYPE_LOOP know each BSD's
_NON_ESP_MARKER = bytes(4)
_HOP_LIMIT = 64
_LAST_SECOND = 0xFFFFFFFF
"""In 2106; a clock that is wrong must not keep messages from being kept."""


class Capture:
    """Appends to a file (mode 0600). `wall_clock` gives seconds since 1970.

    Raises FileRefusedError when made: for a file others may read, or one that is no such capture.
    """

    def __init__(self, file: OwnFile, wall_clock: Callable[[], float]) -> None:
        self._clock = wall_clock
        self._file = file
        self._descriptor = _open(file)

    def reopen(self) -> None:
        """Go on in the file that has the name now: the old one may have been moved away. Raises FileRefusedError."""
        before, self._descriptor = self._descriptor, _open(self._file)
        os.close(before)

    def add(self, captured: Captured) -> None:
        """Write one message, behind a header where the file was emptied meanwhile. Raises OSError."""
        if not os.fstat(self._descriptor).st_size:
            write_all(self._descriptor, _FILE_HEADER)
        packet = packet_of(captured)
        seconds, microseconds = divmod(int(self._clock() * 1_000_000), 1_000_000)
        kept = packet[:SNAPLEN]
        header = struct.pack("<IIII", min(max(seconds, 0), _LAST_SECOND), microseconds, len(kept), len(packet))
        write_all(self._descriptor, header + kept)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _open(file: OwnFile) -> int:
    """A descriptor that appends to a capture, which has its header."""
    descriptor = open_for_append(file)
    try:
        start = os.pread(descriptor, len(_FILE_HEADER), 0)
        if not start:
            write_all(descriptor, _FILE_HEADER)
    except OSError as cause:
        os.close(descriptor)
        raise FileRefusedError(f"cannot write {file}: {cause.strerror}") from cause
    if start in {b"", _FILE_HEADER}:
        return descriptor
    os.close(descriptor)
    raise FileRefusedError(f"not appending to {file}: it is no capture that isakmpd made")


def packet_of(captured: Captured) -> bytes:
    """The message as it would have travelled unencrypted: family, IP header, UDP header, marker on the NAT-T port."""
    path = captured.path
    source, destination = (path.local, path.remote) if captured.outbound else (path.remote, path.local)
    payload = (_NON_ESP_MARKER if path.encapsulated else b"") + captured.data
    from_address, to_address = ip_address(source.address), ip_address(destination.address)
    udp = _udp(source, destination, from_address.packed + to_address.packed, payload)
    if isinstance(from_address, IPv4Address):
        return struct.pack("!I", _FAMILY_INET) + _ipv4_header(from_address, to_address, len(udp)) + udp
    return struct.pack("!I", _FAMILY_INET6) + _ipv6_header(from_address, to_address, len(udp)) + udp


def _udp(source: Endpoint, destination: Endpoint, addresses: bytes, payload: bytes) -> bytes:
    """RFC 768, with the checksum over the pseudo-header of either IP version (RFC 8200 section 8.1)."""
    length = 8 + len(payload)
    pseudo = addresses + struct.pack("!II", length, socket.IPPROTO_UDP)
    ports = struct.pack("!HHH", source.port, destination.port, min(length, 0xFFFF))
    # A computed zero is sent as all ones: zero means that there is no checksum.
    checksum = _internet_checksum(pseudo + ports + bytes(2) + payload) or 0xFFFF
    return ports + struct.pack("!H", checksum) + payload


def _ipv4_header(source: IPv4Address, destination: IPv4Address | IPv6Address, length: int) -> bytes:
    """RFC 791 section 3.1, no options, don't fragment."""
    total = min(20 + length, 0xFFFF)

    def header(checksum: int) -> bytes:
        fixed = struct.pack("!BBHHHBBH", 0x45, 0, total, 0, 0x4000, _HOP_LIMIT, socket.IPPROTO_UDP, checksum)
        return fixed + source.packed + destination.packed

    return header(_internet_checksum(header(0)))


def _ipv6_header(source: IPv6Address, destination: IPv4Address | IPv6Address, length: int) -> bytes:
    """RFC 8200 section 3."""
    fixed = struct.pack("!IHBB", 6 << 28, min(length, 0xFFFF), socket.IPPROTO_UDP, _HOP_LIMIT)
    return fixed + source.packed + destination.packed


def _internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
