"""What the converters share: a draft of the plan, settings as values, secrets that fit two identities."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TypeAlias, TypeVar

from grammar.nodes import Statement
from policydb.connections import Address
from policydb.importers import words
from policydb.importers.ledger import Ledger, View
from policydb.importers.plan import Identity, Login, NotCarriedError, Peer, Plan, Selector, Suite, Tunnel

TWO_FAMILIES = "its two ends are of two address families"
"""Why a peer or a tunnel cannot be carried."""

_Value = TypeVar("_Value")
_Ends: TypeAlias = "Sequence[Selector | None]"


class Draft:
    """A plan that grows; what would contradict what is there already is left."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._names: set[tuple[str, str]] = set()
        self._peers: list[Peer] = []
        self._places: dict[str, Statement] = {}
        self._tunnels: list[Tunnel] = []
        self._general: dict[str, str] = {}
        self._users: dict[str, str] = {}

    def peer(self, peer: Peer, place: Statement) -> Peer:
        """The peer to use: one that is there and is the same, else this one. `place` is where its address is said.

        Raises NotCarriedError.
        """
        if peer.address and peer.local_address and peer.address.version != peer.local_address.version:
            raise NotCarriedError(TWO_FAMILIES)
        for each in self._peers:
            if replace(each, name=peer.name) == peer:
                return each
        found = replace(peer, name=self._free("peer", peer.name))
        self._peers.append(found)
        self._places[found.name] = place
        return found

    def tunnel(self, tunnel: Tunnel) -> None:
        """Add a tunnel; its name is made unique."""
        self._tunnels.append(replace(tunnel, name=self._free("tunnel", tunnel.name)))

    def general(self, tag: str, value: str, place: Statement) -> None:
        """Set a tag of [General], which counts for all peers."""
        if self._general.setdefault(tag, value) != value:
            self._ledger.left(place, f"isakmpd has one {tag} for all peers, and it is {self._general[tag]} already")

    def users(self, users: Iterable[Secret]) -> None:
        """Let these users in at the gateways among the peers; one whose name or password cannot be said is left."""
        for each in users:
            try:
                found = {user_name(name): password(each.octets) for name in each.identities}
            except NotCarriedError as problem:
                each.leave(str(problem))
                continue
            self._users |= found
            each.carry()

    def _free(self, kind: str, name: str) -> str:
        """The name, or one with a number behind it: section names know no case."""
        found, number = name, 1
        while (kind, found.lower()) in self._names:
            number += 1
            found = f"{name}+{number}"
        self._names.add((kind, found.lower()))
        return found

    def plan(self) -> Plan:
        """The finished plan. Of several peers at one address [Phase 1] knows the first."""
        first: dict[Address | None, Peer] = {}
        for peer in {each.peer.name: each.peer for each in self._tunnels}.values():
            known = first.setdefault(peer.address, peer)
            if known is not peer:
                where = "one peer for each address" if peer.address else "one peer for all unknown addresses"
                why = f"[Phase 1] has {where}: as responder isakmpd takes it for peer-{known.name}"
                self._ledger.left(self._places[peer.name], why)
        return Plan(tuple(self._tunnels), tuple(self._general.items()), tuple(self._users.items()))


def ask(view: View, key: str, convert: Callable[[str], _Value], default: _Value) -> _Value:
    """A setting without which a connection still is what it was: left alone where it cannot be carried."""
    value = view.take(key)
    if not value:
        return default
    try:
        return convert(value)
    except NotCarriedError as problem:
        view.leave(key, str(problem))
        return default


def need(view: View, key: str, convert: Callable[[str], _Value], default: _Value) -> _Value:
    """A setting without which a connection would be another one. Raises NotCarriedError."""
    value = view.take(key)
    try:
        return convert(value) if value else default
    except NotCarriedError as problem:
        raise NotCarriedError(f"{key}: {problem}") from None


def proposals(
    view: View, key: str, default: tuple[Suite, ...], check: Callable[[Suite], object], separator: str = ","
) -> tuple[Suite, ...]:
    """The proposals of a setting that can be carried. Raises NotCarriedError where something is asked, and none can."""
    value = view.take(key)
    if not value:
        return default
    found: list[Suite] = []
    for each in value.split(separator):
        try:
            for suite in default if each.strip() == "default" else (words.suite(each),):
                check(suite)
                found.append(suite)
        except NotCarriedError as problem:
            view.leave(key, f"{words.printable(each)}: {problem}")
    if not found:
        raise NotCarriedError(f"{key}: none of its proposals can be carried")
    return tuple(dict.fromkeys(found))


def offered(view: View, key: str, suites: tuple[Suite, ...]) -> tuple[Suite, ...]:
    """The suites of one message: its one key exchange is of the first one's group (RFC 2409 section 5.5)."""
    kept = tuple(each for each in suites if each.group == suites[0].group)
    if len(kept) < len(suites):
        view.leave(key, "what is offered together has one PFS group: those with the first one's are carried")
    return kept


