"""The proof of an SA where the peer uses its kernel's ESP or AH: `ip xfrm state` holds the SPIs and keys we hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.interop.bed import run
from tests.interop.gateway import InstalledSa

PROVED = "same SAs in its kernel"

_ENCRYPTION = {
    "": None,
    "AES": "cbc(aes)",
    "3DES": "cbc(des3_ede)",
    "CAST": "cbc(cast5)",
    "BLOWFISH": "cbc(blowfish)",
    "NULL": "ecb(cipher_null)",
    "AES_CTR": "rfc3686(ctr(aes))",
    "AES_GCM_16": "rfc4106(gcm(aes))",
    "AES_CCM_8": "rfc4309(ccm(aes))",
    "AES_CCM_12": "rfc4309(ccm(aes))",
    "AES_CCM_16": "rfc4309(ccm(aes))",
    "AES_GMAC": "rfc4543(gcm(aes))",
}
_AUTHENTICATION = {
    "": (None, 0),
    "MD5": ("hmac(md5)", 96),
    "SHA": ("hmac(sha1)", 96),
    "SHA2_256": ("hmac(sha256)", 128),
    "SHA2_384": ("hmac(sha384)", 192),
    "SHA2_512": ("hmac(sha512)", 256),
    "RIPEMD": ("hmac(rmd160)", 96),
}


@dataclass(frozen=True, slots=True)
class State:
    """One SA of a kernel. Algorithms in the kernel's words, keys as hexadecimal digits."""

    source: str
    destination: str
    protocol: str
    spi: int
    mode: str
    encryption: str | None
    encryption_key: str
    authentication: str | None
    authentication_key: str
    truncation: int
    udp_ports: tuple[int, int] | None
    extended: bool
    """Whether its sequence numbers have 64 bits (RFC 4304)."""


def states(namespace: str) -> tuple[State, ...]:
    """All SAs of a namespace that have keys; larval ones have none."""
    blocks = re.split(r"(?m)^(?=src )", run(["ip", "-n", namespace, "xfrm", "state"]))
    return tuple(_state(block) for block in blocks if "enc " in block or "auth" in block or "aead " in block)


def _state(block: str) -> State:
    def found(pattern: str) -> tuple[str, ...]:
        match = re.search(pattern, block)
        return match.groups("") if match else ("",) * 8

    source, destination = found(r"^src (\S+) dst (\S+)")[:2]
    protocol, spi, mode = found(r"proto (\S+) spi 0x([0-9a-f]+).* mode (\S+)")[:3]
    # A null cipher's key is shown as nothing or as two quotes.
    enc, enc_key = found(r"(?m)^\s*(?:enc|aead) (\S+) (?:0x([0-9a-f]+))?")[:2]
    auth, auth_key, truncation = found(r"(?m)^\s*auth-trunc (\S+) 0x([0-9a-f]+) (\d+)")[:3]
    sport, dport = found(r"encap type espinudp sport (\d+) dport (\d+)")[:2]
    return State(
        source,
        destination,
        protocol,
        int(spi, 16),
        mode,
        enc or None,
        enc_key,
        auth or None,
        auth_key,
        int(truncation or 0),
        (int(sport), int(dport)) if sport else None,
        "esn" in found(r"flag ([^\n]*)")[0].split(),
    )


def expected(sa: InstalledSa) -> State:
    """Our SA as a kernel would show it."""
    authentication, truncation = _AUTHENTICATION[sa.authentication.removeprefix("HMAC_")]
    return State(
        sa.source,
        sa.destination,
        sa.protocol.lower(),
        sa.spi,
        sa.encapsulation.lower(),
        _ENCRYPTION[sa.encryption],
        sa.encryption_key,
        authentication,
        sa.authentication_key,
        truncation,
        sa.udp_ports,
        False,
    )


def compare(peer: Sequence[State], ours: Iterable[InstalledSa]) -> None:
    """Every SA of ours is the peer's too, octet by octet. Raises AssertionError."""
    for sa in ours:
        wanted = expected(sa)
        assert wanted in peer, f"the peer's kernel lacks {wanted}, it has {peer}"
