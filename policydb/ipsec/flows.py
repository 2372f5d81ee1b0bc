"""Flow rules of ipsec.conf(5), expanded, and how ipsecctl(8) prints them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import FlowNode
from grammar.nodes import Span
from policydb.configuration.vocabulary import IP_PROTOCOLS, SERVICES
from policydb.ipsec.hosts import Host, RuleError
from policydb.ipsec.rules import Selectors, Surroundings, endpoint, selectors

_WITHOUT_PEER = ("deny", "bypass")
_USED_BY_DEFAULT = ("ipcomp", "ipip")


def _names(numbers: Mapping[str, int]) -> dict[int, str]:
    """Number to name; of several names the first."""
    return {number: name for name, number in reversed(list(numbers.items()))}


_PROTOCOL_NAMES, _PORT_NAMES = _names(IP_PROTOCOLS), _names(SERVICES)


@dataclass(frozen=True, slots=True)
class FlowRule:
    """One flow in one direction."""

    span: Span
    file: str
    protocol: str
    direction: str
    traffic: Selectors
    type: str
    peer: Host | None = None
    local: Host | None = None
    srcid: str | None = None
    dstid: str | None = None

    def __str__(self) -> str:
        traffic = self.traffic
        proto = f" proto {_PROTOCOL_NAMES.get(traffic.proto, traffic.proto)}" if traffic.proto else ""
        parts = (
            f"flow {self.protocol} {self.direction}{proto}",
            f"from {traffic.source}{_port(traffic.source_port)}",
            f"to {traffic.destination}{_port(traffic.destination_port)}",
            *(
                f"{word} {value}"
                for word, value in (
                    ("local", self.local),
                    ("peer", self.peer),
                    ("srcid", self.srcid),
                    ("dstid", self.dstid),
                )
                if value is not None
            ),
            f"type {self.type}",
        )
        return " ".join(parts)


def _port(number: int) -> str:
    return f" port {_PORT_NAMES.get(number, number)}" if number else ""


def flow_rules(node: FlowNode, surroundings: Surroundings) -> list[FlowRule]:
    """The flows that a node stands for: each pair out, and in again the other way round. Raises RuleError."""
    resolver = surroundings.resolver
    pairs = list(selectors(node.traffic, node.proto, resolver))
    kind = node.type or ("use" if node.protocol in _USED_BY_DEFAULT else "require")
    local, named = endpoint(node.local, resolver), endpoint(node.peer, resolver)
    found = []
    for pair in pairs:
        rule = FlowRule(node.span, node.source, node.protocol, node.direction or "out", pair, kind)
        if kind not in _WITHOUT_PEER:
            rule = replace(
                rule,
                peer=named or _default_peer(node, pair),
                local=local,
                srcid=node.srcid.text if node.srcid else None,
                dstid=node.dstid.text if node.dstid else None,
            )
        found.append(rule)
        if node.direction is None:
            found.append(_reversed(rule))
    return found


def _default_peer(node: FlowNode, pair: Selectors) -> Host | None:
    """The far end, if it is a single host; None, nobody in particular, for `peer any`."""
    if node.peer is not None:
        return None
    far = pair.source if node.direction == "in" else pair.destination
    if far.length is not None:
        message = f"no peer specified for destination {pair.destination.name}"
        raise RuleError(IpsecCode.NO_PEER, message, node.traffic.destination.span, "add peer ADDRESS")
    return far


def _reversed(rule: FlowRule) -> FlowRule:
    """The same the other way round; the peer and who is who stay."""
    traffic = rule.traffic
    turned = Selectors(
        traffic.destination, traffic.source, traffic.proto, traffic.destination_port, traffic.source_port
    )
    return replace(rule, direction="in", traffic=turned)
