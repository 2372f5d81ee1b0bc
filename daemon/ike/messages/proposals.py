"""Proposals: configuration records to SA payloads and back, and the choice between them.

An SA payload is a list of proposals by number: protocols of one number are wanted together (and), the transforms of
each are alternatives (or), the numbers are alternatives again. daemon.ike.messages.transforms knows what is inside a
transform.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice, product

from daemon.ike.errors import BadProposalSyntax, InvalidProtocolId, InvalidSpi, LocalError, NoProposalChosen
from daemon.ike.messages.comparison import compare_ike, compare_ipsec
from daemon.ike.messages.payloads import Proposal, SaPayload, Transform
from daemon.ike.messages.transforms import (
    IkeParameters,
    IpsecParameters,
    Unsupported,
    decode_ike,
    decode_ipsec,
    encode_ike,
    encode_ipsec,
)
from daemon.ike.registries import (
    AhTransform,
    AuthenticationMethod,
    Encapsulation,
    EspTransform,
    Group,
    IsakmpTransform,
    Protocol,
)
from policydb.configuration.comparison import DEFAULT_LIFE_SECONDS
from policydb.connections import IkeTransform, IpsecProtocol, Suite
from policydb.negotiation import Comparison, Difference

__all__ = [
    "DEFAULT_LIFE_SECONDS",
    "Chosen",
    "IkeParameters",
    "IpsecParameters",
    "IpsecProposal",
    "QuickOffer",
    "SuiteMatch",
    "check_phase1_reply",
    "check_quick_reply",
    "choose_phase1",
    "match_suites",
    "offered_methods",
    "phase1_offer",
    "quick_group",
    "quick_offer",
    "quick_proposals",
    "with_one_group",
]

MAX_COMBINATIONS = 512
"""How many combinations of transforms one offer is worth; what lies beyond is not looked at."""

MAX_COMPARED = 4096
"""How often a transform of one phase 1 offer is held against one of ours: anybody may send such an offer."""

MAX_COMPARISONS = 64
"""How many comparisons a refusal carries: a peer must not fill our log."""

_RESERVED_SPIS = 256
_UDP = {
    ("TUNNEL", False): Encapsulation.UDP_ENCAP_TUNNEL,
    ("TRANSPORT", False): Encapsulation.UDP_ENCAP_TRANSPORT,
    ("TUNNEL", True): Encapsulation.UDP_ENCAP_TUNNEL_DRAFT,
    ("TRANSPORT", True): Encapsulation.UDP_ENCAP_TRANSPORT_DRAFT,
}


# --- phase 1 ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """Phase 1 agreed on: `sa` is the reply, the peer's transform unchanged; `configured` names our transform."""

    sa: SaPayload
    parameters: IkeParameters
    configured: str


def phase1_offer(transforms: Sequence[IkeTransform]) -> SaPayload:
    """One proposal with the transforms in order, numbered from 1; those that we cannot do are left out.

    Raises LocalError where none is left.
    """
    encoded: list[Transform] = []
    refused: list[str] = []
    for each in transforms:
        try:
            encoded.append(encode_ike(len(encoded) + 1, each))
        except Unsupported as reason:
            refused.append(f"{each.name}: {reason}")
    if not encoded:
        raise LocalError(f"no phase 1 transform can be offered ({'; '.join(refused) or 'none is configured'})")
    return SaPayload((Proposal(1, Protocol.ISAKMP, b"", tuple(encoded)),))


def offered_methods(offer: SaPayload) -> tuple[AuthenticationMethod, ...]:
    """The authentication methods in an offer of ours, each once, in order."""
    transforms = (transform for proposal in offer.proposals for transform in proposal.transforms)
    return tuple(dict.fromkeys(decode_ike(each).authentication for each in transforms))


def with_one_group(offer: SaPayload) -> tuple[SaPayload, Group]:
    """An offer of ours without the transforms in other groups than the first's, and that group.

    Aggressive mode cannot negotiate the group: the public value is in message 1 already (RFC 2409 section 5).
    """
    (proposal,) = offer.proposals
    group = decode_ike(proposal.transforms[0]).group
    transforms = tuple(each for each in proposal.transforms if decode_ike(each).group is group)
    return replace(offer, proposals=(replace(proposal, transforms=transforms),)), group


def choose_phase1(sa: SaPayload, transforms: Sequence[IkeTransform]) -> Chosen:
    """The peer's first transform that any of ours accepts, attributes exactly as received (RFC 2408 section 4.2).

    Raises NoProposalChosen with each offered transform held against each configured one.
    """
    comparisons: list[Comparison] = []
    for comparison, chosen in islice(_phase1_comparisons(sa, transforms), MAX_COMPARED):
        if chosen is not None and not comparison.differences:
            return chosen
        if len(comparisons) < MAX_COMPARISONS:
            comparisons.append(comparison)
    raise NoProposalChosen("message_negotiate_sa: no compatible proposal found", tuple(comparisons))


