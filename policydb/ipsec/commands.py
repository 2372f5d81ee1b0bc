"""An ike rule as commands for isakmpd's FIFO (isakmpd(8)), in the names and the order of today's ipsecctl(8).

The same commands are carried out by policydb.ipsec.bindings when an ipsec.conf is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from policydb.ipsec.hosts import Host
from policydb.ipsec.rules import IkeRule, Transforms
from policydb.ipsec.tables import CIPHERS, GROUPS, HASHES

_PROTOCOL_IDS = {"esp": "IPSEC_ESP", "ah": "IPSEC_AH"}
_ILLEGAL_PROTOCOLS = {"ipcomp": 3, "ipip": 5}


class Command(NamedTuple):
    """One line for the FIFO. `verb`: set, add, rmv, rms, or t (tear down), for which `section` is the connection."""

    verb: str
    section: str
    tag: str = ""
    value: str = ""
    force: bool = False

    def __str__(self) -> str:
        if self.verb == "t":
            return f"t {self.section}"
        if self.verb == "rms":
            return f"C rms [{self.section}]"
        return f"C {self.verb} [{self.section}]:{self.tag}={self.value}{' force' if self.force else ''}"


@dataclass(frozen=True, slots=True)
class Emission:
    """The commands of a rule. With an `error` the rule is not whole; `cut` is a line that then breaks off."""

    commands: tuple[Command, ...]
    error: str = ""
    cut: str = ""


class _IllegalError(Exception):
    """Something that cannot be negotiated; `cut` as in Emission."""

    def __init__(self, message: str, cut: str = "") -> None:
        super().__init__(message)
        self.cut = cut


@dataclass(frozen=True, slots=True)
class Names:
    """The sections of a rule: peer, connection, identities of its traffic."""

    peer: str
    local_id: str
    nat_id: str | None
    remote_id: str

    @property
    def connection(self) -> str:
        """The IPsec-connection."""
        return f"{self.local_id}-{self.remote_id}"


def names_of(rule: IkeRule) -> Names:
    """How ipsecctl(8) calls the sections of a rule."""
    if rule.peer is None:
        peer = "peer-default"
    else:
        peer = f"peer-{rule.peer.name}" + (f"-local-{rule.local.name}" if rule.local else "")
    if rule.interface is not None:
        return Names(peer, f"from-sec{rule.interface}", None, f"to-sec{rule.interface}")
    traffic = rule.traffic
    proto = f"={traffic.proto}" if traffic.proto else ""
    source_port = f":{traffic.source_port}" if traffic.source_port else ""
    destination_port = f":{traffic.destination_port}" if traffic.destination_port else ""
    nat = traffic.source.nat
    return Names(
        peer,
        f"from-{traffic.source.name}{proto}{source_port}",
        f"nat-{nat.name}{proto}{source_port}" if nat else None,
        f"to-{traffic.destination.name}{proto}{destination_port}",
    )


def commands_of(rule: IkeRule) -> Emission:
    """What sets the rule up; up to the point where it turns out to be illegal, if it is."""
    done: list[Command] = []
    try:
        done.extend(_all(rule, names_of(rule)))
    except _IllegalError as illegal:
        return Emission(tuple(_partly(rule)), str(illegal), illegal.cut)
    return Emission(tuple(done))


def deletion_of(rule: IkeRule) -> tuple[Command, ...]:
    """What takes the connection away (ipsecctl -d); its peer stays, for others may share it."""
    name = names_of(rule).connection
    return (
        Command("t", name),
        Command("rmv", "Phase 2", _list_tag(rule), name),
        Command("rms", name),
        Command("rms", f"phase2-{name}"),
    )


def _partly(rule: IkeRule) -> Iterator[Command]:
    """The commands in front of the illegal one."""
    commands = _all(rule, names_of(rule))
    while True:
        try:
            yield next(commands)
        except (StopIteration, _IllegalError):
            return


def _set(section: str, tag: str, value: str) -> Command:
    return Command("set", section, tag, value, force=True)


def _list_tag(rule: IkeRule) -> str:
    return "Passive-Connections" if rule.mode == "passive" else "Connections"


def _all(rule: IkeRule, names: Names) -> Iterator[Command]:
    if rule.mode == "dynamic":
        yield _set("General", "Check-interval", "30")
        yield _set("General", "DPD-check-interval", "5")
    yield from _peer(rule, names.peer)
    yield from _main_mode(rule, names.peer)
    yield from _phase_1_ids(rule, names.peer)
    yield from _connection(rule, names)
    yield from _quick_mode(rule, names.connection)
    yield from _traffic(rule, names)
    yield Command("add", "Phase 2", _list_tag(rule), names.connection)


# --- phase 1 ------------------------------------------------------------------------------------------------------


def _peer(rule: IkeRule, peer: str) -> Iterator[Command]:
    yield _set("Phase 1", rule.peer.name if rule.peer else "Default", peer)
    yield _set(peer, "Phase", "1")
    if rule.peer:
        yield _set(peer, "Address", rule.peer.name)
    if rule.local:
        yield _set(peer, "Local-address", rule.local.name)
    if rule.psk is not None:
        yield _set(peer, "Authentication", rule.psk)
    yield _set(peer, "Configuration", f"phase1-{peer}")
    yield _set(f"phase1-{peer}", "EXCHANGE_TYPE", rule.exchange)


def _main_mode(rule: IkeRule, peer: str) -> Iterator[Command]:
    main = rule.main
    cipher, hashed, group = CIPHERS[main.enc or "none"], HASHES[main.auth or "none"], GROUPS[main.group]
    if cipher.phase_1 is None:
        raise _IllegalError(f"illegal transform {main.enc}")
    if hashed.phase_1 is None:
        raise _IllegalError(f"illegal transform {main.auth}")
    if group is None:
        raise _IllegalError(f"illegal group {main.group}")
    method = "RSA_SIG" if rule.psk is None else "PRE_SHARED"
    size = _first(cipher.key_length)
    transform = f"phase1-transform-{peer}-{method}-{hashed.phase_1}-{cipher.phase_1}{size}-{group}"
    yield Command("add", f"phase1-{peer}", "Transforms", transform, force=True)
    yield _set(transform, "AUTHENTICATION_METHOD", method)
    yield _set(transform, "HASH_ALGORITHM", hashed.phase_1)
    yield _set(transform, "ENCRYPTION_ALGORITHM", f"{cipher.phase_1}_CBC")
    if cipher.key_length:
        yield _set(transform, "KEY_LENGTH", cipher.key_length)
    yield _set(transform, "GROUP_DESCRIPTION", group)
    yield from _life(main, transform, "LIFE_MAIN_MODE")


def _first(key_length: str | None) -> str:
    """The length that is offered."""
    return key_length.partition(",")[0] if key_length else ""


def _life(given: Transforms, transform: str, default: str) -> Iterator[Command]:
    if given.lifetime is None:
        yield _set(transform, "Life", default)
        return
    life = f"{transform}-life"
    yield _set(transform, "Life", life)
    yield _set(life, "LIFE_TYPE", "SECONDS")
    yield _set(life, "LIFE_DURATION", str(given.lifetime))


def _phase_1_ids(rule: IkeRule, peer: str) -> Iterator[Command]:
    for tag, name in (("ID", rule.srcid), ("Remote-ID", rule.dstid)):
        if name is not None:
            kind = identity_type(name)
            yield _set(peer, tag, f"id-{name}")
            yield _set(f"id-{name}", "ID-type", kind)
            yield _set(f"id-{name}", "Address" if kind.endswith("_ADDR") else "Name", name)


def identity_type(text: str) -> str:
    """The ID-type of a srcid or dstid."""
    if ":" in text or text[-1:].isdigit():
        try:
            return f"IPV{ip_address(text).version}_ADDR"
        except ValueError:
            pass
    return "USER_FQDN" if "@" in text else "FQDN"


# --- phase 2 ------------------------------------------------------------------------------------------------------


def _connection(rule: IkeRule, names: Names) -> Iterator[Command]:
    connection = names.connection
    tags: tuple[tuple[str, str | None], ...] = (
        ("Phase", "2"),
        ("ISAKMP-peer", names.peer),
        ("Configuration", f"phase2-{connection}"),
        ("Local-ID", names.local_id),
        ("NAT-ID", names.nat_id),
        ("Remote-ID", names.remote_id),
        ("PF-Tag", rule.tag),
        ("Interface", None if rule.interface is None else str(rule.interface)),
    )
    for tag, value in tags:
        if value is not None:
            yield _set(connection, tag, value)


def _quick_mode(rule: IkeRule, connection: str) -> Iterator[Command]:
    yield _set(f"phase2-{connection}", "EXCHANGE_TYPE", "QUICK_MODE")
    yield _set(f"phase2-{connection}", "Suites", f"phase2-suite-{connection}")
    yield _set(f"phase2-suite-{connection}", "Protocols", f"phase2-protocol-{connection}")
    protocol = f"phase2-protocol-{connection}"
    if rule.protocol not in _PROTOCOL_IDS:
        message = f"illegal satype {_ILLEGAL_PROTOCOLS[rule.protocol]}"
        raise _IllegalError(message, f"C set [{protocol}]:PROTOCOL_ID=")
    yield _set(protocol, "PROTOCOL_ID", _PROTOCOL_IDS[rule.protocol])
    suite = quick_suite(rule)
    parts = (suite.cipher_name, suite.hashed or "NONE", suite.group or "NONE", suite.encapsulation)
    transform = f"phase2-transform-{connection}-{'-'.join(parts)}"
    yield _set(protocol, "Transforms", transform)
    yield _set(transform, "TRANSFORM_ID", suite.transform_id)
    if suite.key_length:
        yield _set(transform, "KEY_LENGTH", suite.key_length)
    yield _set(transform, "ENCAPSULATION_MODE", suite.encapsulation)
    if suite.hashed:
        yield _set(transform, "AUTHENTICATION_ALGORITHM", f"HMAC_{suite.hashed}")
    if suite.group:
        yield _set(transform, "GROUP_DESCRIPTION", suite.group)
    yield from _life(rule.quick, transform, "LIFE_QUICK_MODE")


class QuickSuite(NamedTuple):
    """The values of an IPsec-transform section; `hashed` without HMAC_, `cipher_name` as the section's name has it."""

    transform_id: str
    cipher_name: str
    hashed: str | None
    key_length: str | None
    group: str | None
    encapsulation: str


