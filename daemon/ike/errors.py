"""What can go wrong in a negotiation: what the peer did (ProtocolError) and what we did (LocalError).

Each ProtocolError class carries the notification that tells the peer; the engine catches them in one place.
"""

# ruff: noqa: N818 - the classes bear the names of RFC 2408's notifications

from __future__ import annotations

from typing import ClassVar

from daemon.ike.registries import Notification
from policydb.negotiation import Comparison


class LocalError(Exception):
    """Our own side cannot go on: an algorithm that we lack, a configuration that cannot be used."""


class ProtocolError(Exception):
    """What a peer sent cannot be used. `notification` is what it is told, None: nothing is sent.

    The text is one log line, in isakmpd's own words where it has any; it never holds octets of the peer unescaped.
    """

    notification: ClassVar[Notification | None] = None


class Silent(ProtocolError):
    """Dropped without an answer."""


class InvalidPayloadType(ProtocolError):
    """A payload number that is unknown, or not acceptable where it stands."""

    notification = Notification.INVALID_PAYLOAD_TYPE


class DoiNotSupported(ProtocolError):
    """A domain of interpretation other than IPsec's."""

    notification = Notification.DOI_NOT_SUPPORTED


class SituationNotSupported(ProtocolError):
    """A situation other than SIT_IDENTITY_ONLY."""

    notification = Notification.SITUATION_NOT_SUPPORTED


class InvalidCookie(ProtocolError):
    """Cookies that belong to no ISAKMP SA of ours."""

    notification = Notification.INVALID_COOKIE


class InvalidMajorVersion(ProtocolError):
    """Not ISAKMP version 1."""

    notification = Notification.INVALID_MAJOR_VERSION


class InvalidMinorVersion(ProtocolError):
    """A minor version above 0."""

    notification = Notification.INVALID_MINOR_VERSION


class InvalidExchangeType(ProtocolError):
    """An exchange type that does not exist, or not where it is used."""

    notification = Notification.INVALID_EXCHANGE_TYPE


class InvalidFlags(ProtocolError):
    """Unknown header flags, or a message in the clear that must be encrypted."""

    notification = Notification.INVALID_FLAGS


class InvalidMessageId(ProtocolError):
    """A message ID that cannot be."""

    notification = Notification.INVALID_MESSAGE_ID


class InvalidProtocolId(ProtocolError):
    """A security protocol that we do not know, or not where it is used."""

    notification = Notification.INVALID_PROTOCOL_ID


class InvalidSpi(ProtocolError):
    """An SPI of the wrong size or value."""

    notification = Notification.INVALID_SPI


class InvalidTransformId(ProtocolError):
    """A transform that its protocol does not have."""

    notification = Notification.INVALID_TRANSFORM_ID


class AttributesNotSupported(ProtocolError):
    """Attributes that we cannot negotiate."""

    notification = Notification.ATTRIBUTES_NOT_SUPPORTED


class NoProposalChosen(ProtocolError):
    """Nothing offered can be accepted; `comparisons` holds each offered transform against each configured one."""

    notification = Notification.NO_PROPOSAL_CHOSEN

    def __init__(self, text: str, comparisons: tuple[Comparison, ...] = ()) -> None:
        super().__init__(text)
        self.comparisons = comparisons


class BadProposalSyntax(ProtocolError):
    """Proposals or transforms that do not fit together."""

    notification = Notification.BAD_PROPOSAL_SYNTAX


class PayloadMalformed(ProtocolError):
    """A payload that does not have its form."""

    notification = Notification.PAYLOAD_MALFORMED


class InvalidKeyInformation(ProtocolError):
    """A Diffie-Hellman public value that cannot be used."""

    notification = Notification.INVALID_KEY_INFORMATION


class InvalidIdInformation(ProtocolError):
    """An identity that cannot be used, or is not the expected one."""

    notification = Notification.INVALID_ID_INFORMATION


class InvalidCertEncoding(ProtocolError):
    """A certificate encoding that does not exist."""

    notification = Notification.INVALID_CERT_ENCODING


class InvalidHashInformation(ProtocolError):
    """A HASH that does not verify."""

    notification = Notification.INVALID_HASH_INFORMATION


class AuthenticationFailed(ProtocolError):
    """The peer did not prove who it is."""

    notification = Notification.AUTHENTICATION_FAILED


class InvalidSignature(ProtocolError):
    """A signature that does not verify."""

    notification = Notification.INVALID_SIGNATURE


class UnsupportedExchangeType(ProtocolError):
    """An exchange that exists but is not done here."""

    notification = Notification.UNSUPPORTED_EXCHANGE_TYPE


class UnequalPayloadLengths(ProtocolError):
    """The payloads and the message do not end at the same octet."""

    notification = Notification.UNEQUAL_PAYLOAD_LENGTHS
