"""racoon.conf(5) and psk.txt of racoon to a plan: its remotes are the peers, its sainfos the tunnels.

Which remote a sainfo belongs to, and which mode it has, racoon takes from the kernel's SPD (setkey(8)), which is not in
these files: a sainfo is carried where only one remote can be meant, as a tunnel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from grammar.nodes import Statement
from policydb.connections import Address
from policydb.importers import words
from policydb.importers.common import TWO_FAMILIES, Draft, Secret, ask, choose_secret, login, names_of, need
from policydb.importers.ledger import Fates, Ledger, View, walk
from policydb.importers.plan import Identity, Login, NotCarriedError, Peer, Plan, Selector, Suite, Tunnel

_OWN = "isakmpd does so by itself"
_CERT = "install certificates and keys in the folders that isakmpd.conf(5) names in [X509-certificates]"
_MODE_CONFIG = (
    "the tunnels for addresses by mode config are made by racoon's scripts: see docs/isakmpd.conf.md, Road warriors"
)
_USERS = "racoon keeps its users elsewhere: name them in [XAUTH-users]"
_TIMERS = "isakmpd has timers of its own: see [General] of isakmpd.conf(5)"
_UNKNOWN = "isakmpd has nothing like it, or it is unknown here"

_REMOTE = Fates(
    needless={
        **dict.fromkeys(("doi", "situation"), "there is no other"),
        **dict.fromkeys(("nat_traversal", "initial_contact", "nonce_size", "ike_frag", "send_cr", "send_cert"), _OWN),
        "proposal_check": "the peer's lifetime is accepted from a minute to a day",
        "dpd_retry": "as often as isakmpd does",
        "dpd_maxfail": "as often as isakmpd does",
        "verify_identifier": "isakmpd always compares Remote-ID",
        "rekey": _OWN,
    },
    harmless={
        **dict.fromkeys(("generate_policy", "support_proxy", "mode_cfg", "weak_phase1_check"), frozenset({"off"})),
        "verify_cert": frozenset({"on"}),
    },
    left={
        **dict.fromkeys(("certificate_type", "ca_type", "peers_certfile"), _CERT),
        "mode_cfg": _MODE_CONFIG,
        "xauth_login": "its proposals ask for no user",
        "script": "isakmpd runs no scripts",
        "generate_policy": "a policy says which selectors are allowed",
    },
)
_SAINFO = Fates({"compression_algorithm": "racoon offers it only where the SPD asks for IPComp"}, {}, {})
_PROPOSAL = Fates({}, {}, {})
_NEEDLESS_TOP = {
    "log": "it is about racoon's own process",
    "padding": _OWN,
    "privsep": "isakmpd is separated by itself",
}
_LEFT_TOP = {"timer": _TIMERS, "mode_cfg": _MODE_CONFIG, "include": "included files are not read: convert each"}


@dataclass(frozen=True, slots=True)
class _Remote:
    """A remote that was carried, and the number by which a sainfo may name it."""

    peer: Peer
    number: str
    initiates: bool
    section: Statement
    inherited: tuple[Statement, ...]


def convert(statements: Sequence[Statement], ledger: Ledger, secrets: Sequence[Statement]) -> Plan:
    """The plan of a racoon.conf whose statements are in the ledger already, those of psk.txt too."""
    draft = Draft(ledger)
    keys = [key for each in secrets for key in _secret(each, ledger)]
    remotes: list[_Remote] = []
    sections = [each for each in statements if each.words[0] == "remote" and each.body is not None]
    for each in sections:
        view = View(ledger, (each,), _parents(each, sections, ledger), " ".join(each.words[1:]))
        mark = ledger.mark()
        try:
            remotes.append(_remote(view, keys, draft))
        except NotCarriedError as problem:
            ledger.undo(mark)
            view.leave_all(str(problem))
    used: set[str] = set()
    for each in statements:
        if each.words[0] == "sainfo" and each.body is not None:
            _try_sainfo(View(ledger, (each,)), remotes, draft, used)
        elif each not in sections:
            _top(each, ledger, draft, with_secrets=bool(secrets))
    _leave_unused(remotes, used, ledger)
    return draft.plan()


def _leave_unused(remotes: Sequence[_Remote], used: set[str], ledger: Ledger) -> None:
    """A peer without a tunnel is not written: its remote is left, but for what others inherit."""
    served = {id(each) for one in remotes if one.peer.name in used for each in walk((one.section, *one.inherited))}
    for remote in remotes:
        for each in walk((remote.section,)):
            if id(each) not in served:
                ledger.left(each, "no sainfo that was carried belongs to it, so there is no tunnel")


def _secret(entry: Statement, ledger: Ledger) -> list[Secret]:
    try:
        octets = words.key_octets(entry.words[1])
    except NotCarriedError as problem:
        ledger.left(entry, str(problem))
        return []
    ledger.unused(entry, "no connection that was carried uses this secret")
    return [Secret(octets, (entry.words[0],), partial(ledger.carried, entry), partial(ledger.left, entry))]


def _top(each: Statement, ledger: Ledger, draft: Draft, *, with_secrets: bool) -> None:
    """A statement at the top that is neither remote nor sainfo."""
    kind = each.words[0]
    if kind == "listen" and each.body is not None:
        _listen(each, ledger, draft)
    elif kind == "path" and each.words[1:2] == ("pre_shared_key",) and with_secrets:
        ledger.needless(each, "the file was given")
    elif kind in _NEEDLESS_TOP:
        for inner in walk((each,)):
            ledger.needless(inner, _NEEDLESS_TOP[kind])
    else:
        is_secret = kind == "path" and each.words[1:2] == ("pre_shared_key",)
        why = (
            "give the file with --secrets" if is_secret else _CERT if kind == "path" else _LEFT_TOP.get(kind, _UNKNOWN)
        )
        ledger.left_whole(each, why)


def _listen(block: Statement, ledger: Ledger, draft: Draft) -> None:
    """The addresses that racoon listens on; ports are options of isakmpd(8)."""
    addresses: list[str] = []
    ledger.carried(block)
    for each in block.body or ():
        text, _, port = "".join(each.words[1:]).partition("[")
        if each.words[0] not in {"isakmp", "isakmp_natt"}:
            ledger.left_whole(each, _UNKNOWN)
            continue
        try:
            addresses.append(str(words.address(text)))
            ledger.carried(each)
            if port and port not in {"500]", "4500]"}:
                ledger.left(each, "the port is an option of isakmpd(8), -p and -N")
        except NotCarriedError as problem:
            ledger.left(each, str(problem))
    if addresses:
        draft.general("Listen-on", ",".join(dict.fromkeys(addresses)), block)


# --- remotes ------------------------------------------------------------------------------------------------------


def _parents(section: Statement, sections: Sequence[Statement], ledger: Ledger) -> list[Statement]:
    """The remotes that one inherits from, each once."""
    found: list[Statement] = [section]
    while "inherit" in found[-1].words:
        name = " ".join(found[-1].words[found[-1].words.index("inherit") + 1 :])
        parent = next((each for each in sections if _called(each) == name), None)
        if parent is None:
            ledger.left(found[-1], f"there is no remote {words.printable(name)}")
        if parent is None or any(parent is each for each in found):
            break
        found.append(parent)
    return found[1:]


def _called(section: Statement) -> str:
    """What stands between `remote` and `inherit`."""
    end = section.words.index("inherit") if "inherit" in section.words else len(section.words)
    return " ".join(section.words[1:end])


def _remote(view: View, secrets: Sequence[Secret], draft: Draft) -> _Remote:
    """One remote. Raises NotCarriedError."""
    address, port = _where(view)
    local, remote = _identity(view, "my_identifier"), _identity(view, "peers_identifier")
    repeated = sum(each.words[0] == "peers_identifier" for each in view.first.body or ())
    if repeated > 1:
        raise NotCarriedError("peers_identifier: isakmpd has one identity for a peer")
    method, suites, lifetime = _proposals(view)
    secret = subject = None
    if method.by_psk:
        secret = choose_secret(secrets, names_of(local, None), [*names_of(remote, None), *names_of(None, address)])
    elif remote and remote.type == "ASN1_DN":
        subject = remote.value
    else:
        raise NotCarriedError(
            "a policy knows a certificate by its subject: peers_identifier has to be asn1dn with a DN"
        )
    if local and local.type == "ASN1_DN":
        view.leave("my_identifier", "isakmpd.conf(5) has no DN identities: it sends what the certificate names")
        local = None
    peer = Peer(
        name=str(address) if address else "anonymous",
        transforms=suites,
        address=address,
        port=port,
        identity=local,
        remote_identity=remote,
        secret=secret,
        subject=subject,
        aggressive=_aggressive(view),
        lifetime=lifetime,
        login=_login(view, method, secrets),
    )
    peer = draft.peer(peer, view.first)
    passive = need(view, "passive", lambda text: text == "on", default=False)
    if seconds := ask(view, "dpd_delay", words.seconds, 0):
        draft.general("DPD-check-interval", str(seconds), view.statement("dpd_delay") or view.first)
    number = view.take("ph1id")
    view.finish(_REMOTE)
    initiates = not passive and address is not None
    return _Remote(peer, number, initiates, view.first, tuple(view.inherited))


@dataclass(frozen=True, slots=True)
class _Method:
    """An authentication_method: with which keys, and who proves a user besides or, in hybrid mode, instead."""

    by_psk: bool = False
    client: bool = False
    server: bool = False
    hybrid: bool = False


_METHODS = {
    "pre_shared_key": _Method(by_psk=True),
    "rsasig": _Method(),
    "xauth_psk_client": _Method(by_psk=True, client=True),
    "xauth_psk_server": _Method(by_psk=True, server=True),
    "xauth_rsa_client": _Method(client=True),
    "xauth_rsa_server": _Method(server=True),
    "hybrid_rsa_client": _Method(client=True, hybrid=True),
}


def _login(view: View, method: _Method, secrets: Sequence[Secret]) -> Login | None:
    """The user whom the method asks for: ours has its password in psk.txt. Raises NotCarriedError."""
    if method.client:
        return login(view.take("xauth_login").strip('"'), secrets, hybrid=method.hybrid)
    return Login() if method.server else None


def _where(view: View) -> tuple[Address | None, int]:
    """The peer's address, None for anonymous, and its port. Raises NotCarriedError."""
    named = view.take("remote_address")
    text, _, port = (named or _called(view.first)).replace(" ", "").partition("[")
    number = words.port(port.removesuffix("]")) or 500
    return (None if text == "anonymous" else words.address(text)), number


