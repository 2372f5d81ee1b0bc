"""Proposals: what is offered, what is chosen, what a reply may hold (RFC 2408 section 4.2, RFC 3947 section 5.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from daemon.ike.errors import (
    BadProposalSyntax,
    InvalidProtocolId,
    InvalidSpi,
    LocalError,
    NoProposalChosen,
    ProtocolError,
)
from daemon.ike.messages import proposals as p
from daemon.ike.messages.parser import parse_payloads
from daemon.ike.messages.payloads import DataAttribute, Payload, Proposal, SaPayload, Transform, encode_payloads
from daemon.ike.registries import Encapsulation, Group, Protocol
from policydb.connections import IkeTransform, Interval, IpsecProtocol, IpsecTransform, Lifetime, Suite
from policydb.negotiation import Difference
from tests.daemon.ike.generators import payloads

HOUR = (Lifetime("SECONDS", Interval(3600, 60, 86400)),)


def ike(name: str, **words: str) -> IkeTransform:
    settings = {
        "encryption": "AES_CBC",
        "hash": "SHA2_256",
        "authentication": "PRE_SHARED",
        "group": "MODP_2048",
    } | words
    length = Interval(128, 128, 256) if settings["encryption"] == "AES_CBC" else None
    return IkeTransform(name, **settings, key_length=length, lifetimes=HOUR)


AES, SHA1, DES3 = ike("AES"), ike("SHA1", hash="SHA"), ike("3DES", encryption="3DES_CBC", hash="SHA", group="MODP_1024")


def over_the_wire(sa: SaPayload) -> SaPayload:
    (received,) = parse_payloads(*encode_payloads([sa]))
    assert isinstance(received, SaPayload)
    return received


# --- phase 1 ------------------------------------------------------------------------------------------------------


def test_the_phase_1_offer_is_one_proposal_with_transforms_numbered_from_1() -> None:
    offer = over_the_wire(p.phase1_offer([AES, SHA1, DES3]))
    assert [(each.number, each.protocol, each.spi) for each in offer.proposals] == [(1, Protocol.ISAKMP, b"")]
    assert [each.number for each in offer.proposals[0].transforms] == [1, 2, 3]


def test_what_we_cannot_do_is_left_out_of_the_offer() -> None:
    offer = p.phase1_offer([ike("DSS", authentication="DSS"), AES])
    assert offer == p.phase1_offer([AES])


@pytest.mark.parametrize("transforms", [[], [ike("ANY", hash="ANY")]])
def test_nothing_to_offer_is_our_own_error(transforms: list[IkeTransform]) -> None:
    with pytest.raises(LocalError):
        p.phase1_offer(transforms)


@pytest.mark.parametrize(
    ("offered", "configured", "name"),
    [
        ([AES, SHA1], [SHA1, AES], "AES"),  # the peer's order counts
        ([SHA1, AES], [AES, SHA1], "SHA1"),
        ([DES3, SHA1, AES], [AES], "AES"),
        ([DES3], [ike("ANY", encryption="ANY", hash="ANY", group="ANY"), DES3], "ANY"),
    ],
)
def test_the_peers_first_acceptable_transform_is_chosen(
    offered: list[IkeTransform], configured: list[IkeTransform], name: str
) -> None:
    configured = [replace(each, key_length=None) if each.name == "ANY" else each for each in configured]
    assert p.choose_phase1(over_the_wire(p.phase1_offer(offered)), configured).configured == name


def test_the_chosen_transform_is_echoed_octet_by_octet() -> None:
    # A duration in four octets where two would do, and attributes in an order of the peer's own.
    pairs: list[tuple[int, int | bytes]] = [(12, bytes.fromhex("00000e10")), (4, 14), (3, 1), (2, 4), (14, 256), (1, 7)]
    attributes = (DataAttribute(11, 1), *(DataAttribute(*each) for each in pairs))
    unusable = Transform(7, 1, (DataAttribute(1, 1),))
    wanted = Transform(9, 1, attributes)
    offer = SaPayload((Proposal(5, Protocol.ISAKMP, b"\0" * 8, (unusable, wanted)),))
    chosen = p.choose_phase1(over_the_wire(offer), [AES])
    assert chosen.sa == SaPayload((Proposal(5, Protocol.ISAKMP, b"\0" * 8, (wanted,)),))
    assert (chosen.parameters.key_length, chosen.parameters.life_seconds) == (256, 3600)


def test_a_refusal_compares_each_offered_with_each_configured_transform() -> None:
    offer = p.phase1_offer([DES3, SHA1])
    with pytest.raises(NoProposalChosen, match="no compatible proposal found") as caught:
        p.choose_phase1(offer, [AES, ike("ECP", group="ECP_256")])
    found = [(each.configured, {d.attribute for d in each.differences}) for each in caught.value.comparisons]
    assert found == [
        ("AES", {"encryption", "key length", "hash", "group"}),
        ("ECP", {"encryption", "key length", "hash", "group"}),
        ("AES", {"hash"}),
        ("ECP", {"hash", "group"}),
    ]
    assert caught.value.comparisons[2].differences == (Difference("hash", "SHA", "SHA2_256"),)


def test_an_unsupported_transform_is_named_in_the_refusal() -> None:
    idea = SaPayload((Proposal(1, Protocol.ISAKMP, b"", (Transform(1, 1, (DataAttribute(1, 2),)),)),))
    with pytest.raises(NoProposalChosen) as caught:
        p.choose_phase1(idea, [AES])
    assert caught.value.comparisons[0].differences == (Difference("encryption", "IDEA_CBC", None),)


def test_so_many_comparisons_and_no_more_are_made_for_a_stranger() -> None:
    """512 transforms of a datagram against forty of ours took a sixth of a second."""
    ours = [AES] * 64
    before = p.MAX_COMPARED // len(ours) - 1
    just = p.phase1_offer([SHA1] * before + [AES])
    assert p.choose_phase1(just, ours).configured == "AES"
    with pytest.raises(NoProposalChosen):
        p.choose_phase1(p.phase1_offer([SHA1] * (before + 1) + [AES]), ours)


def test_a_refusal_does_not_grow_with_the_offer() -> None:
    many = replace(p.phase1_offer([SHA1] * 200))
    with pytest.raises(NoProposalChosen) as caught:
        p.choose_phase1(many, [AES, AES])
    assert len(caught.value.comparisons) == p.MAX_COMPARISONS


def test_phase_1_is_negotiated_for_isakmp_only() -> None:
    with pytest.raises(InvalidProtocolId):
        p.choose_phase1(QUICK, [AES])


def test_a_reply_that_takes_one_of_ours_is_accepted() -> None:
    offer = p.phase1_offer([AES, SHA1, DES3])
    for configured in (AES, SHA1, DES3):
        chosen = p.choose_phase1(offer, [configured])
        assert p.check_phase1_reply(offer, over_the_wire(chosen.sa)) == chosen.parameters


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (p.phase1_offer([AES, SHA1]), BadProposalSyntax),
        (SaPayload(p.phase1_offer([AES]).proposals * 2), BadProposalSyntax),
        (p.phase1_offer([DES3]), NoProposalChosen),
        (p.phase1_offer([replace(AES, key_length=Interval(192, 192, 192))]), NoProposalChosen),
        (p.phase1_offer([replace(AES, lifetimes=())]), NoProposalChosen),
        (SaPayload((Proposal(1, Protocol.ISAKMP, b"", (Transform(1, 1),)),)), NoProposalChosen),
    ],
)
def test_a_reply_that_was_not_offered_is_refused(reply: SaPayload, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        p.check_phase1_reply(p.phase1_offer([AES, SHA1]), reply)


# --- phase 2 ------------------------------------------------------------------------------------------------------


def xf(
    name: str, transform_id: str = "AES", authentication: str | None = "HMAC_SHA2_256", **more: str
) -> IpsecTransform:
    length = Interval(128, 128, 256) if transform_id == "AES" else None
    return IpsecTransform(
        name, transform_id, more.get("mode", "TUNNEL"), authentication, more.get("group"), length, HOUR
    )


def suite(name: str, *transforms: IpsecTransform) -> Suite:
    return Suite(name, (IpsecProtocol(f"{name}-P", "IPSEC_ESP", transforms),))


def with_ah(name: str, transform: IpsecTransform) -> Suite:
    ah = IpsecProtocol(
        f"{name}-AH", "IPSEC_AH", (xf(f"{name}-AX", "SHA2_256", "HMAC_SHA2_256", group=transform.group or ""),)
    )
    if transform.group is None:
        ah = replace(ah, transforms=tuple(replace(each, group=None) for each in ah.transforms))
    return Suite(name, (ah, IpsecProtocol(f"{name}-P", "IPSEC_ESP", (transform,))))


SPIS = {Protocol.IPSEC_ESP: b"\xc0\xff\xee\x01", Protocol.IPSEC_AH: b"\xc0\xff\xee\x02"}
THEIRS = {Protocol.IPSEC_ESP: b"\xbe\xef\x00\x01", Protocol.IPSEC_AH: b"\xbe\xef\x00\x02"}
AES_SUITE = suite("AES", xf("AES-X"))
DES_SUITE = suite("DES", xf("DES-X", "3DES", "HMAC_SHA"))
QUICK = p.quick_offer([AES_SUITE, DES_SUITE], SPIS)


def test_the_phase_2_offer_is_one_proposal_a_suite_numbered_from_1() -> None:
    offer = over_the_wire(
        p.quick_offer([AES_SUITE, with_ah("BOTH", xf("B")), suite("TWO", xf("1"), xf("2", "3DES"))], SPIS)
    )
    assert [(each.number, str(each.protocol), each.spi) for each in offer.proposals] == [
        (1, "IPSEC_ESP", SPIS[Protocol.IPSEC_ESP]),
        (2, "IPSEC_AH", SPIS[Protocol.IPSEC_AH]),
        (2, "IPSEC_ESP", SPIS[Protocol.IPSEC_ESP]),
        (3, "IPSEC_ESP", SPIS[Protocol.IPSEC_ESP]),
    ]
    assert [each.number for each in offer.proposals[3].transforms] == [1, 2]


@pytest.mark.parametrize(
    ("natt", "draft", "mode", "number"),
    [
        (False, False, "TUNNEL", 1),
        (False, True, "TRANSPORT", 2),
        (True, False, "TUNNEL", 3),
        (True, False, "TRANSPORT", 4),
        (True, True, "TUNNEL", 61443),
        (True, True, "TRANSPORT", 61444),
    ],
)
def test_behind_a_nat_the_encapsulation_is_rewritten(natt: bool, draft: bool, mode: str, number: int) -> None:
    offer = p.quick_offer([suite("S", xf("X", mode=mode))], SPIS, natt, draft)
    assert DataAttribute(4, number) in offer.proposals[0].transforms[0].attributes


@pytest.mark.parametrize(
    "suites",
    [
        [],
        [suite("S", xf("X", group="MODP_2048")), AES_SUITE],
        [suite("S", xf("X", group="MODP_2048"), xf("Y", group="MODP_1024"))],
        [suite("S", xf("X", group="NONSENSE"))],
        [suite("S", xf("X", "DES"))],
        [suite("S", xf("X", "NONSENSE"))],
        [suite("S", xf("X", mode="NONSENSE"))],
        [Suite("S", (IpsecProtocol("P", "NONSENSE", (xf("X"),)),))],
        [Suite("S", (IpsecProtocol("P", "IPCOMP", (xf("X", "DEFLATE", None),)),))],
    ],
)
def test_suites_that_cannot_be_offered_are_our_own_error(suites: list[Suite]) -> None:
    with pytest.raises(LocalError):
        p.quick_offer(suites, SPIS)


def test_the_group_of_the_suites_is_the_group_of_the_offer() -> None:
    suites = [suite("S", xf("X", group="ECP_256")), with_ah("B", xf("Y", group="ECP_256"))]
    assert p.quick_group(suites) is Group.ECP_256
    assert {each.group for each in p.quick_proposals(p.quick_offer(suites, SPIS)).proposals} == {Group.ECP_256}
    assert p.quick_group([AES_SUITE]) is None


def test_an_offer_is_every_combination_in_the_peers_order() -> None:
    ah = IpsecProtocol("A", "IPSEC_AH", (xf("A1", "SHA", "HMAC_SHA"), xf("A2", "MD5", "HMAC_MD5")))
    esp = IpsecProtocol("E", "IPSEC_ESP", (xf("E1"), xf("E2", "3DES", "HMAC_SHA")))
    offer = p.quick_proposals(over_the_wire(p.quick_offer([DES_SUITE, Suite("S", (ah, esp))], SPIS)))
    found = [(each.number, [str(one.transform) for one in each.protocols]) for each in offer.proposals]
    assert found == [
        (1, ["3DES"]),
        (2, ["SHA", "AES"]),
        (2, ["SHA", "3DES"]),
        (2, ["MD5", "AES"]),
        (2, ["MD5", "3DES"]),
    ]
    assert offer.unsupported == ()


def test_unsupported_transforms_are_passed_over_and_named() -> None:
    idea = Transform(1, 5, (DataAttribute(4, 1), DataAttribute(5, 2)))
    usable = Transform(2, 3, (DataAttribute(4, 1), DataAttribute(5, 2)))
    offer = p.quick_proposals(SaPayload((Proposal(1, Protocol.IPSEC_ESP, b"spi!", (idea, usable)),)))
    assert [each.wire[0].transforms for each in offer.proposals] == [(usable,)]
    assert offer.unsupported[0].differences == (Difference("encryption", "IDEA", None),)


def test_compression_makes_its_proposal_unsupported_not_the_others() -> None:
    compressed = Proposal(1, Protocol.IPCOMP, b"\0\2", (Transform(1, 2, (DataAttribute(4, 1),)),))
    esp = p.quick_offer([AES_SUITE], SPIS).proposals[0]
    offer = p.quick_proposals(SaPayload((compressed, esp, replace(esp, number=2))))
    assert [each.number for each in offer.proposals] == [2]


def test_differing_groups_in_a_proposal_are_unsupported() -> None:
    ah = p.quick_offer([with_ah("B", xf("Y"))], SPIS).proposals[0]
    esp = p.quick_offer([suite("S", xf("X", group="MODP_2048"))], SPIS).proposals[0]
    offer = p.quick_proposals(SaPayload((ah, esp)))
    assert offer.proposals == ()
    assert "differing group descriptions in a proposal" in str(offer.unsupported[0])


def test_udp_encapsulation_needs_a_nat() -> None:
    offer = p.quick_offer([AES_SUITE], SPIS, natt=True)
    assert p.quick_proposals(offer, natt=False).proposals == ()
    (found,) = p.quick_proposals(offer, natt=True).proposals
    assert found.protocols[0].encapsulation is Encapsulation.UDP_ENCAP_TUNNEL


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"protocol": Protocol.ISAKMP, "spi": b""}, InvalidProtocolId),
        ({"spi": bytes(4)}, InvalidSpi),
        ({"spi": b"\0\0\0\xff"}, InvalidSpi),
    ],
)
def test_an_offer_that_contradicts_itself_is_refused(change: dict[str, object], error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        p.quick_proposals(SaPayload((replace(QUICK.proposals[0], **change),)))  # type: ignore[arg-type]


def test_proposal_numbers_rise_and_name_a_protocol_once() -> None:
    one, two = QUICK.proposals
    with pytest.raises(BadProposalSyntax):
        p.quick_proposals(SaPayload((two, one)))
    with pytest.raises(BadProposalSyntax):
        p.quick_proposals(SaPayload((one, one)))


def test_an_offer_is_worth_only_so_many_combinations() -> None:
    ah, esp = p.quick_offer([with_ah("B", xf("X"))], SPIS).proposals
    wide = SaPayload((replace(ah, transforms=ah.transforms * 200), replace(esp, transforms=esp.transforms * 200)))
    assert len(p.quick_proposals(wide).proposals) == p.MAX_COMBINATIONS


@given(payloads)
def test_any_sa_payload_is_answered_or_refused(payload: Payload) -> None:
    if isinstance(payload, SaPayload):
        for use in (
            lambda: p.quick_proposals(payload),
            lambda: p.choose_phase1(payload, [AES]),
            lambda: p.check_phase1_reply(p.phase1_offer([AES]), payload),
            lambda: p.check_quick_reply(QUICK, payload),
        ):
            try:
                use()
            except ProtocolError as error:
                assert error.notification is not None  # noqa: PT017 - being accepted is as right


# --- phase 2: the answer ------------------------------------------------------------------------------------------


def test_the_reply_echoes_the_proposal_under_our_spis() -> None:
    offered = p.quick_proposals(p.quick_offer([with_ah("B", xf("X")), DES_SUITE], SPIS)).proposals[0]
    reply = over_the_wire(offered.reply(THEIRS))
    assert [each.spi for each in reply.proposals] == [THEIRS[Protocol.IPSEC_AH], THEIRS[Protocol.IPSEC_ESP]]
    assert [each.transforms for each in reply.proposals] == [each.transforms for each in offered.wire]
    assert {each.number for each in reply.proposals} == {1}


def test_the_first_suite_without_differences_matches() -> None:
    (offered,) = p.quick_proposals(p.quick_offer([DES_SUITE], SPIS)).proposals
    match = p.match_suites(offered, [AES_SUITE, DES_SUITE])
    assert match.suite == DES_SUITE
    assert not match.comparisons[-1].differences


def test_no_matching_suite_says_why_for_each() -> None:
    (offered,) = p.quick_proposals(p.quick_offer([suite("S", xf("X", authentication="HMAC_SHA"))], SPIS)).proposals
    match = p.match_suites(offered, [AES_SUITE, with_ah("B", xf("Y"))])
    assert match.suite is None
    assert [(each.configured, each.differences) for each in match.comparisons] == [
        ("AES-X", (Difference("authentication", "HMAC_SHA", "HMAC_SHA2_256"),)),
        ("B", (Difference("protocols", "IPSEC_ESP", "IPSEC_AH + IPSEC_ESP"),)),
    ]


def test_all_protocols_of_a_suite_must_match() -> None:
    (offered,) = p.quick_proposals(p.quick_offer([with_ah("B", xf("X"))], SPIS)).proposals
    assert p.match_suites(offered, [with_ah("B", xf("X"))]).suite is not None
    assert p.match_suites(offered, [with_ah("B", xf("X", "3DES"))]).suite is None


def test_a_suite_matches_in_udp_too() -> None:
    (offered,) = p.quick_proposals(p.quick_offer([AES_SUITE], SPIS, natt=True)).proposals
    assert p.match_suites(offered, [AES_SUITE]).suite == AES_SUITE


@pytest.mark.parametrize("natt", [False, True])
def test_a_reply_to_our_offer_gives_the_proposal_with_the_peers_spis(natt: bool) -> None:
    offer = p.quick_offer([AES_SUITE, with_ah("B", xf("X")), suite("T", xf("1"), xf("2", "3DES"))], SPIS, natt)
    for each in p.quick_proposals(offer).proposals:
        chosen = p.check_quick_reply(offer, over_the_wire(each.reply(THEIRS)))
        assert chosen.offered == each.offered
        assert [one.spi for one in chosen.protocols] == [THEIRS[one.protocol] for one in chosen.protocols]


REPLY = p.quick_proposals(QUICK).proposals[0].reply(THEIRS)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (QUICK, BadProposalSyntax),
        (p.quick_offer([suite("S", xf("1"), xf("2", "3DES"))], THEIRS), BadProposalSyntax),
        (SaPayload(REPLY.proposals * 2), BadProposalSyntax),
        (p.quick_offer([suite("S", xf("X", "3DES", "HMAC_MD5"))], THEIRS), NoProposalChosen),
        (p.quick_offer([suite("S", replace(xf("X"), lifetimes=()))], THEIRS), NoProposalChosen),
        (p.quick_offer([suite("S", replace(xf("X"), key_length=Interval(256, 256, 256)))], THEIRS), NoProposalChosen),
        (p.quick_offer([suite("S", xf("X", group="MODP_2048"))], THEIRS), NoProposalChosen),
        (p.quick_offer([suite("S", xf("X", mode="TRANSPORT"))], THEIRS), NoProposalChosen),
        (p.quick_offer([AES_SUITE], THEIRS, natt=True), NoProposalChosen),
        (p.quick_offer([with_ah("B", xf("X"))], THEIRS), NoProposalChosen),
        (SaPayload((Proposal(1, Protocol.IPSEC_ESP, b"spi!", (Transform(1, 12),)),)), NoProposalChosen),
        (SaPayload((replace(REPLY.proposals[0], spi=bytes(4)),)), InvalidSpi),
    ],
)
def test_a_reply_that_is_none_of_our_offers_is_refused(reply: SaPayload, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        p.check_quick_reply(QUICK, reply)


def test_a_reply_counts_whatever_form_its_numbers_have() -> None:
    (proposal,) = REPLY.proposals
    (transform,) = proposal.transforms
    attributes = tuple(
        DataAttribute(2, bytes.fromhex("00000e10")) if each.type == 2 else each for each in transform.attributes
    )
    rewritten = replace(proposal, transforms=(replace(transform, attributes=attributes),))
    assert p.check_quick_reply(QUICK, SaPayload((rewritten,))).protocols[0].life_seconds == 3600
