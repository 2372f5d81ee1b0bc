"""Connections on demand: the kernel has traffic for a flow and no SA, and asks for one (isakmpd, on-demand).

What it asks for is written down as dynamic sections under isakmpd's own names. Where the configuration has a section of
that name it is used as it is: that is how the names which ipsecctl makes and the kernel's wishes meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

from daemon.ike.core import Core
from daemon.ike.dynamic import flow_key
from daemon.ike.events import Acquire
from daemon.ike.lifecycle import establish
from daemon.ike.sa import SaFlag
from daemon.ike.trust import identities
from policydb.connections import Connection, Identity, Peer

ON_DEMAND = "__ondemand"
_HOLDERS = 2
"""Who holds a new connection: its negotiation, and the SAs that it is to make."""

_PREFIXES = {"fqdn": "FQDN", "ufqdn": "USER_FQDN"}


def acquire(core: Core, wish: Acquire) -> None:
    """Begin a connection for a flow; one that is being negotiated, or stands, is not begun again."""
    if core.passive:
        return
    try:
        ends = _ends(wish)
    except ValueError as error:
        core.log(f"acquire {wish.sequence}: {error}")
        return
    name_of_peer = _peer_name(core, wish)
    local, remote = _flow_name("from", wish.local_selector), _flow_name("to", wish.remote_selector)
    static = core.oracle.configuration.connections.get(f"{local}-{remote}")
    if static is not None and static.initiates:
        establish(core, static.name)
        return
    if _is_under_way(core, name_of_peer, wish):
        core.log(f"acquire {wish.sequence}: {local} {remote} is being negotiated", "Sdep", 40)
        return
    configuration = core.oracle.configuration
    name = core.dynamic.new_name(configuration.connections)
    suites = static.suites if static is not None else configuration.on_demand.suites
    local_end, remote_end = wish.local_selector, wish.remote_selector
    core.dynamic.add(
        Connection(name, name_of_peer, suites, local_end, remote_end, answers=False, acquire=wish.sequence)
    )
    _write_down(core, wish, name, (local, remote))
    if name_of_peer not in configuration.peers:
        _write_down_peer(core, wish, replace(ends, name=name_of_peer))
    core.dynamic.doubt(name)
    establish(core, name)


def _is_under_way(core: Core, peer: str, wish: Acquire) -> bool:
    """Whether a connection for this flow is being negotiated or has an SA that will be renewed."""
    name = core.dynamic.for_flow(flow_key(peer, wish.local_selector, wish.remote_selector))
    if name is None:
        return False
    standing = core.sas.named(name)
    return not standing or any(not sa.flags & SaFlag.FADING for sa in standing)


def settle(core: Core) -> None:
    """Count the holders of connections of which something ended, and forget those without."""
    for name in core.dynamic.take_doubtful():
        with_peer = core.exchanges.named(core.dynamic.connections[name].peer)
        negotiating = bool(core.exchanges.named(name)) or any(name in each.waiting for each in with_peer)
        core.dynamic.count(name, _HOLDERS if negotiating else int(bool(core.sas.named(name))))


# --- sections -----------------------------------------------------------------------------------------------------


def _write_down(core: Core, wish: Acquire, name: str, flow: tuple[str, str]) -> None:
    """The connection's section, and those that it names."""
    dynamic = core.dynamic
    connection = dynamic.connections[name]
    local, remote = flow
    settings = f"phase2-{local}-{remote}"
    dynamic.refer(
        name,
        {
            "Phase": "2",
            "Flags": ON_DEMAND,
            "ISAKMP-peer": connection.peer,
            "Acquire-ID": str(wish.sequence),
            "Local-ID": local,
            "Remote-ID": remote,
            "Configuration": settings,
        },
    )
    dynamic.count(name, _HOLDERS)
    dynamic.refer(local, _selector_tags(wish.local_selector))
    dynamic.refer(remote, _selector_tags(wish.remote_selector))
    suites = ",".join(each.name for each in connection.suites)
    dynamic.refer(settings, {"Exchange_type": "Quick_mode", "DOI": "IPSEC", "Suites": suites})


def _write_down_peer(core: Core, wish: Acquire, ends: Peer) -> None:
    dynamic, defaults = core.dynamic, core.oracle.configuration.on_demand
    name = ends.name
    settings = f"phase1-{name}"
    tags = {"Phase": "1", "Address": wish.remote, "Configuration": settings}
    if wish.local:
        tags["Local-address"] = wish.local
    ids = {"ID": (wish.local_identity, ends.identity), "Remote-ID": (wish.remote_identity, ends.remote_identity)}
    tags |= {tag: _identity_name(text) for tag, (text, _) in ids.items() if text}
    if not dynamic.refer(name, tags):
        return
    transforms = ",".join(each.name for each in defaults.transforms)
    dynamic.refer(settings, {"Exchange_Type": defaults.exchange, "DOI": "IPSEC", "Transforms": transforms})
    for text, identity in ids.values():
        if identity is not None:
            dynamic.refer(_identity_name(text), _selector_tags(identity))
    dynamic.peers[name] = replace(ends, transforms=defaults.transforms, exchange=defaults.exchange)


def _ends(wish: Acquire) -> Peer:
    """The peer as far as the kernel says who and where it is. Raises ValueError for what is no address."""
    return Peer(
        "",
        (),
        address=ip_address(wish.remote),
        local_address=ip_address(wish.local) if wish.local else None,
        identity=_identity(wish.local_identity),
        remote_identity=_identity(wish.remote_identity),
    )


def _peer_name(core: Core, wish: Acquire) -> str:
    """`peer-DST-local-SRC` or `peer-DST`, whichever is configured; else the longer one where there is a SRC."""
    short = f"peer-{wish.remote}"
    names = [f"{short}-local-{wish.local}", short] if wish.local else [short]
    return next((each for each in names if each in core.oracle.configuration.peers), names[0])


def _flow_name(word: str, selector: Identity) -> str:
    """ipsecctl's name for one side of a flow: WORD-HOST[=PROTOCOL][:PORT]; a network of one address is that host."""
    network = selector.network
    host = selector.address if network is None else network.network_address if network.num_addresses == 1 else network
    protocol = f"={selector.protocol}" if selector.protocol else ""
    port = f":{selector.port}" if selector.port else ""
    return f"{word}-{host}{protocol}{port}"


def _selector_tags(identity: Identity) -> Mapping[str, str]:
    tags = {"ID-type": identity.type}
    if identity.network is not None:
        tags |= {"Network": str(identity.network.network_address), "Netmask": str(identity.network.netmask)}
    elif identity.address is not None:
        tags["Address"] = str(identity.address)
    else:
        tags["Name"] = str(identity.name)
    if identity.protocol:
        tags |= {"Protocol": str(identity.protocol), "Port": str(identity.port)}
    return tags


def _identity_name(text: str) -> str:
    return f"id-{text.partition('/')[2] or text}"


def _identity(text: str) -> Identity | None:
    """An identity as a kernel has it: `fqdn/NAME`, `ufqdn/NAME`, `ipv4/ADDRESS`, `ipv6/ADDRESS`, or a bare name.

    Raises ValueError for an address that is none.
    """
    if not text:
        return None
    prefix, _, rest = text.partition("/")
    kind = _PREFIXES.get(prefix)
    if kind is not None:
        return Identity(kind, name=rest)
    if prefix in ("ipv4", "ipv6"):
        return identities.of_address(ip_address(rest))
    return Identity("USER_FQDN" if "@" in text else "FQDN", name=text)
