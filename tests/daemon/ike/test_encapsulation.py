"""How ESP travels through a NAT: the modes of RFC 3947 section 5.1 and of its drafts, and what policy is told of them.

The tables are written from the documents: UDP-Encapsulated-Tunnel is 3 and -Transport 4, in the drafts 61443 and 61444;
they are used where a NAT was found and nowhere else; an offer has the plain modes or those in UDP, never both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import pytest

from daemon.ike import natt, quick
from daemon.ike.messages import vendor
from daemon.ike.messages.payloads import SaPayload, Transform
from daemon.ike.messages.proposals import IpsecProposal, quick_offer
from daemon.ike.messages.vendor import Vendor
from daemon.ike.registries import IpsecAttribute, Protocol
from policydb.connections import Configuration, IpsecProtocol, Suite
from policydb.negotiation import Reason
from tests.daemon.ike.network import EAST, WEST, Nat, Node, Pair, configuration, suite

RFC, DRAFT_3, DRAFT_2 = Vendor.NAT_T_RFC3947, Vendor.NAT_T_DRAFT_03, Vendor.NAT_T_DRAFT_02
TUNNEL, TRANSPORT, UDP_TUNNEL, UDP_TRANSPORT, DRAFT_TUNNEL, DRAFT_TRANSPORT = 1, 2, 3, 4, 61443, 61444
MODES = (TUNNEL, TRANSPORT, UDP_TUNNEL, UDP_TRANSPORT, DRAFT_TUNNEL, DRAFT_TRANSPORT)
IN_UDP = MODES[2:]
PUBLIC = {EAST: "198.51.100.1", WEST: "198.51.100.2"}
NATS: tuple[tuple[str, ...], ...] = ((), (EAST,))


def words(mode: int) -> tuple[str, str, bool]:
    """What policy is told (isakmpd has no own word for transport in UDP), the SA's mode, whether it is in UDP."""
    kind = "TUNNEL" if mode in (TUNNEL, UDP_TUNNEL, DRAFT_TUNNEL) else "TRANSPORT"
    told = "udp-encap-tunnel" if kind == "TUNNEL" and mode in IN_UDP else kind.lower()
    return told, kind, mode in IN_UDP


def side(address: str, kind: str, chosen: Suite | None = None) -> Configuration:
    """One end; a peer behind a NAT is expected from anywhere, and a transport mode is for the two hosts."""
    other = WEST if address == EAST else EAST
    wanted = chosen or suite()
    protocols = tuple(
        replace(each, transforms=tuple(replace(one, encapsulation=kind) for one in each.transforms))
        for each in wanted.protocols
    )
    made = configuration(address, other, initiates=address == EAST, suites=(replace(wanted, protocols=protocols),))
    if kind == "TRANSPORT":
        made = replace(
            made, connections={"net": replace(made.connections["net"], local_identity=None, remote_identity=None)}
        )
    return replace(made, default_peer="gateway")


def met(
    monkeypatch: pytest.MonkeyPatch,
    version: Vendor,
    behind: tuple[str, ...],
    kind: str,
    *,
    offer: Callable[[SaPayload], SaPayload] | None = None,
    chosen: Suite | None = None,
) -> Pair:
    """East begins; `offer` changes what it offers."""
    for module in (natt, vendor):
        monkeypatch.setattr(module, "NAT_T", (version,))
    if offer is not None:
        monkeypatch.setattr(quick, "quick_offer", lambda *args, **more: offer(quick_offer(*args, **more)))
    nats = {each: Nat(PUBLIC[each]) for each in behind}
    return Pair(side(EAST, kind, chosen), side(WEST, kind, chosen), nats=nats).start().run(3.0)


def with_mode(mode: int) -> Callable[[SaPayload], SaPayload]:
    def changed(offer: SaPayload) -> SaPayload:
        return SaPayload(tuple(replace(each, transforms=tuple(map(one, each.transforms))) for each in offer.proposals))

    def one(transform: Transform) -> Transform:
        attributes = tuple(
            replace(each, value=mode) if each.type == IpsecAttribute.ENCAPSULATION_MODE else each
            for each in transform.attributes
        )
        return replace(transform, attributes=attributes)

    return changed


def told(node: Node, word: str = "esp_encapsulation") -> set[str | None]:
    return {dict(each.attributes).get(word) for each in node.oracle.asked}


