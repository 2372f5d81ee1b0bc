"""What the converters share: a draft of the plan, settings as values, secrets that fit two identities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from grammar.nodes import Statement
from policydb import import_words as words
from policydb.connections import Address
from policydb.import_ledger import Ledger, View
from policydb.import_records import Identity, NotCarriedError, Peer, Plan, Selector, Suite, Tunnel

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
        return Plan(tuple(self._tunnels), tuple(self._general.items()))


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
    """A pre-shared key and whom it is for; without identities it is for everybody. `carry` notes that it is used."""

    octets: bytes
    identities: tuple[str, ...]
    carry: Callable[[], None]


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


def names_of(identity: Identity | None, address: Address | None) -> list[str]:
    """What somebody may be called in a file of secrets."""
    return [identity.value] if identity else [str(address)] if address else []
