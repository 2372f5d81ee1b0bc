"""Proposals: configuration records to SA payloads and back, and the choice between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.ike.payloads import Proposal, SaPayload
from daemon.ike.registries import (
    Authentication,
    AuthenticationMethod,
    Encapsulation,
    Encryption,
    Group,
    HashAlgorithm,
    Protocol,
)
from policydb.connections import IkeTransform, Suite
from policydb.negotiation import Comparison

DEFAULT_LIFE_SECONDS = 28800


@dataclass(frozen=True, slots=True)
class IkeParameters:
    """A phase 1 transform, decoded. `key_length` in bits, None where the cipher's is fixed."""

    encryption: Encryption
    key_length: int | None
    hash: HashAlgorithm
    authentication: AuthenticationMethod
    group: Group
    life_seconds: int | None = None
    life_kilobytes: int | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Phase 1 agreed on: `sa` is the reply, the peer's transform unchanged; `configured` names our transform."""

    sa: SaPayload
    parameters: IkeParameters
    configured: str


@dataclass(frozen=True, slots=True)
class IpsecParameters:
    """One protocol of a proposal, decoded. `spi` is the sender's inbound SPI; lengths in bits as negotiated."""

    protocol: Protocol
    spi: bytes
    transform: int
    encapsulation: Encapsulation
    authentication: Authentication | None = None
    group: Group | None = None
    key_length: int | None = None
    life_seconds: int | None = None
    life_kilobytes: int | None = None

    @property
    def encryption_key_octets(self) -> int:
        """KEYMAT for the cipher: 0 for AH and NULL."""
        raise NotImplementedError

    @property
    def authentication_key_octets(self) -> int:
        """KEYMAT for the authenticator: 0 for none."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class IpsecProposal:
    """Protocols wanted together, one transform each, and the wire proposals that say just that."""

    number: int
    protocols: tuple[IpsecParameters, ...]
    wire: tuple[Proposal, ...]

    @property
    def group(self) -> Group | None:
        """The PFS group, None without PFS."""
        raise NotImplementedError

    def reply(self, spis: Mapping[Protocol, bytes]) -> SaPayload:
        """The SA payload that accepts this proposal: echoed unchanged but for our inbound SPIs."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class QuickOffer:
    """A received phase 2 offer: every combination that we support, in the peer's order, and why not the others."""

    proposals: tuple[IpsecProposal, ...]
    unsupported: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class SuiteMatch:
    """A proposal held against a connection's suites; `suite` None: none matches."""

    suite: Suite | None
    comparisons: tuple[Comparison, ...]


def phase1_offer(transforms: Sequence[IkeTransform]) -> SaPayload:
    """One proposal with the transforms in order, numbered from 1."""
    raise NotImplementedError


def choose_phase1(sa: SaPayload, transforms: Sequence[IkeTransform]) -> Chosen:
    """The peer's first transform that any of ours accepts. Raises NoProposalChosen with the comparisons."""
    raise NotImplementedError


def check_phase1_reply(offer: SaPayload, reply: SaPayload) -> IkeParameters:
    """What the responder chose of our offer. Raises BadProposalSyntax or NoProposalChosen."""
    raise NotImplementedError


def quick_offer(
    suites: Sequence[Suite], spis: Mapping[Protocol, bytes], natt: bool = False, draft: bool = False
) -> SaPayload:
    """One proposal a suite, numbered from 1; `spis` are our inbound SPIs, one for each protocol in the suites."""
    raise NotImplementedError


def quick_proposals(sa: SaPayload) -> QuickOffer:
    """Everything a phase 2 SA payload offers, decoded."""
    raise NotImplementedError


def match_suites(proposal: IpsecProposal, suites: Sequence[Suite]) -> SuiteMatch:
    """The first suite that accepts the proposal, and each comparison."""
    raise NotImplementedError


def check_quick_reply(offer: SaPayload, reply: SaPayload) -> IpsecProposal:
    """What the responder chose of our offer, with its SPIs. Raises BadProposalSyntax or NoProposalChosen."""
    raise NotImplementedError
