"""The proof of an SA where the peer does ESP itself: scapy, given our keys, talks through the tunnel.

A packet that scapy encrypts with the keys of our outbound SA reaches the peer, whose ESP takes it only if it holds the
same SPI and keys; what the network behind it answers comes back in ESP that scapy must decrypt and authenticate with
our inbound SA. No ESP of ours takes part.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation
from scapy.packet import Packet, Raw

from tests.interop.bed import LEFT, Bed, eventually
from tests.interop.gateway import InstalledSa
from tests.interop.namespaces import inside

PROVED = "talked through its ESP"

_CRYPT = {
    "AES": ("AES-CBC", None),
    "3DES": ("3DES", None),
    "NULL": ("NULL", None),
    "CAST": ("CAST", None),
    "BLOWFISH": ("Blowfish", None),
    "AES_CTR": ("AES-CTR", None),
    "AES_GCM_16": ("AES-GCM", 16),
    "AES_CCM_16": ("AES-CCM", 16),
    "AES_CCM_12": ("AES-CCM", 12),
    "AES_CCM_8": ("AES-CCM", 8),
    "AES_GMAC": ("AES-NULL-GMAC", 16),
}
"""isakmpd.conf's ciphers: scapy's name and, of combined ones, the octets of the ICV."""

_AUTH = {
    "": None,
    "HMAC_MD5": "HMAC-MD5-96",
    "HMAC_SHA": "HMAC-SHA1-96",
    "HMAC_SHA2_256": "SHA2-256-128",
    "HMAC_SHA2_384": "SHA2-384-192",
    "HMAC_SHA2_512": "SHA2-512-256",
}

_ETH_P_IP = 0x0800


@dataclass(frozen=True, slots=True)
class Words:
    """What is said inside the tunnel, by whom to whom, and the port of TCP or UDP; None: ICMP echo."""

    source: str
    destination: str
    port: int | None = None

    def question(self) -> Packet:
        """An echo request, or the beginning of a TCP connection that nobody waits for."""
        ip = IP(src=self.source, dst=self.destination)
        if self.port is None:
            return ip / ICMP(id=77, seq=1) / Raw(b"through the tunnel")
        return ip / TCP(sport=40000, dport=self.port, flags="S", seq=7)

    def answered_by(self, packet: Packet) -> bool:
        """Whether this is the answer: the same octets back, or the refusal of this connection."""
        if IP not in packet or (packet[IP].src, packet[IP].dst) != (self.destination, self.source):
            return False
        if self.port is None:
            return ICMP in packet and packet[ICMP].type == 0 and packet[Raw].load == b"through the tunnel"
        return TCP in packet and packet[TCP].sport == self.port and packet[TCP].ack == 8


def scapy_sa(sa: InstalledSa) -> SecurityAssociation:
    """Our SA as scapy's; raises KeyError for algorithms that scapy has not."""
    crypt, icv = _CRYPT[sa.encryption]
    key = bytes.fromhex(sa.encryption_key)
    auth = _AUTH[sa.authentication]
    return SecurityAssociation(  # type: ignore[no-untyped-call]
        ESP,
        spi=sa.spi,
        crypt_algo=crypt,
        crypt_key=key or None,
        crypt_icv_size=icv,
        auth_algo=auth,
        auth_key=bytes.fromhex(sa.authentication_key) or None,
        tunnel_header=IP(src=sa.source, dst=sa.destination),
        nat_t_header=UDP(sport=sa.udp_ports[0], dport=sa.udp_ports[1]) if sa.udp_ports else None,
    )


def _host(selector: str) -> str:
    """The inside address of the bed in a selector, which is an address, a network or a range."""
    lowest, _, highest = selector.partition("-")
    first, last = ip_address(lowest.partition("/")[0]), ip_address(highest or ip_network(lowest)[-1])
    known = ("10.77.0.1", "10.77.0.2", "10.77.1.1", "10.77.2.1", str(first))
    return next(each for each in known if int(first) <= int(ip_address(each)) <= int(last))


def words_for(outbound: InstalledSa) -> Words:
    """What the SA's selectors let through. They read `network` or `network proto P port N`."""
    source, _, _ = outbound.source_selector.partition(" ")
    destination, _, ports = outbound.destination_selector.partition(" ")
    port = int(ports.rpartition(" ")[2]) if ports else 0
    return Words(_host(source), _host(destination), port or None)


def converse(bed: Bed, inbound: InstalledSa, outbound: InstalledSa) -> None:
    """Ask through the tunnel until it is answered. Raises BedError where it is not, AssertionError for a bad packet."""
    words = words_for(outbound)
    with inside(bed.names[LEFT]):
        ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
        mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with ears, mouth:
        ears.bind(("e0", _ETH_P_IP))
        ears.settimeout(0.2)
        sender, receiver = scapy_sa(outbound), scapy_sa(inbound)

        def asked() -> bool | None:
            packet = sender.encrypt(words.question())  # type: ignore[no-untyped-call]
            mouth.sendto(bytes(packet), (outbound.destination, 0))
            return _heard(ears, receiver, words) or None

        eventually(f"an answer through ESP {outbound.spi:08x} and {inbound.spi:08x}: {words}", asked, 15, 0)


def _heard(ears: socket.socket, receiver: SecurityAssociation, words: Words) -> bool:
    """Whether the answer comes before the line is silent for a moment."""
    while True:
        try:
            octets, (_, _, kind, *_) = ears.recvfrom(65535)
        except TimeoutError:
            return False
        if kind != socket.PACKET_OUTGOING and (packet := _ours(octets, receiver)) is not None:
            try:
                plain = receiver.decrypt(packet)  # type: ignore[no-untyped-call]
            except IPSecIntegrityError as error:
                raise AssertionError(f"the peer's ESP {receiver.spi:08x} does not verify with our keys") from error
            if words.answered_by(plain):
                return True


def _ours(octets: bytes, receiver: SecurityAssociation) -> Packet | None:
    """The packet if it is ESP, in UDP or not, under the receiver's SPI."""
    packet = IP(octets)
    header = 4 * packet.ihl
    rest = octets[header + 8 :] if packet.proto == socket.IPPROTO_UDP else octets[header:]
    spi = int.from_bytes(rest[:4])
    if spi != receiver.spi or packet.proto not in (socket.IPPROTO_UDP, socket.IPPROTO_ESP):
        return None
    if packet.proto == socket.IPPROTO_ESP:
        return packet
    return IP(bytes(IP(octets[:header]))) / UDP(octets[header : header + 8]) / ESP(rest)


def directions(sas: Sequence[InstalledSa]) -> list[tuple[InstalledSa, InstalledSa]]:
    """The SAs in pairs, inbound and outbound of one negotiation: they are installed together."""
    inbound = [each for each in sas if each.inbound]
    outbound = [each for each in sas if not each.inbound]
    return list(zip(inbound, outbound, strict=True))
