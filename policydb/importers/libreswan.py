"""ipsec.conf(5) and ipsec.secrets(5) of libreswan to a plan: connections that speak IKEv1."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from grammar.nodes import Statement
from policydb.connections import Address
from policydb.importers import words
from policydb.importers.common import (
    Draft,
    Secret,
    ask,
    choose_secret,
    inner_addresses,
    lease_section,
    login,
    names_of,
    need,
    offered,
    one_address,
    pairs,
    proposals,
)
from policydb.importers.ledger import Fates, Ledger, View
from policydb.importers.plan import Identity, Lease, Login, NotCarriedError, Peer, Plan, Selector, Suite, Tunnel

_V2 = "it belongs to IKEv2"
_OWN = "isakmpd does so by itself"
_OTHER = "it is about libreswan's own process"
_SCRIPT = "isakmpd runs no scripts"
_CERT = "install certificates and keys in the folders that isakmpd.conf(5) names in [X509-certificates]"
_MODE_CONFIG = "it says nothing without its counterpart"
_USERS = "libreswan keeps its users elsewhere: name them in [XAUTH-users]"
_KERNEL = "isakmpd does not set this up in the kernel"
_SIDES = ("left", "right")
_ROADWARRIOR = ("xauthclient", "xauthserver", "modecfgclient", "modecfgserver")


def _both(fates: Mapping[str, str]) -> dict[str, str]:
    return {f"{side}{key}": why for key, why in fates.items() for side in _SIDES}


_CONNECTION = Fates(
    needless={
        **dict.fromkeys(("mobike", "esn", "narrowing", "ppk", "intermediate", "msdh-downgrade"), _V2),
        **dict.fromkeys(("rekey", "rekeymargin", "rekeyfuzz", "keyingtries", "retransmit-timeout"), _OWN),
        **dict.fromkeys(("retransmit-interval", "nat-keepalive", "nat-ikev1-method", "initial-contact"), _OWN),
        "dpdaction": "isakmpd brings up again what stands in Connections",
        "dpdtimeout": "as often as isakmpd does",
        "connaddrfamily": "the addresses say so",
        "hostaddrfamily": "the addresses say so",
        "phase2": "ESP is what is written",
        "auth": "ESP is what is written",
        **_both({"nexthop": "the kernel's routes decide", "sendcert": _OWN}),
    },
    harmless={
        "compress": frozenset({"no"}),
        "fragmentation": frozenset({"no"}),
        "encapsulation": frozenset({"auto", "no"}),
        "forceencaps": frozenset({"no"}),
        "overlapip": frozenset({"no"}),
        "sha2-truncbug": frozenset({"no"}),
        "ikepad": frozenset({"yes"}),
        "aggressive": frozenset({"no"}),
        "modecfgpull": frozenset({"no"}),
        **dict.fromkeys((f"{side}{key}" for side in _SIDES for key in _ROADWARRIOR), frozenset({"no"})),
    },
    left={
        "fragmentation": "isakmpd does not fragment IKE messages",
        "compress": "IPComp is not carried",
        **dict.fromkeys(("mark", "mark-in", "mark-out", "vti-interface", "vti-routing", "ipsec-interface"), _KERNEL),
        **dict.fromkeys(("mtu", "priority", "metric", "reqid", "nic-offload"), _KERNEL),
        **_both({"updown": _SCRIPT, "cert": _CERT, "rsasigkey": _CERT, "ca": _CERT, "sourceip": _KERNEL}),
        **_both(dict.fromkeys((*_ROADWARRIOR, "xauthusername", "username", "addresspool"), _MODE_CONFIG)),
        "xauthby": _USERS,
    },
)
_SETUP = Fates(
    needless=dict.fromkeys(
        (
            *("protostack", "plutodebug", "klipsdebug", "logfile", "plutostderrlog", "logtime", "logappend", "dumpdir"),
            *("ipsecdir", "secretsfile", "nhelpers", "uniqueids", "plutorestartoncrash", "plutofork", "syslog"),
            *("perpeerlog", "perpeerlogdir", "statsbin", "seedbits", "nat_traversal", "oe", "audit-log"),
        ),
        _OTHER,
    )
    | dict.fromkeys(("virtual_private", "virtual-private"), "the selectors of each tunnel say what is allowed"),
    harmless={},
    left={"ikeport": "the port is an option of isakmpd(8), -p"},
)
_ALIASES = {
    "esp": ("phase2alg", "esp"),
    "salifetime": ("ipsec-lifetime", "salifetime", "lifetime", "keylife"),
    "aggressive": ("aggressive", "aggrmode"),
}


def convert(
    statements: Sequence[Statement], ledger: Ledger, secrets: Sequence[Statement], local: str | None = None
) -> Plan:
    """The plan of an ipsec.conf whose statements are in the ledger already, those of ipsec.secrets too.

    `local`: which side is ours, left or right; None lets each connection show it.
    """
    draft = Draft(ledger)
    kept = [(kind, secret) for each in secrets for kind, secret in _secret(each, ledger)]
    keys, users = ([secret for kind, secret in kept if kind == word] for word in ("PSK", "XAUTH"))
    named: dict[str, Statement] = {}
    for each in statements:
        _sort(each, ledger, named, draft)
    referred = {name for each in named.values() for name in _also(each)}
    for name, each in named.items():
        if name == "%default":
            continue
        view = View(ledger, (each,), _inherited(each, named, ledger), name)
        auto = view.statement("auto")
        if (auto is not None and auto.words[1:] == ("ignore",)) or (auto is None and name in referred):
            ledger.unused(each, "libreswan does not load it, and nothing that was carried uses it")
            for setting in each.body or ():
                ledger.unused(setting, "libreswan does not load it, and nothing that was carried uses it")
            continue
        mark = ledger.mark()
        try:
            _connection(view, keys, users, draft, local)
        except NotCarriedError as problem:
            ledger.undo(mark)
            view.leave_all(str(problem))
    return draft.plan()


def _sort(each: Statement, ledger: Ledger, named: dict[str, Statement], draft: Draft) -> None:
    """A section or line at the top: conn sections are remembered, all others dealt with."""
    kind, name = each.words[0], each.words[1] if len(each.words) > 1 else ""
    if kind == "conn" and each.body is not None:
        if name in named:
            ledger.left_whole(each, f"line {named[name].span.line} defines the same connection")
        named.setdefault(name, each)
    elif kind == "config" and each.body is not None:
        setup = View(ledger, (each,))
        listening = setup.statement("listen")
        if listening and (found := ask(setup, "listen", words.address, None)):
            draft.general("Listen-on", str(found), listening)
        setup.finish(_SETUP)
    elif kind == "version":
        ledger.needless(each, "libreswan does not use it either")
    elif kind == "include":
        ledger.left(each, "included files are not read: convert each, or paste them in")
    else:
        ledger.left_whole(each, "isakmpd has nothing like it, or it is unknown here")


# --- inheritance --------------------------------------------------------------------------------------------------


def _also(section: Statement) -> list[str]:
    """The connections that one includes."""
    return [name for each in section.body or () if each.words[0] == "also" for name in each.words[1].split()]


def _inherited(section: Statement, named: Mapping[str, Statement], ledger: Ledger) -> list[Statement]:
    """The sections that one includes by also=, each once, and conn %default behind them."""
    found: dict[int, Statement] = {id(section): section}
    waiting = [section]
    while waiting:
        current = waiting.pop(0)
        for name in _also(current):
            target = named.get(name)
            if target is None:
                for each in current.body or ():
                    if each.words[0] == "also":
                        ledger.left(each, f"there is no connection {words.printable(name)}")
            elif id(target) not in found:
                found[id(target)] = target
                waiting.append(target)
    if "%default" in named:
        found.setdefault(id(named["%default"]), named["%default"])
    return [each for each in found.values() if each is not section]


# --- secrets ------------------------------------------------------------------------------------------------------


def _secret(entry: Statement, ledger: Ledger) -> list[tuple[str, Secret]]:
    """A pre-shared key of ipsec.secrets, or a user's password; of other lines nothing, and they are left."""
    at = entry.words.index(":") if ":" in entry.words else len(entry.words)
    selectors, rest = entry.words[:at], entry.words[at + 1 :]
    if len(rest) != 2 or rest[0].upper() not in {"PSK", "XAUTH"}:
        known = "only pre-shared keys and passwords are read"
        why = "included files are not read" if entry.words[0] == "include" else f"{known}: {_CERT}"
        ledger.left(entry, why)
        return []
    value = rest[1]
    try:
        octets = words.key_octets(value, literal=value[:1] in {'"', "'"})
    except NotCarriedError as problem:
        ledger.left(entry, str(problem))
        return []
    ledger.unused(entry, "no connection that was carried uses this secret")
    kind, names = rest[0].upper(), tuple(each.strip("\"'") for each in selectors)
    if kind == "XAUTH":
        names = tuple(each.removeprefix("@") for each in names)
    return [(kind, Secret(octets, names, partial(ledger.carried, entry), partial(ledger.left, entry)))]


