"""What is to be said about one ISAKMP-peer section: what is legal and seldom meant, and what must be allowed first."""

from __future__ import annotations

from policydb.configuration.sections import Section
from policydb.connections import ANY, Peer


def doubt_peer(section: Section, peer: Peer, *, users: bool) -> None:
    """Warn about what is legal for a peer and seldom meant. `users`: there is a section [XAUTH-users]."""
    admits_users_alone = not peer.user and all(each.authentication.startswith("HYBRID_") for each in peer.transforms)
    if section.get("Remote-ID") is None and not admits_users_alone:
        message = "without Remote-ID whoever has the key may call himself anything"
        section.warn("CF106", message, None, "add Remote-ID= and a section with the peer's ID-type and name")
    # In aggressive mode a responder may find the key in the section that the initiator's identity names.
    may_be_elsewhere = peer.exchange == "AGGRESSIVE" and peer.address is None
    needed = any(each.authentication.endswith("PRE_SHARED") for each in peer.transforms)
    if needed and not peer.secret and not may_be_elsewhere:
        message = "there is no Authentication, and a transform that needs a pre-shared key"
        section.warn("CF108", message, None, f"add Authentication= with the key to [{section.name}]")
    _doubt_xauth(section, peer, users)


def _doubt_xauth(section: Section, peer: Peer, users: bool) -> None:
    """XAUTH needs somebody who proves a user, or somebody who knows it."""
    asks = any(each.authentication.startswith(("XAUTH_", "HYBRID_")) for each in peer.transforms)
    if asks and not (peer.user or users):
        message = "a transform asks for XAUTH, and there is neither XAUTH-User here nor a section [XAUTH-users]"
        section.warn("CF108", message, None, "a client needs XAUTH-User and XAUTH-Password, a gateway [XAUTH-users]")
    if bool(peer.user) is not (peer.password is not None):
        section.warn("CF108", "XAUTH-User and XAUTH-Password go together", section.get("XAUTH-User"))


def is_exchange_allowed(section: Section, peer: Peer, *, aggressive_psk: bool) -> bool:
    """Whether the peer may have its exchange; an error says why not, warnings what else is to be known about it.

    `aggressive_psk`: [General] allows aggressive mode with pre-shared keys.
    """
    if peer.exchange != "AGGRESSIVE":
        return True
    at = section.get("Configuration")
    groups = list(dict.fromkeys(each.group for each in peer.transforms))
    if peer.address and len(groups) > 1:
        message = f"aggressive mode offers one group: {groups[0]}, and not {', '.join(groups[1:])}"
        section.warn("CF115", message, at, "name transforms of one group only")
    if not any(each.authentication == ANY or each.authentication.endswith("PRE_SHARED") for each in peer.transforms):
        return True
    message = "aggressive mode with a pre-shared key lets whoever asks or listens try keys at home"
    if aggressive_psk:
        section.warn("CF114", message, at, "use EXCHANGE_TYPE=ID_PROT, signatures, or a key of 128 random bits")
    else:
        hint = "use EXCHANGE_TYPE=ID_PROT or signatures; whoever must, sets Accept-aggressive-psk=yes in [General]"
        section.error("CF213", message, at, hint)
    return aggressive_psk
