"""The peer of a swanctl.conf connection: how each side proves itself, by keys and users, and who gives an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from policydb.connections import Address
from policydb.importers import words
from policydb.importers.common import (
    Secret,
    ask,
    choose_secret,
    lease_section,
    login,
    names_of,
    need,
    one_address,
    proposals,
    user_name,
)
from policydb.importers.ledger import Fates, View
from policydb.importers.plan import Identity, Lease, Login, NotCarriedError, Peer

_NOTHING = Fates({}, {}, {})


@dataclass(frozen=True, slots=True)
class Given:
    """What connections may use: keys, users with their passwords, pools by name, and those of them that were used."""

    keys: Sequence[Secret]
    users: Sequence[Secret]
    pools: Mapping[str, View]
    used: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Rounds:
    """How one side proves itself: by a key, None where it has none; and by a user after it, None where it has none."""

    key: View | None
    user: View | None
    method: str
    identity: Identity | None


def rounds(views: Sequence[View]) -> Rounds:
    """One side's rounds. Raises NotCarriedError where they are others than a key and then a user."""
    if not views:
        return Rounds(None, None, "pubkey", None)
    methods = [each.take("auth") or "pubkey" for each in views]
    users = [each for each, method in zip(views, methods, strict=True) if method.partition("-")[0] == "xauth"]
    keys = [each for each in views if each not in users]
    if len(keys) > 1 or len(users) > 1 or (users and views[-1] is not users[0]):
        raise NotCarriedError("it authenticates in several rounds, and not by a key and then a user of XAUTH")
    named = keys[0] if keys else users[0]
    identity = need(named, "id", lambda text: None if text == "%any" else words.identity(text), None)
    method = methods[views.index(keys[0])] if keys else ""
    return Rounds(keys[0] if keys else None, users[0] if users else None, method, identity)


def peer_of(view: View, sides: Mapping[str, Rounds], given: Given) -> Peer:
    """The peer of a connection. Raises NotCarriedError."""
    ours, theirs = sides["local"], sides["remote"]
    methods = {each.method for each in (ours, theirs) if each.method}
    if len(methods) != 1 or not methods <= {"psk", "pubkey"}:
        raise NotCarriedError("auth: isakmpd takes psk or pubkey, and the same for both sides")
    hybrid = not (ours.method and theirs.method)
    if hybrid and methods == {"psk"}:
        raise NotCarriedError("auth: a side without a key has a user, and the other side a certificate")
    own, address = _address(view, "local_addrs"), _address(view, "remote_addrs")
    secret = subject = None
    if methods == {"psk"}:
        secret = choose_secret(given.keys, names_of(ours.identity, own), names_of(theirs.identity, address))
    elif theirs.method and theirs.identity and theirs.identity.type == "ASN1_DN":
        subject = theirs.identity.value
    elif theirs.method:
        raise NotCarriedError("a policy knows a certificate by its subject: the remote id has to be its DN")
    check = "PRE_SHARED" if secret else "RSA_SIG"
    proof = _login(ours, theirs, given, hybrid=hybrid)
    return Peer(
        name=view.name,
        transforms=proposals(view, "proposals", words.DEFAULT_MAIN, lambda suite: suite.main_mode(check)),
        address=address,
        local_address=own,
        port=need(view, "remote_port", words.port, 500) or 500,
        identity=_without_dn(ours),
        remote_identity=theirs.identity,
        secret=secret,
        subject=subject,
        aggressive=need(view, "aggressive", _yes, default=False),
        lifetime=lifetime_of(view, "over_time", "rekey_time", "reauth_time"),
        login=proof,
        lease=_lease(view, theirs.identity, address, proof, given),
    )


def _without_dn(ours: Rounds) -> Identity | None:
    """Our identity, if isakmpd.conf(5) can say it."""
    if ours.identity is not None and ours.identity.type == "ASN1_DN":
        named = ours.key or ours.user
        if named is not None:
            named.leave("id", "isakmpd.conf(5) has no DN identities: it sends what the certificate names")
        return None
    return ours.identity


# --- users and their addresses ------------------------------------------------------------------------------------


def _login(ours: Rounds, theirs: Rounds, given: Given, *, hybrid: bool) -> Login | None:
    """How the side that begins proves a user. Raises NotCarriedError."""
    if ours.user is not None and theirs.user is not None:
        raise NotCarriedError("XAUTH: only one side proves a user")
    if ours.user is not None:
        name = ours.user.take("xauth_id") or ours.user.take("id")
        return login(name, given.users, hybrid=hybrid)
    if theirs.user is None:
        return None
    if theirs.user.take("auth") not in {"xauth", "xauth-generic"}:
        raise NotCarriedError("XAUTH: isakmpd has its users in its own configuration, and asks no server")
    if not given.users:
        raise NotCarriedError("XAUTH: it has no users: isakmpd has them in its own configuration")
    return Login(hybrid=hybrid)


def _lease(
    view: View, remote: Identity | None, address: Address | None, proof: Login | None, given: Given
) -> Lease | None:
    """What mode-config is to do. Raises NotCarriedError where the tunnel would be another one without it."""
    pulls = need(view, "pull", _yes, default=True)
    if wanted := view.take("vips"):
        if wanted not in {"0.0.0.0", "%config", "%config4"}:  # noqa: S104 - no socket, a word of a file
            view.leave("vips", "isakmpd asks for one address of IPv4, whichever")
            return None
        return Lease(lease_section(remote, address), begins=pulls)
    name = view.take("pools")
    if not name:
        return None
    pool = given.pools.get(name)
    try:
        inner = None if pool is None else one_address(pool.take("addrs"))
    except NotCarriedError as problem:
        view.leave("pools", str(problem))
        return None
    if pool is None:
        raise NotCarriedError(f"pools: there is no one section {words.printable(name)}")
    nameserver = ask(pool, "dns", words.address, None)
    if proof and proof.hybrid:
        names = [one for each in given.users for one in each.identities]
        if len(names) != 1:
            raise NotCarriedError("pools: without keys an address is for a user, and there are several")
        section = lease_section(None, None, user_name(names[0]))
    else:
        section = lease_section(remote, address)
    given.used.add(name)
    pool.finish(_NOTHING)
    return Lease(section, inner, nameserver, begins=not pulls)


def _address(view: View, key: str) -> Address | None:
    """The first address; further ones are left. None is any. Raises NotCarriedError."""
    first, *more = (view.take(key) or "%any").split(",")
    if more:
        view.leave(key, "isakmpd has one address for a peer: the first one")
    if first.strip() in {"%any", "%any4", "%any6", "0.0.0.0/0", "::/0"}:
        return None
    try:
        return words.address(first)
    except NotCarriedError as problem:
        raise NotCarriedError(f"{key}: {problem}") from None


def lifetime_of(view: View, hard: str, *soft: str) -> int | None:
    """The hard lifetime in seconds: as given (a child's life_time), else a tenth more than the first soft one."""
    found = ask(view, hard, words.lifetime, None) if hard == "life_time" else None
    for key in soft:
        seconds = ask(view, key, words.seconds, 0)
        if not seconds and view.statement(key):
            view.leave(key, "isakmpd renews every SA before its lifetime ends")
        elif found is not None:
            view.drop(key, "isakmpd renews an SA shortly before its lifetime ends")
        elif seconds:
            found = max(seconds + seconds // 10, 60)
    return found


def _yes(text: str) -> bool:
    return text.strip().lower() in {"yes", "true", "1", "enabled"}
