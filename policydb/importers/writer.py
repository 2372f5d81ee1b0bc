"""Writes a plan as isakmpd.conf and as a policy that allows exactly its tunnels.

Nothing is trusted here: every value is checked once more before it becomes a line (CVE-2018-10900).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network

from policydb.attributes import APP_DOMAIN, ESP_CIPHERS, zero_padded
from policydb.configuration.predefined import predefined_section
from policydb.importers.plan import Identity, Lease, Peer, Plan, Selector, Suite, Tunnel
from policydb.importers.words import checked
from policydb.secrecy import digests

_PROTOCOLS = {6: "tcp", 17: "udp", 97: "etherip"}
_DAY = 86400


class _Sheet:
    """Sections in the order of their first mention, each tag once."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, str]] = {}

    def add(self, section: str, *bindings: tuple[str, str]) -> str:
        """A section with its tags; its name comes back. Raises NotCarriedError for what cannot be written."""
        tags = self._sections.setdefault(checked(section), {})
        for tag, value in bindings:
            tags.setdefault(checked(tag), checked(value))
        return section

    def text(self) -> str:
        """The file."""
        parts = []
        for section, tags in self._sections.items():
            lines = [f"{f'{tag}=':<24}{value}" for tag, value in tags.items()]
            parts.append("\n".join([f"[{section}]", *lines, ""]))
        return "\n".join(parts)


def configuration_text(plan: Plan, origin: str) -> str:
    """isakmpd.conf, latin-1. `origin` says in a comment where it comes from. Raises NotCarriedError."""
    sheet = _Sheet()
    if plan.general:
        sheet.add("General", *plan.general)
    peers = {each.peer.name: each.peer for each in plan.tunnels}
    if any(each.aggressive and each.authentication == "PRE_SHARED" for each in peers.values()):
        sheet.add("General", ("Accept-aggressive-psk", "yes"))
    for peer in peers.values():
        sheet.add("Phase 1", (str(peer.address) if peer.address else "Default", f"peer-{peer.name}"))
    for tag, initiates in (("Connections", True), ("Passive-connections", False)):
        names = [f"tunnel-{each.name}" for each in plan.tunnels if each.initiates is initiates]
        if names:
            sheet.add("Phase 2", (tag, ",".join(names)))
    for peer in peers.values():
        _add_peer(sheet, peer)
    if plan.users:
        sheet.add("XAUTH-users", *plan.users)
    for tunnel in plan.tunnels:
        _add_tunnel(sheet, tunnel)
    return f"# Converted from {checked(origin)} by policydb import.\n\n{sheet.text()}"


def _add_peer(sheet: _Sheet, peer: Peer) -> None:
    bindings = [("Phase", "1")]
    if peer.address:
        bindings.append(("Address", str(peer.address)))
    if peer.local_address:
        bindings.append(("Local-address", str(peer.local_address)))
    if peer.port != Peer("", ()).port:
        bindings.append(("Port", str(peer.port)))
    for tag, identity in (("ID", peer.identity), ("Remote-ID", peer.remote_identity)):
        if identity and identity.type != "ASN1_DN":
            bindings.append((tag, f"{tag.lower()}-{peer.name}"))
    if peer.secret is not None:
        bindings.append(("Authentication", key_text(peer.secret)))
    if peer.login and peer.login.user:
        bindings += [("XAUTH-User", peer.login.user), ("XAUTH-Password", peer.login.password)]
    if peer.lease and peer.lease.begins:
        bindings.append(("Flags", "ikecfg"))
    sheet.add(f"peer-{peer.name}", *bindings, ("Configuration", f"main-mode-{peer.name}"))
    for tag, identity in (("id", peer.identity), ("remote-id", peer.remote_identity)):
        if identity and identity.type != "ASN1_DN":
            kind = "Address" if identity.type.endswith("_ADDR") else "Name"
            sheet.add(f"{tag}-{peer.name}", ("ID-type", identity.type), (kind, identity.value))
    if peer.lease:
        sheet.add(peer.lease.section, *_lease(peer.lease))
    names = [_main_mode(sheet, each.main_mode(peer.authentication), peer) for each in peer.transforms]
    exchange = "AGGRESSIVE" if peer.aggressive else "ID_PROT"
    sheet.add(f"main-mode-{peer.name}", ("EXCHANGE_TYPE", exchange), ("Transforms", ",".join(names)))


