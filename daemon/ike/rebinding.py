"""A peer that is suddenly heard of from elsewhere: its NAT gave it another port, or it moved (RFC 3947 section 7).

Only what was authenticated counts: a message that the keys of the ISAKMP SA protect, or an ESP packet, of which the
kernel tells. Then the ISAKMP SA and all IPsec SAs in UDP with that peer follow together. Without UDP the addresses are
part of what was negotiated, and no IPsec SA follows.
"""

from __future__ import annotations

from dataclasses import replace

from daemon.ike.core import Core
from daemon.ike.events import Endpoint, MoveSas, Path, SecurityAssociation
from daemon.ike.sa import IpsecSa, IsakmpSa, Owner, SaKey


def heard_from(core: Core, isakmp: IsakmpSa, path: Path) -> None:
    """An authenticated message came in under an ISAKMP SA by this path."""
    before, isakmp.path = isakmp.path, path
    if before != path and before.encapsulated:
        core.log(f"isakmpd: peer {before.remote} is now at {path.remote}", verbose=True)
        _follow(core, isakmp.owner, before, path)


def esp_heard_from(core: Core, sa: IpsecSa, remote: Endpoint) -> None:
    """The kernel says that an authenticated ESP packet came from there."""
    before, after = sa.path, replace(sa.path, remote=remote)
    if before == after or not before.encapsulated:
        return
    for isakmp in core.sas.shared_with(sa.owner):
        if isakmp.path == before:
            isakmp.path = after
    _follow(core, sa.owner, before, after)


def _follow(core: Core, owner: Owner, before: Path, after: Path) -> None:
    """Let the IPsec SAs in UDP of a peer go where it is now."""
    moves: list[tuple[SaKey, SecurityAssociation]] = []
    for sa in core.sas.owned_by(owner):
        if sa.path == before and all(each.udp_ports is not None for each in sa.sas):
            old = sa.keys
            core.sas.move(sa, after, tuple(_moved(each, after) for each in sa.sas))
            moves += zip(old, sa.sas, strict=True)
    if moves:
        core.emit(MoveSas(tuple(moves)))


def _moved(sa: SecurityAssociation, path: Path) -> SecurityAssociation:
    source, destination = (path.remote, path.local) if sa.inbound else (path.local, path.remote)
    return replace(
        sa, source=source.address, destination=destination.address, udp_ports=(source.port, destination.port)
    )
