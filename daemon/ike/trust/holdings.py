"""What the directories of keys and certificates hold, found by names of identities (isakmpd(8), FILES)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.ike.algorithms.signatures import PrivateKey, PublicKey
from daemon.ike.errors import InvalidIdInformation
from daemon.ike.messages.payloads import Identification
from daemon.ike.registries import IdType
from daemon.ike.trust.certificates import RevocationList, X509Certificate
from daemon.ike.trust.identities import from_payload

FOLDERS = {
    IdType.IPV4_ADDR: "ipv4",
    IdType.IPV6_ADDR: "ipv6",
    IdType.FQDN: "fqdn",
    IdType.USER_FQDN: "ufqdn",
}
"""The identities that files are named by, and their folder below Pubkey-directory."""


@dataclass(frozen=True, slots=True)
class KeynoteIdentity:
    """A folder of Credential-directory: an identity's credentials and, for one of our own, its private key."""

    credentials: str = ""
    key: PrivateKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the directories hold.

    `private_keys` are named by identity, `private_key` is for every other one of ours; `public_keys` by folder and
    identity ("fqdn/gw.example.org"), `keynote` by identity. `crl_missing`: a CRL lies there that cannot be used.
    """

    authorities: tuple[X509Certificate, ...] = ()
    certificates: tuple[X509Certificate, ...] = ()
    crls: tuple[RevocationList, ...] = ()
    private_key: PrivateKey | None = field(default=None, repr=False)
    private_keys: Mapping[str, PrivateKey] = field(default_factory=dict, repr=False)
    public_keys: Mapping[str, PublicKey] = field(default_factory=dict, repr=False)
    keynote: Mapping[str, KeynoteIdentity] = field(default_factory=dict)
    crl_missing: bool = False
    accept_self_signed: bool = False
    accept_weak: bool = False


def file_name(identity: Identification) -> tuple[str, str]:
    """The folder and the name of an identity's files; both "" where files have no name for its type."""
    folder = FOLDERS.get(identity.type)
    if folder is None:
        return "", ""
    try:
        found = from_payload(identity)
    except InvalidIdInformation:
        return "", ""
    return folder, str(found.address or found.name)