def _lease(lease: Lease) -> list[tuple[str, str]]:
    if lease.address is None:
        return [("Mode", "REQUEST"), ("Attributes", "Address,Nameserver")]
    given = {"Address": lease.address, "Nameserver": lease.nameserver}
    values = [(tag, str(value)) for tag, value in given.items() if value is not None]
    return [("Attributes", ",".join(tag for tag, _ in values)), *values]


def _add_tunnel(sheet: _Sheet, tunnel: Tunnel) -> None:
    bindings = [
        *(("Phase", "2"), ("ISAKMP-peer", f"peer-{tunnel.peer.name}")),
        ("Configuration", f"quick-mode-{tunnel.name}"),
    ]
    ends = (("Local-ID", tunnel.local), ("Remote-ID", tunnel.remote))
    bindings += [(tag, f"{tag[:-3].lower()}-net-{tunnel.name}") for tag, end in ends if end]
    sheet.add(f"tunnel-{tunnel.name}", *bindings)
    names = [_quick_mode(sheet, each.quick_mode(transport=tunnel.transport), tunnel) for each in tunnel.suites]
    sheet.add(f"quick-mode-{tunnel.name}", ("EXCHANGE_TYPE", "QUICK_MODE"), ("Suites", ",".join(names)))
    for tag, end in ends:
        if end:
            sheet.add(f"{tag[:-3].lower()}-net-{tunnel.name}", *_selector(end))


def _selector(end: Selector) -> list[tuple[str, str]]:
    kind, network = f"IPV{end.network.version}_ADDR", end.network
    bindings = [("ID-type", kind), ("Address", str(network.network_address))]
    if network.prefixlen != network.max_prefixlen:
        mask = str(network.netmask)
        bindings = [("ID-type", f"{kind}_SUBNET"), ("Network", str(network.network_address)), ("Netmask", mask)]
    if end.protocol:
        bindings.append(("Protocol", str(end.protocol)))
    if end.port:
        bindings.append(("Port", str(end.port)))
    return bindings


def _life(sheet: _Sheet, seconds: int) -> tuple[str, str]:
    """The Life tag for a lifetime of its own: what the peer asks for is accepted as by default."""
    duration = f"{seconds},60:{max(seconds, _DAY)}"
    name = sheet.add(f"LIFE-{seconds}s", ("LIFE_TYPE", "SECONDS"), ("LIFE_DURATION", duration))
    return "Life", name


def _main_mode(sheet: _Sheet, name: str, peer: Peer) -> str:
    """The predefined transform, or one like it with a lifetime or a method of its own."""
    own, bindings = name, dict(predefined_section(name))
    if peer.method != bindings["AUTHENTICATION_METHOD"]:
        own, bindings = f"{own}-{peer.method.partition('_')[0]}", bindings | {"AUTHENTICATION_METHOD": peer.method}
    if peer.lifetime is not None:
        own, bindings = f"{own}-{peer.lifetime}s", bindings | dict([_life(sheet, peer.lifetime)])
    return name if own == name else sheet.add(own, *bindings.items())


def _quick_mode(sheet: _Sheet, name: str, tunnel: Tunnel) -> str:
    """The predefined suite, or one like it with a lifetime or a replay window of its own."""
    seconds, window = tunnel.lifetime, tunnel.replay_window
    if seconds is None and window is None:
        return f"{name}-SUITE"
    own = name + ("" if seconds is None else f"-{seconds}s") + ("" if window is None else f"-W{window}")
    transform = f"{name}-XF"
    if seconds is not None:
        transform = f"{name}-{seconds}s-XF"
        bindings = [each for each in predefined_section(f"{name}-XF") if each[0] != "Life"]
        sheet.add(transform, *bindings, _life(sheet, seconds))
    replay = () if window is None else (("ReplayWindow", str(window)),)
    sheet.add(own, ("PROTOCOL_ID", "IPSEC_ESP"), *replay, ("Transforms", transform))
    return sheet.add(f"{own}-SUITE", ("Protocols", own))


def key_text(secret: bytes) -> str:
    """A pre-shared key as isakmpd.conf(5) takes it: the text itself where that is safe, else 0x and digits."""
    text = secret.decode("latin-1")
    is_plain = text.isascii() and text.isprintable() and text == text.strip()
    is_plain = is_plain and not text.startswith("0x") and not text.endswith("\\")
    return text if is_plain else f"0x{secret.hex()}"


# --- policy -------------------------------------------------------------------------------------------------------