def _phase1_comparisons(
    sa: SaPayload, transforms: Sequence[IkeTransform]
) -> Iterator[tuple[Comparison, Chosen | None]]:
    """Every offered transform held against every configured one, and what is chosen where they agree."""
    for proposal in sa.proposals:
        _check_isakmp(proposal)
        for transform in proposal.transforms:
            try:
                parameters = decode_ike(transform)
            except Unsupported as reason:
                yield reason.comparison(_name(IsakmpTransform(transform.id), transform)), None
                continue
            reply = replace(sa, proposals=(replace(proposal, transforms=(transform,)),))
            for comparison in compare_ike(parameters, transforms):
                yield comparison, Chosen(reply, parameters, comparison.configured)


def check_phase1_reply(offer: SaPayload, reply: SaPayload) -> IkeParameters:
    """What the responder chose of our offer. Raises BadProposalSyntax or NoProposalChosen."""
    if len(reply.proposals) != 1 or len(reply.proposals[0].transforms) != 1:
        raise BadProposalSyntax("multiple SA, proposal or transform payloads in phase 1")
    _check_isakmp(reply.proposals[0])
    transform = reply.proposals[0].transforms[0]
    try:
        chosen = decode_ike(transform)
    except Unsupported as reason:
        comparison = reason.comparison(_name(IsakmpTransform(transform.id), transform))
        raise NoProposalChosen(f"the peer chose what was not offered: {reason}", (comparison,)) from None
    if chosen not in [decode_ike(each) for each in offer.proposals[0].transforms]:
        raise NoProposalChosen(f"the peer chose what was not offered: {chosen}")
    return chosen


def _check_isakmp(proposal: Proposal) -> None:
    if proposal.protocol != Protocol.ISAKMP:
        raise InvalidProtocolId(f"message_validate_proposal: protocol {proposal.protocol} in phase 1")


def _name(kind: object, transform: Transform) -> str:
    """A transform that could not be decoded, for people."""
    return f"transform {transform.number} ({kind})"


# --- phase 2: what is offered -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IpsecProposal:
    """Protocols wanted together, one transform each, and the wire proposals that say just that."""

    number: int
    protocols: tuple[IpsecParameters, ...]
    wire: tuple[Proposal, ...]

    @property
    def group(self) -> Group | None:
        """The PFS group, None without PFS; all protocols agree on it."""
        return self.protocols[0].group

    @property
    def offered(self) -> tuple[IpsecParameters, ...]:
        """The protocols without their SPIs: equal where two proposals ask for the same."""
        return tuple(replace(each, spi=b"") for each in self.protocols)

    def reply(self, spis: Mapping[Protocol, bytes]) -> SaPayload:
        """The SA payload that accepts this proposal: echoed unchanged but for our inbound SPIs."""
        return SaPayload(tuple(replace(each, spi=spis[each.protocol]) for each in self.wire))

    def __str__(self) -> str:
        return f"proposal {self.number}: " + " + ".join(str(each) for each in self.protocols)


@dataclass(frozen=True, slots=True)
class QuickOffer:
    """A phase 2 offer: every combination that we support, in the offer's order, and why not the others."""

    proposals: tuple[IpsecProposal, ...]
    unsupported: tuple[Comparison, ...]


def quick_offer(
    suites: Sequence[Suite], spis: Mapping[Protocol, bytes], natt: bool = False, draft: bool = False
) -> SaPayload:
    """One proposal a suite, numbered from 1; `spis` are our inbound SPIs, one for each protocol in the suites.

    With `natt` the encapsulation modes are those of RFC 3947, with `draft` those of its drafts. Raises LocalError
    where a suite cannot be offered or the suites differ in their PFS group.
    """
    quick_group(suites)
    proposals = [
        _encode_protocol(number, each, spis, (natt, draft))
        for number, suite in enumerate(suites, start=1)
        for each in suite.protocols
    ]
    if not proposals:
        raise LocalError("no suite is configured")
    return SaPayload(tuple(proposals))


def quick_group(suites: Iterable[Suite]) -> Group | None:
    """The PFS group of the suites, None without PFS. Raises LocalError where they differ: one KE payload serves all."""
    words = {transform.group for suite in suites for protocol in suite.protocols for transform in protocol.transforms}
    if len(words) > 1:
        raise LocalError(f"differing group descriptions in one QM: {', '.join(sorted(map(str, words)))}")
    word = next(iter(words), None)
    try:
        return Group.from_text(word) if word is not None else None
    except KeyError:
        raise LocalError(f"group {word} cannot be offered") from None


def _encode_protocol(
    number: int, configured: IpsecProtocol, spis: Mapping[Protocol, bytes], udp: tuple[bool, bool]
) -> Proposal:
    natt, draft = udp
    try:
        protocol = Protocol.from_text(configured.protocol_id)
        in_udp = natt and protocol is Protocol.IPSEC_ESP
        transforms = [
            encode_ipsec(
                index,
                protocol,
                each,
                _UDP[each.encapsulation, draft] if in_udp else Encapsulation.from_text(each.encapsulation),
            )
            for index, each in enumerate(configured.transforms, start=1)
        ]
        return Proposal(number, protocol, spis[protocol], tuple(transforms))
    except (KeyError, Unsupported) as reason:
        raise LocalError(f"protocol {configured.name} cannot be offered: {reason}") from reason