@dataclass(frozen=True)
class Offered:
    """The number that we offer for a configured mode."""

    version: Vendor
    behind: tuple[str, ...]
    kind: str

    @property
    def number(self) -> int:
        if not self.behind:
            return {"TUNNEL": TUNNEL, "TRANSPORT": TRANSPORT}[self.kind]
        if self.version is RFC:
            return {"TUNNEL": UDP_TUNNEL, "TRANSPORT": UDP_TRANSPORT}[self.kind]
        return {"TUNNEL": DRAFT_TUNNEL, "TRANSPORT": DRAFT_TRANSPORT}[self.kind]


@pytest.mark.parametrize(
    "row", [Offered(*each) for each in product((RFC, DRAFT_3, DRAFT_2), NATS, ("TUNNEL", "TRANSPORT"))], ids=str
)
def test_what_we_offer_is_what_the_version_and_the_nat_ask_for(row: Offered, monkeypatch: pytest.MonkeyPatch) -> None:
    offers: list[SaPayload] = []

    def noted(offer: SaPayload) -> SaPayload:
        offers.append(offer)
        return offer

    pair = met(monkeypatch, row.version, row.behind, row.kind, offer=noted)
    numbers = {
        attribute.value
        for offer in offers
        for proposal in offer.proposals
        for transform in proposal.transforms
        for attribute in transform.attributes
        if attribute.type == IpsecAttribute.ENCAPSULATION_MODE
    }
    assert numbers == {row.number}
    word, mode, in_udp = words(row.number)
    for node in pair.nodes:
        assert told(node) == {word}
        assert {(sa.encapsulation, sa.udp_ports is not None) for sa in node.kernel.values()} == {(mode, in_udp)}


@pytest.mark.parametrize("behind", NATS, ids=lambda behind: "NAT" if behind else "no NAT")
@pytest.mark.parametrize("version", [RFC, DRAFT_3, DRAFT_2], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_what_is_offered_to_us_is_taken_as_what_it_says_or_not_at_all(
    version: Vendor, behind: tuple[str, ...], mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain modes through a NAT may not work, and are the peer's affair; UDP without a NAT is refused."""
    word, kind, in_udp = words(mode)
    pair = met(monkeypatch, version, behind, kind, offer=with_mode(mode))
    if in_udp and not behind:
        assert not pair.west.kernel
        assert not pair.west.oracle.asked
        assert pair.west.records[-1].reason is Reason.NO_TRANSFORM_MATCHED
        return
    for node in pair.nodes:
        assert told(node) == {word}
        assert {(sa.encapsulation, sa.udp_ports is not None) for sa in node.kernel.values()} == {(kind, in_udp)}
        assert len(node.kernel) == 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("other", MODES)
def test_an_answer_with_another_mode_than_was_offered_is_refused(
    mode: int, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == other:
        return
    _, kind, _ = words(mode)
    choice = IpsecProposal.reply

    def answered(proposal: IpsecProposal, spis: dict[Protocol, bytes]) -> SaPayload:
        return with_mode(other)(choice(proposal, spis))

    monkeypatch.setattr(IpsecProposal, "reply", answered)
    pair = met(monkeypatch, RFC, (EAST,), kind, offer=with_mode(mode))
    assert not pair.east.kernel
    assert not pair.east.oracle.asked


@pytest.mark.parametrize("mode", IN_UDP)
@pytest.mark.parametrize("behind", NATS, ids=lambda behind: "NAT" if behind else "no NAT")
def test_ah_never_travels_in_udp(behind: tuple[str, ...], mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3948 is about ESP alone; what AH covers no NAT leaves as it is."""
    _, kind, _ = words(mode)
    (transform,) = suite(cipher="SHA2_256", bits=None).protocols[0].transforms
    ah = Suite("ah", (IpsecProtocol("ah", "IPSEC_AH", (transform,)),))
    pair = met(monkeypatch, RFC, behind, kind, offer=with_mode(mode), chosen=ah)
    assert not pair.west.kernel
    assert pair.west.records[-1].reason is Reason.NO_TRANSFORM_MATCHED


def test_our_ah_is_offered_as_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    (transform,) = suite(cipher="SHA2_256", bits=None).protocols[0].transforms
    ah = Suite("ah", (IpsecProtocol("ah", "IPSEC_AH", (transform,)),))
    pair = met(monkeypatch, RFC, (EAST,), "TUNNEL", chosen=ah)
    for node in pair.nodes:
        assert told(node, "ah_encapsulation") == {"tunnel"}
        assert {(sa.encapsulation, sa.udp_ports) for sa in node.kernel.values()} == {("TUNNEL", None)}
