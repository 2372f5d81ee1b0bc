"""daemon/capture.py: a pcap file of link type LOOP with right checksums, readable by others (isakmpd(8))."""

from __future__ import annotations

import shutil
import socket
import stat
import struct
import subprocess
from pathlib import Path as FilePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.capture import Capture, packet_of
from daemon.ike.events import Captured, Endpoint, Path
from policydb.folders import FileRefusedError, own_file

MESSAGE = bytes(range(8)) + bytes(8) + bytes([0, 0x10, 5, 0]) + bytes(4) + (28).to_bytes(4, "big")
"""An informational ISAKMP header without payloads."""

V4 = Path(Endpoint("192.0.2.1", 500), Endpoint("198.51.100.7", 500))
NAT = Path(Endpoint("192.0.2.1", 4500), Endpoint("198.51.100.7", 31337), encapsulated=True)
V6 = Path(Endpoint("2001:db8::1", 500), Endpoint("2001:db8::2", 500))


def folded(data: bytes) -> int:
    """The one's complement sum of RFC 1071: 0xFFFF over data that holds its own checksum."""
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[each : each + 2], "big") for each in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total


@given(st.binary(max_size=300), st.sampled_from([V4, NAT, V6]), st.booleans())
def test_headers_and_checksums_are_those_of_the_message(data: bytes, path: Path, outbound: bool) -> None:
    packet = packet_of(Captured(path, data, outbound))
    family, ip = struct.unpack("!I", packet[:4])[0], packet[4:]
    source, destination = (path.local, path.remote) if outbound else (path.remote, path.local)
    if family == 2:
        header, udp, packed, to_text = ip[:20], ip[20:], ip[12:20], socket.AF_INET
        assert folded(header) == 0xFFFF
        assert struct.unpack("!H", ip[2:4])[0] == len(ip)
    else:
        assert family == 24
        udp, packed, to_text = ip[40:], ip[8:40], socket.AF_INET6
        assert struct.unpack("!H", ip[4:6])[0] == len(udp)
    half = len(packed) // 2
    assert socket.inet_ntop(to_text, packed[:half]) == source.address
    assert socket.inet_ntop(to_text, packed[half:]) == destination.address
    assert struct.unpack("!HHH", udp[:6]) == (source.port, destination.port, len(udp))
    assert udp[6:8] != bytes(2)
    assert folded(packed + struct.pack("!II", len(udp), 17) + udp) == 0xFFFF
    assert udp[8:] == (bytes(4) if path.encapsulated else b"") + data


def test_the_file_is_a_pcap_of_version_2_4_and_is_appended_to(tmp_path: FilePath) -> None:
    path = tmp_path / "isakmpd.pcap"
    times = iter((1_000.25, 2_000.5))
    for _ in range(2):
        capture = Capture(own_file(path), lambda: next(times))
        capture.add(Captured(V4, MESSAGE, outbound=True))
        capture.close()
    data = path.read_bytes()
    assert struct.unpack("<IHHiIII", data[:24]) == (0xA1B2C3D4, 2, 4, 0, 0, 65536, 108)
    size = 4 + 20 + 8 + len(MESSAGE)
    first, second = data[24 : 40 + size], data[40 + size :]
    assert struct.unpack("<IIII", first[:16]) == (1000, 250_000, size, size)
    assert struct.unpack("<IIII", second[:16]) == (2000, 500_000, size, size)
    assert first[16:] == second[16:] == packet_of(Captured(V4, MESSAGE, outbound=True))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_others_may_read_or_that_is_no_capture_is_refused(tmp_path: FilePath) -> None:
    readable, other = tmp_path / "readable", tmp_path / "other"
    readable.touch(mode=0o644)
    readable.chmod(0o640)
    other.write_text("root:x:0:0:root:/root:/bin/sh\n")
    other.chmod(0o600)
    for path in (readable, other):
        with pytest.raises(FileRefusedError):
            Capture(own_file(path), lambda: 0)
    assert other.read_text().startswith("root:")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_every_message_with_valid_checksums(tmp_path: FilePath) -> None:
    path = tmp_path / "isakmpd.pcap"
    capture = Capture(own_file(path), lambda: 1_700_000_000.5)
    for each in (V4, NAT, V6):
        capture.add(Captured(each, MESSAGE, outbound=False))
    capture.close()
    options = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-d", "udp.port==4500,udpencap"]
    fields = ["-T", "fields", "-e", "isakmp.ispi", "-e", "udp.checksum.status", "-e", "udp.dstport"]
    shown = subprocess.run(
        ["tshark", "-r", str(path), *options, *fields], capture_output=True, text=True, check=True, timeout=200
    ).stdout
    assert [line.split("\t") for line in shown.splitlines()] == [
        ["0001020304050607", "1", "500"],
        ["0001020304050607", "1", "4500"],
        ["0001020304050607", "1", "500"],
    ]
