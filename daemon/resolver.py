"""Names of ipsec.conf(5) looked up on this machine: interfaces by netlink, host names by the system's resolver."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address

from policydb.connections import Address


class SystemResolver:
    """A policydb.ipsec.hosts.Resolver that asks the kernel and the system."""

    def __init__(self) -> None:
        self._names: frozenset[str] | None = None
        self._interfaces: dict[str, tuple[Address, ...]] | None = None

    def interface(self, name: str) -> Sequence[Address]:
        """The addresses of an interface, link-local ones left out; () where there is none of that name."""
        if not self._is_interface(name):
            return ()
        if self._interfaces is None:
            self._interfaces = _interfaces()
        return self._interfaces.get(name, ())

    def _is_interface(self, name: str) -> bool:
        """Whether netlink need be asked at all: most words of a rule are addresses."""
        if self._names is None:
            self._names = _names()
        return name in self._names

    def lookup(self, name: str) -> Sequence[Address]:
        """All addresses of a name in the system's order, () where it has none."""
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            return ()
        return tuple(dict.fromkeys(ip_address(str(each[4][0]).partition("%")[0]) for each in found))


def _names() -> frozenset[str]:
    """The names of all interfaces; none where the system does not tell them."""
    try:
        return frozenset(name for _, name in socket.if_nameindex())
    except OSError:
        return frozenset()


def _interfaces() -> dict[str, tuple[Address, ...]]:
    """Every interface's addresses; nothing where netlink cannot be asked."""
    # Imported here: it takes long, and most files name no interface.
    from pyroute2 import IPRoute

    found: dict[str, tuple[Address, ...]] = {}
    try:
        with IPRoute() as netlink:
            names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in netlink.get_links()}
            for row in netlink.get_addr():
                # On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is ours.
                address = ip_address(row.get_attr("IFA_LOCAL") or row.get_attr("IFA_ADDRESS"))
                name = names.get(row["index"])
                if name is not None and not address.is_link_local:
                    found[name] = (*found.get(name, ()), address)
    except OSError:
        return {}
    return found
