"""An ike rule as a KeyNote assertion that allows its connection and nothing else (isakmpd.policy(5)).

Who may have it is the pre-shared key where there is one. A key for rsa is not named in ipsec.conf: phase 1 checks it,
and the assertion asks for the identity that was proven, or at least for the peer's address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address

from policydb.attributes import APP_DOMAIN, ESP_CIPHERS, zero_padded
from policydb.configuration.sealing import SecretError, preshared_key
from policydb.ipsec.commands import QuickSuite, identity_type, quick_suite
from policydb.ipsec.hosts import Host
from policydb.ipsec.rules import IkeRule
from policydb.ipsec.tables import GROUP_NUMBERS
from policydb.secrecy import digests

_HASHES = {"SHA2_256": "sha2-256", "SHA2_384": "sha2-384", "SHA2_512": "sha2-512"}
_PROTOCOLS = {6: "tcp", 17: "udp", 97: "etherip"}
_ID_TYPES = {"IPV4_ADDR": "IPv4 address", "IPV6_ADDR": "IPv6 address", "FQDN": "FQDN", "USER_FQDN": "User FQDN"}
_SPECIAL = re.compile(r"[\x00-\x1f\x7f\"\\]")


def assertion_of(rule: IkeRule) -> str:
    """The assertion's text. The rule must be one that policydb.ipsec.commands finds legal."""
    licensee = _licensee(rule)
    lines = [
        "KeyNote-Version: 2",
        f"Comment: {summary(rule)}",
        'Authorizer: "POLICY"',
        *([f"Licensees: {_quoted(licensee)}"] if licensee else []),
        "Conditions: " + "\n    && ".join(_conditions(rule)) + ' -> "true";',
    ]
    return "\n".join(lines) + "\n"


def summary(rule: IkeRule) -> str:
    """The rule in short, without its key."""
    traffic = rule.traffic
    if rule.interface is not None:
        text = f"ike interface sec{rule.interface}"
    else:
        text = f"ike {rule.protocol} {rule.encapsulation} from {traffic.source.name} to {traffic.destination.name}"
    peer = rule.peer.name if rule.peer else "any"
    return f"{text} peer {peer}"


def names_no_key(rule: IkeRule) -> bool:
    """Whether nothing in the rule tells the peer's key: rsa, whose keys stand in files of the daemon."""
    return _licensee(rule) is None


def _licensee(rule: IkeRule) -> str | None:
    """The digest of the pre-shared key; None for rsa, and for a key that cannot be decoded, which others report."""
    if rule.psk is None:
        return None
    try:
        return digests(preshared_key(rule.psk).decode("latin-1"))[1]
    except SecretError:
        return None


def _quoted(text: str) -> str:
    """A string literal of KeyNote (RFC 2704 section 4.2)."""
    return f'"{_SPECIAL.sub(_escaped, text)}"' if _SPECIAL.search(text) else f'"{text}"'


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\{character}" if character in {'"', "\\"} else f"\\{ord(character):03o}"


def _is(attribute: str, value: str) -> str:
    return f"{attribute} == {_quoted(value)}"


def _conditions(rule: IkeRule) -> Iterator[str]:
    yield _is("app_domain", APP_DOMAIN)
    yield _is("doi", "ipsec")
    yield from _peer(rule)
    yield from _protocol(rule.protocol, quick_suite(rule))
    yield from _filter("local_filter", rule.traffic.source, rule.traffic.proto, rule.traffic.source_port)
    yield from _filter("remote_filter", rule.traffic.destination, rule.traffic.proto, rule.traffic.destination_port)


def _peer(rule: IkeRule) -> Iterator[str]:
    if rule.peer is not None:
        yield _is("remote_negotiation_address", zero_padded(rule.peer.address))
    if rule.local is not None:
        yield _is("local_negotiation_address", zero_padded(rule.local.address))
    if rule.dstid is not None:
        kind = identity_type(rule.dstid)
        yield _is("remote_id_type", _ID_TYPES[kind])
        yield _is("remote_id", zero_padded(ip_address(rule.dstid)) if kind.endswith("_ADDR") else rule.dstid)


@lru_cache(maxsize=256)  # files have few suites and many rules
def _protocol(protocol: str, suite: QuickSuite) -> tuple[str, ...]:
    return tuple(_protocol_conditions(protocol, suite))


def _protocol_conditions(protocol: str, suite: QuickSuite) -> Iterator[str]:
    is_esp = protocol == "esp"
    prefix = "esp" if is_esp else "ah"
    yield _is("esp_present", "yes" if is_esp else "no")
    yield _is("ah_present", "no" if is_esp else "yes")
    yield _is("comp_present", "no")
    if is_esp:
        yield _is("esp_enc_alg", ESP_CIPHERS[suite.transform_id])
        yield from _key_length(suite.key_length)
        yield _is("esp_auth_alg", f"hmac-{_hash(suite.hashed)}" if suite.hashed else "")
    else:
        yield _is("ah_hash_alg", _hash(suite.transform_id))
        yield _is("ah_auth_alg", f"hmac-{_hash(suite.transform_id)}")
    if suite.encapsulation == "TUNNEL":
        udp = _is(f"{prefix}_encapsulation", "udp-encap-tunnel")
        yield f"({_is(f'{prefix}_encapsulation', 'tunnel')} || {udp})"
    else:
        yield _is(f"{prefix}_encapsulation", "transport")
    yield _is("pfs", "yes" if suite.group else "no")
    if suite.group:
        yield _is(f"{prefix}_group_desc", str(GROUP_NUMBERS[suite.group]))


def _hash(value: str) -> str:
    return _HASHES.get(value, value.lower())


def _key_length(value: str | None) -> Iterator[str]:
    """What isakmpd.conf(5) accepts: `offer,least:most`."""
    if value is not None:
        least, most = value.partition(",")[2].split(":")
        if least == most:
            yield _is("esp_key_length", least)
        else:
            yield f"@esp_key_length >= {least}"
            yield f"@esp_key_length <= {most}"


def _filter(prefix: str, host: Host, proto: int, port: int) -> Iterator[str]:
    """Exactly these addresses, protocol and port."""
    network = host.network
    yield _is(f"{prefix}_addr_lower", zero_padded(network.network_address))
    yield _is(f"{prefix}_addr_upper", zero_padded(network.broadcast_address))
    yield _is(f"{prefix}_proto", _PROTOCOLS.get(proto, str(proto)))
    yield _is(f"{prefix}_port", str(port))