_KINDS = {"address": "ADDRESS", "fqdn": "FQDN", "user_fqdn": "USER_FQDN", "asn1dn": "ASN1_DN"}


def _identity(view: View, key: str) -> Identity | None:
    """An identifier; an address that is not named is the end point's. Raises NotCarriedError."""
    kind, _, value = view.take(key).partition(" ")
    if kind in {"", "address"} and not value:
        return None
    if kind not in _KINDS:
        raise NotCarriedError(f"{key}: isakmpd has no identity of the kind {words.printable(kind)}")
    try:
        return words.named_identity(_KINDS[kind], value) if value else None
    except NotCarriedError as problem:
        raise NotCarriedError(f"{key}: {problem}") from None


def _aggressive(view: View) -> bool:
    """Main mode where it is allowed. Raises NotCarriedError."""
    modes = [each.strip() for each in (view.take("exchange_mode") or "main").split(",")]
    if len(modes) > 1:
        view.leave("exchange_mode", "isakmpd has one exchange for a peer: main where that is allowed")
    if "main" not in modes and "aggressive" not in modes:
        raise NotCarriedError("exchange_mode: isakmpd knows main and aggressive only")
    return "main" not in modes


def _proposals(view: View) -> tuple[_Method, tuple[Suite, ...], int | None]:
    """The method, the suites and the lifetime of all proposals. Raises NotCarriedError."""
    blocks = [
        each for block in (*view.own, *view.inherited) for each in block.body or () if each.words[0] == "proposal"
    ]
    inner = [View(view.ledger, (each,)) for each in blocks if each.body is not None]
    lifetime = ask(view, "lifetime", _lifetime, None)
    method, suites = None, list[Suite]()
    for each in inner:
        try:
            own = _method(method, each.take("authentication_method"))
            suite = _suite(each)
            suite.main_mode("PRE_SHARED" if own.by_psk else "RSA_SIG")
            seconds = ask(each, "lifetime", _lifetime, None)
            each.finish(_PROPOSAL)
        except NotCarriedError as problem:
            each.leave_all(str(problem))
            continue
        method, lifetime = own, lifetime or seconds
        if own.server:
            each.leave("authentication_method", _USERS)
        if seconds and seconds != lifetime:
            each.leave("lifetime", "isakmpd has one lifetime for all proposals of a peer here: the first")
        suites.append(suite)
    if method is None:
        raise NotCarriedError("none of its proposals can be carried")
    return method, tuple(dict.fromkeys(suites)), lifetime


