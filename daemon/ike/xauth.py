"""XAUTH (draft-beaulieu-ike-xauth-02), type generic: a user's name and password, asked for once phase 1 is done.

    Gateway                                 Client
    REQUEST, name and password       -->
                                     <--    REPLY
    SET, status                      -->
                                     <--    ACK

Passwords travel in these attributes, so nothing in here ever puts their values into a text.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from daemon.ike.errors import AttributesNotSupported, AuthenticationFailed
from daemon.ike.messages.payloads import Attributes, DataAttribute, Message
from daemon.ike.modeconfig import shown
from daemon.ike.registries import ConfigurationAttribute as Kind
from daemon.ike.registries import XauthStatus, XauthType
from daemon.ike.surroundings import Secrets

_OURS = range(Kind.XAUTH_TYPE, Kind.XAUTH_ANSWER + 1)
_SECRETS = frozenset({Kind.XAUTH_USER_PASSWORD, Kind.XAUTH_PASSCODE, Kind.XAUTH_NEXT_PIN, Kind.XAUTH_ANSWER})
_ASKED = frozenset({Kind.XAUTH_USER_NAME, Kind.XAUTH_USER_PASSWORD})
_PASSED_OVER = frozenset({Kind.XAUTH_TYPE, Kind.XAUTH_MESSAGE, Kind.XAUTH_DOMAIN})
"""What a gateway may say besides, of which an answer needs nothing."""


@dataclass(frozen=True, slots=True)
class User:
    """Who we are to a gateway that asks."""

    name: str
    password: bytes = field(repr=False)


def concerns(attributes: Iterable[DataAttribute]) -> bool:
    """Whether this is XAUTH and not mode-config."""
    return any(each.type in _OURS for each in attributes)


def without_secrets(message: Message) -> Message:
    """The message as it may be captured: every password as asterisks, its length kept."""
    payloads = tuple(
        replace(each, attributes=tuple(map(_hidden, each.attributes))) if isinstance(each, Attributes) else each
        for each in message.payloads
    )
    return replace(message, payloads=payloads)


def _hidden(attribute: DataAttribute) -> DataAttribute:
    if attribute.type in _SECRETS and isinstance(attribute.value, bytes):
        return replace(attribute, value=b"*" * len(attribute.value))
    return attribute


# --- as gateway ---------------------------------------------------------------------------------------------------


def request() -> tuple[DataAttribute, ...]:
    """What we ask: name and password, of type generic."""
    generic = DataAttribute(Kind.XAUTH_TYPE, XauthType.GENERIC)
    return (generic, DataAttribute(Kind.XAUTH_USER_NAME, b""), DataAttribute(Kind.XAUTH_USER_PASSWORD, b""))


def status(passed: bool) -> tuple[DataAttribute, ...]:
    """What we say in the end."""
    return (DataAttribute(Kind.XAUTH_STATUS, XauthStatus.OK if passed else XauthStatus.FAIL),)


def judge(reply: Iterable[DataAttribute], users: Mapping[str, str], secrets: Secrets) -> str:
    """The user whom a REPLY proves, in lower case. Raises AuthenticationFailed.

    Which of the two was wrong only our log learns.

    `users`: by name in lower case, where the password is kept; as all names of isakmpd.conf they know no case.
    """
    given = {each.type: each.value for each in reply if isinstance(each.value, bytes)}
    name, password = given.get(Kind.XAUTH_USER_NAME, b""), given.get(Kind.XAUTH_USER_PASSWORD, b"")
    if not name or not password:
        raise AuthenticationFailed("XAUTH: the reply lacks a user name or a password")
    user = name.decode("latin-1")
    reference = users.get(user.lower())
    expected = secrets.preshared_key(reference) if reference is not None else None
    # Digests: neither the length of a password nor whether the user exists shows in the time it takes.
    same = hmac.compare_digest(sha256(expected or b"").digest(), sha256(password).digest())
    if expected is None:
        raise AuthenticationFailed(f"XAUTH: there is no user {shown(name)}")
    if not same:
        raise AuthenticationFailed(f"XAUTH: wrong password for user {shown(name)}")
    return user.lower()


# --- as client ----------------------------------------------------------------------------------------------------


def answer(asked: Sequence[DataAttribute], user: User | None) -> tuple[DataAttribute, ...]:
    """What a REQUEST is answered with. Raises AttributesNotSupported (another type), AuthenticationFailed (no user)."""
    kinds = [Kind(each.type) for each in asked]
    kind = next((each.number for each in asked if each.type == Kind.XAUTH_TYPE), XauthType.GENERIC)
    if kind != XauthType.GENERIC:
        raise AttributesNotSupported(
            f"XAUTH: the gateway asks by type {XauthType(kind or 0)}, and only GENERIC is done"
        )
    strange = next((each for each in kinds if each not in _ASKED | _PASSED_OVER), None)
    if strange is not None:
        raise AttributesNotSupported(f"XAUTH: the gateway asks for {strange}, and only name and password are given")
    if user is None:
        raise AuthenticationFailed("XAUTH: the gateway asks for a user, and the peer's section has no XAUTH-User")
    given = {Kind.XAUTH_USER_NAME: user.name.encode("latin-1"), Kind.XAUTH_USER_PASSWORD: user.password}
    typed = [DataAttribute(Kind.XAUTH_TYPE, XauthType.GENERIC)] if Kind.XAUTH_TYPE in kinds else []
    return (*typed, *(DataAttribute(each, given[each]) for each in dict.fromkeys(kinds) if each in given))


def passed(told: Iterable[DataAttribute]) -> bool:
    """Whether a SET says that we are let in; one without a status does not."""
    found = [each.number for each in told if each.type == Kind.XAUTH_STATUS]
    return found == [XauthStatus.OK]


def message(attributes: Iterable[DataAttribute]) -> str:
    """What the gateway wants a person to read, fit for a log; "" for nothing."""
    texts = [each.value for each in attributes if each.type == Kind.XAUTH_MESSAGE and isinstance(each.value, bytes)]
    return " ".join(shown(each) for each in texts if each)
