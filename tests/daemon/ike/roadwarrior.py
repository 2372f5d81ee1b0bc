"""A road warrior and its gateway: east asks west, which knows users and addresses. What the tests of XAUTH share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address
from typing import Any

from daemon.ike.algorithms import keys
from daemon.ike.algorithms.ciphers import Cbc
from daemon.ike.events import Path, Send
from daemon.ike.exchange import Datagram, open_message, seal
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import Attributes, DataAttribute, Hash, Header, Message, Payload, encode_payloads
from daemon.ike.registries import ExchangeType, Flag
from daemon.ike.sa import Duty, IsakmpSa
from policydb.connections import Configuration, Identity, IkeTransform, ModeConfig
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.network import EAST, SECRET, WEST, Node, Pair, configuration, ike_transform

INSIDE = IPv4Address("10.77.9.1")
PASSWORD = b"bob's password"
USERS = {"user:bob": PASSWORD, "user:eve": b"another"}


def section(name: str, *, push: bool = True, attributes: tuple[str, ...] = ("Address",), **tags: str) -> ModeConfig:
    """An IKECFG-ID section; `tags` are addresses, with _ for -."""
    values = {tag.replace("_", "-"): ip_address(text) for tag, text in tags.items()}
    return ModeConfig(name, push, attributes, values)


def with_modes(base: Configuration, *sections: ModeConfig) -> Configuration:
    """A configuration with these IKECFG-ID sections."""
    return replace(base, mode_config={each.name.lower(): each for each in sections})


def client(
    *sections: ModeConfig,
    flags: frozenset[str] = frozenset(),
    xauth: bool = False,
    user: str = "bob",
    **changes: Any,  # noqa: ANN401
) -> Configuration:
    """East: it initiates, and where there is XAUTH it is asked."""
    peer = {"flags": flags, "user": user, "password": "password:gateway" if user else None}
    base = configuration(EAST, WEST, initiates=True, transforms=transforms(xauth), peer=peer, **changes)
    return with_modes(base, *sections)


def gateway(
    *sections: ModeConfig,
    flags: frozenset[str] = frozenset(),
    xauth: bool = False,
    **changes: Any,  # noqa: ANN401
) -> Configuration:
    """West: it answers."""
    base = configuration(WEST, EAST, transforms=transforms(xauth), peer={"flags": flags}, **changes)
    return replace(with_modes(base, *sections), users={each.removeprefix("user:"): each for each in USERS})


def transforms(xauth: bool) -> tuple[IkeTransform, ...]:
    """What phase 1 offers."""
    method = "XAUTH_INIT_PRE_SHARED" if xauth else "PRE_SHARED"
    return (replace(ike_transform(), authentication=method),)


def dynamic() -> dict[str, Identity]:
    """A connection whose local identity is whatever mode-config gives us."""
    return {"local_identity": Identity("IPV4_ADDR", address=IPv4Address(0))}


def for_warrior() -> dict[str, Identity]:
    """The same connection as the gateway has it."""
    return {"remote_identity": Identity("IPV4_ADDR", address=INSIDE)}


def pair_of(
    east: Configuration,
    west: Configuration,
    *,
    password: bytes = PASSWORD,
    users: Mapping[str, bytes] = USERS,
    **more: Any,  # noqa: ANN401
) -> Pair:
    """Both, with their secrets, not started."""
    pair = Pair(east, west, **more)
    pair.east.secrets.keys = {"gateway": SECRET, "password:gateway": password}
    pair.west.secrets.keys = {"gateway": SECRET, **users}
    return pair


def xauth_pair(**more: Any) -> Pair:  # noqa: ANN401
    """A pair that agrees on XAUTH, not started."""
    return pair_of(client(xauth=True), gateway(xauth=True), **more)


def whole_way(**more: Any) -> Pair:  # noqa: ANN401
    """A pair that goes through XAUTH and mode-config to a tunnel for the address given, not started."""
    asking = section(f"ipv4/{WEST}", push=False)
    mine = section("xauth/bob", Address=str(INSIDE))
    return pair_of(
        client(asking, flags=frozenset({"ikecfg"}), xauth=True, connection=dynamic()),
        gateway(mine, xauth=True, connection=for_warrior()),
        **more,
    )


def isakmp_of(node: Node) -> IsakmpSa:
    """The one ISAKMP SA of a node."""
    (found,) = node.engine._core.sas.isakmp
    return found


def unproved(**more: Any) -> tuple[Pair, Node]:  # noqa: ANN401
    """A pair whose client never answers the gateway: phase 1 stands, XAUTH is owed."""
    pair = xauth_pair(**more)
    pair.filter = without({ExchangeType.TRANSACTION}, WEST)
    pair.start().run(1.0)
    assert isakmp_of(pair.west).duties == (Duty.ASK,)
    assert isakmp_of(pair.east).duties == (Duty.ANSWER,)
    return pair, pair.west


def outcomes(node: Node) -> list[tuple[Outcome, Reason | None, str]]:
    """What the records of transactions say."""
    return [(each.outcome, each.reason, each.detail) for each in node.records if each.exchange == "transaction"]


def without(kinds: set[ExchangeType], source: str = "") -> Callable[[str, Path, bytes], list[bytes]]:
    """A filter that loses messages of these exchanges (from one end)."""

    def lose(sender: str, _path: Path, data: bytes) -> list[bytes]:
        lost = read_header(data).exchange_type in kinds and (not source or sender == source)
        return [] if lost else [data]

    return lose


# --- transactions on the wire -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """A transaction message as it went out, in the clear."""

    sender: Node
    data: bytes
    path: Path
    header: Header
    payload: Attributes

    @property
    def values(self) -> dict[int, int | bytes]:
        return {each.type: each.value for each in self.payload.attributes}


def fresh_cipher(isakmp: IsakmpSa, message_id: int) -> Cbc:
    """The cipher with which a phase 2 exchange begins."""
    return keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, message_id)


def transactions(pair: Pair, isakmp: IsakmpSa) -> list[Seen]:
    """Every transaction message of a pair under an ISAKMP SA, in order, each once."""
    sent = sorted(
        ((at, node, out) for node in pair.nodes for at, out in node.sent if isinstance(out, Send)),
        key=lambda each: each[0],
    )
    ciphers: dict[int, Cbc | None] = {}
    found: dict[bytes, Seen] = {}
    for _, node, out in sent:
        header = read_header(out.data)
        if header.exchange_type != ExchangeType.TRANSACTION or out.data in found:
            continue
        cipher = ciphers.get(header.message_id) or fresh_cipher(isakmp, header.message_id)
        message, ciphers[header.message_id] = open_message(cipher, Datagram(header, out.data, out.path))
        found[out.data] = Seen(node, out.data, out.path, header, message.all(Attributes)[0])
    return list(found.values())


def forged(
    isakmp: IsakmpSa,
    message_id: int,
    *payloads: Payload,
    cipher: Cbc | None = None,
    kind: ExchangeType = ExchangeType.TRANSACTION,
    proof: Callable[[bytes], bytes] | None = None,
) -> tuple[bytes, Cbc]:
    """A message under an ISAKMP SA with a HASH that fits, or what `proof` makes of the one that would; its cipher."""
    right = keys.informational_hash(isakmp.keys, message_id, encode_payloads(payloads)[1])
    header = Header(isakmp.initiator_cookie, isakmp.responder_cookie, kind, message_id, flags=Flag.NONE)
    message = Message(header, (Hash(proof(right) if proof else right), *payloads))
    return seal(cipher or fresh_cipher(isakmp, message_id), message)


def attributes(*pairs: tuple[int, int | bytes]) -> tuple[DataAttribute, ...]:
    """Data attributes."""
    return tuple(DataAttribute(kind, value) for kind, value in pairs)