def pairs(
    view: View, keys: tuple[str, str], ends: tuple[_Ends, _Ends]
) -> list[tuple[Selector | None, Selector | None]]:
    """Each traffic of one end with each of the other that is of its family. Raises NotCarriedError where none is."""
    found = [(one, other) for one in ends[0] for other in ends[1] if _version(one) == _version(other)]
    if not found:
        raise NotCarriedError(TWO_FAMILIES)
    for key, one, other in ((keys[0], ends[0], ends[1]), (keys[1], ends[1], ends[0])):
        for alone in (each for each in one if _version(each) not in map(_version, other)):
            view.leave(key, f"{alone.network if alone else ''}: the other end has no traffic of its address family")
    return found


def _version(selector: Selector | None) -> int | None:
    return selector.network.version if selector else None


@dataclass(frozen=True, slots=True)
class Secret:
    """A pre-shared key and whom it is for; without identities it is for everybody. Or a user's password.

    `carry` notes that it is used, `leave` that it could not be, and why.
    """

    octets: bytes
    identities: tuple[str, ...]
    carry: Callable[[], None]
    leave: Callable[[str], None]


def choose_secret(secrets: Iterable[Secret], local: Iterable[str], remote: Iterable[str]) -> bytes:
    """The key that fits best: its identities name the peer, else us, else nobody. Raises NotCarriedError."""
    ours, theirs = ({_same(each) for each in names} for names in (local, remote))
    best: tuple[int, Secret] | None = None
    for each in secrets:
        names = {_same(one) for one in each.identities}
        score = 4 * bool(names & theirs) + 2 * bool(names & ours) + bool(names & _ANYBODY or not names)
        if score and (best is None or score > best[0]):
            best = score, each
    if best is None:
        raise NotCarriedError("no pre-shared key is given for it")
    best[1].carry()
    return best[1].octets


_ANYBODY = frozenset({"%any", "%any4", "%any6", "0.0.0.0", "::", "*"})  # noqa: S104 - no socket, a name in a file


def _same(text: str) -> str:
    """An identity so that two spellings of it are equal."""
    try:
        found = words.identity(text)
    except NotCarriedError:
        return text.strip().lower()
    return text.strip() if text.strip() in _ANYBODY else found.value


# --- users and addresses of road warriors -------------------------------------------------------------------------

_ANY_ADDRESS = IPv4Address(0)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@/+-]*")


def user_name(text: str) -> str:
    """The name of a user of XAUTH, which is a tag of isakmpd.conf(5). Raises NotCarriedError."""
    if not _USER.fullmatch(text):
        raise NotCarriedError(f"isakmpd.conf(5) can have no user of the name {words.printable(text)}")
    return text


def password(octets: bytes) -> str:
    """A user's password, which stands in isakmpd.conf(5) as it is. Raises NotCarriedError."""
    return words.checked(octets.decode("latin-1"))


def login(name: str, users: Iterable[Secret], *, hybrid: bool) -> Login:
    """Who we are to a gateway, with the password that is kept for that user. Raises NotCarriedError."""
    for each in users:
        if name in each.identities:
            found = Login(user_name(name), password(each.octets), hybrid)
            each.carry()
            return found
    raise NotCarriedError(f"no password is given for the user {words.printable(name)}")


_LEASES = {
    "IPV4_ADDR": "ipv4",
    "IPV6_ADDR": "ipv6",
    "FQDN": "fqdn",
    "USER_FQDN": "ufqdn",
    "ASN1_DN": "asn1_dn",
    "KEY_ID": "key_id",
}


def lease_section(identity: Identity | None, address: Address | None, user: str = "") -> str:
    """The IKECFG-ID section of a user, else of an identity, else of an address. Raises NotCarriedError."""
    if user:
        return f"xauth/{user}"
    if identity is not None:
        name = f"{_LEASES[identity.type]}/{identity.value}"
    elif address is not None:
        name = f"ipv{address.version}/{address}"
    else:
        raise NotCarriedError("isakmpd.conf(5) has mode config for identities and users that are named")
    if "]" in name:
        raise NotCarriedError("no section of isakmpd.conf(5) can have this name")
    return words.checked(name)


def one_address(text: str) -> Address:
    """The address of a pool that has one only: A, A/32 or A-A. Raises NotCarriedError."""
    first, _, last = text.replace(" ", "").partition("-")
    bare, _, length = first.partition("/")
    found = words.address(bare)
    if (last and words.address(last) != found) or (length and length != str(found.max_prefixlen)):
        raise NotCarriedError("isakmpd has no pools: it gives each identity, or user, an address of its own")
    return found


def inner_addresses(peer: Peer) -> tuple[Address | None, Address | None]:
    """What `dynamic` stands for at either end: what mode-config gives, else the end point."""
    if peer.lease is None:
        return peer.local_address, peer.address
    if peer.lease.address is None:
        return _ANY_ADDRESS, peer.address
    return peer.local_address, peer.lease.address


def names_of(identity: Identity | None, address: Address | None) -> list[str]:
    """What somebody may be called in a file of secrets."""
    return [identity.value] if identity else [str(address)] if address else []