# --- connections --------------------------------------------------------------------------------------------------


def _connection(
    view: View, secrets: Sequence[Secret], users: Sequence[Secret], draft: Draft, local: str | None
) -> None:
    """One connection: its peer, and a tunnel for each pair of subnets. Raises NotCarriedError."""
    name = words.section_name(view.name)
    for each in (*view.own, *view.inherited):
        for setting in each.body or ():
            if setting.words[0] == "also":
                view.ledger.carried(setting)
    view.drop("also", "")
    _version(view)
    ours = _ours(view, local)
    theirs = _SIDES[ours == _SIDES[0]]
    found = _peer(view, ours, theirs, secrets)
    found = replace(found, login=_login(view, ours, theirs, users), lease=_lease(view, ours, theirs, found))
    peer = draft.peer(found, view.statement(theirs) or view.first)
    mode = view.take("type") or "tunnel"
    if mode not in {"tunnel", "transport"}:
        raise NotCarriedError(f"type: isakmpd knows no {words.printable(mode)}")
    if view.take("ah") or "ah" in (view.take("phase2") + view.take("auth")):
        raise NotCarriedError("AH is not carried")
    suites = _suites(view, peer, transport=mode == "transport")
    ends = (_subnets(view, ours, peer.local_address), _subnets(view, theirs, peer.address))
    if ends != ([None], [None]) or peer.lease:
        addresses = inner_addresses(peer)
        ends = (_fixed(ends[0], ours, addresses[0]), _fixed(ends[1], theirs, addresses[1]))
    lifetime = ask(view, _first(view, "salifetime"), words.lifetime, None)
    window = ask(view, "replay-window", words.replay_window, None)
    initiates = _initiates(view, peer)
    suites = offered(view, _first(view, "esp"), suites) if initiates else suites
    keys = tuple(f"{side}subnet{'s' * bool(view.statement(f'{side}subnets'))}" for side in (ours, theirs))
    for one, other in pairs(view, (keys[0], keys[1]), ends):
        draft.tunnel(Tunnel(name, peer, suites, one, other, mode == "transport", initiates, lifetime, window))
    if seconds := ask(view, "dpddelay", words.seconds, 0):
        draft.general("DPD-check-interval", str(seconds), view.statement("dpddelay") or view.first)
    view.finish(_CONNECTION)


