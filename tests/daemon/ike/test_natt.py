"""NAT discovery after RFC 3947 section 3.2 and the move to the NAT-T port after section 4."""

from __future__ import annotations

from hashlib import sha1
from ipaddress import ip_address

import pytest

from daemon.ike import natt
from daemon.ike.events import Endpoint, Path
from daemon.ike.messages.vendor import Vendor

COOKIES = bytes(range(16))
HERE, THERE = Endpoint("192.0.2.1", 500), Endpoint("2001:db8::2", 500)
PATH = Path(HERE, THERE)
OTHER = Endpoint("198.51.100.7", 4321)


def sha(data: bytes) -> bytes:
    return sha1(data, usedforsecurity=False).digest()


def expected(endpoint: Endpoint) -> bytes:
    return sha(COOKIES + ip_address(endpoint.address).packed + endpoint.port.to_bytes(2, "big"))


def test_the_peers_end_is_hashed_first_then_ours() -> None:
    assert natt.digests(sha, COOKIES, PATH) == (expected(THERE), expected(HERE))


@pytest.mark.parametrize(
    ("bodies", "found"),
    [
        ([expected(HERE), expected(THERE)], natt.NatFound(local=False, remote=False)),
        ([expected(OTHER), expected(THERE)], natt.NatFound(local=True, remote=False)),
        ([expected(HERE), expected(OTHER)], natt.NatFound(local=False, remote=True)),
        ([expected(OTHER), expected(OTHER)], natt.NatFound(local=True, remote=True)),
        # A peer with several addresses sends one hash for each; one that fits is enough.
        ([expected(HERE), expected(OTHER), expected(THERE)], natt.NatFound(local=False, remote=False)),
        # The first hash is that of our end, whatever it equals.
        ([expected(THERE), expected(OTHER)], natt.NatFound(local=True, remote=True)),
        ([b"", b""], natt.NatFound(local=True, remote=True)),
        ([expected(HERE)], None),
        ([], None),
    ],
)
def test_a_nat_shows_where_a_hash_differs(bodies: list[bytes], found: natt.NatFound | None) -> None:
    assert natt.detect(sha, COOKIES, PATH, bodies) == found


def test_both_ports_move_once() -> None:
    moved = natt.floated(PATH, 4500)
    assert moved == Path(Endpoint("192.0.2.1", 4500), Endpoint("2001:db8::2", 4500), encapsulated=True)
    mapped = Path(moved.local, Endpoint("2001:db8::2", 61000), encapsulated=True)
    assert natt.floated(mapped, 4500) is mapped


@pytest.mark.parametrize(
    ("theirs", "vendor"),
    [
        (set(), None),
        ({Vendor.DPD}, None),
        ({Vendor.NAT_T_DRAFT_02, Vendor.NAT_T_DRAFT_03}, Vendor.NAT_T_DRAFT_03),
        (set(Vendor), Vendor.NAT_T_RFC3947),
    ],
)
def test_the_best_version_that_both_know_is_used(theirs: set[Vendor], vendor: Vendor | None) -> None:
    version = natt.agreed(True, frozenset(theirs))
    assert (version.vendor if version else None) is vendor
    assert natt.agreed(False, frozenset(theirs)) is None