def quick_proposals(sa: SaPayload, *, natt: bool = True) -> QuickOffer:
    """Everything a phase 2 SA payload offers, decoded; without `natt` UDP encapsulation is not supported.

    Raises BadProposalSyntax, InvalidProtocolId or InvalidSpi where the payload contradicts itself.
    """
    proposals: list[IpsecProposal] = []
    unsupported: list[Comparison] = []
    numbers = [each.number for each in sa.proposals]
    if numbers != sorted(numbers):
        raise BadProposalSyntax("message_validate_proposal: proposal numbers do not rise")
    for number, group in groupby(sa.proposals, key=lambda each: each.number):
        together = tuple(group)
        if len({each.protocol for each in together}) < len(together):
            raise BadProposalSyntax(f"message_validate_proposal: proposal {number} names a protocol twice")
        alternatives = [_decode_protocol(each, unsupported, natt=natt) for each in together]
        for combination in islice(product(*alternatives), MAX_COMBINATIONS - len(proposals)):
            protocols, wire = zip(*combination, strict=True)
            found = IpsecProposal(number, protocols, wire)
            if len({each.group for each in protocols}) == 1:
                proposals.append(found)
            else:
                reason = Unsupported("group", "differing group descriptions in a proposal")
                unsupported.append(reason.comparison(str(found)))
    return QuickOffer(tuple(proposals), tuple(unsupported[:MAX_COMPARISONS]))


def _decode_protocol(
    proposal: Proposal, unsupported: list[Comparison], *, natt: bool
) -> list[tuple[IpsecParameters, Proposal]]:
    """The supported transforms of one proposal payload, each with the payload that holds it alone."""
    if proposal.protocol == Protocol.ISAKMP:
        raise InvalidProtocolId("message_validate_proposal: protocol ISAKMP in phase 2")
    if int.from_bytes(proposal.spi) < _RESERVED_SPIS and proposal.protocol != Protocol.IPCOMP:
        raise InvalidSpi(f"message_validate_proposal: SPI {proposal.spi.hex()} is reserved")
    decoded = []
    for transform in proposal.transforms:
        try:
            parameters = decode_ipsec(proposal.protocol, proposal.spi, transform, natt=natt)
            decoded.append((parameters, replace(proposal, transforms=(transform,))))
        except Unsupported as reason:
            kind = AhTransform if proposal.protocol == Protocol.IPSEC_AH else EspTransform
            offered = f"proposal {proposal.number}: {proposal.protocol} {_name(kind(transform.id), transform)}"
            unsupported.append(reason.comparison(offered))
    return decoded


# --- phase 2: what is accepted ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SuiteMatch:
    """A proposal held against a connection's suites; `suite` None: none matches, and `comparisons` say why."""

    suite: Suite | None
    comparisons: tuple[Comparison, ...]


def match_suites(proposal: IpsecProposal, suites: Sequence[Suite]) -> SuiteMatch:
    """The first suite that accepts the proposal: the same protocols, and for each a transform without differences."""
    comparisons: list[Comparison] = []
    for suite in suites:
        wanted = {each.protocol_id: each for each in suite.protocols}
        offered = {str(each.protocol): each for each in proposal.protocols}
        if wanted.keys() != offered.keys():
            difference = Difference("protocols", " + ".join(offered), " + ".join(wanted))
            comparisons.append(Comparison(str(proposal), suite.name, (difference,)))
            continue
        held = [list(compare_ipsec(offered[name], protocol.transforms)) for name, protocol in wanted.items()]
        comparisons += [each for row in held for each in row]
        if all(any(not each.differences for each in row) for row in held):
            return SuiteMatch(suite, tuple(comparisons))
    return SuiteMatch(None, tuple(comparisons[:MAX_COMPARISONS]))


def check_quick_reply(offer: SaPayload, reply: SaPayload) -> IpsecProposal:
    """What the responder chose of our offer, with its SPIs.

    Raises BadProposalSyntax where the reply is not one proposal with one transform each, NoProposalChosen where it
    was not offered.
    """
    if len({each.number for each in reply.proposals}) != 1 or any(len(e.transforms) != 1 for e in reply.proposals):
        raise BadProposalSyntax("message_negotiate_sa: the reply is not one proposal with one transform each")
    chosen = quick_proposals(reply, natt=True)
    if not chosen.proposals:
        raise NoProposalChosen("the peer chose what was not offered", chosen.unsupported)
    (proposal,) = chosen.proposals
    # Our own offer is decoded as a peer would; its SPIs do not count.
    if proposal.offered not in [each.offered for each in quick_proposals(offer, natt=True).proposals]:
        raise NoProposalChosen(f"the peer chose what was not offered: {proposal}")
    return proposal