def _first(view: View, key: str) -> str:
    """Of the names that a setting has, the one that is used."""
    return next((each for each in _ALIASES[key] if view.statement(each)), _ALIASES[key][0])


def _version(view: View) -> None:
    """Raises NotCarriedError where only IKEv2 will do."""
    if view.take("ikev2").lower() in {"yes", "insist", "always", "propose"}:
        raise NotCarriedError("it is for IKEv2 only")
    if view.take("keyexchange").lower() in {"ikev2", "v2"}:
        raise NotCarriedError("it is for IKEv2 only")


def _ours(view: View, local: str | None) -> str:
    """The side that is this machine: as told, else the one without an address of its own to show, else left."""
    if local:
        return local
    values = {side: " ".join(found.words[1:]) if (found := view.statement(side)) else "" for side in _SIDES}
    if values["right"].startswith("%defaultroute") or values["left"] in {"%any", "%any6"}:
        return "right"
    return "left"


def _peer(view: View, ours: str, theirs: str, secrets: Sequence[Secret]) -> Peer:
    """The peer of a connection. Raises NotCarriedError."""
    methods = {view.take("authby") or "", view.take(f"{ours}auth"), view.take(f"{theirs}auth")} - {""}
    if not (methods or {"rsasig"}) <= {"secret", "rsasig"} or len(methods) > 1:
        raise NotCarriedError("authby: isakmpd takes secret or rsasig, and the same for both sides")
    own, address = _address(view, ours), _address(view, theirs)
    local, remote = _identity(view, ours), _identity(view, theirs)
    if remote is None and address is not None:
        remote = words.named_identity("ADDRESS", str(address))
    secret = subject = None
    if methods == {"secret"}:
        secret = choose_secret(secrets, names_of(local, own), names_of(remote, address))
    elif remote and remote.type == "ASN1_DN":
        subject = remote.value
    else:
        raise NotCarriedError(f"a policy knows a certificate by its subject: {theirs}id has to be its DN")
    if local and local.type == "ASN1_DN":
        view.leave(f"{ours}id", "isakmpd.conf(5) has no DN identities: it sends what the certificate names")
        local = None
    check = "PRE_SHARED" if secret else "RSA_SIG"
    port = need(view, f"{theirs}ikeport", words.port, 500) or 500
    main = proposals(view, "ike", words.DEFAULT_MAIN, lambda suite: suite.main_mode(check))
    aggressive = need(view, _first(view, "aggressive"), lambda text: text in {"yes", "insist"}, default=False)
    lifetime = ask(view, "ikelifetime", words.lifetime, None)
    return Peer(view.name, main, address, own, port, local, remote, secret, subject, aggressive, lifetime)