def _method(first: _Method | None, text: str) -> _Method:
    found = _METHODS.get(text)
    if found is None or found != (first or found):
        known = ", ".join(_METHODS)
        raise NotCarriedError(f"authentication_method: isakmpd takes {known}, and one of them for a peer")
    return found


def _suite(view: View) -> Suite:
    """One proposal of phase 1. Raises NotCarriedError."""
    cipher = view.take("encryption_algorithm").replace(" ", "")
    found = words.suite(f"{cipher}-{view.take('hash_algorithm')}")
    return Suite(found.cipher, found.hash, words.group_number(view.take("dh_group")))


def _lifetime(text: str) -> int:
    """`time NUMBER UNIT`. Raises NotCarriedError."""
    kind, _, value = text.partition(" ")
    if kind != "time":
        raise NotCarriedError("only lifetimes in time are carried")
    return words.lifetime(value)


# --- sainfos ------------------------------------------------------------------------------------------------------


def _try_sainfo(view: View, remotes: Sequence[_Remote], draft: Draft, used: set[str]) -> None:
    mark = view.ledger.mark()
    try:
        remote = _sainfo(view, remotes, draft)
    except NotCarriedError as problem:
        view.ledger.undo(mark)
        view.leave_all(str(problem))
    else:
        used.add(remote.peer.name)