def quick_suite(rule: IkeRule) -> QuickSuite:
    """What quick mode of an esp or ah rule negotiates. Raises _IllegalError."""
    quick = rule.quick
    cipher = None
    if quick.enc is not None:
        cipher = CIPHERS[quick.enc]
        if rule.protocol == "ah" or cipher.phase_2 is None:
            raise _IllegalError(f"illegal transform {quick.enc}")
    hashed = HASHES[quick.auth].phase_2 if quick.auth is not None else None
    if quick.auth is not None and hashed is None:
        raise _IllegalError(f"illegal transform {quick.auth}")
    if quick.group == "unknown":
        raise _IllegalError(f"illegal group {quick.group}")
    group, encapsulation = GROUPS[quick.group], rule.encapsulation.upper()
    if cipher is None or cipher.phase_2 is None:
        return QuickSuite(hashed or "", "NONE", hashed, None, group, encapsulation)
    name = f"{cipher.phase_2}{_first(cipher.key_length)}"
    return QuickSuite(cipher.phase_2, name, hashed, cipher.key_length, group, encapsulation)


def _traffic(rule: IkeRule, names: Names) -> Iterator[Command]:
    traffic = rule.traffic
    yield from _selector(names.local_id, traffic.source)
    if names.nat_id and traffic.source.nat:
        yield from _selector(names.nat_id, traffic.source.nat)
    yield from _selector(names.remote_id, traffic.destination)
    if traffic.proto:
        yield _set(names.local_id, "Protocol", str(traffic.proto))
        yield _set(names.remote_id, "Protocol", str(traffic.proto))
    if traffic.source_port:
        yield _set(names.local_id, "Port", str(traffic.source_port))
    if traffic.destination_port:
        yield _set(names.remote_id, "Port", str(traffic.destination_port))


def _selector(section: str, host: Host) -> Iterator[Command]:
    if host.length is None:
        yield _set(section, "ID-type", f"IPV{host.version}_ADDR")
        yield _set(section, "Address", host.typed)
        return
    yield _set(section, "ID-type", f"IPV{host.version}_ADDR_SUBNET")
    yield _set(section, "Network", host.typed)
    yield _set(section, "Netmask", str(host.network.netmask))
