"""Identities of phase 2 in every way of writing them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from policydb.connections import Identity


def host(text: str, protocol: int = 0, port: int = 0) -> Identity:
    """A single address."""
    address = ip_address(text)
    return Identity(f"IPV{address.version}_ADDR", address=address, protocol=protocol, port=port)


def net(text: str, protocol: int = 0, port: int = 0) -> Identity:
    """A network, `10.1.0.0/16`."""
    network = ip_network(text)
    return Identity(f"IPV{network.version}_ADDR_SUBNET", network=network, protocol=protocol, port=port)


def span(lower: str, upper: str, protocol: int = 0, port: int = 0) -> Identity:
    """A range, which only a peer can send."""
    first, last = ip_address(lower), ip_address(upper)
    kind = f"IPV{first.version}_RANGE"
    return Identity(kind, address=first, upper=last, protocol=protocol, port=port)