def _sainfo(view: View, remotes: Sequence[_Remote], draft: Draft) -> _Remote:
    """One sainfo. Raises NotCarriedError."""
    local, remote = _ends(view.first.words[1:])
    number = view.take("remoteid")
    meant = [each for each in remotes if not number or each.number == number]
    if len(meant) != 1:
        raise NotCarriedError("which remote it belongs to is said in the SPD (setkey(8)), not here")
    group = need(view, "pfs_group", words.group_number, None)
    suites = _suites(view, group)
    lifetime = ask(view, "lifetime", _lifetime, None)
    name = f"{meant[0].peer.name}-{view.first.span.line}"
    peer, initiates = meant[0].peer, meant[0].initiates
    draft.tunnel(Tunnel(name, peer, suites, local, remote, initiates=initiates, lifetime=lifetime))
    view.finish(_SAINFO)
    return meant[0]


def _suites(view: View, group: int | None) -> tuple[Suite, ...]:
    """Every cipher with every hash, as racoon offers them. Raises NotCarriedError."""
    found: list[Suite] = []
    for cipher, hashed in product(_known(view, "encryption_algorithm"), _known(view, "authentication_algorithm")):
        try:
            one = words.suite(f"{cipher}-{hashed}")
            suite = Suite(one.cipher, one.hash, group)
            suite.quick_mode(transport=False)
            found.append(suite)
        except NotCarriedError as problem:
            view.leave("encryption_algorithm", f"{cipher} with {hashed}: {problem}")
    if not found:
        raise NotCarriedError("none of its algorithms can be carried")
    return tuple(dict.fromkeys(found))


def _known(view: View, key: str) -> list[str]:
    """The algorithms of a list that isakmpd has; the others are left."""
    named = [each.replace(" ", "") for each in view.take(key).split(",")]
    for each in named:
        if not words.knows(each):
            view.leave(key, f"isakmpd knows no algorithm {words.printable(each)}")
    return [each for each in named if words.knows(each)]


def _ends(given: Sequence[str]) -> tuple[Selector, Selector]:
    """The two ends of `sainfo address A/P[PORT] PROTO address B/P[PORT] PROTO`. Raises NotCarriedError."""
    if "anonymous" in given:
        raise NotCarriedError("its traffic is said in the SPD (setkey(8)): write `address NETWORK any` for both ends")
    starts = [index for index, each in enumerate(given) if each in {"address", "subnet"}]
    if len(starts) != 2 or starts[0] != 0 or {"from", "group", "clientaddr"} & set(given):
        raise NotCarriedError("only addresses and subnets are carried, of both ends and of nobody in particular")
    found = []
    for part in (given[1 : starts[1]], given[starts[1] + 1 :]):
        network, _, rest = " ".join(part).partition("[")
        port, bracket, proto = rest.partition("]")
        if not bracket:
            network, _, proto = network.partition(" ")
        found.append(words.selector(network, proto, port))
    if found[0].network.version != found[1].network.version:
        raise NotCarriedError(TWO_FAMILIES)
    return found[0], found[1]