def _login(view: View, ours: str, theirs: str, users: Sequence[Secret]) -> Login | None:
    """Whether the side that begins proves a user, and whether that is us. Raises NotCarriedError."""
    client, server = (
        [key for key in keys if _says_yes(view, key)]
        for keys in (
            (f"{ours}xauthclient", f"{theirs}xauthserver"),
            (f"{ours}xauthserver", f"{theirs}xauthclient"),
        )
    )
    if client:
        return login(view.take(f"{ours}username") or view.take(f"{ours}xauthusername"), users, hybrid=False)
    for key in server:
        view.leave(key, _USERS)
    return Login() if server else None


def _lease(view: View, ours: str, theirs: str, peer: Peer) -> Lease | None:
    """What mode-config is to do. Raises NotCarriedError where nobody is named."""
    keys = [f"{side}{word}" for side in (ours, theirs) for word in ("modecfgclient", "modecfgserver")]
    wants, gives, given, asked = (_says_yes(view, key) for key in keys)
    pulls = _says_yes(view, "modecfgpull")
    if wants or asked:
        return Lease(lease_section(peer.remote_identity, peer.address), begins=pulls)
    pool = f"{theirs}addresspool"
    if not (gives or given) or not view.statement(pool):
        return None
    try:
        inner = one_address(view.take(pool))
        section = lease_section(peer.remote_identity, peer.address)
    except NotCarriedError as problem:
        view.leave(pool, str(problem))
        return None
    dns = next((key for key in ("modecfgdns", "modecfgdns1") if view.statement(key)), "modecfgdns")
    return Lease(section, inner, ask(view, dns, words.address, None), begins=not pulls)


def _says_yes(view: View, key: str) -> bool:
    found = view.statement(key)
    return found is not None and found.words[1:] == ("yes",) and view.take(key) == "yes"


def _address(view: View, side: str) -> Address | None:
    """The address of a side, None for any. Raises NotCarriedError."""
    value = view.take(side)
    if value in {"", "%any", "%any4", "%any6", "%defaultroute"}:
        return None
    return need(view, side, words.address, None)


def _identity(view: View, side: str) -> Identity | None:
    """The identity of a side, None where it is any or the address. Raises NotCarriedError."""
    return need(view, f"{side}id", lambda text: None if text == "%any" else words.identity(text), None)


def _suites(view: View, peer: Peer, *, transport: bool) -> tuple[Suite, ...]:
    """What is offered in phase 2; with pfs=yes, the default, and no group of their own, with that of phase 1."""
    with_pfs = need(view, "pfs", lambda text: text == "yes", default=True)
    key = _first(view, "esp")

    def grouped(suite: Suite) -> Suite:
        group = (suite.group or peer.transforms[0].group) if with_pfs else None
        return Suite(suite.cipher, suite.hash, group)

    found = proposals(view, key, words.DEFAULT_QUICK, lambda suite: grouped(suite).quick_mode(transport=transport))
    if not with_pfs and any(each.group for each in found):
        view.leave(key, "pfs=no: the group is not used")
    return tuple(dict.fromkeys(grouped(each) for each in found))


def _subnets(view: View, side: str, address: Address | None) -> list[Selector | None]:
    """The traffic of a side; None is the side itself. Raises NotCarriedError."""
    proto, _, port = view.take(f"{side}protoport").partition("/")
    names = [
        each for each in re.split(r"[\s,{}]+", f"{view.take(f'{side}subnets')} {view.take(f'{side}subnet')}") if each
    ]
    if not names and proto:
        if address is None:
            raise NotCarriedError(f"{side}protoport: the address of this side has to be known")
        names = [str(address)]
    try:
        found: list[Selector | None] = [words.selector(each, proto, port) for each in names]
    except NotCarriedError as problem:
        raise NotCarriedError(f"{side}subnet, {side}protoport: {problem}") from None
    return found or [None]


def _fixed(selectors: Sequence[Selector | None], side: str, address: Address | None) -> list[Selector | None]:
    """The selectors with the side's address in the place of itself. Raises NotCarriedError."""
    if None in selectors and address is None:
        raise NotCarriedError(f"{side}: the address has to be known, for it is the traffic of this side")
    return [words.selector(str(address)) if each is None else each for each in selectors]


def _initiates(view: View, peer: Peer) -> bool:
    """Whether the tunnel is brought up at the start."""
    action = view.take("auto") or "add"
    if action == "add":
        return False
    if action not in {"start", "up", "route", "ondemand"}:
        view.leave("auto", f"libreswan knows no {words.printable(action)}; it only answers")
        return False
    if peer.address is None:
        view.leave("auto", "the peer's address is not known, so isakmpd can only answer")
        return False
    if action in {"route", "ondemand"}:
        view.leave("auto", "isakmpd brings it up at once, not when the first packet comes")
    return True