def policy_text(plan: Plan, origin: str) -> str:
    """isakmpd.policy: for each tunnel who may have it, and with which algorithms, groups and addresses."""
    if not plan.tunnels:
        return f'Comment: {checked(origin)} allows nothing that could be converted\nAuthorizer: "POLICY"\nLicensees:\n'
    names = [name for name, _ in plan.users]
    return "\n".join(_assertion(each, names, checked(origin)) for each in plan.tunnels)


def _assertion(tunnel: Tunnel, users: Sequence[str], origin: str) -> str:
    tests = [f'app_domain == "{APP_DOMAIN}" && esp_present == "yes"']
    modes = ["transport"] if tunnel.transport else ["tunnel", "udp-encap-tunnel"]
    tests.append(_any_of([f'esp_encapsulation == "{each}"' for each in modes]))
    tests.append(_any_of([" && ".join(_suite(each, transport=tunnel.transport)) for each in tunnel.suites]))
    tests += _who(tunnel.peer)
    for prefix, end in (("local", tunnel.local), ("remote", tunnel.remote)):
        tests += _addresses(prefix, end)
    return "\n".join(
        [
            "KeyNote-Version: 2",
            f"Comment: tunnel-{checked(tunnel.name)}, converted from {origin}",
            'Authorizer: "POLICY"',
            f"Licensees: {_licensees(tunnel.peer, users)}",
            "Conditions: " + "\n    && ".join(tests) + ' -> "true";',
            "",
        ]
    )


def _licensees(peer: Peer, users: Sequence[str]) -> str:
    """The peer's key; at a gateway its users too, or alone."""
    everybody = " || ".join(_literal(f"user:{each.lower()}") for each in users)
    if not (peer.admits_users and everybody):
        return _literal(_licensee(peer))
    if peer.login and peer.login.hybrid:
        return everybody
    return f"{_literal(_licensee(peer))} && ({everybody})"


def _licensee(peer: Peer) -> str:
    if peer.secret is not None:
        return digests(peer.secret.decode("latin-1"))[1]
    return f"DN:{checked(peer.subject or '')}"


def _who(peer: Peer) -> list[str]:
    """Peers may share a secret: who the peer says it is, else where it is, belongs to the tunnel too."""
    named = peer.remote_identity
    if peer.admits_users and peer.login and peer.login.hybrid:
        return []  # its identity proves nothing, its user does
    if named and named.type != "ASN1_DN":
        return [f"remote_id == {_literal(_policy_name(named))}"]
    return [f'remote_negotiation_address == "{zero_padded(peer.address)}"'] if peer.address else []


def _policy_name(identity: Identity) -> str:
    return zero_padded(ip_address(identity.value)) if identity.type.endswith("_ADDR") else checked(identity.value)


def _suite(suite: Suite, *, transport: bool) -> Iterator[str]:
    """One choice of algorithms as tests."""
    bindings = dict(predefined_section(f"{suite.quick_mode(transport=transport)}-XF"))
    yield f'esp_enc_alg == "{ESP_CIPHERS[bindings["TRANSFORM_ID"]]}"'
    if lengths := bindings.get("KEY_LENGTH"):
        least, _, most = lengths.partition(",")[2].partition(":")
        if least == most:
            yield f"@esp_key_length == {least}"
        else:
            yield f"@esp_key_length >= {least} && @esp_key_length <= {most}"
    hashed = bindings.get("AUTHENTICATION_ALGORITHM")
    yield f'esp_auth_alg == "{hashed.lower().replace("_", "-") if hashed else ""}"'
    yield 'pfs == "no"' if suite.group is None else f'pfs == "yes" && @esp_group_desc == {suite.group}'


def _addresses(prefix: str, end: Selector | None) -> list[str]:
    """The traffic of one end as tests: exactly what is configured, not a part of it."""
    name = f"{prefix}_filter"
    if end is None:
        own = f"{prefix}_negotiation_address"
        return [f"{name}_addr_lower == {own} && {name}_addr_upper == {own}"]
    if end.network == ip_network("0.0.0.0/32"):  # whatever address mode-config gives us
        return [f"{name}_addr_lower == {name}_addr_upper"]
    lower, upper = (zero_padded(each) for each in (end.network.network_address, end.network.broadcast_address))
    tests = [f'{name}_addr_lower == "{lower}" && {name}_addr_upper == "{upper}"']
    proto = _PROTOCOLS.get(end.protocol, str(end.protocol))
    return [*tests, f'{name}_proto == "{proto}" && {name}_port == "{end.port}"']


def _any_of(tests: Iterable[str]) -> str:
    each = list(dict.fromkeys(tests))
    return each[0] if len(each) == 1 else "(" + "\n        || ".join(f"({one})" for one in each) + ")"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
